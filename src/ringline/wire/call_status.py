"""The states of a call on each surface, and the words of `/v1` for its other members.

Contract, 4 and 11; live streams, 7.3.
"""

from uuid import UUID

from ringline.domain.call_vocabulary import CallStatus, CallTransport, HangupCause
from ringline.domain.ids import Prefix, format_id

#: RPC and the events socket; only these two tables translate `held` and `queued`.
RPC_STATUS: dict[CallStatus, str] = {
    CallStatus.INITIATED: "initiated",
    CallStatus.RINGING: "ringing",
    CallStatus.QUEUED: "queued",
    CallStatus.ANSWERED: "answered",
    CallStatus.HELD: "answered",
    CallStatus.COMPLETED: "completed",
    CallStatus.FAILED: "failed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no_answer",
    CallStatus.CANCELLED: "cancelled",
}

#: `/v1` and the envelope, for a call that was answered.
V1_STATUS: dict[CallStatus, str] = {
    CallStatus.INITIATED: "initiated",
    CallStatus.RINGING: "ringing",
    CallStatus.QUEUED: "ringing",
    CallStatus.ANSWERED: "in_progress",
    CallStatus.HELD: "held",
    CallStatus.COMPLETED: "completed",
    CallStatus.FAILED: "failed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no_answer",
    CallStatus.CANCELLED: "canceled",
}


def v1_status(status: CallStatus, *, answered: bool) -> str:
    """Return the state for `/v1`: `completed` without an answer is `canceled` there."""
    if status is CallStatus.COMPLETED and not answered:
        return "canceled"
    return V1_STATUS[status]


#: The disposition nearest to each hangup cause (contract, 11; live streams, 7.3).
DISPOSITIONS: dict[HangupCause, str] = {
    HangupCause.CALLER_HANGUP: "caller_hangup",
    HangupCause.AGENT_HANGUP: "agent_hangup",
    HangupCause.API_HANGUP: "api_hangup",
    HangupCause.TRANSFERRED: "transferred",
    HangupCause.NO_ANSWER: "no_answer",
    HangupCause.BUSY: "busy",
    HangupCause.FAILED: "failed",
    HangupCause.IDLE_TIMEOUT: "idle_timeout",
    HangupCause.MAX_DURATION: "api_hangup",
    HangupCause.BUDGET_EXHAUSTED: "api_hangup",
    HangupCause.REVOKED: "api_hangup",
    HangupCause.AGENT_ERROR: "agent_error",
    HangupCause.UPSTREAM_LOST: "agent_error",
    HangupCause.STORAGE_LOST: "failed",
    HangupCause.SERVER_LOST: "failed",
    HangupCause.SERVER_SHUTDOWN: "failed",
    HangupCause.INTERNAL_ERROR: "failed",
}

#: Call sources that this surface has its own word for; the others keep ours (7.3).
_TRANSPORTS = {CallTransport.SANDBOX: "sip", CallTransport.EXTERNAL: "sip"}


def v1_transport(transport: CallTransport) -> str:
    """Return the word of `/v1` for what carries a call's audio."""
    return _TRANSPORTS.get(transport, transport)


def recording_path(call_id: UUID) -> str:
    """Return the path of a call's recording on the server (live streams, 3.7 and 6.3.6)."""
    return f"/v1/calls/{format_id(Prefix.CALL, call_id)}/recording"


def ai_mode(model: str | None) -> str | None:
    """Return the provider of a call's model, e.g. `local` of `local/attendant`."""
    return model.partition("/")[0] if model else None
