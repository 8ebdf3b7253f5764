"""A token bucket: a rate per second and a burst."""

import time
from collections.abc import Callable


class Bucket:
    """Fills with `per_second` tokens up to `burst`, and starts full."""

    __slots__ = ("_at", "_burst", "_clock", "_left", "_per_second")

    def __init__(
        self, per_second: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._at = clock()

    def left(self) -> int:
        """Return how many tokens are available now."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        return int(self._left + 1e-6)

    def take(self, tokens: int) -> None:
        """Take available tokens."""
        self._left -= tokens

    def wait_s(self) -> float:
        """Return how many seconds it takes until a token is available."""
        return max(0.0, 1 - self._left) / self._per_second
