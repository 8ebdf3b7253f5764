"""A pool of connections that are handed from one borrower to the next, in turn.

asyncpg's own pool wakes a waiter and lets whoever comes by at that moment take what it was
woken for: under load some requests wait for tens of others, and all are woken several
times. Here a connection that comes back belongs to whoever has waited longest.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
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


class Pool(Generic[C]):
    """At most `size` connections, made when they are wanted and kept."""

    def __init__(self, connect: Callable[[], Awaitable[C]], size: int, wait_s: float) -> None:
        self._connect = connect
        self._size = size
        self._wait_s = wait_s
        self._idle: list[C] = []
        self._taken = 0  # places: idle, borrowed, being connected
        #: Who waits, in turn: each is given a connection, or a place for a new one (None).
        self._waiting: deque[asyncio.Future[C | None]] = deque()
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
            return await self._connect()
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
        """Close what is idle, and let nobody wait any longer."""
        while self._idle:
            self._idle.pop().terminate()
            self._taken -= 1
        while (waiting := self._next()) is not None:
            waiting.set_exception(StoreAway())

    async def close(self, timeout_s: float) -> None:
        """Close what is idle; what is borrowed is closed when it comes back."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._taken -= len(idle)
        self.expire()
        closing = (connection.close(timeout=timeout_s) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    async def _wait(self) -> C | None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[C | None] = loop.create_future()
        self._waiting.append(waiting)
        timer = loop.call_later(self._wait_s, _give_up, waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            self._give_on(waiting)
            raise
        finally:
            timer.cancel()

    def _give_on(self, waiting: "asyncio.Future[C | None]") -> None:
        """Pass on what a cancelled waiter was given in the same moment."""
        if not waiting.done() or waiting.cancelled() or waiting.exception() is not None:
            return
        given = waiting.result()
        if given is None:
            self._pass_place()
        else:
            self.release(given)

    def _pass_place(self) -> None:
        waiting = self._next()
        if waiting is None:
            self._taken -= 1
        else:
            waiting.set_result(None)

    def _next(self) -> "asyncio.Future[C | None] | None":
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                return waiting
        return None


def _give_up(waiting: "asyncio.Future[C | None]") -> None:
    if not waiting.done():
        waiting.set_exception(StoreAway())
