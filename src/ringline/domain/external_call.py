"""External calls: reports of another switch become rows and events (contract, 4).

No process of ours runs an external call. Each report is one step: it returns the rows and
events to write, or is refused by the table of transitions. Events have the same order as
those of any call: `call.created`, then ringing, answered and joins as they happen, then every
`call.participant_left`, then `call.ended`, exactly once.

A call's queue entry follows the call: it is waiting while the call is queued, offered while
it rings, accepted when it is answered, and abandoned when it ends before that. An entry that
timed out stays so; a call that is queued again gets a new entry.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import UNSET, UnsetType

from ringline.domain import limits
from ringline.domain.call import Moment, call_ref
from ringline.domain.call_status import move, move_between
from ringline.domain.call_vocabulary import (
    TERMINAL_STATUSES,
    AnsweredBy,
    CallStatus,
    HangupCause,
    ParticipantRole,
)
from ringline.domain.events import (
    CallAnswered,
    CallCreated,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    Event,
    KnownCaller,
)
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.participants import join, leave
from ringline.domain.records import CallRow, ParticipantRow, QueueEntryRow, Record, talk_time_s
from ringline.domain.turns import Dated, Draft

#: The hang-up cause for each reported status. Reports do not say who hung up: a completed
#: call counts as ended by its caller, like normal clearing in telephony.
CAUSES = {
    CallStatus.COMPLETED: HangupCause.CALLER_HANGUP,
    CallStatus.CANCELLED: HangupCause.CALLER_HANGUP,
    CallStatus.FAILED: HangupCause.FAILED,
    CallStatus.BUSY: HangupCause.BUSY,
    CallStatus.NO_ANSWER: HangupCause.NO_ANSWER,
}

_OPEN_ENTRIES = frozenset({QueueEntryStatus.WAITING, QueueEntryStatus.OFFERED})


class NotPossible(Exception):
    """The call's state does not allow a report; `message` is for the client.

    `field` is the member at fault, if there is one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class ExternalCall:
    """An external call with its participants and its latest queue entry."""

    row: CallRow
    participants: tuple[ParticipantRow, ...] = ()
    entry: QueueEntryRow | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; its entries time out after `max_wait_s`."""

    id: UUID
    name: str
    max_wait_s: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a call's progress; None clears a member, UNSET leaves it alone."""

    status: CallStatus | None = None
    ended_at: datetime | UnsetType | None = UNSET
    duration_seconds: int | UnsetType | None = UNSET
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptor:
    """An agent who accepts a waiting call, and their SIP user, if known."""

    name: str
    sip_user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReportResult:
    """The result of a step: the new call, rows to write and events to publish."""

    call: ExternalCall
    records: tuple[Record, ...] = ()
    events: tuple[Event, ...] = ()


def create(
    row: CallRow,
    moment: Moment,
    *,
    queue: Queue | None = None,
    contact: KnownCaller | None = None,
) -> ReportResult:
    """Record a new call, with the events that lead to its state.

    The state must not be terminal; a queued call needs its queue.
    """
    draft = _draft(row, moment)
    initial = ExternalCall(replace(row, status=CallStatus.INITIATED))
    current = initial
    if row.status is not CallStatus.INITIATED:
        current = _move(initial, row.status, queue=queue, draft=draft)
    entry = current.entry
    created = CallCreated(
        status=initial.row.status,
        source=row.source,
        started_at=row.started_at,
        conversation_id=row.conversation_id,
        queue_entry_id=entry.id if entry is not None else None,
        queue_name=queue.name if entry is not None and queue is not None else None,
        sip_username=row.sip_username,
        contact=contact,
    )
    draft.events.insert(0, Dated(created, draft.now))
    draft.records.insert(0, current.row)
    return _result(current, draft, moment=moment)


def report_progress(
    call: ExternalCall, report: Report, *, moment: Moment, queue: Queue | None = None
) -> ReportResult:
    """Apply a report of a call's progress. Raises NotPossible.

    Reporting the current state again changes nothing. `queue` is needed if the call is
    queued now.
    """
    row = call.row
    if row.ended_at is not None:
        _check_final(row, report)
        return ReportResult(call)
    status = row.status if report.status is None else report.status
    ended_at = None if report.ended_at is UNSET else report.ended_at
    check_end(status, ended_at)
    if report.duration_seconds is not UNSET:
        row = replace(row, duration_seconds=report.duration_seconds)
    if report.source is not None:
        row = replace(row, source=report.source)
    draft = _draft(row, moment)
    if row != call.row:
        draft.records.append(row)
        call = replace(call, row=row)
    if status is CallStatus.COMPLETED and row.answered_at is None:
        raise NotPossible("a call that nobody answered is completed by order alone", "status")
    if status in TERMINAL_STATUSES:
        draft.now = ended_at or draft.now
        call = _end(call, status, cause=CAUSES[status], draft=draft)
    elif status is not row.status:
        call = _move(call, status, queue=queue, draft=draft)
    return _result(call, draft, moment=moment)


def check_end(status: CallStatus, ended_at: datetime | None) -> None:
    """Check that a call in this state may have this end. Raises NotPossible."""
    if ended_at is not None and status not in TERMINAL_STATUSES:
        raise NotPossible("only a call that has ended has an end", "ended_at")


def check_stay(joined_at: datetime | None, left_at: datetime | None) -> None:
    """Check that a participant did not leave before they joined. Raises NotPossible."""
    if joined_at is not None and left_at is not None and left_at < joined_at:
        raise NotPossible("nobody leaves before they joined", "left_at")


def end(call: ExternalCall, moment: Moment) -> ReportResult:
    """End a call at an API request: it is completed; an ended call is unchanged."""
    if call.row.ended_at is not None:
        return ReportResult(call)
    draft = _draft(call.row, moment)
    ended = _end(call, CallStatus.COMPLETED, cause=HangupCause.API_HANGUP, draft=draft)
    return _result(ended, draft, moment=moment)


def accept(call: ExternalCall, acceptor: Acceptor, *, moment: Moment) -> ReportResult:
    """Accept a call out of its queue, which answers it. Raises NotPossible.

    Accepting it again changes nothing.
    """
    entry = call.entry
    if entry is not None and accepted_by(entry, acceptor):
        return ReportResult(call)
    if entry is None or not _is_open(entry, moment.now):
        raise NotPossible("the call does not wait any more")
    draft = _draft(call.row, moment)
    entry = replace(
        entry, accepted_by_sip_user_id=acceptor.sip_user_id, accepted_by_agent_name=acceptor.name
    )
    row = replace(call.row, sip_username=acceptor.name)
    call = _move(replace(call, row=row, entry=entry), CallStatus.ANSWERED, queue=None, draft=draft)
    _check_room(call)
    operator = join(acceptor.name, ParticipantRole.OPERATOR, draft=draft)
    call = replace(call, participants=(*call.participants, operator))
    return _result(call, draft, moment=moment)


def accepted_by(entry: QueueEntryRow, acceptor: Acceptor) -> bool:
    """Return whether this acceptor has accepted an entry."""
    if entry.status is not QueueEntryStatus.ACCEPTED:
        return False
    if entry.accepted_by_sip_user_id is not None and acceptor.sip_user_id is not None:
        return entry.accepted_by_sip_user_id == acceptor.sip_user_id
    return entry.accepted_by_agent_name == acceptor.name


def report_join(
    call: ExternalCall,
    member: str,
    *,
    role: ParticipantRole,
    moment: Moment,
    joined_at: datetime | None = None,
    left_at: datetime | None = None,
) -> ReportResult:
    """Apply a report that a participant joined, and perhaps left. Raises NotPossible."""
    if call.row.ended_at is not None:
        raise NotPossible("nobody joins a call that has ended", "call_id")
    _check_room(call)
    draft = _draft(call.row, moment)
    draft.now = joined_at or draft.now
    participant = join(member, role, draft=draft)
    if left_at is not None:
        check_stay(participant.joined_at, left_at)
        draft.now = left_at
        participant = leave(participant, draft)
    call = replace(call, participants=(*call.participants, participant))
    return _result(call, draft, moment=moment)


def _check_room(call: ExternalCall) -> None:
    """Refuse more participants than the limit: every report reads them all."""
    if len(call.participants) >= limits.CALL_PARTICIPANTS.most:
        raise NotPossible(
            f"a call has at most {limits.CALL_PARTICIPANTS.most} participants", "call_id"
        )


def report_leave(
    call: ExternalCall, participant_id: UUID, *, left_at: datetime, moment: Moment
) -> ReportResult:
    """Apply a report that a participant left; once each. Raises NotPossible."""
    participant = next(known for known in call.participants if known.id == participant_id)
    if participant.left_at is not None:
        if participant.left_at != left_at:
            raise NotPossible("the participant has left already", "left_at")
        return ReportResult(call)
    check_stay(participant.joined_at, left_at)
    draft = _draft(call.row, moment)
    draft.now = left_at
    departed = leave(participant, draft)
    participants = tuple(departed if known is participant else known for known in call.participants)
    return _result(replace(call, participants=participants), draft, moment=moment)


def _check_final(row: CallRow, report: Report) -> None:
    """Refuse changes of a call that has ended."""
    reported = {
        "status": (report.status or UNSET, row.status),
        "ended_at": (report.ended_at, row.ended_at),
        "duration_seconds": (report.duration_seconds, row.duration_seconds),
        "call_source": (report.source or UNSET, row.source),
    }
    for field, (new, old) in reported.items():
        if new is not UNSET and new != old:
            raise NotPossible("the call has ended and stays as it is", field)


def _move(
    call: ExternalCall, status: CallStatus, *, queue: Queue | None, draft: Draft
) -> ExternalCall:
    """Move a call to a state that is not terminal, and its queue entry with it."""
    row, entry = _moved(call.row, status, at=draft.now), call.entry
    match status:
        case CallStatus.QUEUED:
            if queue is None:
                raise AssertionError("a queued call needs a queue")
            _follow(
                entry, QueueEntryStatus.ABANDONED, draft=draft
            )  # it was offered but not accepted
            entry = _wait(call.row.id, queue, draft=draft)
            draft.report(_ringing(row))
        case CallStatus.RINGING:
            entry = _follow(entry, QueueEntryStatus.OFFERED, draft=draft)
            draft.report(_ringing(row))
        case CallStatus.ANSWERED if call.row.answered_at is None:
            entry = _follow(entry, QueueEntryStatus.ACCEPTED, draft=draft)
            draft.report(
                CallAnswered(
                    answered_at=draft.now,
                    started_at=row.started_at,
                    answered_by=AnsweredBy.OPERATOR,
                    sip_username=row.sip_username,
                    source=row.source,
                )
            )
        case CallStatus.ANSWERED:
            draft.report(CallResumed())
        case CallStatus.HELD:
            draft.report(CallHeld())
        case _:
            raise AssertionError("no call moves back to its beginning, and its end is another step")
    draft.records.append(row)
    return replace(call, row=row, entry=entry)


def _ringing(row: CallRow) -> CallRinging:
    return CallRinging(status=row.status, source=row.source, started_at=row.started_at)


def _end(
    call: ExternalCall, status: CallStatus, *, cause: HangupCause, draft: Draft
) -> ExternalCall:
    """End a call at the draft's time: participants leave, `call.ended` comes last."""
    row, at = _moved(call.row, status, at=draft.now), draft.now
    duration = row.duration_seconds
    if duration is None:
        duration = talk_time_s(row.answered_at, at)
    row = replace(row, hangup_cause=cause, duration_seconds=duration)
    draft.records.append(row)
    entry = _follow(call.entry, QueueEntryStatus.ABANDONED, draft=draft)
    participants = tuple(leave(participant, draft) for participant in call.participants)
    draft.report(
        CallEnded(
            status=status,
            hangup_cause=cause,
            started_at=row.started_at,
            answered_at=row.answered_at,
            ended_at=at,
            duration_seconds=duration,
            sip_username=row.sip_username,
            source=row.source,
        )
    )
    return ExternalCall(row, participants, entry)


def _moved(row: CallRow, status: CallStatus, *, at: datetime) -> CallRow:
    call_move = move_between(row.status, status)
    moved = None if call_move is None else move(row, call_move, at=at)
    if moved is None:
        raise NotPossible(f"a call that is {row.status} cannot become {status}", "status")
    return moved


def _wait(call_id: UUID, queue: Queue, *, draft: Draft) -> QueueEntryRow:
    expires_at = None
    if queue.max_wait_s is not None:
        expires_at = draft.now + timedelta(seconds=queue.max_wait_s)
    entry = QueueEntryRow(
        draft.new_id(), queue.id, call_id, QueueEntryStatus.WAITING, draft.now, expires_at
    )
    draft.records.append(entry)
    return entry


def _follow(
    entry: QueueEntryRow | None, status: QueueEntryStatus, *, draft: Draft
) -> QueueEntryRow | None:
    """Update a queue entry with its call, unless the entry is closed."""
    if entry is None or not _is_open(entry, draft.now):
        return entry
    match status:
        case QueueEntryStatus.OFFERED:
            entry = replace(entry, status=status, offered_at=draft.now)
        case QueueEntryStatus.ACCEPTED:
            entry = replace(entry, status=status, accepted_at=draft.now, left_at=draft.now)
        case _:
            entry = replace(entry, status=status, left_at=draft.now)
    draft.records.append(entry)
    return entry


def _is_open(entry: QueueEntryRow, now: datetime) -> bool:
    over = entry.expires_at is not None and entry.expires_at <= now
    return entry.status in _OPEN_ENTRIES and not over


def _draft(row: CallRow, moment: Moment) -> Draft:
    return Draft(row.id, moment.now, moment.new_id)


def _result(call: ExternalCall, draft: Draft, *, moment: Moment) -> ReportResult:
    ref = call_ref(call.row)
    # Reported now, whenever it was.
    events = tuple(Event(moment.new_id(), moment.now, dated.data, ref) for dated in draft.events)
    return ReportResult(call, tuple(draft.records), events)
