"""A pool of connections that its borrowers share fairly.

Every borrower belongs to a lane. A workspace is one, however many keys and requests it
has: it gets a few connections at a time, and all workspaces together leave some alone.
Those serve the two lanes of the server itself: `DOOR`, for credentials and tickets that
anyone may present, bounded like a workspace; and `HOUSE`, for journal and revocations,
which may use every connection and is served first.

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


class Server(Enum):
    """The lanes of the server itself."""

    HOUSE = "house"  # journal, revocations, background work: served first
    DOOR = "door"  # credentials and tickets, which strangers present too


HOUSE, DOOR = Server.HOUSE, Server.DOOR

#: Who borrows: the server itself, or a workspace by its id.
Lane: TypeAlias = Server | UUID


@dataclass(frozen=True, slots=True)
class Shares:
    """How many connections a lane gets, and how many workspaces leave alone."""

    each: int = limits.DATABASE_PER_WORKSPACE.most
    kept: int = limits.DATABASE_KEPT.most
    #: Most waiters of one workspace. The connections that strangers have bound `DOOR`'s.
    waiting: int = limits.DATABASE_WAITING.most


@dataclass(slots=True, eq=False)
class _Waiting(Generic[C]):
    given: "asyncio.Future[C | None]"
    until: float  # by the loop's clock


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
        self._for_workspaces = size - kept
        self._for_strangers = size - kept // 2
        self._idle: list[C] = []
        #: Places that are borrowed or being connected: of all lanes, of all workspaces, and
        #: of each lane that has any.
        self._lent = 0
        self._lent_to_workspaces = 0
        self._lent_to: dict[Lane, int] = {}
        #: Who waits, by lane, the lane whose turn it is first: each is given a connection,
        #: or a place for a new one (None).
        self._waiting: dict[Lane, deque[_Waiting[C]]] = {}
        self._timer: asyncio.TimerHandle | None = None  # of the next deadline
        self._making: set[asyncio.Timeout] = set()  # of connections that are being made
        self._closed = False

    def take(self, lane: Lane) -> C | None:
        """Borrow a connection that is idle; None where one must be made or waited for."""
        if not self._idle or self._closed or not self._may_have(lane):
            return None
        connection = self._take_idle()
        if connection is not None:
            self._lend(lane)
        return connection

    async def acquire(self, lane: Lane) -> C:
        """Borrow a connection for a lane.

        Raises StoreAway after the wait, or at once where too many of the lane wait, and
        what connecting raises.
        """
        if self._closed:
            raise StoreAway
        if self._may_have(lane):
            self._lend(lane)
            connection = self._take_idle()
        else:
            connection = await self._wait(lane)
        if connection is not None:
            return connection
        try:
            return await self._make()
        except BaseException:
            self._return_place(lane)
            raise

    def release(self, connection: C, lane: Lane) -> None:
        """Take a lane's connection back; a closed one leaves its place to another."""
        if self._closed:
            connection.terminate()
        if not connection.is_closed():
            self._idle.append(connection)
        self._return_place(lane)

    @property
    def is_waited_for(self) -> bool:
        """Tell whether anyone waits for a connection."""
        return bool(self._waiting)

    def is_wanted_from(self, lane: Lane) -> bool:
        """Tell whether another lane waits for connections while it has not got its share."""
        return any(other != lane and self._is_below_share(other) for other in self._waiting)

    def expire(self) -> None:
        """Close what is idle, and fail all waiters, also those for a new connection."""
        while self._idle:
            self._idle.pop().terminate()
        waiting, self._waiting = self._waiting, {}
        for line in waiting.values():
            for one in line:
                if not one.given.done():
                    one.given.set_exception(StoreAway())
        for limit in self._making:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())

    async def close(self, timeout_s: float) -> None:
        """Close what is idle; what is borrowed is closed when it comes back."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        self.expire()
        closing = (connection.close(timeout=timeout_s) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    # -- places ---------------------------------------------------------------------------

    def _may_have(self, lane: Lane) -> bool:
        """Tell whether a lane may borrow a connection now."""
        if lane is HOUSE:
            return self._lent < self._size
        if not self._is_below_share(lane):
            return False
        if lane is DOOR:
            return self._lent < self._for_strangers
        return self._lent < self._size and self._lent_to_workspaces < self._for_workspaces

    def _is_below_share(self, lane: Lane) -> bool:
        return lane is HOUSE or self._lent_to.get(lane, 0) < self._each

    def _lend(self, lane: Lane) -> None:
        self._lent += 1
        self._lent_to[lane] = self._lent_to.get(lane, 0) + 1
        if not isinstance(lane, Server):
            self._lent_to_workspaces += 1

    def _return_place(self, lane: Lane) -> None:
        self._lent -= 1
        left = self._lent_to[lane] - 1
        if left:
            self._lent_to[lane] = left
        else:
            del self._lent_to[lane]
        if not isinstance(lane, Server):
            self._lent_to_workspaces -= 1
        if self._waiting:
            self._serve()

    def _take_idle(self) -> C | None:
        """Return a connection that lives; None where one must be made."""
        while self._idle:
            connection = self._idle.pop()
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

    async def _wait(self, lane: Lane) -> C | None:
        line = self._waiting.get(lane)
        if line is None:
            line = self._waiting[lane] = deque()
        elif len(line) >= self._most_waiting and not isinstance(lane, Server):
            raise StoreAway
        loop = asyncio.get_running_loop()
        waiting = _Waiting[C](loop.create_future(), loop.time() + self._wait_s)
        line.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.until, self._fail_overdue)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            if waiting.given.cancelled():
                self._drop(lane, waiting)
            elif waiting.given.exception() is None:
                self._give_on(lane, waiting.given.result())
            raise

    def _drop(self, lane: Lane, waiting: _Waiting[C]) -> None:
        """Forget a cancelled waiter, so that it takes no one's place in the line."""
        line = self._waiting.get(lane)
        if line is not None and waiting in line:
            line.remove(waiting)
            if not line:
                del self._waiting[lane]

    def _give_on(self, lane: Lane, connection: C | None) -> None:
        """Pass on what a waiter was given in the moment in which it was cancelled."""
        if connection is None:
            self._return_place(lane)
        else:
            self.release(connection, lane)

    def _serve(self) -> None:
        """Give what is free to waiters that may have it: HOUSE, DOOR, workspaces in turn."""
        while (lane := self._next_lane()) is not None:
            line = self._waiting.pop(lane)
            given = line.popleft().given
            if line:
                self._waiting[lane] = line  # behind all others
            if not given.done():
                self._lend(lane)
                given.set_result(self._take_idle())

    def _next_lane(self) -> Lane | None:
        for lane in (HOUSE, DOOR):
            if lane in self._waiting and self._may_have(lane):
                return lane
        if self._lent >= self._size or self._lent_to_workspaces >= self._for_workspaces:
            return None
        return next((lane for lane in self._waiting if self._may_have(lane)), None)

    def _fail_overdue(self) -> None:
        """Fail waiters past their deadline; re-arm the timer for the next one."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = None
        for lane, line in tuple(self._waiting.items()):
            while line and (line[0].given.done() or line[0].until <= now):
                given = line.popleft().given
                if not given.done():
                    given.set_exception(StoreAway())
            if not line:
                del self._waiting[lane]
        if self._waiting:
            until = min(line[0].until for line in self._waiting.values())
            self._timer = loop.call_at(until, self._fail_overdue)
