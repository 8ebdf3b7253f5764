"""One lookup for all who ask the same thing at the same time.

Whoever asks gets an answer that was looked up after they asked: a lookup that has already begun
is not theirs, so they wait for it and share the next one. A thousand handshakes of one key that
come together are two queries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_Asked = TypeVar("_Asked", bound=Hashable)
_Found = TypeVar("_Found")


class SharedLookup(Generic[_Asked, _Found]):
    """Looks things up with `look_up`, at most one at a time for each question."""

    def __init__(self, look_up: Callable[[_Asked], Awaitable[_Found]]) -> None:
        self._look_up = look_up
        self._next: dict[_Asked, asyncio.Future[_Found]] = {}
        self._running: dict[_Asked, asyncio.Task[None]] = {}

    async def ask(self, asked: _Asked) -> _Found:
        """Look something up from now on. Raises what the lookup raises."""
        answer = self._next.get(asked)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = self._next[asked] = loop.create_future()
            if asked not in self._running:
                self._running[asked] = loop.create_task(self._run(asked))
        return await asyncio.shield(answer)

    async def _run(self, asked: _Asked) -> None:
        """Answer those who wait, until there are none."""
        try:
            while (answer := self._next.pop(asked, None)) is not None:
                try:
                    found = await self._look_up(asked)
                except Exception as error:
                    answer.set_exception(error)
                    answer.exception()  # marks it as retrieved: everybody may have left
                else:
                    answer.set_result(found)
        finally:
            del self._running[asked]
