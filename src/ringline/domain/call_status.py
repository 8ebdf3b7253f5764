"""The states of a call and the table of its transitions (contract, 4).

Only `move` changes a call's status. `COMPLETE` and `FAIL` are possible in every state that
is not terminal, because the API can end any call. Terminal states are final.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from ringline.domain.call_vocabulary import TERMINAL_STATUSES, CallStatus
from ringline.domain.records import CallRow


class CallMove(StrEnum):
    """What can change the state of a call."""

    RING = "ring"
    QUEUE = "queue"
    ANSWER = "answer"
    HOLD = "hold"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    FIND_BUSY = "find_busy"
    GIVE_UP_RINGING = "give_up_ringing"
    CANCEL = "cancel"


_S, _M = CallStatus, CallMove

TRANSITIONS: dict[tuple[CallStatus, CallMove], CallStatus] = {
    (_S.INITIATED, _M.RING): _S.RINGING,
    (_S.INITIATED, _M.QUEUE): _S.QUEUED,
    (_S.RINGING, _M.QUEUE): _S.QUEUED,
    (_S.QUEUED, _M.RING): _S.RINGING,
    **{
        (status, move): target
        for status in (_S.INITIATED, _S.RINGING, _S.QUEUED)
        for move, target in (
            (_M.ANSWER, _S.ANSWERED),
            (_M.FIND_BUSY, _S.BUSY),
            (_M.GIVE_UP_RINGING, _S.NO_ANSWER),
            (_M.CANCEL, _S.CANCELLED),
        )
    },
    (_S.ANSWERED, _M.HOLD): _S.HELD,
    (_S.HELD, _M.RESUME): _S.ANSWERED,
    **{
        (status, move): target
        for status in CallStatus
        if status not in TERMINAL_STATUSES
        for move, target in ((_M.COMPLETE, _S.COMPLETED), (_M.FAIL, _S.FAILED))
    },
}


_BETWEEN = {(source, target): call_move for (source, call_move), target in TRANSITIONS.items()}


def move_between(source: CallStatus, target: CallStatus) -> CallMove | None:
    """Return the move that leads from one state to another; None if there is none."""
    return _BETWEEN.get((source, target))


def move(row: CallRow, call_move: CallMove, *, at: datetime) -> CallRow | None:
    """Apply a move by the table; None if the call's state does not allow it.

    The row records when the call was first answered and when it ended.
    """
    status = TRANSITIONS.get((row.status, call_move))
    if status is None:
        return None
    if status in TERMINAL_STATUSES:
        return replace(row, status=status, ended_at=at)
    if status is CallStatus.ANSWERED and row.answered_at is None:
        return replace(row, status=status, answered_at=at)
    return replace(row, status=status)
