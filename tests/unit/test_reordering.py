"""One log's events put back into order; no loop, the time is a number."""

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.publication import Published
from ringline.services.reordering import ReorderBuffer
from tests.samples import ended, new_id, note, partial, turn

CALL = new_id()


def durable(offset: int) -> Published:
    return Published(offset, note(CALL))


def offsets(released: list[Published]) -> list[int]:
    return [published.offset for published in released]


@given(
    st.integers(0, 3),
    st.permutations([1, 2, 3, 4, 5, 6, 7, 8, 2, 5, 8]),
    st.lists(st.integers(1, 4), max_size=6),
)
def test_whatever_the_bus_does_offsets_are_released_in_order_and_once(
    start: int, arriving: list[int], cuts: list[int]
) -> None:
    buffer = ReorderBuffer(start)
    told: list[int] = []
    while arriving:
        size = cuts.pop() if cuts else 3
        told += offsets(buffer.receive([durable(n) for n in arriving[:size]], 0))
        arriving = arriving[size:]
    assert told == list(range(start + 1, 9))
    assert buffer.position == 8
    assert buffer.due_at is None


def test_a_missing_event_is_read_from_the_log_after_a_moment() -> None:
    buffer = ReorderBuffer(0, patience_s=0.05)
    assert offsets(buffer.receive([durable(1), durable(3)], now=1)) == [1]
    assert buffer.due_at == 1.05
    buffer.receive([durable(5)], now=1.04)
    assert buffer.due_at == 1.05
    assert buffer.begin_read() == 1
    released, gone = buffer.end_read([durable(n) for n in (2, 3, 4, 5)], complete=True, now=2)
    assert (offsets(released), gone) == ([2, 3, 4, 5], False)
    assert buffer.due_at is None


def test_a_lost_last_event_is_found_by_comparing_heads() -> None:
    buffer = ReorderBuffer(4, patience_s=0.05)
    buffer.note_head(4, now=0)
    assert buffer.due_at is None
    buffer.note_head(5, now=1)
    assert buffer.due_at == 1.05


def test_a_long_gap_is_read_page_by_page_at_once() -> None:
    buffer = ReorderBuffer(0, patience_s=0.05)
    buffer.note_head(4, now=0)
    buffer.begin_read()
    assert offsets(buffer.end_read([durable(1), durable(2)], complete=False, now=3)[0]) == [1, 2]
    assert buffer.due_at == 3


def test_events_that_the_log_does_not_have_never_existed() -> None:
    buffer = ReorderBuffer(2)
    buffer.receive([durable(9)], now=0)
    assert buffer.begin_read() == 2
    buffer.receive([durable(11)], now=0)  # came while the log was read
    assert buffer.end_read([], complete=True, now=1) == ([], False)
    assert buffer.due_at is not None
    buffer.begin_read()
    buffer.end_read([], complete=True, now=2)
    assert buffer.due_at is None
    assert offsets(buffer.receive([durable(3)], now=3)) == [3]


def test_events_that_retention_removed_are_reported_as_lost() -> None:
    buffer = ReorderBuffer(2)
    buffer.receive([durable(4)], now=0)
    buffer.note_head(9, now=0)
    buffer.begin_read()
    released, gone = buffer.end_read([durable(8), durable(9)], complete=True, now=1)
    assert (offsets(released), gone) == ([8, 9], True)
    assert buffer.position == 9


def test_early_events_are_bounded_and_come_from_the_log_later() -> None:
    buffer = ReorderBuffer(0, hold=3)
    for offset in range(2, 20):
        buffer.receive([durable(offset)], now=0)
    assert offsets(buffer.receive([durable(1)], now=1)) == [1, 2, 3, 4]
    assert buffer.due_at is not None
    assert buffer.begin_read() == 4


def large(offset: int, size: int) -> Published:
    return Published(offset, turn(CALL, "x" * size, item=str(offset)))


def test_recent_events_are_bounded_in_bytes() -> None:
    buffer, size = ReorderBuffer(0), limits.RECENT_BYTES.most // 4
    for offset in range(1, 21):
        buffer.receive([large(offset, size)], now=0)
    assert buffer.released_since(19) is not None
    assert buffer.released_since(16) is None, "the log has it"
    buffer.receive([large(21, 10 * size)], now=0)
    assert buffer.released_since(20) is None
    assert buffer.released_since(21) == []


def test_early_events_and_partials_are_bounded_in_bytes() -> None:
    buffer, size = ReorderBuffer(0), limits.EARLY_BYTES.most // 4
    for offset in range(2, 20):
        buffer.receive([large(offset, size)], now=0)
        buffer.receive([Published(offset, partial(CALL, "x" * size, 1, item=str(offset)))], now=0)
    released = buffer.receive([durable(1)], now=1)
    assert offsets(released) == [1, 2, 3, 4][: len(released)]
    assert 2 <= len(released) <= 4
    assert buffer.due_at is not None
    buffer.begin_read()
    released, _ = buffer.end_read([large(n, size) for n in range(5, 20)], complete=True, now=2)
    assert buffer.position == 19
    assert buffer.receive([large(21, size), durable(20)], now=3), "all of the room is free again"


def test_nothing_is_kept_without_listeners() -> None:
    buffer = ReorderBuffer(0)
    buffer.receive([large(1, 100), large(3, 100)], now=0)
    buffer.receive([Published(1, partial(CALL, "half", 1, item="open"))], now=0)
    buffer.clear()
    assert buffer.released_since(0) is None
    assert buffer.all_open_turns() == []


def test_a_partial_is_released_after_the_event_before_it() -> None:
    buffer = ReorderBuffer(0)
    part = Published(2, partial(CALL, "a", 0))
    assert buffer.receive([part, durable(1)], now=0)[0].offset == 1
    assert buffer.receive([durable(2)], now=0)[1:] == [part]


def test_a_partial_whose_offset_was_passed_is_released_at_once() -> None:
    buffer = ReorderBuffer(0)
    buffer.receive([durable(n) for n in range(1, 6)], now=0)
    part = Published(2, partial(CALL, "a", 0))
    assert buffer.receive([part], now=0) == [part]


def test_a_partial_is_not_released_after_its_turn_its_call_or_a_newer_one() -> None:
    buffer, other = ReorderBuffer(0), new_id()
    newer, older = (Published(0, partial(CALL, "a", sequence)) for sequence in (1, 0))
    assert buffer.receive([newer, older, newer], now=0) == [newer]
    buffer.receive([Published(1, turn(CALL, "a")), Published(2, ended(other))], now=0)
    late = [Published(2, partial(CALL, "a b", 2)), Published(2, partial(other, "x", 0))]
    assert buffer.receive(late, now=0) == []


def test_a_late_partial_of_a_turn_that_ended_before_the_start_is_not_released() -> None:
    buffer = ReorderBuffer(8)
    late, live = partial(CALL, "so far", 1, "over"), partial(CALL, "so far", 1, "going on")
    assert buffer.receive([Published(5, late), Published(6, live)], now=1) == []
    assert (buffer.due_at, buffer.begin_read()) == (1, 5)
    later = Published(4, partial(CALL, "so far", 1, "later"))
    assert buffer.receive([later], now=1) == []  # while the log is being read
    past = [Published(6, turn(CALL, "all", "over")), durable(7), durable(8), durable(9)]
    released, gone = buffer.end_read(past, complete=True, now=2)
    assert [published.offset for published in released] == [6, 9]
    assert released[0].event is live
    assert (gone, buffer.position, buffer.due_at, buffer.begin_read()) == (False, 9, 2, 4)
    assert buffer.end_read([], complete=True, now=3) == ([later], False)
    assert buffer.due_at is None
    newer = Published(6, partial(CALL, "so far", 2, "going on"))
    assert buffer.receive([newer], now=4) == [newer], "its turn is known to be open"


def test_a_busy_log_does_not_delay_doubtful_partials_forever() -> None:
    buffer = ReorderBuffer(8)
    buffer.receive([Published(5, partial(CALL, "so far", 1, "one"))], now=1)
    buffer.receive([durable(9)], now=1.5)
    assert buffer.due_at == 1
    buffer.postpone_read(2)
    buffer.receive([durable(10)], now=1.6)
    assert buffer.due_at == 2


def test_waiting_partials_are_bounded() -> None:
    buffer = ReorderBuffer(0, hold=2)
    parts = [Published(1, partial(CALL, "a", sequence)) for sequence in range(4)]
    assert buffer.receive(parts, now=0) == []
    assert buffer.receive([durable(1)], now=0)[1:] == parts[:2]
    more = Published(2, partial(CALL, "a", 9))
    buffer.receive([more], now=0)
    assert buffer.receive([durable(2)], now=0)[1:] == [more]


def test_open_turns_are_the_incomplete_ones() -> None:
    buffer, other = ReorderBuffer(0), new_id()
    parts = [
        Published(0, partial(CALL, "a", 0, "one")),
        Published(0, partial(CALL, "b", 0, "two")),
        Published(0, partial(CALL, "b c", 1, "two")),
        Published(0, partial(other, "d", 0, "three")),
    ]
    buffer.receive([*parts, Published(1, turn(CALL, "a", "one"))], now=0)
    assert buffer.open_turns(CALL) == [parts[2]]


def test_recent_events_are_remembered_for_those_close_behind() -> None:
    buffer = ReorderBuffer(100)
    buffer.receive([durable(offset) for offset in range(101, 301)], now=0)
    near = buffer.released_since(297)
    assert near is not None
    assert offsets(near) == [298, 299, 300]
    assert buffer.released_since(300) == []
    assert buffer.released_since(301) is None
    assert buffer.released_since(150) is None
