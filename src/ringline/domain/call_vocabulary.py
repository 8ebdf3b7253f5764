"""The words that a call's rows, events and ports share.

Each surface spells them its own way (`wire/`); the database and the log hold them as they
stand here.
"""

from enum import StrEnum


class CallStatus(StrEnum):
    """The states of a call (contract, 4); each surface spells them its own way."""

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
    """Who somebody is in a call."""

    CALLER = "caller"
    CALLEE = "callee"
    OPERATOR = "operator"
    AI_AGENT = "ai_agent"
    SUPERVISOR = "supervisor"
