"""Whose turn it is on the event loop, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

from ringline.web.fair_share import SHARE, FairShare
from tests import clock

WORK_S = 0.01


def scenario(steps: Callable[[FairShare], Awaitable[None]]) -> None:
    async def main() -> None:
        await steps(FairShare(asyncio.get_running_loop().time))

    clock.run(main())


async def work(fair: FairShare, who: str, pieces: int) -> float:
    """Do pieces of work one after the other; return how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(pieces):
        await fair.begin(who, WORK_S)
    return loop.time() - began


def test_one_alone_never_waits() -> None:
    async def steps(fair: FairShare) -> None:
        assert await work(fair, "one", 1_000) == 0

    scenario(steps)


def test_whoever_floods_gets_a_share_and_the_others_wait_for_nothing() -> None:
    async def steps(fair: FairShare) -> None:
        fair.charge("quiet", 0.0)
        flood = asyncio.create_task(work(fair, "flood", 200))
        waited = 0.0
        while not flood.done():
            await asyncio.sleep(0.1)
            waited += await work(fair, "quiet", 1)
        assert waited == 0
        assert abs(flood.result() - 200 * WORK_S / SHARE) < 0.5

    scenario(steps)


def test_a_share_is_served_in_the_order_of_asking() -> None:
    async def steps(fair: FairShare) -> None:
        fair.charge("other", 0.0)
        fair.charge("one", 0.1)
        served: list[int] = []

        async def ask(number: int) -> None:
            await fair.begin("one", WORK_S)
            served.append(number)

        await asyncio.gather(*(ask(number) for number in range(10)))
        assert served == list(range(10))

    scenario(steps)


def test_after_the_others_have_gone_nobody_waits_longer() -> None:
    async def steps(fair: FairShare) -> None:
        fair.charge("other", 0.0)
        fair.charge("one", 100.0)  # far more than is ever owed
        began = asyncio.get_running_loop().time()
        await fair.begin("one", WORK_S)
        assert asyncio.get_running_loop().time() - began < 3

    scenario(steps)
