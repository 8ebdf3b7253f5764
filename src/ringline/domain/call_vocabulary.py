"""Enumerations that a call's rows, events and ports share.

The database and the log store these values; each surface translates them (`wire/`).
"""

from enum import StrEnum


class CallStatus(StrEnum):
    """The states of a call (contract, 4)."""

    INITIATED = "initiated"
    RINGING = "ringing"
    QUEUED = "queued"
    ANSWERED = "answered"
    HELD = "held"
    COMPLETED = "completed"
    FAILED = "failed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"


TERMINAL_STATUSES = frozenset(
    {
        CallStatus.COMPLETED,
        CallStatus.FAILED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
        CallStatus.CANCELLED,
    }
)


class HangupCause(StrEnum):
    """Why a call ended (contract, 11)."""

    CALLER_HANGUP = "caller_hangup"
    AGENT_HANGUP = "agent_hangup"
    API_HANGUP = "api_hangup"
    TRANSFERRED = "transferred"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    IDLE_TIMEOUT = "idle_timeout"
    MAX_DURATION = "max_duration"
    BUDGET_EXHAUSTED = "budget_exhausted"
    AGENT_ERROR = "agent_error"
    UPSTREAM_LOST = "upstream_lost"
    STORAGE_LOST = "storage_lost"
    SERVER_LOST = "server_lost"
    SERVER_SHUTDOWN = "server_shutdown"
    REVOKED = "revoked"
    INTERNAL_ERROR = "internal_error"


class ParticipantRole(StrEnum):
    """The role of a participant in a call."""

    CALLER = "caller"
    CALLEE = "callee"
    OPERATOR = "operator"
    AI_AGENT = "ai_agent"
    SUPERVISOR = "supervisor"


class CallDirection(StrEnum):
    """The direction of a call, as seen from the workspace."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallTransport(StrEnum):
    """What carries a call's audio; `external` for a call on somebody else's switch."""

    WEBSOCKET = "websocket"
    SIP = "sip"
    WEBRTC = "webrtc"
    ESL = "esl"
    SANDBOX = "sandbox"
    EXTERNAL = "external"


class AnsweredBy(StrEnum):
    """Who answered a call first."""

    OPERATOR = "operator"
    AI_AGENT = "ai_agent"


class TurnRole(StrEnum):
    """The side of a call that spoke a turn."""

    CALLER = "caller"
    AGENT = "agent"


class AuditType(StrEnum):
    """The kinds of entries in an agent's audit trail."""

    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    HANDOFF = "handoff"
    POLICY = "policy"
    ERROR = "error"
    NOTE = "note"
