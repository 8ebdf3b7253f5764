"""When a voice was given which audio: a provider tells of speech by its position in the stream."""

from collections import deque
from collections.abc import Callable

#: How far apart the marks are, and how many are kept: two minutes.
MARK_MS = 100.0
MARKS = 1_200


class HeardClock:
    """The caller's audio by its position, counted from the first; `now` is in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._given_ms = 0.0
        self._marks: deque[tuple[float, float]] = deque(maxlen=MARKS)
        #: When the last audio was given, and the first one since a turn was over.
        self.last_at = now()
        self._first_at: float | None = None

    def give(self, duration_ms: float) -> None:
        """Count a chunk that is given now."""
        self.last_at = self.now()
        if self._first_at is None:
            self._first_at = self.last_at
        if not self._marks or self._given_ms - self._marks[-1][0] >= MARK_MS:
            self._marks.append((self._given_ms, self.last_at))
        self._given_ms += duration_ms

    def turn_over(self) -> None:
        """Let the next audio be the first one of a turn."""
        self._first_at = None

    @property
    def turn_ago_ms(self) -> float:
        """Return how long ago the first audio of the turn was given."""
        return self._since(self.last_at if self._first_at is None else self._first_at)

    def ago_ms(self, position_ms: float | None = None) -> float:
        """Return how long ago the audio at a position was given, or the last of all."""
        if position_ms is not None:
            for start_ms, at in reversed(self._marks):
                if start_ms <= position_ms:
                    # The last mark may be older than the chunk that holds the position.
                    return self._since(at) if position_ms < self._given_ms else self._last_ago_ms
            if self._marks:
                return self._since(self._marks[0][1])
        return self._last_ago_ms

    @property
    def _last_ago_ms(self) -> float:
        return self._since(self.last_at)

    def _since(self, at: float) -> float:
        return max(0.0, (self.now() - at) * 1000)
