"""The caller's latest audio, kept for a voice that takes over in the middle of a turn. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.voice import EndTurn

Heard: TypeAlias = Chunk | EndTurn


class RecentAudio:
    """Chunks by their position: the milliseconds of audio before their end.

    Nothing is dropped but by `keep_from`, which keeps at most `most_ms`.
    """

    def __init__(self, most_ms: float) -> None:
        self._most_ms = most_ms
        self._items: deque[Heard] = deque()
        self._begins_ms = 0.0  # the oldest item
        #: Where the audio ends.
        self.end_ms = 0.0

    @property
    def start_ms(self) -> float:
        """Return where the oldest audio that is kept ends."""
        return self._begins_ms + _duration_ms(self._items[0]) if self._items else self.end_ms

    def hear(self, chunk: Chunk) -> None:
        """Keep a chunk; its base64 would only take the processor's cache from others."""
        self._items.append(Chunk(chunk.pcm, chunk.rate_hz))
        self.end_ms += chunk.duration_ms

    def keep_from(self, position_ms: float) -> None:
        """Drop what ends at a position or before it, and the oldest beyond the bound."""
        position_ms = max(position_ms, self.end_ms - self._most_ms)
        items = self._items
        while items and (end_ms := self._begins_ms + _duration_ms(items[0])) <= position_ms:
            self._begins_ms = end_ms
            items.popleft()

    def end_turn(self) -> None:
        """Note that the client ended the caller's turn here."""
        if self._items:
            self._items.append(EndTurn())

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._begins_ms = self.end_ms

    def since(self, position_ms: float) -> Iterator[Heard]:
        """Yield what came after a position, oldest first."""
        end_ms = self._begins_ms
        for item in list(self._items):
            end_ms += _duration_ms(item)
            if end_ms > position_ms:
                yield item


def _duration_ms(item: Heard) -> float:
    return item.duration_ms if isinstance(item, Chunk) else 0.0
