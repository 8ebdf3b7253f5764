"""One lookup for all who ask the same thing at the same time.

Whoever asks gets an answer that was looked up after they asked: a lookup that has already begun
is not theirs, so they wait for it and share the next one. A thousand handshakes of one key that
come together are two queries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class _Waiting(Generic[_Found]):
    """Those who wait for the next lookup of something."""

    __slots__ = ("look_up", "waiters")

    def __init__(self, look_up: Callable[[], Awaitable[_Found]]) -> None:
        self.look_up = look_up
        self.waiters: list[asyncio.Future[_Found]] = []


class SharedLookup(Generic[_Found]):
    """Looks things up, at most one at a time for each question."""

    def __init__(self) -> None:
        self._next: dict[Hashable, _Waiting[_Found]] = {}
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    async def ask(self, asked: Hashable, look_up: Callable[[], Awaitable[_Found]]) -> _Found:
        """Look something up from now on; `asked` names the question. Raises what it raises."""
        loop = asyncio.get_running_loop()
        waiting = self._next.get(asked)
        if waiting is None:
            waiting = self._next[asked] = _Waiting(look_up)
            if asked not in self._running:
                self._running[asked] = loop.create_task(self._run(asked))
        waiter: asyncio.Future[_Found] = loop.create_future()
        waiting.waiters.append(waiter)
        return await waiter

    async def _run(self, asked: Hashable) -> None:
        """Answer those who wait, until there are none."""
        try:
            while (waiting := self._next.pop(asked, None)) is not None:
                try:
                    found = await waiting.look_up()
                except Exception as error:
                    for waiter in waiting.waiters:
                        if not waiter.done():  # who left has cancelled it
                            waiter.set_exception(error)
                else:
                    for waiter in waiting.waiters:
                        if not waiter.done():
                            waiter.set_result(found)
        finally:
            del self._running[asked]
