"""The timing wheel: each sleeper is woken at its time, with one timer for all."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ringline.web.wheel import TICK_S, Wheel
from tests import clock


class Sleeper:
    def __init__(self, act: Callable[[float], None] = lambda now: None) -> None:
        self.wake_tick: int | None = None
        self.woken: list[float] = []
        self._act = act

    def wake(self, now: float) -> None:
        self.woken.append(now)
        self._act(now)


def now() -> float:
    return asyncio.get_running_loop().time()


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 5), st.booleans()), max_size=20))
def test_the_last_time_that_was_set_counts(steps: list[tuple[int, float, bool]]) -> None:
    async def main() -> None:
        wheel, sleepers = Wheel(), [Sleeper() for _ in range(4)]
        due: dict[int, float] = {}
        for number, after_s, removed in steps:
            if removed:
                wheel.remove(sleepers[number])
                due.pop(number, None)
            else:
                due[number] = now() + after_s
                wheel.set(sleepers[number], due[number])
        await asyncio.sleep(6)
        for number, sleeper in enumerate(sleepers):
            assert len(sleeper.woken) == (number in due)
            if number in due:
                assert due[number] <= sleeper.woken[0] <= due[number] + 2 * TICK_S

    clock.run(main())


def test_who_sets_a_time_that_has_passed_is_woken_with_the_next_tick() -> None:
    async def main() -> None:
        wheel = Wheel()
        sleeper = Sleeper(lambda time: wheel.set(sleeper, time - 1))
        wheel.set(sleeper, now())
        await asyncio.sleep(1)
        wheel.remove(sleeper)
        assert 8 <= len(sleeper.woken) <= 11

    clock.run(main())


def test_a_bug_of_one_does_not_stop_the_others() -> None:
    async def main() -> None:
        def broken(time: float) -> None:
            raise ZeroDivisionError

        wheel, sleepers = Wheel(), [Sleeper(broken), Sleeper()]
        for sleeper in sleepers:
            wheel.set(sleeper, now() + 1)
        await asyncio.sleep(2)
        assert [len(sleeper.woken) for sleeper in sleepers] == [1, 1]
        wheel.set(sleepers[1], now() + 1)
        await asyncio.sleep(2)
        assert len(sleepers[1].woken) == 2
        wheel.set(sleepers[1], now() + 1)
        wheel.close()
        await asyncio.sleep(2)
        assert len(sleepers[1].woken) == 2

    clock.run(main())
