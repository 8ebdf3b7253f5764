"""Rate limits: a token bucket for each key or operator (contract, 8).

The number of buckets is bounded. Beyond it, the one that has been idle longest is dropped: it
is closest to full, and a full bucket is equivalent to a new one.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ringline.domain import limits

_ROUNDING = 1e-6  # a client that waited as long as told must pass


class RateLimit:
    """Allows each caller `per_second` requests, and `burst` at once; 0 is no limit."""

    def __init__(
        self, per_second: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst)  # less than one request would never pass
        self._clock = clock
        #: By caller; the most recent one is last.
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    @property
    def kept(self) -> int:
        """Return the number of buckets."""
        return len(self._buckets)

    def take(self, who: Hashable) -> int:
        """Count a request; return 0 if allowed, else the whole seconds to wait."""
        if not self._per_second:
            return 0
        now = self._clock()
        left, at = self._buckets.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        if left < 1 - _ROUNDING:
            self._buckets[who] = (left, now)
            return max(1, math.ceil((1 - left) / self._per_second))
        if len(self._buckets) >= limits.TRACKED_RATES.most:
            self._buckets.popitem(last=False)
        self._buckets[who] = (left - 1, now)
        return 0
