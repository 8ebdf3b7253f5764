"""The caller's audio that waits for a voice that does not hear yet."""

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.voice import EndTurn

#: Most of the caller's audio that waits; the oldest goes.
HELD_MS = 10_000.0

Item: TypeAlias = Chunk | EndTurn


class Held:
    """Audio in the order it came, and the ends of turns between it."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._ms = 0.0

    def hear(self, chunk: Chunk) -> None:
        """Keep audio; beyond `HELD_MS` the oldest is forgotten."""
        self._items.append(chunk)
        self._ms += chunk.duration_ms
        while self._items and self._ms > HELD_MS:
            oldest = self._items.popleft()
            if isinstance(oldest, Chunk):
                self._ms -= oldest.duration_ms

    def end_turn(self) -> None:
        """Note that a turn ends here, where there is audio that it could end."""
        if self._items and isinstance(self._items[-1], Chunk):
            self._items.append(EndTurn())

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._ms = 0.0

    def take(self) -> Iterator[Item]:
        """Yield what is held, oldest first, and forget it."""
        while self._items:
            yield self._items.popleft()
        self._ms = 0.0
