"""The pool: connections are shared fairly and in turn, and no slot is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
import uvloop

from ringline.ports import StoreUnavailable
from ringline.storage.pool import CREDENTIALS, INTERNAL, Borrower, Pool, Shares


class FakeConnection:
    """A fake connection."""

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


async def connect() -> FakeConnection:
    await asyncio.sleep(0)
    return FakeConnection()


def pool(
    size: int, make: Callable[[], Awaitable[FakeConnection]] = connect, wait_s: float = 60
) -> Pool[FakeConnection]:
    return Pool(make, size, wait_s=wait_s, shares=BUSY)


#: The shares while others use the pool, though no test has to keep another workspace busy.
BUSY = Shares(alone=Shares().per_lane)


def acquire(lines: Pool[FakeConnection], borrower: Borrower) -> Awaitable[FakeConnection]:
    return lines.acquire(lines.lane(borrower))


def release(lines: Pool[FakeConnection], line: FakeConnection, borrower: Borrower) -> None:
    lines.release(line, lines.lane(borrower))


ADA, BEA, CIS = (UUID(int=number) for number in range(1, 4))


class Queue:
    """A pool, its borrowers, and the order in which they were served."""

    def __init__(self, lines: Pool[FakeConnection]) -> None:
        self.lines = lines
        self.served: list[Borrower] = []
        self.refused: list[Borrower] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.held: dict[Borrower, list[FakeConnection]] = {}

    async def come(self, *borrowers: Borrower) -> None:
        """Let borrowers acquire connections one after another, and keep them."""
        for borrower in borrowers:
            self.tasks.append(asyncio.create_task(self._borrow(borrower)))
            await settle()

    async def go(self, borrower: Borrower) -> None:
        """Give back one connection of a lane."""
        release(self.lines, self.held[borrower].pop(), borrower)
        await settle()

    async def _borrow(self, borrower: Borrower) -> None:
        try:
            line = await acquire(self.lines, borrower)
        except StoreUnavailable:
            self.refused.append(borrower)
            return
        self.served.append(borrower)
        self.held.setdefault(borrower, []).append(line)

    def news(self) -> list[Borrower]:
        """Return the borrowers served since the last call."""
        served, self.served = self.served, []
        return served

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_returned_connection_is_lent_again() -> None:
    lines = pool(2)
    first = await acquire(lines, INTERNAL)
    release(lines, first, INTERNAL)
    assert await acquire(lines, INTERNAL) is first
    assert await acquire(lines, INTERNAL) is not first


async def test_a_lane_gets_the_idle_connection_it_used_last() -> None:
    lines = pool(5)
    borrowers = (ADA, BEA, CIS)
    had = {borrower: await acquire(lines, borrower) for borrower in borrowers}
    for borrower in borrowers:
        release(lines, had[borrower], borrower)
    assert {borrower: await acquire(lines, borrower) for borrower in borrowers} == had
    release(lines, had[ADA], ADA)
    release(lines, had[BEA], BEA)
    assert await acquire(lines, CIS) is had[BEA], "the latest, where it had none"
    had[ADA].terminate()
    assert await acquire(lines, ADA) not in had.values()


async def test_the_longest_waiter_is_served_next() -> None:
    lines = pool(1)
    line = await acquire(lines, INTERNAL)
    served: list[int] = []

    async def borrow(number: int) -> None:
        got = await acquire(lines, INTERNAL)
        served.append(number)
        await asyncio.sleep(0)
        release(lines, got, INTERNAL)

    waiting = [asyncio.create_task(borrow(number)) for number in range(5)]
    await settle()
    release(lines, line, INTERNAL)
    late = asyncio.create_task(borrow(5))  # comes by when there is something to take
    await asyncio.gather(*waiting, late)
    assert served == [0, 1, 2, 3, 4, 5]


async def test_no_more_connections_are_opened_than_there_are_slots() -> None:
    made: list[FakeConnection] = []

    async def make() -> FakeConnection:
        made.append(await connect())
        return made[-1]

    lines = pool(3, make)

    async def borrow() -> None:
        got = await acquire(lines, INTERNAL)
        await settle()
        release(lines, got, INTERNAL)

    await asyncio.gather(*(borrow() for _ in range(20)))
    assert len(made) == 3


async def test_a_closed_connection_frees_its_slot_for_a_waiter() -> None:
    lines = pool(1)
    line = await acquire(lines, INTERNAL)
    waiting = asyncio.ensure_future(acquire(lines, INTERNAL))
    await settle()
    line.terminate()
    release(lines, line, INTERNAL)
    assert await waiting is not line
    other = waiting.result()
    release(lines, other, INTERNAL)
    other.terminate()  # dies while it is idle
    assert await acquire(lines, INTERNAL) is not other


async def test_a_failed_connection_costs_no_slot() -> None:
    fails = [True, True, False]

    async def make() -> FakeConnection:
        await asyncio.sleep(0)
        if fails.pop(0):
            raise OSError
        return FakeConnection()

    lines = pool(1, make)
    results = await asyncio.gather(
        *(acquire(lines, INTERNAL) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [OSError, OSError, FakeConnection]


async def test_waiting_times_out() -> None:
    lines = pool(1, wait_s=0.01)
    line = await acquire(lines, INTERNAL)
    with pytest.raises(StoreUnavailable):
        await acquire(lines, INTERNAL)
    release(lines, line, INTERNAL)
    assert await acquire(lines, INTERNAL) is line


async def test_a_cancelled_waiter_passes_on_what_it_was_granted() -> None:
    lines = pool(1)
    line = await acquire(lines, INTERNAL)
    waiting = [asyncio.ensure_future(acquire(lines, INTERNAL)) for _ in range(2)]
    await settle()
    release(lines, line, INTERNAL)  # to the first, which is cancelled before it runs
    waiting[0].cancel()
    await asyncio.wait(waiting)
    assert waiting[0].cancelled()
    assert waiting[1].result() is line
    third = asyncio.ensure_future(acquire(lines, INTERNAL))
    await settle()
    line.terminate()
    release(lines, line, INTERNAL)  # a slot, to one that is cancelled
    third.cancel()
    await asyncio.wait([third])
    assert not (await acquire(lines, INTERNAL)).closed


async def test_expiry_closes_idle_connections_and_fails_waiters() -> None:
    lines = pool(2)
    idle, busy = await acquire(lines, INTERNAL), await acquire(lines, INTERNAL)
    release(lines, idle, INTERNAL)
    again = await acquire(lines, INTERNAL)
    waiting = asyncio.ensure_future(acquire(lines, INTERNAL))
    await settle()
    lines.expire()
    with pytest.raises(StoreUnavailable):
        await waiting
    release(lines, again, INTERNAL)
    lines.expire()
    assert again.closed
    busy.terminate()
    release(lines, busy, INTERNAL)
    assert not (await acquire(lines, INTERNAL)).closed
    assert not (await acquire(lines, INTERNAL)).closed


async def test_expiry_cancels_connections_being_opened() -> None:
    answers = asyncio.Event()

    async def make() -> FakeConnection:
        await answers.wait()
        return FakeConnection()

    lines = pool(1, make)
    first, second = (asyncio.ensure_future(acquire(lines, INTERNAL)) for _ in range(2))
    await settle()
    lines.expire()
    for waiting in (first, second):
        with pytest.raises(StoreUnavailable):
            await waiting
    answers.set()
    assert not (await acquire(lines, INTERNAL)).closed


async def test_a_closed_pool_lends_nothing() -> None:
    lines = pool(2)
    idle, busy = await acquire(lines, INTERNAL), await acquire(lines, INTERNAL)
    release(lines, idle, INTERNAL)
    await lines.close(1)
    assert idle.polite
    assert not busy.closed
    release(lines, busy, INTERNAL)
    assert busy.closed
    with pytest.raises(StoreUnavailable):
        await acquire(lines, INTERNAL)


# -- lanes ------------------------------------------------------------------------------------


async def test_a_workspace_gets_its_share_and_leaves_the_rest_to_others() -> None:
    queue = Queue(pool(10))
    await queue.come(*[ADA] * 12)
    assert queue.news() == [ADA] * 3
    await queue.come(BEA, CREDENTIALS, INTERNAL)
    assert queue.news() == [BEA, CREDENTIALS, INTERNAL]
    await queue.go(ADA)
    await queue.go(BEA)
    assert queue.news() == [ADA]
    await queue.end()


async def test_some_connections_are_reserved_for_the_server() -> None:
    queue = Queue(pool(10))
    await queue.come(*[ADA] * 3, *[BEA] * 3, *[CIS] * 3)
    assert queue.news() == [ADA] * 3 + [BEA] * 3 + [CIS] * 2
    await queue.come(CREDENTIALS, CREDENTIALS)
    assert queue.news() == [CREDENTIALS], "strangers never have the last one"
    await queue.come(INTERNAL, INTERNAL)
    assert queue.news() == [INTERNAL]
    await queue.end()


async def test_strangers_have_a_share_too() -> None:
    queue = Queue(pool(10))
    await queue.come(*[CREDENTIALS] * 9)
    assert queue.news() == [CREDENTIALS] * 3
    await queue.come(*[INTERNAL] * 8)
    assert queue.news() == [INTERNAL] * 7, "the house may have all"
    await queue.end()


async def test_waiting_workspaces_are_served_in_turn() -> None:
    queue = Queue(Pool(connect, 1, wait_s=60))
    await queue.come(INTERNAL, *[ADA] * 4, BEA, *[CIS] * 2, CREDENTIALS, INTERNAL)
    assert queue.news() == [INTERNAL]
    order: list[Borrower] = []
    last: Borrower = INTERNAL
    for _ in range(9):
        await queue.go(last)
        (last,) = queue.news()
        order.append(last)
    assert order == [INTERNAL, CREDENTIALS, ADA, BEA, CIS, ADA, CIS, ADA, ADA]
    await queue.end()


async def test_a_pool_of_one_serves_every_lane() -> None:
    queue = Queue(pool(1))
    for borrower in (ADA, CREDENTIALS, INTERNAL):
        await queue.come(borrower)
        await queue.go(borrower)
    assert queue.news() == [ADA, CREDENTIALS, INTERNAL]


async def test_the_waiters_of_a_workspace_are_bounded() -> None:
    queue = Queue(Pool(connect, 10, wait_s=60, shares=replace(BUSY, waiters=2)))
    await queue.come(*[ADA] * 6, BEA)
    assert queue.news() == [ADA] * 3 + [BEA]
    assert queue.refused == [ADA]
    await queue.go(ADA)
    await queue.come(ADA)
    assert queue.refused == [ADA], "there is room to wait again"
    await queue.end()
    assert not queue.lines.has_waiters


async def test_waiters_of_all_lanes_have_the_same_deadline() -> None:
    queue = Queue(Pool(connect, 1, wait_s=0.01))
    await queue.come(INTERNAL, ADA, BEA, ADA, CREDENTIALS)
    async with asyncio.timeout(10):
        await asyncio.gather(*queue.tasks)
    assert queue.news() == [INTERNAL]
    assert sorted(map(str, queue.refused)) == sorted(map(str, (ADA, ADA, BEA, CREDENTIALS)))
    assert not queue.lines.has_waiters


def test_zero_waits_time_out_on_uvloop_too() -> None:
    """uvloop's handle of a timer that is due at once has no time."""

    async def wait() -> None:
        lines = Pool(connect, 1, wait_s=0.0)
        asked = [acquire(lines, borrower) for borrower in (INTERNAL, ADA, BEA)]
        async with asyncio.timeout(10):
            ends = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(end) for end in ends] == [StoreUnavailable] * 3

    uvloop.run(wait())


async def test_a_cancelled_waiter_takes_nobodys_turn() -> None:
    queue = Queue(Pool(connect, 1, wait_s=60, shares=replace(BUSY, waiters=1)))
    await queue.come(INTERNAL, ADA)
    queue.tasks[-1].cancel()
    await settle()
    assert not queue.lines.has_waiters
    await queue.come(ADA)
    assert queue.refused == []
    await queue.go(INTERNAL)
    assert queue.news() == [INTERNAL, ADA]


async def test_a_workspace_that_is_alone_gets_more_and_leaves_some_for_the_next() -> None:
    queue = Queue(Pool(connect, 10, wait_s=60))
    await queue.come(*[ADA] * 8)
    assert queue.news() == [ADA] * Shares().alone
    await queue.come(BEA, BEA)
    assert queue.news() == [BEA, BEA], "another one finds connections"
    await queue.go(ADA)
    assert queue.news() == [], "it is not alone any more, and above its share"
    for _ in range(4):
        await queue.go(ADA)
    assert queue.news() == [ADA, ADA], "within its share it is served again"
    await queue.end()


async def test_the_servers_own_lanes_are_never_alone() -> None:
    queue = Queue(Pool(connect, 10, wait_s=60))
    await queue.come(*[CREDENTIALS] * 5)
    assert queue.news() == [CREDENTIALS] * Shares().per_lane
    await queue.end()


async def test_a_lane_keeps_others_waiting_if_they_lack_their_share() -> None:
    queue = Queue(pool(10))
    lines = queue.lines
    await queue.come(*[ADA] * 5)
    assert lines.has_waiters
    assert not lines.keeps_others_waiting(lines.lane(ADA)), "it keeps itself waiting"
    assert not lines.keeps_others_waiting(lines.lane(BEA)), "ADA has its share"
    await queue.come(*[BEA] * 3, *[CIS] * 3)
    assert lines.keeps_others_waiting(lines.lane(ADA)), "CIS has two of three"
    assert lines.keeps_others_waiting(lines.lane(BEA))
    assert not lines.keeps_others_waiting(lines.lane(CIS))
    await queue.end()


async def test_no_connection_is_lost_under_load() -> None:
    lines = pool(10)
    chance = random.Random(5)
    borrowers: list[Borrower] = [INTERNAL, CREDENTIALS, *(UUID(int=number) for number in range(12))]
    most: dict[Borrower, int] = {}
    held: dict[Borrower, int] = dict.fromkeys(borrowers, 0)

    async def borrow(borrower: Borrower) -> None:
        line = await acquire(lines, borrower)
        held[borrower] += 1
        most[borrower] = max(most.get(borrower, 0), held[borrower])
        assert sum(held.values()) <= 10
        assert sum(number for who, number in held.items() if isinstance(who, UUID)) <= 8
        try:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            held[borrower] -= 1
            if chance.random() < 0.1:
                line.terminate()
            release(lines, line, borrower)

    async def visit() -> None:
        for _ in range(50):
            task = asyncio.create_task(borrow(chance.choice(borrowers)))
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            if chance.random() < 0.2:
                task.cancel()
            await asyncio.wait([task])

    async with asyncio.timeout(60):
        await asyncio.gather(*(visit() for _ in range(60)))
    assert set(held.values()) == {0}
    assert not lines.has_waiters
    assert all(number <= 3 for borrower, number in most.items() if borrower is not INTERNAL)
    async with asyncio.timeout(10):  # and all ten slots are there
        await asyncio.gather(*(acquire(lines, INTERNAL) for _ in range(10)))


async def test_lanes_are_forgotten_when_there_are_many() -> None:
    lines = Pool(connect, 10, wait_s=60, shares=replace(BUSY, remembered=2))
    kept, idle = lines.lane(ADA), lines.lane(BEA)
    await acquire(lines, ADA)
    for number in range(10, 20):
        borrower = UUID(int=number)
        release(lines, await acquire(lines, borrower), borrower)
    assert lines.lane(ADA) is kept, "it has a connection"
    assert lines.lane(BEA) is not idle
