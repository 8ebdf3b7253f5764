"""The token bucket of requests per key (contract, 8)."""

from uuid import UUID

import pytest

from ringline.domain import limits
from ringline.web.rates import RateLimit

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("per_second", [0.01, 0.3, 1, 7, 100, 333.3])
def test_who_waits_as_long_as_told_passes(per_second: float) -> None:
    now = 0.0
    limit = RateLimit(per_second, 2 * per_second, clock=lambda: now)
    passed = 0
    while not (wait_s := limit.take(ONE)):
        passed += 1
    assert passed == max(1, int(2 * per_second + 1e-6))
    assert limit.take(OTHER) == 0  # of its own
    for _ in range(100):
        assert wait_s >= 1
        now += wait_s
        assert limit.take(ONE) == 0
        while not (wait_s := limit.take(ONE)):
            pass


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0, 0, clock=lambda: 0.0)
    assert not any(limit.take(ONE) for _ in range(1_000))


def test_so_many_buckets_are_kept_and_who_asks_still_waits() -> None:
    limit = RateLimit(1, 2, clock=lambda: 0.0)
    for number in range(limits.TRACKED_RATES.most + 100):  # none of them is ever full again
        assert limit.take((ONE, UUID(int=number))) == 0
        if number == limits.TRACKED_RATES.most:
            assert limit.take("busy") == 0
        elif number > limits.TRACKED_RATES.most + 50:
            limit.take("busy")
    assert limit.kept == limits.TRACKED_RATES.most
    assert limit.take("busy") > 0
