"""Rate limits: a token bucket for each key or operator, a window for each workspace.

Contract, 8; live streams, 1.6. The number of buckets and windows is bounded. Beyond it, the one
that has been idle longest is dropped: it is closest to full, and a full bucket is equivalent to a
new one.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from ringline.domain import limits
from ringline.domain.tiers import REQUESTS_PER_MINUTE, Tier

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

    def give_back(self, who: Hashable) -> None:
        """Return a request that was counted, and turned out not to count."""
        if who in self._buckets:
            left, at = self._buckets[who]
            self._buckets[who] = (min(self._burst, left + 1), at)


#: The length of a window, in seconds.
WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """A workspace's requests in the current window, after one more was counted.

    `reset_s` is when another one is let through or, if there is room, when the oldest of the
    window leaves it. `refused` is whether this one was one too many.
    """

    limit: int
    remaining: int
    reset_s: int
    refused: bool


@dataclass(slots=True, eq=False)
class _Window:
    """The requests of the last minute: the seconds that had any, and how many."""

    seconds: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    total: int = 0

    def forget(self, before: int) -> None:
        while self.seconds and self.seconds[0][0] <= before:
            self.total -= self.seconds.popleft()[1]

    def count(self, second: int) -> None:
        self.total += 1
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1] = (second, self.seconds[-1][1] + 1)
        else:
            self.seconds.append((second, 1))


class SlidingRate:
    """Allows each workspace so many requests in any minute; None: by its tier, 0: no limit.

    Requests are counted by the second, so a window costs a minute of numbers, however many
    requests it holds. A refused request is not counted.
    """

    def __init__(self, most: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        #: By workspace; the most recent one is last.
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()

    @property
    def kept(self) -> int:
        """Return the number of windows."""
        return len(self._windows)

    def take(self, who: Hashable, tier: Tier = Tier.SCALE) -> Quota | None:
        """Count a request, unless it is refused; None without a limit."""
        most = REQUESTS_PER_MINUTE[tier] if self._most is None else self._most
        if not most:
            return None
        second = math.floor(self._clock())
        window = self._windows.pop(who, None) or _Window()
        if len(self._windows) >= limits.TRACKED_RATES.most:
            self._windows.popitem(last=False)
        self._windows[who] = window
        window.forget(second - WINDOW_S)
        refused = window.total >= most
        if not refused:
            window.count(second)
        reset_s = window.seconds[0][0] + WINDOW_S - second
        return Quota(most, max(0, most - window.total), reset_s, refused)
