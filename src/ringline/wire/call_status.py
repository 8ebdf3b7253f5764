"""The states of a call on each surface (contract, 4)."""

from ringline.domain.call_vocabulary import CallStatus

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
