"""A pool of connections that its borrowers share fairly.

Every borrower belongs to a lane. A workspace is one lane, however many keys and requests it
has: it gets a few connections at a time, and all workspaces together leave some unused.
Those are reserved for the server's own two lanes: `CREDENTIALS`, for keys and tickets that
anyone may present, bounded like a workspace; and `INTERNAL`, for the journal and
revocations, which may use every connection and is served first.

A workspace that keeps the database busy with expensive requests, while others use it too,
gets one connection at a time, and none until it has paid for the time it used (a generic
cell rate algorithm: `paid_at` advances by the duration of a loan divided by the workspace's
share). Short loans are free: what they measure is the round trip to the database and the
latency of our own loop.

A returned connection goes to a waiter whose lane may borrow one: the longest waiter of a
lane, and the lanes of workspaces in turn. (asyncpg's own pool wakes a waiter, and a newcomer
can then take the connection it was woken for: under load some requests wait for tens of
others, and all are woken several times.)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from ringline.domain import limits
from ringline.ports import StoreUnavailable


class Poolable(Protocol):
    """What the pool needs of a connection; asyncpg's has it."""

    def is_closed(self) -> bool:
        """Return whether it is closed."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:
        """Close it gracefully."""
        ...


C = TypeVar("C", bound=Poolable)


class ServerLane(Enum):
    """The lanes of the server itself."""

    INTERNAL = "internal"  # journal, revocations, background work: served first
    CREDENTIALS = "credentials"  # lookups of keys and tickets, which strangers present too


INTERNAL, CREDENTIALS = ServerLane.INTERNAL, ServerLane.CREDENTIALS

#: A borrower: the server itself, or a workspace by its id.
Borrower: TypeAlias = ServerLane | UUID


#: A workspace's share of one connection's time for expensive requests, and the duration
#: beyond which a request is expensive.
_SHARE = limits.DATABASE_SHARE.most / 100
EXPENSIVE_S = limits.DATABASE_EXPENSIVE_MS.most / 1000
#: How much of the share may be used in one burst.
_BURST_S = 0.5
#: The longest that a workspace is in debt, however much it used: well below a waiter's deadline.
_MOST_DEBT_S = limits.DATABASE_WAIT_S.most / 2
#: How long a workspace still gets one connection at a time after it has paid.
_ONE_AT_A_TIME_S = 10.0
#: How long a workspace counts as active after it has borrowed.
_ACTIVE_S = 1.0


@dataclass(frozen=True, slots=True)
class Shares:
    """How many connections a lane gets, and how many are closed to workspaces."""

    per_lane: int = limits.DATABASE_PER_WORKSPACE.most
    #: The same for a workspace while no other has borrowed for a second: with more in flight
    #: each turn of the event loop gets more done.
    alone: int = limits.DATABASE_ALONE.most
    reserved: int = limits.DATABASE_RESERVED.most
    #: Most waiters of a workspace. `CREDENTIALS` is bounded by the limits on client connections.
    waiters: int = limits.DATABASE_WAITING.most
    #: How many workspaces' lanes are kept while they borrow nothing.
    remembered: int = 1_000


@dataclass(slots=True, eq=False)
class _Waiter(Generic[C]):
    granted: "asyncio.Future[C | None]"
    deadline: float  # by the loop's clock


class Lane(Generic[C]):
    """A lane: how many connections it has borrowed or is opening, and its waiters.

    A waiter is granted a connection, or a slot in which to open one (None).
    """

    __slots__ = (
        "borrower",
        "is_workspace",
        "lent",
        "most",
        "paid_at",
        "throttled_until",
        "waiters",
    )

    def __init__(self, borrower: Borrower, most: int) -> None:
        self.borrower = borrower
        self.is_workspace = not isinstance(borrower, ServerLane)
        self.most = most
        self.lent = 0
        #: When its use is paid for, and until when it gets one connection at a time, by the
        #: loop's clock.
        self.paid_at = self.throttled_until = 0.0
        self.waiters: deque[_Waiter[C]] = deque()


class Pool(Generic[C]):
    """At most `size` connections, opened on demand and kept open."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        size: int,
        *,
        wait_s: float,
        shares: Shares | None = None,
    ) -> None:
        #: The loop's clock, which is looked up once: a request reads it several times.
        self._now = asyncio.get_running_loop().time
        shares = shares or Shares()
        reserved = min(shares.reserved, size - 1)  # a pool of one serves every lane
        self._connect = connect
        self._size = size
        self._wait_s = wait_s
        self._per_lane = shares.per_lane
        self._alone = max(shares.alone, shares.per_lane)
        self._most_waiters = shares.waiters
        self._remembered = shares.remembered
        self._for_workspaces = size - reserved
        self._for_credentials = size - reserved // 2
        #: Each with the lane that used it last, whose statements it has prepared.
        self._idle: dict[C, Lane[C]] = {}
        #: Connections that are borrowed or being opened: by all lanes, and by workspaces.
        self._lent = 0
        self._lent_to_workspaces = 0
        #: A loan looks its lane up once: the hash of a UUID costs more than all the rest.
        self._internal: Lane[C] = Lane(INTERNAL, size)
        self._credentials: Lane[C] = Lane(CREDENTIALS, self._per_lane)
        self._workspaces: dict[UUID, Lane[C]] = {}
        #: The workspace that borrowed last, when it did, and when any other workspace last did.
        self._latest: Lane[C] | None = None
        self._latest_at = self._other_at = -_ACTIVE_S
        #: The lanes that have waiters, in the order of their turns.
        self._waiting: dict[Lane[C], None] = {}
        self._timer: asyncio.TimerHandle | None = None  # of the next deadline
        self._looks_at = 0.0  # when it fires: uvloop's handles of short timers do not know
        self._opening: set[asyncio.Timeout] = set()  # of connections that are being opened
        self._closed = False

    def lane(self, borrower: Borrower) -> "Lane[C]":
        """Return the lane of a borrower, which the other methods take."""
        if borrower is INTERNAL:
            return self._internal
        if borrower is CREDENTIALS:
            return self._credentials
        lane = self._workspaces.get(borrower)
        if lane is None:
            if len(self._workspaces) >= self._remembered:
                self._forget()
            lane = self._workspaces[borrower] = Lane(borrower, self._per_lane)
        return lane

    def take(self, lane: "Lane[C]") -> C | None:
        """Borrow an idle connection; None if the lane must open one or wait."""
        if not self._idle or self._closed or not self._may_borrow(lane):
            return None
        connection = self._take_idle(lane)
        if connection is not None:
            self._lend(lane)
        return connection

    async def acquire(self, lane: "Lane[C]") -> C:
        """Borrow a connection for a lane.

        Raises StoreUnavailable after the wait, or at once if the lane has too many waiters, and
        the errors of connecting.
        """
        if self._closed:
            raise StoreUnavailable
        if self._may_borrow(lane):
            self._lend(lane)
            connection = self._take_idle(lane)
        else:
            connection = await self._wait(lane)
        if connection is not None:
            return connection
        try:
            return await self._open()
        except BaseException:
            self._return_slot(lane)
            raise

    def release(self, connection: C, lane: "Lane[C]") -> None:
        """Return a lane's connection; a closed one frees its slot."""
        if self._closed:
            connection.terminate()
        if not connection.is_closed():
            self._idle[connection] = lane
        self._return_slot(lane)

    def charge(self, lane: "Lane[C]", held_s: float) -> None:
        """Charge a lane for holding a connection."""
        if held_s > EXPENSIVE_S and lane.is_workspace:
            now = self._now()
            paid_at = max(lane.paid_at, now - _BURST_S) + (held_s - EXPENSIVE_S) / _SHARE
            lane.paid_at = min(paid_at, now + _MOST_DEBT_S)
            if lane.paid_at > now:
                lane.throttled_until = lane.paid_at + _ONE_AT_A_TIME_S

    def throttle(self, lane: "Lane[C]") -> None:
        """Lend a workspace one connection at a time for a while."""
        until = self._now() + _ONE_AT_A_TIME_S
        lane.throttled_until = max(lane.throttled_until, until)

    @property
    def has_waiters(self) -> bool:
        """Return whether any lane waits for a connection."""
        return bool(self._waiting)

    def keeps_others_waiting(self, lane: "Lane[C]") -> bool:
        """Return whether another lane waits although it has less than its share."""
        return any(other is not lane and other.lent < self._most(other) for other in self._waiting)

    def expire(self) -> None:
        """Close idle connections and fail all waiters, also those for a new connection."""
        idle, self._idle = self._idle, {}
        for connection in idle:
            connection.terminate()
        waiting, self._waiting = self._waiting, {}
        for lane in waiting:
            for waiter in lane.waiters:
                if not waiter.granted.done():
                    waiter.granted.set_exception(StoreUnavailable())
            lane.waiters.clear()
        for limit in self._opening:
            if not limit.expired():
                limit.reschedule(self._now())

    async def close(self, timeout_s: float) -> None:
        """Close idle connections; borrowed ones are closed when they are returned."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle, self._idle = self._idle, {}
        self.expire()
        closing = (connection.close(timeout=timeout_s) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    # -- slots ----------------------------------------------------------------------------

    def _may_borrow(self, lane: Lane[C]) -> bool:
        """Return whether a lane may borrow a connection now."""
        if lane.lent >= lane.most and not (lane.lent < self._alone and self._is_alone(lane)):
            return False
        if lane.throttled_until and lane.lent >= self._most(lane):
            return False
        if lane.is_workspace:
            return self._lent < self._size and self._lent_to_workspaces < self._for_workspaces
        return self._lent < (self._for_credentials if lane is self._credentials else self._size)

    def _most(self, lane: Lane[C]) -> int:
        """Return how many connections a lane may have now."""
        if not lane.throttled_until:
            return lane.most
        now = self._now()
        if lane.throttled_until <= now:
            lane.throttled_until = 0.0
            return lane.most
        if self._is_alone(lane):
            return lane.most
        return 1 if lane.paid_at <= now else 0

    def _is_alone(self, lane: Lane[C]) -> bool:
        """Return whether a lane is a workspace's and no other has borrowed for a second."""
        others_borrowed_at = self._other_at if lane is self._latest else self._latest_at
        since = self._now() - _ACTIVE_S
        return lane.is_workspace and others_borrowed_at < since

    def _lend(self, lane: Lane[C]) -> None:
        self._lent += 1
        lane.lent += 1
        if lane.is_workspace:
            self._lent_to_workspaces += 1
            if lane is not self._latest:
                self._latest, self._other_at = lane, self._latest_at
            self._latest_at = self._now()

    def _return_slot(self, lane: Lane[C]) -> None:
        self._lent -= 1
        lane.lent -= 1
        if lane.is_workspace:
            self._lent_to_workspaces -= 1
        if self._waiting:
            self._serve()

    def _forget(self) -> None:
        """Drop the lanes of workspaces that neither hold nor wait for a connection."""
        self._workspaces = {
            borrower: lane
            for borrower, lane in self._workspaces.items()
            if lane.lent or lane.waiters
        }

    def _take_idle(self, lane: Lane[C]) -> C | None:
        """Return an open idle connection, or None if the lane must open one.

        A lane preferably gets a connection that it used last, whose statements are prepared,
        else the one returned last. So only a lane whose requests are cancelled pays for new
        connections.
        """
        while self._idle:
            connection = next(
                (idle for idle in reversed(self._idle) if self._idle[idle] is lane),
                next(reversed(self._idle)),
            )
            del self._idle[connection]
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> C:
        try:
            async with asyncio.timeout(self._wait_s) as limit:
                self._opening.add(limit)
                try:
                    return await self._connect()
                finally:
                    self._opening.discard(limit)
        except TimeoutError:
            raise StoreUnavailable from None

    # -- waiting --------------------------------------------------------------------------

    async def _wait(self, lane: Lane[C]) -> C | None:
        if lane.is_workspace and len(lane.waiters) >= self._most_waiters:
            raise StoreUnavailable
        loop = asyncio.get_running_loop()
        waiter = _Waiter[C](loop.create_future(), loop.time() + self._wait_s)
        lane.waiters.append(waiter)
        self._waiting[lane] = None
        self._arm()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.cancelled():
                self._drop(lane, waiter)
            elif waiter.granted.exception() is None:
                self._pass_on(lane, waiter.granted.result())
            raise

    def _drop(self, lane: Lane[C], waiter: _Waiter[C]) -> None:
        """Remove a cancelled waiter, so that it takes nobody's turn."""
        if waiter in lane.waiters:
            lane.waiters.remove(waiter)
            if not lane.waiters:
                del self._waiting[lane]

    def _pass_on(self, lane: Lane[C], connection: C | None) -> None:
        """Release what a waiter was granted just before it was cancelled."""
        if connection is None:
            self._return_slot(lane)
        else:
            self.release(connection, lane)

    def _serve(self) -> None:
        """Grant free connections: to INTERNAL, CREDENTIALS, then workspaces in turn.

        Re-arm the timer for the waiters that are left.
        """
        while (lane := self._next()) is not None:
            del self._waiting[lane]
            granted = lane.waiters.popleft().granted
            if lane.waiters:
                self._waiting[lane] = None  # behind all others
            if not granted.done():
                self._lend(lane)
                granted.set_result(self._take_idle(lane))
        self._arm()

    def _next(self) -> Lane[C] | None:
        for lane in (self._internal, self._credentials):
            if lane.waiters and self._may_borrow(lane):
                return lane
        if self._lent >= self._size or self._lent_to_workspaces >= self._for_workspaces:
            return None
        return next((lane for lane in self._waiting if self._may_borrow(lane)), None)

    def _arm(self) -> None:
        """Set the timer to the next deadline, or to when the next lane has paid."""
        if not self._waiting:
            return
        # A timer never fires after the first deadline: every waiter waits equally long.
        if self._timer is not None and not any(lane.throttled_until for lane in self._waiting):
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = min(lane.waiters[0].deadline for lane in self._waiting)
        at = min([at, *(lane.paid_at for lane in self._waiting if lane.paid_at > now)])
        if self._timer is not None:
            if self._looks_at <= at:
                return
            self._timer.cancel()
        self._looks_at = at
        self._timer = loop.call_at(at, self._look)

    def _look(self) -> None:
        """Fail waiters past their deadline, and serve those whose lane has paid."""
        now = self._now()
        self._timer = None
        for lane in tuple(self._waiting):
            waiters = lane.waiters
            while waiters and (waiters[0].granted.done() or waiters[0].deadline <= now):
                granted = waiters.popleft().granted
                if not granted.done():
                    granted.set_exception(StoreUnavailable())
            if not waiters:
                del self._waiting[lane]
        self._serve()
