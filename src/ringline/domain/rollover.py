"""When a connection to a provider is replaced as planned, before its time limit. Pure.

A clock decides, not a hope for a warning (voices, 2). What a provider announces counts where
it is sooner. Times are in seconds since the connection was opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: Of a connection's life, the last part in which it is replaced at a quiet moment, and the
#: last part in which it is replaced in any case; both are shorter for long lives.
_LAST_FIFTH, _LAST_TWENTIETH = 5, 20
_AFTER_S, _LATEST_S = 300.0, 60.0
#: The shortest last part, unless the notice is shorter.
_LEAST_S = 5.0


@dataclass(frozen=True, slots=True)
class RolloverTimes:
    """From when on a quiet moment is taken, and when not even that is waited for."""

    after_s: float
    latest_s: float


#: By prefixes of models, for a provider's own time limit: 60, 30 and 10 minutes.
DEFAULTS: Mapping[str, RolloverTimes] = {
    "openai/": RolloverTimes(3_300, 3_540),
    "xai/": RolloverTimes(1_500, 1_740),
    "gemini/": RolloverTimes(480, 570),
}


def times_of(model: str, table: Mapping[str, RolloverTimes]) -> RolloverTimes | None:
    """Return a model's times, by the longest prefix; None if nothing ends its connections."""
    prefixes = [prefix for prefix in table if model.startswith(prefix)]
    return table[max(prefixes, key=len)] if prefixes else None


def announced(age_s: float, in_s: float) -> RolloverTimes:
    """Return the times for a connection that its provider will close in `in_s`.

    The defaults follow from the same rule. However short the notice, half of it is left for
    opening the next connection.
    """
    life_s = age_s + in_s
    after_s = life_s - min(_AFTER_S, life_s / _LAST_FIFTH)
    lead_s = min(_LATEST_S, max(life_s / _LAST_TWENTIETH, _LEAST_S), in_s / 2)
    latest_s = life_s - lead_s
    return RolloverTimes(min(after_s, latest_s), latest_s)


def sooner(first: RolloverTimes | None, second: RolloverTimes) -> RolloverTimes:
    """Return the sooner times of two rules."""
    if first is None:
        return second
    return RolloverTimes(min(first.after_s, second.after_s), min(first.latest_s, second.latest_s))
