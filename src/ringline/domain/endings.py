"""The table of causes that end a call (contract, 4 and 11).

A cause says what happened, independent of any surface: each kind of leg maps causes to its
own codes (realtime sessions: `wire/realtime_errors.py`). The call's row stores a coarser
`HangupCause`: causes share one if only legs distinguish them.
"""

from dataclasses import dataclass
from enum import StrEnum

from ringline.domain.call_status import CallMove
from ringline.domain.call_vocabulary import HangupCause
from ringline.domain.voice import VoiceFailure


class EndCause(StrEnum):
    """What ended a call."""

    CALLER_LEFT = "caller_left"
    AGENT_HUNG_UP = "agent_hung_up"
    ENDED_BY_API = "ended_by_api"
    TRANSFERRED = "transferred"  # the caller's side was left to another
    IDLE_TIMEOUT = "idle_timeout"
    MAX_DURATION = "max_duration"
    BUDGET_EXHAUSTED = "budget_exhausted"
    KEY_REVOKED = "key_revoked"
    SESSION_REVOKED = "session_revoked"
    LEG_TOO_SLOW = "leg_too_slow"  # it reads too slowly
    LEG_MESSAGE_TOO_LARGE = "leg_message_too_large"
    LEG_UNSUPPORTED_DATA = "leg_unsupported_data"
    AGENT_FAILED = "agent_failed"
    VOICE_UNAVAILABLE = "voice_unavailable"  # it could not be opened
    VOICE_CLOSED = "voice_closed"  # by its provider
    VOICE_FAILED = "voice_failed"
    ANSWER_NOT_WRITTEN = "answer_not_written"  # in time: callers do not wait for the database
    STORAGE_LOST = "storage_lost"  # the journal's buffer is full
    INTERNAL_ERROR = "internal_error"
    SERVER_SHUTDOWN = "server_shutdown"
    SERVER_LOST = "server_lost"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a cause ends the row of a call."""

    hangup_cause: HangupCause
    #: The move of the status if the call was not answered.
    unanswered: CallMove
    #: The move if it was.
    answered: CallMove


def _ended(hangup_cause: HangupCause, unanswered: CallMove = CallMove.FAIL) -> Ending:
    return Ending(hangup_cause, unanswered, CallMove.COMPLETE)


def _failed(hangup_cause: HangupCause) -> Ending:
    return Ending(hangup_cause, CallMove.FAIL, CallMove.FAIL)


_C, _H = EndCause, HangupCause

#: The ending of each cause. A caller who leaves before the answer cancels the call.
ENDINGS: dict[EndCause, Ending] = {
    _C.CALLER_LEFT: _ended(_H.CALLER_HANGUP, CallMove.CANCEL),
    _C.AGENT_HUNG_UP: _ended(_H.AGENT_HANGUP),
    _C.ENDED_BY_API: _ended(_H.API_HANGUP, CallMove.COMPLETE),
    _C.TRANSFERRED: _ended(_H.TRANSFERRED),
    _C.IDLE_TIMEOUT: _ended(_H.IDLE_TIMEOUT),
    _C.MAX_DURATION: _ended(_H.MAX_DURATION),
    _C.BUDGET_EXHAUSTED: _ended(_H.BUDGET_EXHAUSTED),
    _C.KEY_REVOKED: _ended(_H.REVOKED),
    _C.SESSION_REVOKED: _ended(_H.REVOKED),
    _C.LEG_TOO_SLOW: _failed(_H.FAILED),
    _C.LEG_MESSAGE_TOO_LARGE: _failed(_H.FAILED),
    _C.LEG_UNSUPPORTED_DATA: _failed(_H.FAILED),
    _C.AGENT_FAILED: _failed(_H.AGENT_ERROR),
    _C.VOICE_UNAVAILABLE: _failed(_H.UPSTREAM_LOST),
    _C.VOICE_CLOSED: _failed(_H.UPSTREAM_LOST),
    _C.VOICE_FAILED: _failed(_H.UPSTREAM_LOST),
    _C.ANSWER_NOT_WRITTEN: _failed(_H.STORAGE_LOST),
    _C.STORAGE_LOST: _failed(_H.STORAGE_LOST),
    _C.INTERNAL_ERROR: _failed(_H.INTERNAL_ERROR),
    _C.SERVER_SHUTDOWN: _ended(_H.SERVER_SHUTDOWN),
    _C.SERVER_LOST: _ended(_H.SERVER_LOST),
}


def lost_voice(failure: VoiceFailure) -> EndCause:
    """Return the cause for a call whose voice was lost by this failure."""
    closed = failure is VoiceFailure.UPSTREAM_CLOSED
    return EndCause.VOICE_CLOSED if closed else EndCause.VOICE_FAILED
