"""What becomes of a call that lives elsewhere, by what is reported of it (contract, 4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ringline.domain.call import Moment
from ringline.domain.call_status import TRANSITIONS
from ringline.domain.call_vocabulary import (
    TERMINAL_STATUSES,
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
)
from ringline.domain.events import CallAnswered, CallCreated, CallEnded, CallRinging, KnownCaller
from ringline.domain.external_call import (
    CAUSES,
    Acceptor,
    ExternalCall,
    NotPossible,
    Queue,
    Report,
    ReportResult,
    accept,
    create,
    end,
    report_join,
    report_leave,
    report_progress,
)
from ringline.domain.limits import CALL_PARTICIPANTS
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.records import CallRow, QueueEntryRow
from tests.samples import NOW, new_id

QUEUE = Queue(new_id(), "sales", max_wait_s=60)
ANN, BOB = Acceptor("ann", new_id()), Acceptor("bob")
OPEN = tuple(status for status in CallStatus if status not in TERMINAL_STATUSES)
#: Where a report may lead; a call that nobody answered is completed by order alone.
LEADS = {
    (source, target)
    for (source, _), target in TRANSITIONS.items()
    if target is not CallStatus.COMPLETED or source in (CallStatus.ANSWERED, CallStatus.HELD)
}


def at(seconds: float) -> Moment:
    return Moment(NOW + timedelta(seconds=seconds), new_id)


def a_row(status: CallStatus = CallStatus.INITIATED) -> CallRow:
    return CallRow(
        id=new_id(),
        uuid="order-7",
        direction=CallDirection.INBOUND,
        from_number="+4930111",
        to_number="+4930222",
        source="pstn",
        transport=CallTransport.EXTERNAL,
        status=status,
        started_at=NOW,
        sip_username="desk",
        conversation_id=new_id(),
    )


def a_call(status: CallStatus) -> ExternalCall:
    """Return a call that was created and moved to a state, at once."""
    begun = create(a_row(), at(0)).call
    if status is CallStatus.HELD:
        answered = report_progress(begun, Report(CallStatus.ANSWERED), moment=at(0)).call
        return replace(answered, row=replace(answered.row, status=status))
    return moved(begun, status, 0)


def moved(call: ExternalCall, status: CallStatus, when: float) -> ExternalCall:
    """Move a call as it is reported, or ordered where only an order can."""
    if status is CallStatus.COMPLETED and call.row.answered_at is None:
        return end(call, at(when)).call
    return report_progress(call, Report(status), moment=at(when), queue=QUEUE).call


def types(step: ReportResult) -> list[str]:
    return [event.type for event in step.events]


def the_entry(call: ExternalCall) -> QueueEntryRow:
    assert call.entry is not None
    return call.entry


def written(step: ReportResult) -> CallRow:
    """Return the state of the call that is written last, as the store does."""
    return [record for record in step.records if isinstance(record, CallRow)][-1]


# -- create -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (CallStatus.INITIATED, ["call.created"]),
        (CallStatus.RINGING, ["call.created", "call.ringing"]),
        (CallStatus.QUEUED, ["call.created", "call.ringing"]),
        (CallStatus.ANSWERED, ["call.created", "call.answered"]),
    ],
)
def test_a_new_call_is_told_with_what_led_to_its_state(
    status: CallStatus, expected: list[str]
) -> None:
    step = create(a_row(status), at(1), queue=QUEUE)
    assert types(step) == expected
    assert written(step) == step.call.row
    assert step.call.row.status is status
    assert step.call.participants == ()
    created = step.events[0].data
    assert isinstance(created, CallCreated)
    assert created.status is CallStatus.INITIATED
    assert created.sip_username == "desk"
    for event in step.events:
        assert event.occurred_at == at(1).now
        assert event.call is not None
        assert event.call.conversation_id == step.call.row.conversation_id


def test_a_queued_call_waits_and_its_first_event_says_where() -> None:
    contact = KnownCaller(id=new_id(), full_name="Ada", phone_e164="+4930111")
    step = create(a_row(CallStatus.QUEUED), at(1), queue=QUEUE, contact=contact)
    entry = the_entry(step.call)
    assert entry in step.records
    assert (entry.status, entry.queue_id) == (QueueEntryStatus.WAITING, QUEUE.id)
    assert (entry.entered_at, entry.expires_at) == (at(1).now, at(61).now)
    created, ringing = (event.data for event in step.events)
    assert isinstance(created, CallCreated)
    assert (created.queue_entry_id, created.queue_name) == (entry.id, "sales")
    assert created.contact == contact
    assert isinstance(ringing, CallRinging)
    assert ringing.status is CallStatus.QUEUED


def test_a_wait_without_a_limit_never_expires() -> None:
    step = create(a_row(CallStatus.QUEUED), at(1), queue=replace(QUEUE, max_wait_s=None))
    assert the_entry(step.call).expires_at is None


def test_a_call_that_was_answered_elsewhere_was_answered_when_it_is_reported() -> None:
    step = create(a_row(CallStatus.ANSWERED), at(5))
    answered = step.events[1].data
    assert isinstance(answered, CallAnswered)
    assert answered.answered_at == step.call.row.answered_at == at(5).now
    assert (answered.answered_by, answered.sip_username) == ("operator", "desk")


# -- the table, walked ------------------------------------------------------------------


@pytest.mark.parametrize("target", CallStatus)
@pytest.mark.parametrize("source", OPEN)
def test_every_pair_is_taken_or_refused_as_the_table_says(
    source: CallStatus, target: CallStatus
) -> None:
    call = a_call(source)
    if source is target:
        assert report_progress(call, Report(target), moment=at(1), queue=QUEUE) == ReportResult(
            call
        )
    elif (source, target) in LEADS:
        step = report_progress(call, Report(target), moment=at(1), queue=QUEUE)
        assert written(step) == step.call.row
        assert step.call.row.status is target
        assert (step.call.row.ended_at is not None) == (target in TERMINAL_STATUSES)
        assert types(step) == expected_events(source, target)
    else:
        with pytest.raises(NotPossible) as refused:
            report_progress(call, Report(target), moment=at(1), queue=QUEUE)
        assert refused.value.field == "status"


def expected_events(source: CallStatus, target: CallStatus) -> list[str]:
    if target in TERMINAL_STATUSES:
        return ["call.ended"]
    if target is CallStatus.HELD:
        return ["call.held"]
    if target is CallStatus.ANSWERED:
        return ["call.resumed" if source is CallStatus.HELD else "call.answered"]
    rings = target in (CallStatus.RINGING, CallStatus.QUEUED)
    return ["call.ringing"] if rings else []


@pytest.mark.parametrize("target", CallStatus)
@pytest.mark.parametrize("source", sorted(TERMINAL_STATUSES))
def test_an_ended_call_stays_as_it_ended(source: CallStatus, target: CallStatus) -> None:
    call = a_call(source)
    if source is target:
        assert report_progress(call, Report(target), moment=at(1), queue=QUEUE) == ReportResult(
            call
        )
    else:
        with pytest.raises(NotPossible):
            report_progress(call, Report(target), moment=at(1), queue=QUEUE)


def test_every_end_has_a_cause() -> None:
    assert set(CAUSES) == TERMINAL_STATUSES


# -- what is reported beside the state ---------------------------------------------------


def test_the_same_report_of_an_end_again_changes_nothing() -> None:
    report = Report(CallStatus.COMPLETED, at(9).now, 7, "pstn")
    call = report_progress(a_call(CallStatus.ANSWERED), report, moment=at(20)).call
    assert report_progress(call, report, moment=at(30)) == ReportResult(call)


@pytest.mark.parametrize(
    ("report", "field"),
    [
        (Report(ended_at=at(8).now), "ended_at"),
        (Report(duration_seconds=8), "duration_seconds"),
        (Report(source="sdk"), "call_source"),
    ],
)
def test_nothing_of_an_ended_call_can_be_changed(report: Report, field: str) -> None:
    ended = Report(CallStatus.COMPLETED, at(9).now, 7)
    call = report_progress(a_call(CallStatus.ANSWERED), ended, moment=at(20)).call
    with pytest.raises(NotPossible) as refused:
        report_progress(call, report, moment=at(30))
    assert refused.value.field == field


@pytest.mark.parametrize("status", [None, CallStatus.ANSWERED])
def test_an_end_needs_a_terminal_state(status: CallStatus | None) -> None:
    with pytest.raises(NotPossible) as refused:
        report_progress(a_call(CallStatus.RINGING), Report(status, at(2).now), moment=at(2))
    assert refused.value.field == "ended_at"


def ending(step: ReportResult) -> CallEnded:
    data = step.events[-1].data
    assert isinstance(data, CallEnded)
    return data


def test_the_duration_counts_from_the_answer_to_the_reported_end() -> None:
    call = a_call(CallStatus.ANSWERED)
    step = report_progress(call, Report(CallStatus.COMPLETED, at(61.9).now), moment=at(500))
    assert ending(step).duration_seconds == step.call.row.duration_seconds == 61
    assert ending(step).ended_at == step.call.row.ended_at == at(61.9).now
    assert step.events[-1].occurred_at == at(500).now


def test_a_given_duration_wins_also_when_it_was_given_before_the_end() -> None:
    call = a_call(CallStatus.ANSWERED)
    failed = report_progress(call, Report(CallStatus.FAILED, duration_seconds=5), moment=at(9))
    assert ending(failed).duration_seconds == 5
    early = report_progress(call, Report(duration_seconds=6, source="sdk"), moment=at(8))
    assert types(early) == []
    assert early.records == (replace(call.row, duration_seconds=6, source="sdk"),)
    assert ending(end(early.call, at(9))).duration_seconds == 6


def test_a_reported_duration_can_be_taken_back_until_the_end() -> None:
    early = report_progress(
        a_call(CallStatus.ANSWERED), Report(duration_seconds=6), moment=at(8)
    ).call
    cleared = report_progress(early, Report(ended_at=None, duration_seconds=None), moment=at(9))
    assert cleared.call.row.duration_seconds is None
    ended = report_progress(
        cleared.call, Report(CallStatus.COMPLETED, at(61.9).now), moment=at(70)
    ).call
    assert ended.row.duration_seconds == 61
    for report, field in (
        (Report(duration_seconds=None), "duration_seconds"),
        (Report(ended_at=None), "ended_at"),
    ):
        with pytest.raises(NotPossible) as refused:
            report_progress(ended, report, moment=at(80))
        assert refused.value.field == field


def test_a_call_that_was_never_answered_has_lasted_no_time() -> None:
    assert ending(end(a_call(CallStatus.RINGING), at(9))).duration_seconds == 0


def test_an_end_before_the_answer_has_lasted_no_time() -> None:
    report = Report(CallStatus.COMPLETED, NOW - timedelta(hours=1))
    assert (
        ending(report_progress(a_call(CallStatus.ANSWERED), report, moment=at(9))).duration_seconds
        == 0
    )


# -- the end ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", OPEN)
def test_an_order_completes_a_call_from_every_open_state(source: CallStatus) -> None:
    step = end(a_call(source), at(3))
    assert step.call.row.status is CallStatus.COMPLETED
    assert ending(step).hangup_cause is HangupCause.API_HANGUP
    assert end(step.call, at(4)) == ReportResult(step.call)


def test_everybody_leaves_before_the_end_is_told() -> None:
    call = a_call(CallStatus.ANSWERED)
    for name in ("one", "two", "gone"):
        call = report_join(call, name, role=ParticipantRole.CALLER, moment=at(1)).call
    call = report_leave(call, call.participants[-1].id, left_at=at(2).now, moment=at(2)).call
    step = report_progress(call, Report(CallStatus.COMPLETED, at(5).now), moment=at(9))
    assert types(step) == ["call.participant_left", "call.participant_left", "call.ended"]
    assert [each.left_at for each in step.call.participants] == [at(5).now, at(5).now, at(2).now]


# -- participants -------------------------------------------------------------------------


def test_joining_and_leaving_are_told_once_each() -> None:
    call = a_call(CallStatus.RINGING)
    joined = report_join(
        call, "ann", role=ParticipantRole.CALLEE, moment=at(3), joined_at=at(2).now
    )
    who = joined.call.participants[-1]
    assert (who.member_uuid, who.role, who.joined_at) == ("ann", ParticipantRole.CALLEE, at(2).now)
    left = report_leave(joined.call, who.id, left_at=at(4).now, moment=at(5))
    assert types(joined) + types(left) == ["call.participant_joined", "call.participant_left"]
    assert report_leave(left.call, who.id, left_at=at(4).now, moment=at(6)) == ReportResult(
        left.call
    )
    with pytest.raises(NotPossible):
        report_leave(left.call, who.id, left_at=at(5).now, moment=at(6))


def test_who_came_and_went_is_told_at_once() -> None:
    call = a_call(CallStatus.ANSWERED)
    step = report_join(
        call,
        "ann",
        role=ParticipantRole.CALLEE,
        moment=at(9),
        joined_at=at(2).now,
        left_at=at(4).now,
    )
    assert types(step) == ["call.participant_joined", "call.participant_left"]
    assert (step.call.participants[-1].joined_at, step.call.participants[-1].left_at) == (
        at(2).now,
        at(4).now,
    )


def test_nobody_leaves_before_they_joined() -> None:
    call = a_call(CallStatus.ANSWERED)
    for joined_at in (None, at(5).now):
        with pytest.raises(NotPossible) as refused:
            report_join(
                call,
                "ann",
                role=ParticipantRole.CALLEE,
                moment=at(9),
                joined_at=joined_at,
                left_at=at(4).now,
            )
        assert refused.value.field == "left_at"
    joined = report_join(call, "ann", role=ParticipantRole.CALLEE, moment=at(5)).call
    with pytest.raises(NotPossible) as refused:
        report_leave(joined, joined.participants[-1].id, left_at=at(4).now, moment=at(9))
    assert refused.value.field == "left_at"


def test_nobody_joins_a_call_that_has_ended() -> None:
    with pytest.raises(NotPossible):
        report_join(a_call(CallStatus.FAILED), "ann", role=ParticipantRole.CALLEE, moment=at(1))


def test_a_call_has_so_many_participants_and_no_more() -> None:
    call = a_call(CallStatus.ANSWERED)
    for number in range(CALL_PARTICIPANTS.most):
        call = report_join(call, f"m{number}", role=ParticipantRole.CALLEE, moment=at(1)).call
    call = report_leave(call, call.participants[0].id, left_at=at(2).now, moment=at(2)).call
    with pytest.raises(NotPossible, match="at most 250 participants") as refused:
        report_join(call, "ann", role=ParticipantRole.CALLEE, moment=at(3))
    assert refused.value.field == "call_id"


# -- the queue ----------------------------------------------------------------------------

_Q = QueueEntryStatus


def test_a_wait_follows_its_call() -> None:
    waiting = a_call(CallStatus.QUEUED)
    entry = the_entry(waiting)
    offered = moved(waiting, CallStatus.RINGING, 1)
    assert the_entry(offered) == replace(entry, status=_Q.OFFERED, offered_at=at(1).now)
    accepted = the_entry(moved(offered, CallStatus.ANSWERED, 2))
    assert (accepted.status, accepted.accepted_at) == (_Q.ACCEPTED, at(2).now)
    assert accepted.left_at == at(2).now
    assert accepted.accepted_by_agent_name is None


@pytest.mark.parametrize("terminal", sorted(TERMINAL_STATUSES))
@pytest.mark.parametrize("offered", [False, True])
def test_a_wait_ends_with_a_call_that_nobody_answered(terminal: CallStatus, offered: bool) -> None:
    call = a_call(CallStatus.QUEUED)
    if offered:
        call = moved(call, CallStatus.RINGING, 1)
    entry = the_entry(moved(call, terminal, 3))
    assert (entry.status, entry.left_at) == (_Q.ABANDONED, at(3).now)


def test_an_accepted_wait_stays_so_when_the_call_ends() -> None:
    call = moved(a_call(CallStatus.QUEUED), CallStatus.ANSWERED, 1)
    step = end(call, at(9))
    assert step.call.entry == call.entry
    assert call.entry not in step.records


def test_a_wait_that_has_timed_out_stays_so() -> None:
    call = a_call(CallStatus.QUEUED)
    for status in (CallStatus.RINGING, CallStatus.ANSWERED, CallStatus.FAILED):
        assert moved(call, status, 60).entry == call.entry
    with pytest.raises(NotPossible):
        accept(call, ANN, moment=at(60))
    assert accept(call, ANN, moment=at(59.9)).call.row.status is CallStatus.ANSWERED


def test_a_call_that_is_queued_again_begins_a_new_wait() -> None:
    offered = moved(a_call(CallStatus.QUEUED), CallStatus.RINGING, 1)
    step = report_progress(offered, Report(CallStatus.QUEUED), moment=at(2), queue=QUEUE)
    entries = [record for record in step.records if isinstance(record, QueueEntryRow)]
    assert [entry.status for entry in entries] == [_Q.ABANDONED, _Q.WAITING]
    assert entries[0].id == the_entry(offered).id != entries[1].id
    assert step.call.entry == entries[1]


# -- accepting ----------------------------------------------------------------------------


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("acceptor", [ANN, BOB])
def test_accepting_answers_the_call(acceptor: Acceptor, offered: bool) -> None:
    call = a_call(CallStatus.QUEUED)
    if offered:
        call = moved(call, CallStatus.RINGING, 1)
    step = accept(call, acceptor, moment=at(2))
    assert types(step) == ["call.answered", "call.participant_joined"]
    answered = step.events[0].data
    assert isinstance(answered, CallAnswered)
    assert (answered.answered_by, answered.sip_username) == ("operator", acceptor.name)
    row, entry = step.call.row, the_entry(step.call)
    assert written(step) == row
    assert entry in step.records
    assert (row.status, row.sip_username) == (CallStatus.ANSWERED, acceptor.name)
    assert (entry.status, entry.accepted_at) == (_Q.ACCEPTED, at(2).now)
    assert entry.accepted_by_sip_user_id == acceptor.sip_user_id
    assert entry.accepted_by_agent_name == acceptor.name
    who = step.call.participants[-1]
    assert (who.member_uuid, who.role) == (acceptor.name, ParticipantRole.OPERATOR)


def test_the_same_acceptor_again_changes_nothing_and_another_is_refused() -> None:
    call = accept(a_call(CallStatus.QUEUED), ANN, moment=at(1)).call
    renamed = replace(ANN, name="ann-2")
    for again in (ANN, renamed, Acceptor("ann")):
        assert accept(call, again, moment=at(2)) == ReportResult(call)
    ended = end(call, at(3)).call
    assert accept(ended, ANN, moment=at(4)) == ReportResult(ended)
    for other in (BOB, Acceptor("ann", new_id())):
        with pytest.raises(NotPossible):
            accept(call, other, moment=at(2))


def lost_calls() -> list[ExternalCall]:
    answered = moved(a_call(CallStatus.QUEUED), CallStatus.ANSWERED, 1)
    abandoned = end(a_call(CallStatus.QUEUED), at(1)).call
    return [answered, abandoned, a_call(CallStatus.RINGING)]


@pytest.mark.parametrize("call", lost_calls(), ids=["answered", "abandoned", "never queued"])
def test_what_does_not_wait_cannot_be_accepted(call: ExternalCall) -> None:
    with pytest.raises(NotPossible):
        accept(call, ANN, moment=at(2))


def test_a_queued_call_is_queued_somewhere() -> None:
    with pytest.raises(AssertionError):
        create(a_row(CallStatus.QUEUED), at(0))
