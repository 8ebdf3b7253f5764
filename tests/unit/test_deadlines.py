"""One deadline for many blocks, in virtual time."""

import asyncio

import pytest

from ringline.web.deadlines import Deadlines
from tests.clock import run

AFTER_S = 10.0


async def late(deadlines: Deadlines, takes_s: float) -> float:
    """Return when a block is over that takes so long; it raises TimeoutError at its deadline."""
    with deadlines.limit():
        await asyncio.sleep(takes_s)
    return asyncio.get_running_loop().time()


def test_each_block_has_its_own_deadline() -> None:
    async def main() -> None:
        deadlines = Deadlines(AFTER_S)
        loop, over = asyncio.get_running_loop(), dict[int, float]()

        async def block(number: int, takes_s: float) -> None:
            with pytest.raises(TimeoutError):
                await late(deadlines, takes_s)
            over[number] = loop.time() - began

        began = loop.time()
        tasks = [asyncio.create_task(block(0, 99))]
        await asyncio.sleep(3)
        assert await late(deadlines, 1) == began + 4
        tasks.append(asyncio.create_task(block(4, 99)))
        await asyncio.sleep(3)
        tasks.append(asyncio.create_task(block(7, 10.5)))
        await asyncio.gather(*tasks)
        assert over == pytest.approx({0: 10, 4: 14, 7: 17})
        # None is under way: it begins anew.
        await asyncio.sleep(60)
        began = loop.time()
        await block(60, 99)
        assert over[60] == pytest.approx(10)

    run(main())


def test_a_block_that_ends_in_time_never_expires() -> None:
    async def main() -> None:
        deadlines = Deadlines(AFTER_S)
        await late(deadlines, 9.9)
        await asyncio.sleep(1)  # past the deadline

    run(main())


def test_what_a_block_raises_is_its_own() -> None:
    async def main() -> None:
        deadlines = Deadlines(AFTER_S)
        with pytest.raises(KeyError), deadlines.limit():
            raise KeyError

    run(main())


def test_a_block_that_swallows_its_cancellation_goes_on() -> None:
    async def main() -> None:
        deadlines, swallowed = Deadlines(AFTER_S), False
        with deadlines.limit():
            try:
                await asyncio.sleep(99)
            except asyncio.CancelledError:
                swallowed = True
        assert swallowed
        await asyncio.sleep(1)  # and is not cancelled any more
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(main())


@pytest.mark.parametrize("at_s", [5.0, AFTER_S])
def test_a_task_that_somebody_else_cancels_is_cancelled(at_s: float) -> None:
    """As a request whose client has left, be it at the deadline."""

    async def main() -> None:
        deadlines = Deadlines(AFTER_S)
        task = asyncio.create_task(late(deadlines, 99))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(at_s, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
