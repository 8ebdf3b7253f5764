"""One lookup for all who ask the same thing at the same time.

Whoever asks gets an answer that was looked up after they asked: a lookup that has already begun
is not theirs, so they wait for it and share the next one. A thousand handshakes of one key that
come together are two queries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class SharedLookup(Generic[_Found]):
    """Looks things up, at most one at a time for each question."""

    def __init__(self) -> None:
        self._next: dict[
            Hashable, tuple[asyncio.Future[_Found], Callable[[], Awaitable[_Found]]]
        ] = {}
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    async def ask(self, asked: Hashable, look_up: Callable[[], Awaitable[_Found]]) -> _Found:
        """Look something up from now on; `asked` names the question. Raises what it raises."""
        waiting = self._next.get(asked)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = self._next[asked] = loop.create_future(), look_up
            if asked not in self._running:
                self._running[asked] = loop.create_task(self._run(asked))
        return await asyncio.shield(waiting[0])

    async def _run(self, asked: Hashable) -> None:
        """Answer those who wait, until there are none."""
        try:
            while (waiting := self._next.pop(asked, None)) is not None:
                answer, look_up = waiting
                try:
                    found = await look_up()
                except Exception as error:
                    answer.set_exception(error)
                    answer.exception()  # marks it as retrieved: everybody may have left
                else:
                    answer.set_result(found)
        finally:
            del self._running[asked]
