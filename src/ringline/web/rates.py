"""Rate limits: a token bucket for each who asks, a key or an operator (contract, 8).

So many buckets are kept. Beyond them the one that has been idle for longest is forgotten:
it is the nearest to full, and a full one is as good as none.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ringline.domain import limits

_ROUNDING = 1e-6  # who waited as long as told must pass


class RateLimit:
    """Lets each pass `per_second` requests, and `burst` at once; 0 is no limit."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst)  # less than one request would never pass
        self._clock = clock
        #: By who asks; whoever asked last stands last.
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    @property
    def kept(self) -> int:
        """Return how many buckets are kept."""
        return len(self._buckets)

    def take(self, who: Hashable) -> int:
        """Take one request; 0 if it may pass, else the whole seconds until the next may."""
        if not self._per_second:
            return 0
        now = self._clock()
        left, at = self._buckets.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        if left < 1 - _ROUNDING:
            self._buckets[who] = (left, now)
            return max(1, math.ceil((1 - left) / self._per_second))
        if len(self._buckets) >= limits.RATES_KEPT.most:
            self._buckets.popitem(last=False)
        self._buckets[who] = (left - 1, now)
        return 0
