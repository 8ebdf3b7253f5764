"""The caller's audio, held until the voice is ready to hear it."""

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.voice import EndTurn

#: The longest audio that is held; beyond it the oldest is dropped.
HELD_MS = 10_000.0

Item: TypeAlias = Chunk | EndTurn


class HeldAudio:
    """A queue of audio chunks, with the ends of turns between them."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._ms = 0.0

    def hear(self, chunk: Chunk) -> None:
        """Enqueue audio; beyond `HELD_MS` drop the oldest."""
        self._items.append(chunk)
        self._ms += chunk.duration_ms
        while self._items and self._ms > HELD_MS:
            oldest = self._items.popleft()
            if isinstance(oldest, Chunk):
                self._ms -= oldest.duration_ms

    def end_turn(self) -> None:
        """Mark the end of a turn, if there is audio before it."""
        if self._items and isinstance(self._items[-1], Chunk):
            self._items.append(EndTurn())

    def clear(self) -> None:
        """Discard everything."""
        self._items.clear()
        self._ms = 0.0

    def take(self) -> Iterator[Item]:
        """Dequeue everything, oldest first."""
        while self._items:
            yield self._items.popleft()
        self._ms = 0.0
