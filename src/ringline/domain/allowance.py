"""What a call may still use: measures, their limits, and when the client is warned. Pure.

A call has up to five limits: two of time and three of its budget (realtime voice, 2.7). Each
is a row of `MEASURES`. `look` compares what was measured with the limits: at 80 % of one it
warns, once for each reason, at all of it the call ends. Idleness begins anew with each frame
of the client, and so does its warning. Whoever measures by a clock asks `next_look_s` when to
look again; what is counted is looked at whenever it grows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf

from ringline.domain.endings import EndCause

#: The share of a limit at which the client is warned.
WARN_SHARE = 0.8
#: A timer may fire this much too early, in seconds.
_EARLY_S = 0.001


class LimitReason(StrEnum):
    """What a client is told about a limit."""

    MAX_DURATION = "max_duration"
    IDLE_TIMEOUT = "idle_timeout"
    BUDGET_EXHAUSTED = "budget_exhausted"


#: Why a call ends whose limit is reached.
END_CAUSES: Mapping[LimitReason, EndCause] = {
    LimitReason.MAX_DURATION: EndCause.MAX_DURATION,
    LimitReason.IDLE_TIMEOUT: EndCause.IDLE_TIMEOUT,
    LimitReason.BUDGET_EXHAUSTED: EndCause.BUDGET_EXHAUSTED,
}


class Measure(StrEnum):
    """What is measured: seconds since the answer and since the last frame, and three units."""

    DURATION_S = "duration_s"
    IDLE_S = "idle_s"
    TOKENS = "tokens"
    AUDIO_S = "audio_s"
    USD = "usd"


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One row: the reason that its limit stands for, and how what remains is told."""

    reason: LimitReason
    #: Decimal places of what remains.
    places: int = 0
    #: It grows with time alone.
    timed: bool = False


#: Every measure; if several limits are reached at once, the first row counts.
MEASURES: Mapping[Measure, MeasureRow] = {
    Measure.DURATION_S: MeasureRow(LimitReason.MAX_DURATION, 3, timed=True),
    Measure.IDLE_S: MeasureRow(LimitReason.IDLE_TIMEOUT, 3, timed=True),
    Measure.TOKENS: MeasureRow(LimitReason.BUDGET_EXHAUSTED),
    Measure.AUDIO_S: MeasureRow(LimitReason.BUDGET_EXHAUSTED, 3),
    Measure.USD: MeasureRow(LimitReason.BUDGET_EXHAUSTED, 6),
}


@dataclass(frozen=True, slots=True)
class LimitNear:
    """A limit is nearly reached; `remaining` is in the unit of the limit."""

    reason: LimitReason
    remaining: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """A call's limits, and the reasons that the client was warned of."""

    limits: Mapping[Measure, float]
    warned: frozenset[LimitReason] = field(default_factory=frozenset[LimitReason])

    def next_mark(self, measure: Measure) -> float:
        """Return the value from which `look` finds something; infinite without a limit."""
        limit = self.limits.get(measure, inf)
        return limit if MEASURES[measure].reason in self.warned else WARN_SHARE * limit


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look found: a limit that is reached, or those that the client is warned of."""

    allowance: Allowance
    reached: LimitReason | None = None
    near: tuple[LimitNear, ...] = ()


def look(allowance: Allowance, measured: Mapping[Measure, float]) -> Findings:
    """Compare what was measured with the limits."""
    shares = {
        measure: (measured[measure] + _slack(measure)) / limit
        for measure, limit in allowance.limits.items()
    }
    for measure, row in MEASURES.items():
        if shares.get(measure, 0) >= 1:
            return Findings(allowance, row.reason)
    warned = allowance.warned
    if shares.get(Measure.IDLE_S, 0) < WARN_SHARE:
        warned -= {LimitReason.IDLE_TIMEOUT}
    near: list[LimitNear] = []
    # Of the units of a budget, the one that is used most: its warning speaks for all of them.
    for measure in sorted(shares, key=lambda measure: -shares[measure]):
        reason = MEASURES[measure].reason
        if shares[measure] >= WARN_SHARE and reason not in warned:
            warned |= {reason}
            near.append(LimitNear(reason, _remaining(allowance, measure, measured=measured)))
    return Findings(replace(allowance, warned=warned), near=tuple(near))


def next_look_s(allowance: Allowance, measured: Mapping[Measure, float]) -> float | None:
    """Return in how many seconds a limit of time is near or reached; None without one."""
    waits = [
        allowance.next_mark(measure) - measured[measure]
        for measure in allowance.limits
        if MEASURES[measure].timed
    ]
    return max(0.0, min(waits)) if waits else None


def _slack(measure: Measure) -> float:
    return _EARLY_S if MEASURES[measure].timed else 0.0


def _remaining(
    allowance: Allowance, measure: Measure, *, measured: Mapping[Measure, float]
) -> float:
    left, places = allowance.limits[measure] - measured[measure], MEASURES[measure].places
    return round(left, places) if places else int(left)
