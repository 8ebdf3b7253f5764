"""The caller's silences that are worth an event (live streams, 3.7; contract, 3)."""

from dataclasses import dataclass, replace

from ringline.domain.events import IdleSilence
from ringline.domain.turns import Draft


@dataclass(frozen=True, slots=True)
class Silences:
    """After how many seconds a silence is reported (None: never), and how many there were."""

    timeout_s: int | None = None
    count: int = 0


def note_silence(silences: Silences, seconds: float, *, draft: Draft) -> Silences:
    """Report one more silence."""
    if silences.timeout_s is None:
        raise AssertionError("nobody waits for the silence of a call without a timeout")
    noted = replace(silences, count=silences.count + 1)
    draft.report(
        IdleSilence(
            silence_ms=round(seconds * 1000),
            idle_timeout_seconds=silences.timeout_s,
            count=noted.count,
        )
    )
    return noted
