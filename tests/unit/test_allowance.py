"""Limits measured: when a client is warned, when a call ends, when to look again. Pure."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.allowance import (
    END_CAUSES,
    MEASURES,
    WARN_SHARE,
    Allowance,
    Findings,
    LimitNear,
    LimitReason,
    Measure,
    look,
    next_look_s,
)
from ringline.domain.endings import EndCause
from ringline.wire.realtime_errors import ERRORS, error_of

NOTHING = dict.fromkeys(Measure, 0.0)
BUDGET = (Measure.TOKENS, Measure.AUDIO_S, Measure.USD)
REASONS = {measure: row.reason for measure, row in MEASURES.items()}


def measured(**values: float) -> dict[Measure, float]:
    return NOTHING | {Measure(name): value for name, value in values.items()}


def test_every_measure_has_a_row_and_every_reason_an_end() -> None:
    assert list(MEASURES) == list(Measure)
    assert set(END_CAUSES) == set(LimitReason) == set(REASONS.values())
    for reason, cause in END_CAUSES.items():
        error = error_of(EndCause(cause))
        assert (error.code, error.close_code) == (reason, 1000)
        assert reason in ERRORS


@pytest.mark.parametrize("measure", Measure)
def test_one_limit_from_nothing_to_all(measure: Measure) -> None:
    allowance = Allowance({measure: 100.0})
    assert look(allowance, NOTHING | {measure: 79.0}) == Findings(allowance)
    found = look(allowance, NOTHING | {measure: 80.0})
    assert found.near == (LimitNear(REASONS[measure], 20),)
    again = look(found.allowance, NOTHING | {measure: 99.0})
    assert again == Findings(found.allowance)
    assert look(again.allowance, NOTHING | {measure: 100.0}).reached == REASONS[measure]
    assert look(allowance, NOTHING | {measure: 100.0}).near == ()  # too late for a warning


@pytest.mark.parametrize("measure", Measure)
def test_no_limit_no_finding(measure: Measure) -> None:
    unlimited = Allowance({})
    assert look(unlimited, NOTHING | {measure: 1e12}) == Findings(unlimited)
    assert next_look_s(unlimited, NOTHING) is None
    assert unlimited.next_mark(measure) == float("inf")


def test_idleness_is_warned_of_once_in_each_silence() -> None:
    allowance = Allowance({Measure.IDLE_S: 10.0})
    warnings = 0
    for idle_s in (8, 9, 0, 5, 8, 9.5, 7.9, 8.1):
        found = look(allowance, measured(idle_s=idle_s))
        allowance, warnings = found.allowance, warnings + len(found.near)
    assert warnings == 3
    assert look(allowance, measured(idle_s=10)).reached is LimitReason.IDLE_TIMEOUT


def test_the_unit_that_is_used_most_speaks_for_the_budget() -> None:
    limits = {Measure.TOKENS: 1_000.0, Measure.AUDIO_S: 60.0, Measure.USD: 2.0}
    used = measured(tokens=810, audio_s=54.5, usd=1.65)
    found = look(Allowance(limits), used)
    assert found.near == (LimitNear(LimitReason.BUDGET_EXHAUSTED, 5.5),)
    later = look(found.allowance, measured(tokens=999, audio_s=59, usd=1.99))
    assert later.near == ()  # once for the reason, whichever unit
    ended = look(found.allowance, measured(tokens=999, audio_s=59, usd=2.0))
    assert ended.reached is LimitReason.BUDGET_EXHAUSTED


@pytest.mark.parametrize(
    ("measure", "limit", "used", "remaining"),
    [
        (Measure.TOKENS, 1_000, 812, 188),
        (Measure.AUDIO_S, 60, 48.0204, 11.98),
        (Measure.USD, 0.01, 0.0080004, 0.002),
        (Measure.DURATION_S, 60, 48.0001, 12.0),
    ],
)
def test_what_remains_is_in_the_unit_of_the_limit(
    measure: Measure, limit: float, used: float, remaining: float
) -> None:
    (near,) = look(Allowance({measure: limit}), NOTHING | {measure: used}).near
    assert near.remaining == remaining
    assert isinstance(near.remaining, int) == (measure is Measure.TOKENS)


def test_of_limits_reached_together_the_first_of_the_table_counts() -> None:
    limits = dict.fromkeys(Measure, 1.0)
    over = dict.fromkeys(Measure, 2.0)
    assert look(Allowance(limits), over).reached is LimitReason.MAX_DURATION
    del limits[Measure.DURATION_S]
    assert look(Allowance(limits), over).reached is LimitReason.IDLE_TIMEOUT


def test_two_reasons_are_warned_of_at_once() -> None:
    limits = {Measure.DURATION_S: 10.0, Measure.TOKENS: 10.0}
    found = look(Allowance(limits), measured(duration_s=8, tokens=9))
    assert {near.reason for near in found.near} == {
        LimitReason.MAX_DURATION,
        LimitReason.BUDGET_EXHAUSTED,
    }


def test_a_timer_may_fire_a_little_early() -> None:
    allowance = Allowance({Measure.DURATION_S: 10.0})
    assert look(allowance, measured(duration_s=9.9995)).reached is LimitReason.MAX_DURATION
    assert look(allowance, measured(duration_s=9.99)).reached is None
    (near,) = look(allowance, measured(duration_s=7.9995)).near
    assert near.remaining == pytest.approx(2.0, abs=0.01)


def test_when_to_look_again() -> None:
    allowance = Allowance({Measure.DURATION_S: 100.0, Measure.IDLE_S: 10.0, Measure.TOKENS: 5.0})
    assert next_look_s(allowance, NOTHING) == 8.0
    assert next_look_s(allowance, measured(duration_s=79, idle_s=0)) == pytest.approx(1.0)
    warned = look(allowance, measured(duration_s=8, idle_s=8)).allowance
    assert next_look_s(warned, measured(duration_s=8, idle_s=8)) == pytest.approx(2.0)
    assert next_look_s(warned, measured(duration_s=200, idle_s=0)) == 0.0


@dataclass
class Life:
    """A call that is looked at whenever it must be, like `LimitWatch` does it."""

    limits: dict[Measure, float]
    now: float = 0.0
    heard: float = 0.0
    used: dict[Measure, float] = field(default_factory=lambda: dict.fromkeys(BUDGET, 0.0))
    told: list[LimitNear] = field(default_factory=list[LimitNear])
    silences: int = 0

    def __post_init__(self) -> None:
        self.allowance = Allowance(self.limits)
        self.over: LimitReason | None = None

    def measured(self) -> dict[Measure, float]:
        return {
            Measure.DURATION_S: self.now,
            Measure.IDLE_S: self.now - self.heard,
            **self.used,
        }

    def look(self) -> None:
        if self.over is None:
            found = look(self.allowance, self.measured())
            self.allowance, self.over = found.allowance, found.reached
            self.told += found.near

    def wait(self, seconds: float) -> None:
        """Let time pass, and look exactly when `next_look_s` says."""
        until = self.now + seconds
        while self.over is None:
            wait_s = next_look_s(self.allowance, self.measured())
            if wait_s is None or self.now + wait_s > until:
                break
            self.now += wait_s
            self.look()
        self.now = max(self.now, until)


_limits = st.dictionaries(st.sampled_from(list(Measure)), st.floats(0.5, 500), max_size=5)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 60)),
        st.tuples(st.just("frame"), st.just(0.0)),
        st.tuples(st.sampled_from([measure.value for measure in BUDGET]), st.floats(0, 120)),
    ),
    max_size=30,
)


@given(_limits, _steps)
def test_no_limit_is_passed_and_no_warning_comes_twice(
    limits: dict[Measure, float], steps: list[tuple[str, float]]
) -> None:
    life = Life(limits)
    frames = 0
    for what, amount in steps:
        match what:
            case "wait":
                life.wait(amount)
            case "frame":
                life.heard = life.now
                frames += 1
            case unit:
                life.used[Measure(unit)] += amount
                life.look()
        if life.over is not None:
            break
        for measure, limit in limits.items():
            assert life.measured()[measure] < limit, "it ends in time"
    reasons = [near.reason for near in life.told]
    assert reasons.count(LimitReason.MAX_DURATION) <= 1
    assert reasons.count(LimitReason.BUDGET_EXHAUSTED) <= 1
    assert reasons.count(LimitReason.IDLE_TIMEOUT) <= frames + 1
    assert {REASONS[measure] for measure in limits} >= set(reasons)
    assert all(near.remaining >= 0 for near in life.told)
    if life.over is not None:
        assert life.over in {REASONS[measure] for measure in limits}
        reached = [
            measure
            for measure, limit in limits.items()
            if life.measured()[measure] >= limit - 0.002 and REASONS[measure] is life.over
        ]
        assert reached, "it ends no sooner"
    else:
        near = {
            REASONS[measure]
            for measure in limits
            if life.measured()[measure] >= WARN_SHARE * limits[measure]
        }
        assert near <= set(reasons), "the client was warned"
