"""Past events in spoken order: each turn where it was said, and no position past a gap."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import Event, TurnCompleted
from ringline.domain.publication import Published
from ringline.domain.spoken_order import in_spoken_order
from tests.samples import NOW, new_id


def turn(offset: int, second: int) -> Published:
    data = TurnCompleted(
        turn_id=new_id(),
        item_id=f"{offset}",
        role=TurnRole.CALLER,
        text="Hi",
        transcript_id=new_id(),
    )
    return Published(offset, Event(new_id(), NOW + timedelta(seconds=second), data))


def test_a_turn_that_was_read_late_comes_where_it_was_said() -> None:
    asked, answer, thanks = turn(9, 0), turn(7, 5), turn(12, 20)
    yielded = list(in_spoken_order([answer, asked, thanks]))
    assert [published.event for published in yielded] == [asked.event, answer.event, thanks.event]
    assert [published.offset for published in yielded] == [6, 9, 12]


def test_turns_in_order_keep_their_offsets() -> None:
    past = [turn(offset, offset) for offset in (3, 5, 9)]
    assert list(in_spoken_order(past)) == past
    assert list(in_spoken_order([])) == []


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), max_size=12))
def test_everything_up_to_a_position_has_been_yielded(steps: list[tuple[int, int]]) -> None:
    past, offset = list[Published](), 0
    for step, second in steps:
        offset += step
        past.append(turn(offset, second))
    yielded = list(in_spoken_order(past))
    offsets = {published.event.id: published.offset for published in past}
    assert [published.event.occurred_at for published in yielded] == sorted(
        published.event.occurred_at for published in past
    )
    had = set[int]()
    before = 0
    for published in yielded:
        had.add(offsets[published.event.id])
        assert {known for known in offsets.values() if known <= published.offset} <= had
        assert published.offset >= before, "positions never go back"
        before = published.offset
    assert before == offset
