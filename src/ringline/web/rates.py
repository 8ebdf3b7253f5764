"""Rate limits per key: a token bucket each (contract, 8)."""

import math
import time
from collections.abc import Callable
from uuid import UUID

_ROUNDING = 1e-6  # who waited as long as told must pass
_MAX_BUCKETS = 10_000  # full buckets are forgotten beyond it: they would let anything pass


class RateLimit:
    """Lets `per_second` requests of a key pass, and `burst` at once; 0 is no limit."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst)  # less than one request would never pass
        self._clock = clock
        self._buckets: dict[UUID, tuple[float, float]] = {}

    def take(self, key_id: UUID) -> int:
        """Take one request; 0 if it may pass, else the whole seconds until the next may."""
        if not self._per_second:
            return 0
        now = self._clock()
        left, at = self._buckets.get(key_id, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        if left < 1 - _ROUNDING:
            self._buckets[key_id] = (left, now)
            return max(1, math.ceil((1 - left) / self._per_second))
        if len(self._buckets) >= _MAX_BUCKETS:
            self._forget_full(now)
        self._buckets[key_id] = (left - 1, now)
        return 0

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            key_id: (left, at)
            for key_id, (left, at) in self._buckets.items()
            if left + (now - at) * self._per_second < self._burst
        }
