"""One log's events put back into order; no loop, the time is a number."""

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.publication import Published
from ringline.services.reordering import Reordering
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
    order = Reordering(start)
    told: list[int] = []
    while arriving:
        size = cuts.pop() if cuts else 3
        told += offsets(order.arrived([durable(n) for n in arriving[:size]], 0))
        arriving = arriving[size:]
    assert told == list(range(start + 1, 9))
    assert order.position == 8
    assert order.due_at is None


def test_a_missing_event_is_due_after_a_moment_and_read_from_the_log() -> None:
    order = Reordering(0, patience_s=0.05)
    assert offsets(order.arrived([durable(1), durable(3)], now=1)) == [1]
    assert order.due_at == 1.05
    order.arrived([durable(5)], now=1.04)
    assert order.due_at == 1.05
    assert order.asks() == 1
    released, gone = order.read([durable(n) for n in (2, 3, 4, 5)], complete=True, now=2)
    assert (offsets(released), gone) == ([2, 3, 4, 5], False)
    assert order.due_at is None


def test_a_lost_last_event_is_found_by_comparing_heads() -> None:
    order = Reordering(4, patience_s=0.05)
    order.heard_of(4, now=0)
    assert order.due_at is None
    order.heard_of(5, now=1)
    assert order.due_at == 1.05


def test_a_long_gap_is_read_page_by_page_at_once() -> None:
    order = Reordering(0, patience_s=0.05)
    order.heard_of(4, now=0)
    order.asks()
    assert offsets(order.read([durable(1), durable(2)], complete=False, now=3)[0]) == [1, 2]
    assert order.due_at == 3


def test_what_the_log_does_not_hold_was_never_there() -> None:
    order = Reordering(2)
    order.arrived([durable(9)], now=0)
    assert order.asks() == 2
    order.arrived([durable(11)], now=0)  # came while the log was read
    assert order.read([], complete=True, now=1) == ([], False)
    assert order.due_at is not None
    order.asks()
    order.read([], complete=True, now=2)
    assert order.due_at is None
    assert offsets(order.arrived([durable(3)], now=3)) == [3]


def test_events_that_retention_removed_are_told_as_gone() -> None:
    order = Reordering(2)
    order.arrived([durable(4)], now=0)
    order.heard_of(9, now=0)
    order.asks()
    released, gone = order.read([durable(8), durable(9)], complete=True, now=1)
    assert (offsets(released), gone) == ([8, 9], True)
    assert order.position == 9


def test_early_events_are_bounded_and_come_from_the_log_later() -> None:
    order = Reordering(0, hold=3)
    for offset in range(2, 20):
        order.arrived([durable(offset)], now=0)
    assert offsets(order.arrived([durable(1)], now=1)) == [1, 2, 3, 4]
    assert order.due_at is not None
    assert order.asks() == 4


def large(offset: int, size: int) -> Published:
    return Published(offset, turn(CALL, "x" * size, item=str(offset)))


def test_recent_events_are_bounded_in_bytes() -> None:
    order, size = Reordering(0), limits.RECENT_BYTES.most // 4
    for offset in range(1, 21):
        order.arrived([large(offset, size)], now=0)
    assert order.since(19) is not None
    assert order.since(16) is None, "the log has it"
    order.arrived([large(21, 10 * size)], now=0)
    assert order.since(20) is None
    assert order.since(21) == []


def test_early_events_and_partials_are_bounded_in_bytes() -> None:
    order, size = Reordering(0), limits.EARLY_BYTES.most // 4
    for offset in range(2, 20):
        order.arrived([large(offset, size)], now=0)
        order.arrived([Published(offset, partial(CALL, "x" * size, 1, item=str(offset)))], now=0)
    released = order.arrived([durable(1)], now=1)
    assert offsets(released) == [1, 2, 3, 4][: len(released)]
    assert 2 <= len(released) <= 4
    assert order.due_at is not None
    order.asks()
    released, _ = order.read([large(n, size) for n in range(5, 20)], complete=True, now=2)
    assert order.position == 19
    assert order.arrived([large(21, size), durable(20)], now=3), "all of the room is free again"


def test_nothing_is_kept_for_nobody() -> None:
    order = Reordering(0)
    order.arrived([large(1, 100), large(3, 100)], now=0)
    order.arrived([Published(1, partial(CALL, "half", 1, item="open"))], now=0)
    order.forget()
    assert order.since(0) is None
    assert order.all_open_turns() == []


def test_a_partial_is_told_after_the_event_before_it() -> None:
    order = Reordering(0)
    part = Published(2, partial(CALL, "a", 0))
    assert order.arrived([part, durable(1)], now=0)[0].offset == 1
    assert order.arrived([durable(2)], now=0)[1:] == [part]


def test_a_partial_whose_place_has_passed_is_told_at_once() -> None:
    order = Reordering(0)
    order.arrived([durable(n) for n in range(1, 6)], now=0)
    part = Published(2, partial(CALL, "a", 0))
    assert order.arrived([part], now=0) == [part]


def test_a_partial_is_not_told_after_its_turn_its_call_or_a_newer_one() -> None:
    order, other = Reordering(0), new_id()
    newer, older = (Published(0, partial(CALL, "a", sequence)) for sequence in (1, 0))
    assert order.arrived([newer, older, newer], now=0) == [newer]
    order.arrived([Published(1, turn(CALL, "a")), Published(2, ended(other))], now=0)
    late = [Published(2, partial(CALL, "a b", 2)), Published(2, partial(other, "x", 0))]
    assert order.arrived(late, now=0) == []


def test_a_late_partial_of_a_turn_that_ended_before_the_start_is_not_told() -> None:
    order = Reordering(8)
    late, live = partial(CALL, "so far", 1, "over"), partial(CALL, "so far", 1, "going on")
    assert order.arrived([Published(5, late), Published(6, live)], now=1) == []
    assert (order.due_at, order.asks()) == (1, 5)
    later = Published(4, partial(CALL, "so far", 1, "later"))
    assert order.arrived([later], now=1) == []  # while the log is being read
    past = [Published(6, turn(CALL, "all", "over")), durable(7), durable(8), durable(9)]
    released, gone = order.read(past, complete=True, now=2)
    assert [published.offset for published in released] == [6, 9]
    assert released[0].event is live
    assert (gone, order.position, order.due_at, order.asks()) == (False, 9, 2, 4)
    assert order.read([], complete=True, now=3) == ([later], False)
    assert order.due_at is None
    newer = Published(6, partial(CALL, "so far", 2, "going on"))
    assert order.arrived([newer], now=4) == [newer], "its turn is known to be open"


def test_a_busy_log_does_not_keep_a_doubt_from_being_settled() -> None:
    order = Reordering(8)
    order.arrived([Published(5, partial(CALL, "so far", 1, "one"))], now=1)
    order.arrived([durable(9)], now=1.5)
    assert order.due_at == 1
    order.postpone(2)
    order.arrived([durable(10)], now=1.6)
    assert order.due_at == 2


def test_waiting_partials_are_bounded() -> None:
    order = Reordering(0, hold=2)
    parts = [Published(1, partial(CALL, "a", sequence)) for sequence in range(4)]
    assert order.arrived(parts, now=0) == []
    assert order.arrived([durable(1)], now=0)[1:] == parts[:2]
    more = Published(2, partial(CALL, "a", 9))
    order.arrived([more], now=0)
    assert order.arrived([durable(2)], now=0)[1:] == [more]


def test_open_turns_are_those_that_are_not_final() -> None:
    order, other = Reordering(0), new_id()
    parts = [
        Published(0, partial(CALL, "a", 0, "one")),
        Published(0, partial(CALL, "b", 0, "two")),
        Published(0, partial(CALL, "b c", 1, "two")),
        Published(0, partial(other, "d", 0, "three")),
    ]
    order.arrived([*parts, Published(1, turn(CALL, "a", "one"))], now=0)
    assert order.open_turns(CALL) == [parts[2]]


def test_recent_events_are_remembered_for_those_close_behind() -> None:
    order = Reordering(100)
    order.arrived([durable(offset) for offset in range(101, 301)], now=0)
    near = order.since(297)
    assert near is not None
    assert offsets(near) == [298, 299, 300]
    assert order.since(300) == []
    assert order.since(301) is None
    assert order.since(150) is None
