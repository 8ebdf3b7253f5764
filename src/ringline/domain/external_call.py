"""A call that lives elsewhere: what its switch reports becomes rows and events (contract, 4).

Nothing here runs such a call. Each report is one step: it says what must be written and
told, or is refused by the table of transitions. Events come in the order of every call:
`call.created`, then ringing, answered and joins as they happen, then every
`call.participant_left`, then `call.ended`, exactly once.

A call's wait in a queue follows the call: it waits while the call is queued, is offered
while it rings, accepted when it is answered, abandoned when it ends before that. What has
timed out stays so, and a call that is queued again begins a new wait.
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
    CallRinging,
    Event,
    KnownCaller,
)
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.participants import join, leave
from ringline.domain.records import CallRow, ParticipantRow, QueueEntryRow, Record, talked_s
from ringline.domain.turns import Draft

#: Why a call ended, by what was reported. Who hung up is not: a completed call is taken for
#: one that its caller ended, as telephony's normal clearing is.
CAUSES = {
    CallStatus.COMPLETED: HangupCause.CALLER_HANGUP,
    CallStatus.CANCELLED: HangupCause.CALLER_HANGUP,
    CallStatus.FAILED: HangupCause.FAILED,
    CallStatus.BUSY: HangupCause.BUSY,
    CallStatus.NO_ANSWER: HangupCause.NO_ANSWER,
}

_OPEN_WAITS = frozenset({QueueEntryStatus.WAITING, QueueEntryStatus.OFFERED})


class NotPossible(Exception):
    """A report that does not fit the call as it is; `message` is for the client.

    `field` is the member that it is about, if it is about one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class ExternalCall:
    """A call that lives elsewhere, with who takes part and its last wait in a queue."""

    row: CallRow
    participants: tuple[ParticipantRow, ...] = ()
    entry: QueueEntryRow | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """Where calls wait; after `max_wait_s` a wait has timed out."""

    id: UUID
    name: str
    max_wait_s: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a call goes on; what may be cleared by None is UNSET where it was not reported."""

    status: CallStatus | None = None
    ended_at: datetime | UnsetType | None = UNSET
    duration_seconds: int | UnsetType | None = UNSET
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptor:
    """Who takes a waiting call: an agent by name, and the SIP user of that name, if known."""

    name: str
    sip_user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What a step brings: the call after it, rows to write and events to tell."""

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
    """Record a call, with the events that lead to the state it is in.

    That state is any but a terminal one; a queued call needs its queue.
    """
    draft = _draft(row, moment)
    begun = ExternalCall(replace(row, status=CallStatus.INITIATED))
    reached = begun
    if row.status is not CallStatus.INITIATED:
        reached = _move(begun, row.status, queue=queue, draft=draft)
    entry = reached.entry
    created = CallCreated(
        status=begun.row.status,
        source=row.source,
        started_at=row.started_at,
        conversation_id=row.conversation_id,
        queue_entry_id=entry.id if entry is not None else None,
        queue_name=queue.name if entry is not None and queue is not None else None,
        sip_username=row.sip_username,
        contact=contact,
    )
    draft.events.insert(0, created)
    draft.records.insert(0, reached.row)
    return _result(reached, draft, moment=moment)


def report_progress(
    call: ExternalCall, report: Report, *, moment: Moment, queue: Queue | None = None
) -> ReportResult:
    """Take a report of how a call goes on. Raises NotPossible.

    The same state again changes nothing. `queue` is where the call waits if it is queued
    now.
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
    """Check that a call in this state can have that end. Raises NotPossible."""
    if ended_at is not None and status not in TERMINAL_STATUSES:
        raise NotPossible("only a call that has ended has an end", "ended_at")


def check_stay(joined_at: datetime | None, left_at: datetime | None) -> None:
    """Check that somebody did not leave before they joined. Raises NotPossible."""
    if joined_at is not None and left_at is not None and left_at < joined_at:
        raise NotPossible("nobody leaves before they joined", "left_at")


def end(call: ExternalCall, moment: Moment) -> ReportResult:
    """End a call by order: it is completed, whatever it was; an ended one stays as it is."""
    if call.row.ended_at is not None:
        return ReportResult(call)
    draft = _draft(call.row, moment)
    ended = _end(call, CallStatus.COMPLETED, cause=HangupCause.API_HANGUP, draft=draft)
    return _result(ended, draft, moment=moment)


def accept(call: ExternalCall, acceptor: Acceptor, *, moment: Moment) -> ReportResult:
    """Let somebody take a call out of its queue, which answers it. Raises NotPossible.

    The same one again changes nothing.
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
    """Tell whether a wait was ended by this one already."""
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
    """Take the report that somebody joined, and perhaps left. Raises NotPossible."""
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
    """Refuse one participant too many: every report of a call reads them all."""
    if len(call.participants) >= limits.CALL_PARTICIPANTS.most:
        raise NotPossible(
            f"a call has at most {limits.CALL_PARTICIPANTS.most} participants", "call_id"
        )


def report_leave(
    call: ExternalCall, participant_id: UUID, *, left_at: datetime, moment: Moment
) -> ReportResult:
    """Take the report that somebody left; once each. Raises NotPossible."""
    found = next(each for each in call.participants if each.id == participant_id)
    if found.left_at is not None:
        if found.left_at != left_at:
            raise NotPossible("the participant has left already", "left_at")
        return ReportResult(call)
    check_stay(found.joined_at, left_at)
    draft = _draft(call.row, moment)
    draft.now = left_at
    gone = leave(found, draft)
    participants = tuple(gone if each is found else each for each in call.participants)
    return _result(replace(call, participants=participants), draft, moment=moment)


def _check_final(row: CallRow, report: Report) -> None:
    """Refuse what would change a call that has ended."""
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
    """Move a call that goes on, and its wait with it."""
    row, entry = _moved(call.row, status, at=draft.now), call.entry
    match status:
        case CallStatus.QUEUED:
            if queue is None:
                raise AssertionError("a call is queued somewhere")
            _follow(entry, QueueEntryStatus.ABANDONED, draft=draft)  # an offer that was not taken
            entry = _wait(call.row.id, queue, draft=draft)
            draft.events.append(CallRinging(status=status))
        case CallStatus.RINGING:
            entry = _follow(entry, QueueEntryStatus.OFFERED, draft=draft)
            draft.events.append(CallRinging(status=status))
        case CallStatus.ANSWERED if call.row.answered_at is None:
            entry = _follow(entry, QueueEntryStatus.ACCEPTED, draft=draft)
            draft.events.append(
                CallAnswered(
                    answered_at=draft.now,
                    started_at=row.started_at,
                    answered_by=AnsweredBy.OPERATOR,
                    sip_username=row.sip_username,
                )
            )
        case _:
            pass  # held, and back: no event tells it yet
    draft.records.append(row)
    return replace(call, row=row, entry=entry)


def _end(
    call: ExternalCall, status: CallStatus, *, cause: HangupCause, draft: Draft
) -> ExternalCall:
    """End a call at the draft's time: everybody leaves, then it is told, last."""
    row, at = _moved(call.row, status, at=draft.now), draft.now
    duration = row.duration_seconds
    if duration is None:
        duration = talked_s(row.answered_at, at)
    row = replace(row, hangup_cause=cause, duration_seconds=duration)
    draft.records.append(row)
    entry = _follow(call.entry, QueueEntryStatus.ABANDONED, draft=draft)
    participants = tuple(leave(participant, draft) for participant in call.participants)
    draft.events.append(
        CallEnded(
            status=status,
            hangup_cause=cause,
            started_at=row.started_at,
            answered_at=row.answered_at,
            ended_at=at,
            duration_seconds=duration,
        )
    )
    return ExternalCall(row, participants, entry)


def _moved(row: CallRow, status: CallStatus, *, at: datetime) -> CallRow:
    what = move_between(row.status, status)
    moved = None if what is None else move(row, what, at=at)
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
    """Let a wait follow its call, unless it is over."""
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
    return entry.status in _OPEN_WAITS and not over


def _draft(row: CallRow, moment: Moment) -> Draft:
    return Draft(row.id, moment.now, moment.new_id)


def _result(call: ExternalCall, draft: Draft, *, moment: Moment) -> ReportResult:
    ref = call_ref(call.row)
    events = tuple(Event(moment.new_id(), moment.now, data, ref) for data in draft.events)
    return ReportResult(call, tuple(draft.records), events)
