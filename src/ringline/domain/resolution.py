"""Whether a call resolved what its caller wanted (live streams, 6.3.3 and 6.10).

Nobody tells us, so this is a rule: a call is resolved if it was answered, the caller said
something, the agent said something after that, and one of the two or an order ended it. A
call that failed, was cut off by a limit or went on elsewhere is unresolved.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from ringline.domain.call_vocabulary import HangupCause, TurnRole
from ringline.domain.records import CallRow


class Resolution(StrEnum):
    """What became of an ended call."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"


#: Whether a call that ended for a cause may be resolved.
ENDS_WELL: Mapping[HangupCause, bool] = {
    HangupCause.CALLER_HANGUP: True,
    HangupCause.AGENT_HANGUP: True,
    HangupCause.API_HANGUP: True,
    HangupCause.TRANSFERRED: False,
    HangupCause.NO_ANSWER: False,
    HangupCause.BUSY: False,
    HangupCause.FAILED: False,
    HangupCause.IDLE_TIMEOUT: False,
    HangupCause.MAX_DURATION: False,
    HangupCause.BUDGET_EXHAUSTED: False,
    HangupCause.AGENT_ERROR: False,
    HangupCause.UPSTREAM_LOST: False,
    HangupCause.STORAGE_LOST: False,
    HangupCause.SERVER_LOST: False,
    HangupCause.SERVER_SHUTDOWN: False,
    HangupCause.REVOKED: False,
    HangupCause.INTERNAL_ERROR: False,
}


def is_resolved(row: CallRow, speakers: Iterable[TurnRole]) -> bool:
    """Return whether an ended call is resolved; `speakers` are those of its turns, in order."""
    if row.hangup_cause is None:
        raise AssertionError("a call that has ended has a cause")
    if row.answered_at is None or not ENDS_WELL[row.hangup_cause]:
        return False
    said = list(speakers)
    return TurnRole.CALLER in said and TurnRole.AGENT in said[said.index(TurnRole.CALLER) :]


def resolution_of(resolved: bool | None) -> Resolution | None:
    """Return the word for a call's `resolved`; None while it runs, or lives elsewhere."""
    if resolved is None:
        return None
    return Resolution.RESOLVED if resolved else Resolution.UNRESOLVED
