"""The states of a call: the table of transitions, walked (contract, 4)."""

import pytest

from ringline.domain.call_status import TRANSITIONS, CallMove, move
from ringline.domain.call_vocabulary import TERMINAL_STATUSES, CallStatus

BEFORE_ANSWER = (CallStatus.INITIATED, CallStatus.RINGING, CallStatus.QUEUED)
LIVE = (*BEFORE_ANSWER, CallStatus.ANSWERED, CallStatus.HELD)

#: The table again, spelt out by what leads where.
ALLOWED = {
    CallMove.RING: ((CallStatus.INITIATED, CallStatus.QUEUED), CallStatus.RINGING),
    CallMove.QUEUE: ((CallStatus.INITIATED, CallStatus.RINGING), CallStatus.QUEUED),
    CallMove.ANSWER: (BEFORE_ANSWER, CallStatus.ANSWERED),
    CallMove.HOLD: ((CallStatus.ANSWERED,), CallStatus.HELD),
    CallMove.RESUME: ((CallStatus.HELD,), CallStatus.ANSWERED),
    CallMove.COMPLETE: (LIVE, CallStatus.COMPLETED),
    CallMove.FAIL: (LIVE, CallStatus.FAILED),
    CallMove.FIND_BUSY: (BEFORE_ANSWER, CallStatus.BUSY),
    CallMove.GIVE_UP_RINGING: (BEFORE_ANSWER, CallStatus.NO_ANSWER),
    CallMove.CANCEL: (BEFORE_ANSWER, CallStatus.CANCELLED),
}


@pytest.mark.parametrize("what", CallMove)
@pytest.mark.parametrize("status", CallStatus)
def test_every_pair_leads_where_the_table_says_and_every_other_is_refused(
    status: CallStatus, what: CallMove
) -> None:
    sources, target = ALLOWED[what]
    assert move(status, what) == (target if status in sources else None)


def test_terminal_states_are_final() -> None:
    assert not [status for status, _ in TRANSITIONS if status in TERMINAL_STATUSES]
    assert set(LIVE) | TERMINAL_STATUSES == set(CallStatus)


def test_every_state_can_be_reached() -> None:
    reached = {CallStatus.INITIATED}
    while (
        more := {target for (source, _), target in TRANSITIONS.items() if source in reached}
        - reached
    ):
        reached |= more
    assert reached == set(CallStatus)
