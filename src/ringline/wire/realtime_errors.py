"""The errors of the realtime voice socket, as a table (realtime voice, 6.1, 6.2).

Shipped clients hide an `error` whose message contains one of the words in `NOISE`, so
messages of harmless errors contain one and those of serious errors do not.

The domain knows causes of a call's end, refusals and failures of a voice; three tables here
map them to codes. No other module knows their codes and close codes.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ringline.domain.endings import EndCause
from ringline.domain.leg import Refusal
from ringline.domain.session_config import IMMUTABLE
from ringline.domain.voice import VoiceFailure

#: Words by which clients recognise noise, compared case-insensitively (5.2).
NOISE = (
    "cancel",
    "buffer too small",
    "not found in conversation",
    "tool call id",
    "image input",
    "image.input",
    "unknown event",
    "active response",
)


class Ends(StrEnum):
    """When an error ends the session, with `session.terminating` instead of `error`."""

    NEVER = "never"
    AT_START = "at the start"
    THIRD_TIME = "the third time"
    ALWAYS = "always"


_THIRD = 3


@dataclass(frozen=True, slots=True)
class RealtimeError:
    """One row of the table."""

    code: str
    message: str
    ends: Ends = Ends.NEVER
    #: The WebSocket's close code, if the error ends the session.
    close_code: int = 1000
    #: Worded so that clients hide it.
    harmless: bool = False
    #: For the reference, if the message is meaningless without its facts.
    means: str = ""


@dataclass(frozen=True, slots=True)
class SessionProblem:
    """An error for a client; without a message, the table's is used.

    `cause` is set where a session ends for a cause whose close code is not its code's.
    """

    code: str
    message: str = ""
    cause: EndCause | None = None

    @property
    def ending(self) -> RealtimeError:
        """Return the error that a session ends with."""
        return ERRORS[self.code] if self.cause is None else error_of(self.cause)


_ROWS = (
    # Bad frames: the session continues.
    RealtimeError("invalid_json", "the frame cannot be read: {reason}"),
    RealtimeError("invalid_event", "the event cannot be read: {reason}"),
    RealtimeError("unknown_event", 'unknown event "{type}"', harmless=True),
    RealtimeError(
        "binary_not_supported",
        "frames must be text; audio travels as base64 in JSON",
        Ends.THIRD_TIME,
        1003,
    ),
    RealtimeError("session_already_started", "the session has already started"),
    RealtimeError("invalid_audio", "the audio cannot be read: {reason}"),
    RealtimeError("rate_limited", "too many events: at most {limit} in 10 s"),
    # Requests that cannot be met now: the session continues.
    RealtimeError(
        "input_audio_buffer_commit_empty",
        "nothing to commit: the audio buffer too small",
        harmless=True,
    ),
    RealtimeError(
        "response_cancel_not_active", "nothing to cancel: no response is running", harmless=True
    ),
    RealtimeError(
        "conversation_already_has_active_response",
        "the conversation already has an active response",
        harmless=True,
    ),
    RealtimeError(
        "tool_call_not_found", "tool call id is not found in conversation", harmless=True
    ),
    RealtimeError("image_input_unsupported", "the model does not take image input", harmless=True),
    RealtimeError("invalid_image", "the picture cannot be read: {reason}"),
    RealtimeError("immutable_field", IMMUTABLE),
    RealtimeError("upstream_error", "the voice reported an error"),
    RealtimeError("overloaded", "the voice has too much to do"),
    RealtimeError("speech_failed", "the voice could not speak"),
    # Errors that stop a session from starting; after an update, the old config stays.
    RealtimeError(
        "session_not_started", "the first event must be session.start", Ends.ALWAYS, 1008
    ),
    RealtimeError("model_required", "the config names no model", Ends.ALWAYS, 1008),
    RealtimeError("model_not_found", 'there is no model "{model}"', Ends.ALWAYS, 1008),
    RealtimeError(
        "model_not_realtime", 'the model "{model}" is not a realtime model', Ends.ALWAYS, 1008
    ),
    RealtimeError(
        "agent_not_found", "there is no such agent, or it is not enabled", Ends.ALWAYS, 1008
    ),
    RealtimeError(
        "invalid_config",
        "{reason}",
        Ends.AT_START,
        1008,
        means="a member of the config has a wrong type or value; the message begins with its name",
    ),
    RealtimeError(
        "unsupported_modality",
        "{reason}",
        Ends.AT_START,
        1008,
        means="the model does not answer with what `modalities` names",
    ),
    RealtimeError(
        "unsupported_voice",
        "{reason}",
        Ends.AT_START,
        1008,
        means="the model does not offer this `voice`",
    ),
    RealtimeError(
        "unsupported_reasoning_effort",
        "{reason}",
        Ends.AT_START,
        1008,
        means="the model does not offer this `reasoning_effort`",
    ),
    RealtimeError(
        "unsupported_turn_detection",
        "{reason}",
        Ends.AT_START,
        1008,
        means="the model does not offer this `turn_detection.type`",
    ),
    RealtimeError(
        "unsupported_audio_format",
        "{reason}",
        Ends.AT_START,
        1008,
        means="an audio format is not `pcm16`",
    ),
    # Errors that end a session.
    RealtimeError("start_timeout", "session.start did not come in time", Ends.ALWAYS, 1008),
    RealtimeError("insufficient_balance", "the balance is used up", Ends.ALWAYS, 1000),
    RealtimeError("budget_exhausted", "the session's budget is used up", Ends.ALWAYS, 1000),
    RealtimeError("max_duration", "the session reached its time limit", Ends.ALWAYS, 1000),
    RealtimeError("idle_timeout", "the session was idle for too long", Ends.ALWAYS, 1000),
    RealtimeError("call_ended", "the call has ended", Ends.ALWAYS, 1000),
    RealtimeError(
        "revoked",
        "the session or its credential was revoked",
        Ends.ALWAYS,
        1008,
        means="the credential was revoked; 1000 if the session was, by `DELETE`",
    ),
    RealtimeError("concurrency_limit", "too many sessions are running", Ends.ALWAYS, 1008),
    RealtimeError("slow_client", "the client reads too slowly", Ends.ALWAYS, 1008),
    RealtimeError("frame_too_large", "the frame is too large", Ends.ALWAYS, 1009),
    RealtimeError("server_shutdown", "the server is going down", Ends.ALWAYS, 1001),
    RealtimeError("unavailable", "the service is not available now", Ends.ALWAYS, 1011),
    RealtimeError("storage_lost", "the service lost its storage", Ends.ALWAYS, 1011),
    RealtimeError("upstream_unavailable", "the voice is not available now", Ends.ALWAYS, 1011),
    RealtimeError("upstream_closed", "the voice ended the conversation", Ends.ALWAYS, 1011),
    RealtimeError("agent_error", "the agent failed", Ends.ALWAYS, 1011),
    RealtimeError("internal_error", "something went wrong here", Ends.ALWAYS, 1011),
)

#: Every error of the surface by its code.
ERRORS: dict[str, RealtimeError] = {row.code: row for row in _ROWS}


_C = EndCause

#: The error that a session ends with, by the cause of the call's end.
END_CODES: dict[EndCause, str] = {
    _C.CALLER_LEFT: "call_ended",
    _C.AGENT_HUNG_UP: "call_ended",
    _C.ENDED_BY_API: "call_ended",
    _C.TRANSFERRED: "call_ended",
    _C.IDLE_TIMEOUT: "idle_timeout",
    _C.MAX_DURATION: "max_duration",
    _C.BUDGET_EXHAUSTED: "budget_exhausted",
    _C.KEY_REVOKED: "revoked",
    _C.SESSION_REVOKED: "revoked",
    _C.LEG_TOO_SLOW: "slow_client",
    _C.LEG_MESSAGE_TOO_LARGE: "frame_too_large",
    _C.LEG_UNSUPPORTED_DATA: "binary_not_supported",
    _C.AGENT_FAILED: "agent_error",
    _C.VOICE_UNAVAILABLE: "upstream_unavailable",
    _C.VOICE_CLOSED: "upstream_closed",
    _C.VOICE_FAILED: "internal_error",
    _C.ANSWER_NOT_WRITTEN: "unavailable",
    _C.STORAGE_LOST: "storage_lost",
    _C.INTERNAL_ERROR: "internal_error",
    _C.SERVER_SHUTDOWN: "server_shutdown",
    _C.SERVER_LOST: "server_shutdown",
}


#: The causes whose close code is another than their error's.
_CLOSE_CODES: dict[EndCause, int] = {_C.SESSION_REVOKED: 1000}

#: The error for each refusal by the call.
REFUSALS: dict[Refusal, SessionProblem] = {
    Refusal.NOTHING_TO_CANCEL: SessionProblem("response_cancel_not_active"),
    Refusal.NOTHING_TO_COMMIT: SessionProblem("input_audio_buffer_commit_empty"),
    Refusal.NO_SUCH_TOOL_CALL: SessionProblem("tool_call_not_found"),
    Refusal.RESPONSE_ACTIVE: SessionProblem("conversation_already_has_active_response"),
    Refusal.TOO_MANY_EARLY: SessionProblem(
        "rate_limited", "too many events before the session started"
    ),
}

#: The error for each failure that a voice survives.
VOICE_TROUBLES: dict[VoiceFailure, str] = {
    VoiceFailure.OVERLOADED: "overloaded",
    VoiceFailure.SPEECH_FAILED: "speech_failed",
    VoiceFailure.UPSTREAM_ERROR: "upstream_error",
    VoiceFailure.UPSTREAM_CLOSED: "upstream_closed",
    VoiceFailure.INTERNAL_ERROR: "internal_error",
}


def error_of(cause: EndCause) -> RealtimeError:
    """Return the error that a session ends with when its call ends for this cause."""
    error = ERRORS[END_CODES[cause]]
    close_code = _CLOSE_CODES.get(cause)
    return error if close_code is None else replace(error, close_code=close_code)


def ends_session(code: str, *, starting: bool = False, times: int = 1) -> bool:
    """Return whether an error ends a session, `starting` or after so many `times`."""
    match ERRORS[code].ends:
        case Ends.NEVER:
            return False
        case Ends.AT_START:
            return starting
        case Ends.THIRD_TIME:
            return times >= _THIRD
        case Ends.ALWAYS:
            return True
