"""The states of a call: the table of transitions, walked (contract, 4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ringline.domain.call_status import TRANSITIONS, CallMove, move, move_between
from ringline.domain.call_vocabulary import TERMINAL_STATUSES, CallStatus
from tests.samples import NOW
from tests.talking import call_row

LATER = NOW + timedelta(seconds=5)
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
    row = replace(call_row(), status=status)
    moved = move(row, what, at=LATER)
    assert (moved.status if moved else None) == (target if status in sources else None)


@pytest.mark.parametrize(("status", "what"), TRANSITIONS)
def test_a_row_that_is_taken_out_of_the_table_moves_nothing(
    status: CallStatus, what: CallMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(TRANSITIONS, (status, what))
    assert move(replace(call_row(), status=status), what, at=LATER) is None


@pytest.mark.parametrize(("status", "what"), TRANSITIONS)
def test_a_move_notes_when_a_call_was_first_answered_and_when_it_ended(
    status: CallStatus, what: CallMove
) -> None:
    for answered_at in (None, NOW):
        row = replace(call_row(), status=status, answered_at=answered_at)
        moved = move(row, what, at=LATER)
        assert moved is not None
        is_answer = moved.status is CallStatus.ANSWERED and answered_at is None
        assert moved.answered_at == (LATER if is_answer else answered_at)
        assert moved.ended_at == (LATER if moved.status in TERMINAL_STATUSES else None)
        noted = {"status": moved.status, "answered_at": None, "ended_at": None}
        assert replace(moved, **noted) == replace(row, **noted), "and nothing else"


@pytest.mark.parametrize("source", CallStatus)
@pytest.mark.parametrize("target", CallStatus)
def test_at_most_one_move_leads_from_one_state_to_another(
    source: CallStatus, target: CallStatus
) -> None:
    found = [what for what in CallMove if TRANSITIONS.get((source, what)) is target]
    assert found == [what for what in (move_between(source, target),) if what is not None]


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
