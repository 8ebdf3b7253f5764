"""A pool of connections that are handed from one borrower to the next, in turn.

asyncpg's own pool wakes a waiter and lets whoever comes by at that moment take what it was
woken for: under load some requests wait for tens of others, and all are woken several
times. Here a connection that comes back belongs to whoever has waited longest.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

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


@dataclass(slots=True)
class _Waiting(Generic[C]):
    given: "asyncio.Future[C | None]"
    until: float  # by the loop's clock


class Pool(Generic[C]):
    """At most `size` connections, made when they are wanted and kept."""

    def __init__(self, connect: Callable[[], Awaitable[C]], size: int, wait_s: float) -> None:
        self._connect = connect
        self._size = size
        self._wait_s = wait_s
        self._idle: list[C] = []
        self._taken = 0  # places: idle, borrowed, being connected
        #: Who waits, in turn: each is given a connection, or a place for a new one (None).
        self._waiting: deque[_Waiting[C]] = deque()
        self._timer: asyncio.TimerHandle | None = None  # of who has waited longest
        self._making: set[asyncio.Timeout] = set()  # of connections that are being made
        self._closed = False

    async def acquire(self) -> C:
        """Borrow a connection. Raises StoreAway after the wait, and what connecting raises."""
        if self._closed:
            raise StoreAway
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._taken -= 1
        if self._taken < self._size:
            self._taken += 1
        else:
            connection = await self._wait()
            if connection is not None:
                return connection
        try:
            return await self._make()
        except BaseException:
            self._pass_place()
            raise

    def release(self, connection: C) -> None:
        """Take a connection back; a closed one leaves its place to another."""
        if self._closed:
            connection.terminate()
        if connection.is_closed():
            self._pass_place()
        elif (waiting := self._next()) is not None:
            waiting.set_result(connection)
        else:
            self._idle.append(connection)

    def expire(self) -> None:
        """Close what is idle, and let nobody wait any longer, for a new connection either."""
        while self._idle:
            self._idle.pop().terminate()
            self._taken -= 1
        while (waiting := self._next()) is not None:
            waiting.set_exception(StoreAway())
        for limit in self._making:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())

    async def close(self, timeout_s: float) -> None:
        """Close what is idle; what is borrowed is closed when it comes back."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        self._taken -= len(idle)
        self.expire()
        closing = (connection.close(timeout=timeout_s) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

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

    async def _wait(self) -> C | None:
        loop = asyncio.get_running_loop()
        waiting = _Waiting[C](loop.create_future(), loop.time() + self._wait_s)
        self._waiting.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.until, self._send_away)
        try:
            return await waiting.given
        except asyncio.CancelledError:
            self._give_on(waiting.given)
            raise

    def _send_away(self) -> None:
        """Let those go who have waited for too long, and look again when the next one has."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            first = self._waiting[0]
            if first.given.done():
                self._waiting.popleft()
            elif first.until <= loop.time():
                self._waiting.popleft().given.set_exception(StoreAway())
            else:
                self._timer = loop.call_at(first.until, self._send_away)
                return

    def _give_on(self, given: "asyncio.Future[C | None]") -> None:
        """Pass on what a cancelled waiter was given in the same moment."""
        if not given.done() or given.cancelled() or given.exception() is not None:
            return
        connection = given.result()
        if connection is None:
            self._pass_place()
        else:
            self.release(connection)

    def _pass_place(self) -> None:
        waiting = self._next()
        if waiting is None:
            self._taken -= 1
        else:
            waiting.set_result(None)

    def _next(self) -> "asyncio.Future[C | None] | None":
        while self._waiting:
            given = self._waiting.popleft().given
            if not given.done():
                return given
        return None
