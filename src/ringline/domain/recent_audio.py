"""The caller's latest audio, kept for a voice that takes over in the middle of a turn. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.voice import EndTurn

Heard: TypeAlias = Chunk | EndTurn


class RecentAudio:
    """Chunks by their position: the milliseconds of audio before their end.

    At most `most_ms` are kept; beyond it the oldest are dropped.
    """

    def __init__(self, most_ms: float) -> None:
        self._most_ms = most_ms
        self._items: deque[tuple[float, Heard]] = deque()
        #: Where the audio ends.
        self.end_ms = 0.0

    @property
    def start_ms(self) -> float:
        """Return where the oldest audio that is kept ends."""
        return self._items[0][0] if self._items else self.end_ms

    def hear(self, chunk: Chunk, *, keep_from_ms: float) -> None:
        """Keep a chunk, and of the earlier audio what ends after a position."""
        self.end_ms += chunk.duration_ms
        self._items.append((self.end_ms, chunk))
        keep_from_ms = max(keep_from_ms, self.end_ms - self._most_ms)
        while self._items and self._items[0][0] <= keep_from_ms:
            self._items.popleft()

    def end_turn(self) -> None:
        """Note that the client ended the caller's turn here."""
        if self._items:
            self._items.append((self.end_ms, EndTurn()))

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def since(self, position_ms: float) -> Iterator[Heard]:
        """Yield what came after a position, oldest first."""
        for end_ms, item in list(self._items):
            if end_ms > position_ms:
                yield item
