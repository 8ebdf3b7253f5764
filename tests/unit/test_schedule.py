"""When to look at whom next: the earliest time of each target, and no more than fit."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ringline.services.schedule import Schedule

TIMES = st.floats(0, 1000, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 5), TIMES), max_size=200))
def test_each_target_comes_once_at_its_earliest_time(added: list[tuple[int, float]]) -> None:
    schedule = Schedule(most=6)
    earliest: dict[UUID, float] = {}
    for number, at in added:
        target = UUID(int=number)
        assert schedule.add(target, at)
        earliest[target] = min(at, earliest.get(target, at))
    order: list[tuple[float, UUID]] = []
    while (wait_s := schedule.wait_s(0)) is not None:
        assert schedule.pop(wait_s - 1) is None
        target = schedule.pop(wait_s)
        assert target is not None
        order.append((wait_s, target))
    assert order == sorted((at, target) for target, at in earliest.items())


def test_more_targets_than_fit_are_refused_but_known_ones_are_moved() -> None:
    schedule = Schedule(most=2)
    one, two, three = (UUID(int=number) for number in range(3))
    assert schedule.add(one, 10)
    assert schedule.add(two, 20)
    assert not schedule.add(three, 1)
    assert schedule.add(two, 5)
    assert [schedule.pop(99), schedule.pop(99), schedule.pop(99)] == [two, one, None]
    assert schedule.add(three, 1)


def test_moving_a_time_forward_again_and_again_costs_no_memory() -> None:
    schedule = Schedule(most=2)
    target = UUID(int=1)
    for at in range(10_000, 0, -1):
        schedule.add(target, at)
    assert len(schedule) == 1
    assert schedule.size <= 68
