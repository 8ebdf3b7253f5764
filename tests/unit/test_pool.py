"""The pool: connections go from hand to hand, in turn, and no place is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from ringline.ports import StoreAway
from ringline.storage.pool import HOUSE, Pool


class Line:
    """A connection to nothing."""

    _numbers = count(1)

    def __init__(self) -> None:
        self.number = next(self._numbers)
        self.closed = False
        self.polite = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, *, timeout: float | None = None) -> None:
        self.closed = self.polite = True


async def connect() -> Line:
    await asyncio.sleep(0)
    return Line()


def pool(
    size: int, make: Callable[[], Awaitable[Line]] = connect, wait_s: float = 60
) -> Pool[Line]:
    return Pool(make, size, wait_s)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_connection_is_kept_and_lent_again() -> None:
    lines = pool(2)
    first = await lines.acquire(HOUSE)
    lines.release(first, HOUSE)
    assert await lines.acquire(HOUSE) is first
    assert await lines.acquire(HOUSE) is not first


async def test_whoever_waits_longest_is_next() -> None:
    lines = pool(1)
    line = await lines.acquire(HOUSE)
    served: list[int] = []

    async def borrow(number: int) -> None:
        got = await lines.acquire(HOUSE)
        served.append(number)
        await asyncio.sleep(0)
        lines.release(got, HOUSE)

    waiting = [asyncio.create_task(borrow(number)) for number in range(5)]
    await settle()
    lines.release(line, HOUSE)
    late = asyncio.create_task(borrow(5))  # comes by when there is something to take
    await asyncio.gather(*waiting, late)
    assert served == [0, 1, 2, 3, 4, 5]


async def test_no_more_are_made_than_there_are_places() -> None:
    made: list[Line] = []

    async def make() -> Line:
        made.append(await connect())
        return made[-1]

    lines = pool(3, make)

    async def borrow() -> None:
        got = await lines.acquire(HOUSE)
        await settle()
        lines.release(got, HOUSE)

    await asyncio.gather(*(borrow() for _ in range(20)))
    assert len(made) == 3


async def test_a_closed_connection_leaves_its_place_to_whoever_waits() -> None:
    lines = pool(1)
    line = await lines.acquire(HOUSE)
    waiting = asyncio.create_task(lines.acquire(HOUSE))
    await settle()
    line.terminate()
    lines.release(line, HOUSE)
    assert await waiting is not line
    other = waiting.result()
    lines.release(other, HOUSE)
    other.terminate()  # dies while it is idle
    assert await lines.acquire(HOUSE) is not other


async def test_a_connection_that_cannot_be_made_costs_no_place() -> None:
    fails = [True, True, False]

    async def make() -> Line:
        await asyncio.sleep(0)
        if fails.pop(0):
            raise OSError
        return Line()

    lines = pool(1, make)
    results = await asyncio.gather(
        *(lines.acquire(HOUSE) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [OSError, OSError, Line]


async def test_waiting_has_an_end() -> None:
    lines = pool(1, wait_s=0.01)
    line = await lines.acquire(HOUSE)
    with pytest.raises(StoreAway):
        await lines.acquire(HOUSE)
    lines.release(line, HOUSE)
    assert await lines.acquire(HOUSE) is line


async def test_what_a_cancelled_waiter_was_given_goes_on() -> None:
    lines = pool(1)
    line = await lines.acquire(HOUSE)
    waiting = [asyncio.create_task(lines.acquire(HOUSE)) for _ in range(2)]
    await settle()
    lines.release(line, HOUSE)  # to the first, which is cancelled before it runs
    waiting[0].cancel()
    await asyncio.wait(waiting)
    assert waiting[0].cancelled()
    assert waiting[1].result() is line
    third = asyncio.create_task(lines.acquire(HOUSE))
    await settle()
    line.terminate()
    lines.release(line, HOUSE)  # a place, to one that is cancelled
    third.cancel()
    await asyncio.wait([third])
    assert not (await lines.acquire(HOUSE)).closed


async def test_expiry_closes_the_idle_and_sends_waiters_away() -> None:
    lines = pool(2)
    idle, busy = await lines.acquire(HOUSE), await lines.acquire(HOUSE)
    lines.release(idle, HOUSE)
    again = await lines.acquire(HOUSE)
    waiting = asyncio.create_task(lines.acquire(HOUSE))
    await settle()
    lines.expire()
    with pytest.raises(StoreAway):
        await waiting
    lines.release(again, HOUSE)
    lines.expire()
    assert again.closed
    busy.terminate()
    lines.release(busy, HOUSE)
    assert not (await lines.acquire(HOUSE)).closed
    assert not (await lines.acquire(HOUSE)).closed


async def test_expiry_ends_the_making_of_connections() -> None:
    answers = asyncio.Event()

    async def make() -> Line:
        await answers.wait()
        return Line()

    lines = pool(1, make)
    first, second = (asyncio.create_task(lines.acquire(HOUSE)) for _ in range(2))
    await settle()
    lines.expire()
    for waiting in (first, second):
        with pytest.raises(StoreAway):
            await waiting
    answers.set()
    assert not (await lines.acquire(HOUSE)).closed


async def test_a_closed_pool_lends_nothing() -> None:
    lines = pool(2)
    idle, busy = await lines.acquire(HOUSE), await lines.acquire(HOUSE)
    lines.release(idle, HOUSE)
    await lines.close(1)
    assert idle.polite
    assert not busy.closed
    lines.release(busy, HOUSE)
    assert busy.closed
    with pytest.raises(StoreAway):
        await lines.acquire(HOUSE)
