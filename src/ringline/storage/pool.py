"""A pool of connections that its borrowers share fairly.

Every borrower belongs to a lane. A workspace is one, however many keys and requests it
has: it gets a few connections at a time, and all workspaces together leave some alone.
Those serve the two lanes of the server itself: `DOOR`, for credentials and tickets that
anyone may present, bounded like a workspace; and `HOUSE`, for journal and revocations,
which may use every connection and is served first.

A workspace that keeps the database busy with dear requests, while others ask it too, gets
its connections one at a time, and none until its share of the time has caught up (a generic
cell rate: `paid_at` moves on by what a loan took, divided by the share). Short loans are not
counted: they take as long as the way to the database and the turns of our own loop.

A connection that comes back goes to a waiter whose lane may have one: in a lane to the one
that has waited longest, among workspaces to each in turn. (asyncpg's own pool wakes a
waiter and lets a newcomer take what it was woken for: under load some requests wait for
tens of others, and all are woken several times.)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from ringline.domain import limits
from ringline.ports import StoreAway


class Poolable(Protocol):
    """What the pool needs of a connection; asyncpg's has it."""

    def is_closed(self) -> bool:
        """Tell whether it is of no use any more."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Close it politely."""
        ...


C = TypeVar("C", bound=Poolable)


class ServerLane(Enum):
    """The lanes of the server itself."""

    HOUSE = "house"  # journal, revocations, background work: served first
    DOOR = "door"  # credentials and tickets, which strangers present too


HOUSE, DOOR = ServerLane.HOUSE, ServerLane.DOOR

#: Who borrows: the server itself, or a workspace by its id.
Borrower: TypeAlias = ServerLane | UUID


#: A workspace's part of one connection's time for dear requests, and when one is dear.
_SHARE = limits.DATABASE_SHARE.most / 100
DEAR_S = limits.DATABASE_DEAR_MS.most / 1000
#: How much of it may be used at once.
_BURST_S = 0.5
#: Longest wait for it, whatever was used: who waits for a connection is told no sooner.
_MOST_DEBT_S = limits.DATABASE_WAIT_S.most / 2
#: How long it has one connection at a time after it has paid.
_ONE_AT_A_TIME_S = 10.0
#: How long a workspace counts as one that asks, after it has borrowed.
_ASKS_S = 1.0


@dataclass(frozen=True, slots=True)
class Shares:
    """How many connections a lane gets, and how many workspaces leave alone."""

    each: int = limits.DATABASE_PER_WORKSPACE.most
    kept: int = limits.DATABASE_KEPT.most
    #: Most waiters of one workspace. The connections that strangers have bound `DOOR`'s.
    waiting: int = limits.DATABASE_WAITING.most
    #: Workspaces whose lanes are kept while they borrow nothing.
    remembered: int = 1_000


@dataclass(slots=True, eq=False)
class _Waiting(Generic[C]):
    given: "asyncio.Future[C | None]"
    until: float  # by the loop's clock


class Lane(Generic[C]):
    """A lane: how many connections it has borrowed, or makes, and who waits in it.

    A waiter is given a connection, or a slot for a new one (None).
    """

    __slots__ = ("borrower", "is_workspace", "lent", "most", "paid_at", "slow_until", "waiting")

    def __init__(self, borrower: Borrower, most: int) -> None:
        self.borrower = borrower
        self.is_workspace = not isinstance(borrower, ServerLane)
        self.most = most
        self.lent = 0
        #: When what it has used is paid for, and until when it has one at a time at most, by
        #: the loop's clock.
        self.paid_at = self.slow_until = 0.0
        self.waiting: deque[_Waiting[C]] = deque()


class Pool(Generic[C]):
    """At most `size` connections, made when they are wanted and kept."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        size: int,
        wait_s: float,
        shares: Shares | None = None,
    ) -> None:
        shares = shares or Shares()
        kept = min(shares.kept, size - 1)  # a pool of one serves every lane
        self._connect = connect
        self._size = size
        self._wait_s = wait_s
        self._each = shares.each
        self._most_waiting = shares.waiting
        self._remembered = shares.remembered
        self._for_workspaces = size - kept
        self._for_strangers = size - kept // 2
        #: With the lane that had each last, whose statements are prepared in it.
        self._idle: dict[C, Lane[C]] = {}
        #: Connections that are borrowed or being made: of all lanes, and of all workspaces.
        self._lent = 0
        self._lent_to_workspaces = 0
        #: The lanes, looked up once a loan: the hash of a UUID costs more than all the rest.
        self._house: Lane[C] = Lane(HOUSE, size)
        self._door: Lane[C] = Lane(DOOR, self._each)
        self._workspaces: dict[UUID, Lane[C]] = {}
        #: The workspace that borrowed last, when it did, and when any other one last did.
        self._latest: Lane[C] | None = None
        self._latest_at = self._other_at = -_ASKS_S
        #: The lanes in which somebody waits, the one whose turn it is first.
        self._waiting: dict[Lane[C], None] = {}
        self._timer: asyncio.TimerHandle | None = None  # of the next deadline
        self._looks_at = 0.0  # when it fires: uvloop's handles of short timers cannot tell
        self._making: set[asyncio.Timeout] = set()  # of connections that are being made
        self._closed = False

    def lane(self, borrower: Borrower) -> "Lane[C]":
        """Return the lane of a borrower, by which all else is asked for."""
        if borrower is HOUSE:
            return self._house
        if borrower is DOOR:
            return self._door
        lane = self._workspaces.get(borrower)
        if lane is None:
            if len(self._workspaces) >= self._remembered:
                self._forget()
            lane = self._workspaces[borrower] = Lane(borrower, self._each)
        return lane

    def take(self, lane: "Lane[C]") -> C | None:
        """Borrow a connection that is idle; None where one must be made or waited for."""
        if not self._idle or self._closed or not self._may_have(lane):
            return None
        connection = self._take_idle(lane)
        if connection is not None:
            self._lend(lane)
        return connection

    async def acquire(self, lane: "Lane[C]") -> C:
        """Borrow a connection for a lane.

        Raises StoreAway after the wait, or at once where too many of the lane wait, and
        what connecting raises.
        """
        if self._closed:
            raise StoreAway
        if self._may_have(lane):
            self._lend(lane)
            connection = self._take_idle(lane)
        else:
            connection = await self._wait(lane)
        if connection is not None:
            return connection
        try:
            return await self._make()
        except BaseException:
            self._return_slot(lane)
            raise

    def release(self, connection: C, lane: "Lane[C]") -> None:
        """Take a lane's connection back; a closed one leaves its slot to another."""
        if self._closed:
            connection.terminate()
        if not connection.is_closed():
            self._idle[connection] = lane
        self._return_slot(lane)

    def charge(self, lane: "Lane[C]", held_s: float) -> None:
        """Count how long a lane has held a connection."""
        if held_s > DEAR_S and lane.is_workspace:
            now = asyncio.get_running_loop().time()
            paid_at = max(lane.paid_at, now - _BURST_S) + (held_s - DEAR_S) / _SHARE
            lane.paid_at = min(paid_at, now + _MOST_DEBT_S)
            if lane.paid_at > now:
                lane.slow_until = lane.paid_at + _ONE_AT_A_TIME_S

    def slow(self, lane: "Lane[C]") -> None:
        """Lend to a workspace one at a time for a while, as one of its requests is dear."""
        until = asyncio.get_running_loop().time() + _ONE_AT_A_TIME_S
        lane.slow_until = max(lane.slow_until, until)

    @property
    def is_waited_for(self) -> bool:
        """Tell whether anyone waits for a connection."""
        return bool(self._waiting)

    def is_wanted_from(self, lane: "Lane[C]") -> bool:
        """Tell whether another lane waits for connections while it has not got its share."""
        return any(other is not lane and other.lent < self._most(other) for other in self._waiting)

    def expire(self) -> None:
        """Close what is idle, and fail all waiters, also those for a new connection."""
        idle, self._idle = self._idle, {}
        for connection in idle:
            connection.terminate()
        waiting, self._waiting = self._waiting, {}
        for lane in waiting:
            for one in lane.waiting:
                if not one.given.done():
                    one.given.set_exception(StoreAway())
            lane.waiting.clear()
        for limit in self._making:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())

    async def close(self, timeout_s: float) -> None:
        """Close what is idle; what is borrowed is closed when it comes back."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle, self._idle = self._idle, {}
        self.expire()
        closing = (connection.close(timeout=timeout_s) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    # -- slots ----------------------------------------------------------------------------

    def _may_have(self, lane: Lane[C]) -> bool:
        """Tell whether a lane may borrow a connection now."""
        if lane.lent >= (self._most(lane) if lane.slow_until else lane.most):
            return False
        if lane.is_workspace:
            return self._lent < self._size and self._lent_to_workspaces < self._for_workspaces
        return self._lent < (self._for_strangers if lane is self._door else self._size)

    def _most(self, lane: Lane[C]) -> int:
        """Return how many connections a lane may have now."""
        if not lane.slow_until:
            return lane.most
        now = asyncio.get_running_loop().time()
        if lane.slow_until <= now:
            lane.slow_until = 0.0
            return lane.most
        others_ask_at = self._other_at if lane is self._latest else self._latest_at
        if others_ask_at < now - _ASKS_S:
            return lane.most
        return 1 if lane.paid_at <= now else 0

    def _lend(self, lane: Lane[C]) -> None:
        self._lent += 1
        lane.lent += 1
        if lane.is_workspace:
            self._lent_to_workspaces += 1
            if lane is not self._latest:
                self._latest, self._other_at = lane, self._latest_at
            self._latest_at = asyncio.get_running_loop().time()

    def _return_slot(self, lane: Lane[C]) -> None:
        self._lent -= 1
        lane.lent -= 1
        if lane.is_workspace:
            self._lent_to_workspaces -= 1
        if self._waiting:
            self._serve()

    def _forget(self) -> None:
        """Forget the workspaces that have borrowed nothing and wait for nothing."""
        self._workspaces = {
            borrower: lane
            for borrower, lane in self._workspaces.items()
            if lane.lent or lane.waiting
        }

    def _take_idle(self, lane: Lane[C]) -> C | None:
        """Return a connection that lives; None where one must be made.

        A lane gets back the connection it had last, whose statements are prepared; else the
        one returned last. So only the lane whose requests are cancelled pays for new ones.
        """
        while self._idle:
            connection = next(
                (one for one in reversed(self._idle) if self._idle[one] is lane),
                next(reversed(self._idle)),
            )
            del self._idle[connection]
            if not connection.is_closed():
                return connection
        return None

    async def _make(self) -> C:
        try:
            async with asyncio.timeout(self._wait_s) as limit:
                self._making.add(limit)
                try:
                    return await self._connect()
                finally:
                    self._making.discard(limit)
        except TimeoutError:
            raise StoreAway from None

    # -- waiting --------------------------------------------------------------------------

    async def _wait(self, lane: Lane[C]) -> C | None:
        if lane.is_workspace and len(lane.waiting) >= self._most_waiting:
            raise StoreAway
        loop = asyncio.get_running_loop()
        waiting = _Waiting[C](loop.create_future(), loop.time() + self._wait_s)
        lane.waiting.append(waiting)
        self._waiting[lane] = None
        self._arm()
        try:
            return await waiting.given
        except asyncio.CancelledError:
            if waiting.given.cancelled():
                self._drop(lane, waiting)
            elif waiting.given.exception() is None:
                self._give_on(lane, waiting.given.result())
            raise

    def _drop(self, lane: Lane[C], waiting: _Waiting[C]) -> None:
        """Forget a cancelled waiter, so that it takes no one's turn."""
        if waiting in lane.waiting:
            lane.waiting.remove(waiting)
            if not lane.waiting:
                del self._waiting[lane]

    def _give_on(self, lane: Lane[C], connection: C | None) -> None:
        """Pass on what a waiter was given in the moment in which it was cancelled."""
        if connection is None:
            self._return_slot(lane)
        else:
            self.release(connection, lane)

    def _serve(self) -> None:
        """Give what is free to waiters that may have it: HOUSE, DOOR, workspaces in turn.

        Look again when the next of the others may have it.
        """
        while (lane := self._next()) is not None:
            del self._waiting[lane]
            given = lane.waiting.popleft().given
            if lane.waiting:
                self._waiting[lane] = None  # behind all others
            if not given.done():
                self._lend(lane)
                given.set_result(self._take_idle(lane))
        self._arm()

    def _next(self) -> Lane[C] | None:
        for lane in (self._house, self._door):
            if lane.waiting and self._may_have(lane):
                return lane
        if self._lent >= self._size or self._lent_to_workspaces >= self._for_workspaces:
            return None
        return next((lane for lane in self._waiting if self._may_have(lane)), None)

    def _arm(self) -> None:
        """Look at the waiters at the next deadline, or when the next lane has paid."""
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = min(lane.waiting[0].until for lane in self._waiting)
        at = min([at, *(lane.paid_at for lane in self._waiting if lane.paid_at > now)])
        if self._timer is not None:
            if self._looks_at <= at:
                return
            self._timer.cancel()
        self._looks_at = at
        self._timer = loop.call_at(at, self._look)

    def _look(self) -> None:
        """Fail waiters past their deadline, and serve those whose lane has paid."""
        now = asyncio.get_running_loop().time()
        self._timer = None
        for lane in tuple(self._waiting):
            line = lane.waiting
            while line and (line[0].given.done() or line[0].until <= now):
                given = line.popleft().given
                if not given.done():
                    given.set_exception(StoreAway())
            if not line:
                del self._waiting[lane]
        self._serve()
