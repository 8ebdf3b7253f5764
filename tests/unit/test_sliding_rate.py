"""The sliding window of requests per workspace (live streams, 1.6)."""

from uuid import UUID

import pytest

from ringline.domain import limits
from ringline.domain.tiers import Tier
from ringline.web.rates import WINDOW_S, Quota, SlidingRate

ONE, OTHER = UUID(int=1), UUID(int=2)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def take(rate: SlidingRate, who: UUID = ONE) -> Quota:
    quota = rate.take(who)
    assert quota is not None
    return quota


def test_so_many_are_let_through_and_the_next_is_told_when(clock: Clock) -> None:
    rate = SlidingRate(3, clock=clock)
    assert [take(rate).remaining for _ in range(3)] == [2, 1, 0]
    clock.now += 20
    refused = take(rate)
    assert refused == Quota(limit=3, remaining=0, reset_s=40, refused=True)
    assert not take(rate, OTHER).refused


@pytest.mark.parametrize("gap_s", [0.0, 0.3, 7.0])
def test_who_waits_as_long_as_told_passes(clock: Clock, gap_s: float) -> None:
    rate = SlidingRate(4, clock=clock)
    for _ in range(50):
        while not (quota := take(rate)).refused:
            clock.now += gap_s
        assert 1 <= quota.reset_s <= WINDOW_S
        clock.now += quota.reset_s
        assert not take(rate).refused


@pytest.mark.parametrize(
    ("tier", "most"),
    [(Tier.STARTER, 1_000), (Tier.BUILDER, 5_000), (Tier.SCALE, 20_000), (Tier.PAYG, 5_000)],
)
def test_the_tier_sets_the_limit_where_none_is_chosen(clock: Clock, tier: Tier, most: int) -> None:
    quota = SlidingRate(None, clock=clock).take(ONE, tier)
    assert quota == Quota(most, most - 1, WINDOW_S, refused=False)
    chosen = SlidingRate(7, clock=clock).take(ONE, tier)
    assert chosen is not None
    assert chosen.limit == 7


def test_a_lower_tier_counts_from_the_next_request_on(clock: Clock) -> None:
    rate = SlidingRate(None, clock=clock)
    for _ in range(1_001):
        assert rate.take(ONE, Tier.SCALE) is not None
    assert rate.take(ONE, Tier.STARTER) == Quota(1_000, 0, WINDOW_S, refused=True)


def test_a_refused_request_is_not_counted(clock: Clock) -> None:
    rate = SlidingRate(2, clock=clock)
    take(rate)
    clock.now += 30
    take(rate)
    for _ in range(100):
        assert take(rate).refused
    clock.now += 30  # the first one leaves, and the hundred never came
    assert take(rate) == Quota(2, 0, 30, refused=False)


def test_no_minute_holds_more_than_allowed(clock: Clock) -> None:
    """A window that was filled late does not empty at the turn of a minute."""
    rate = SlidingRate(10, clock=clock)
    passed: list[float] = []
    for _ in range(600):
        if not take(rate).refused:
            passed.append(clock.now)
        clock.now += 0.5
    for at in passed:  # to the second, by which requests are counted
        assert sum(at <= other < at + WINDOW_S - 1 for other in passed) <= 10
    assert len(passed) == 50


def test_zero_is_no_limit(clock: Clock) -> None:
    rate = SlidingRate(0, clock=clock)
    assert [rate.take(ONE) for _ in range(1_000)] == [None] * 1_000
    assert rate.kept == 0


def test_so_many_windows_are_kept_and_a_busy_one_stays(clock: Clock) -> None:
    rate = SlidingRate(5, clock=clock)
    busy = UUID(int=10**9)
    for number in range(limits.TRACKED_RATES.most + 100):
        take(rate, UUID(int=number))
        take(rate, busy)
    assert rate.kept == limits.TRACKED_RATES.most
    assert take(rate, busy).refused


def test_a_clock_that_jumps_back_lets_nobody_wait_longer_than_a_minute(clock: Clock) -> None:
    rate = SlidingRate(1, clock=clock)
    take(rate)
    clock.now += WINDOW_S + 5
    assert take(rate) == Quota(1, 0, WINDOW_S, refused=False)
