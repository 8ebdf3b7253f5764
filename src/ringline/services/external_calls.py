"""External calls, which live elsewhere and are reported by requests.

Each report is one transaction. It locks the call, so that concurrent reports are applied one
after the other. `domain.external_call` decides the effect; this module loads what that needs.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.call import Moment
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    ParticipantRole,
)
from ringline.domain.events import KnownCaller
from ringline.domain.external_call import (
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
from ringline.domain.operators import DEFAULT_QUEUE
from ringline.domain.records import CallRow, StoredCall
from ringline.ports import EntryRefused, Row, Rows, Transaction
from ringline.schema.call_tables import call_participants, call_queue_entries
from ringline.schema.sql import Prepared
from ringline.schema.tables import contacts, queues

_CALL_UUID_KEY = "calls_workspace_id_environment_call_uuid_key"

_ID = sa.bindparam("wanted", type_=sa.Uuid)
_TEXT = sa.bindparam("wanted", type_=sa.Text)
_QUEUE = sa.select(queues.c.id, queues.c.queue_name, queues.c.max_wait_time)
_QUEUE_BY_ID = Prepared(_QUEUE.where(queues.c.id == _ID))
_QUEUE_BY_NAME = Prepared(_QUEUE.where(queues.c.queue_name == _TEXT))
_CONTACT = Prepared(
    sa.select(contacts.c.id, contacts.c.full_name, contacts.c.phone_e164).where(
        contacts.c.phone_e164 == _TEXT
    )
)
_CALL_OF_ENTRY = Prepared(
    sa.select(call_queue_entries.c.call_id).where(call_queue_entries.c.id == _ID)
)
_CALL_OF_PARTICIPANT = Prepared(
    sa.select(call_participants.c.call_id).where(call_participants.c.id == _ID)
)


class NoSuchRecord(Exception):
    """The record does not exist, or belongs to another workspace."""


class BadReference(Exception):
    """A field refers to a record that does not exist, or its value is already taken."""

    def __init__(self, field: str, message: str = "is invalid") -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class NewExternalCall:
    """The first report of an external call.

    Without a `uuid`, the call's id is its `callUuid`. `queue_id` is for a queued call only;
    without it the call waits in the default queue.
    """

    direction: CallDirection
    from_number: str
    to_number: str
    source: str
    status: CallStatus
    started_at: datetime
    uuid: str | None = None
    sip_username: str | None = None
    conversation_id: UUID | None = None
    queue_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewParticipant:
    """A person who joined a call, and when they left, if they have."""

    call_id: UUID
    member: str
    role: ParticipantRole
    joined_at: datetime | None = None
    left_at: datetime | None = None


async def create_call(transaction: Transaction, new: NewExternalCall, *, moment: Moment) -> UUID:
    """Record a call; return its id. Raises BadReference."""
    call_id = moment.new_id()
    row = CallRow(
        id=call_id,
        uuid=new.uuid or str(call_id),
        direction=new.direction,
        from_number=new.from_number,
        to_number=new.to_number,
        source=new.source,
        transport=CallTransport.EXTERNAL,
        status=new.status,
        started_at=new.started_at,
        sip_username=new.sip_username,
        conversation_id=new.conversation_id,
    )
    queue = contact = None
    if new.status is CallStatus.QUEUED:
        queue = await _queue(transaction, new.queue_id)
    else:
        check_queue(new.status, new.queue_id)
    if new.direction is CallDirection.INBOUND:
        contact = await _contact(transaction, new.from_number)
    try:
        await _write(transaction, create(row, moment, queue=queue, contact=contact))
    except EntryRefused as refused:
        if refused.constraint == _CALL_UUID_KEY:
            raise BadReference("call_uuid", "has already been taken") from None
        raise
    return call_id


def check_queue(status: CallStatus, queue_id: UUID | None) -> None:
    """Check that a call in this state may name a queue. Raises BadReference."""
    if queue_id is not None and status is not CallStatus.QUEUED:
        raise BadReference("queue_id", "is for a call whose status is queued")


async def update_call(
    transaction: Transaction, call_id: UUID, *, report: Report, moment: Moment
) -> None:
    """Apply a report of a call's progress. Raises NotPossible, NoSuchRecord."""
    call = await _lock(transaction, call_id)
    queue = None
    if report.status is CallStatus.QUEUED:
        queue = await _queue(transaction, call.entry.queue_id if call.entry else None)
    await _write(transaction, report_progress(call, report, moment=moment, queue=queue))


async def end_call(transaction: Transaction, call_id: UUID, *, moment: Moment) -> bool:
    """End a call; return whether it was open, else it stays unchanged. Raises NoSuchRecord."""
    ended = end(await _lock(transaction, call_id), moment)
    await _write(transaction, ended)
    return bool(ended.records)


async def accept_entry(
    transaction: Transaction, entry_id: UUID, *, acceptor: Acceptor, moment: Moment
) -> None:
    """Let a member accept a queued call. Raises NotPossible, NoSuchRecord."""
    call = await _lock(transaction, await _call_of(transaction, _CALL_OF_ENTRY, wanted=entry_id))
    if call.entry is None or call.entry.id != entry_id:
        # Only a call's latest queue entry can be open.
        raise NotPossible("the call is no longer waiting in this queue entry")
    await _write(transaction, accept(call, acceptor, moment=moment))


async def create_participant(
    transaction: Transaction, new: NewParticipant, *, moment: Moment
) -> UUID:
    """Record that a person joined; return the participant's id.

    Raises NotPossible, BadReference.
    """
    try:
        call = await _lock(transaction, new.call_id)
    except NoSuchRecord:
        raise BadReference("call_id") from None
    joined = report_join(
        call, new.member, role=new.role, moment=moment, joined_at=new.joined_at, left_at=new.left_at
    )
    await _write(transaction, joined)
    return joined.call.participants[-1].id


async def end_participation(
    transaction: Transaction, participant_id: UUID, *, left_at: datetime, moment: Moment
) -> None:
    """Record that a participant left. Raises NotPossible, NoSuchRecord."""
    call_id = await _call_of(transaction, _CALL_OF_PARTICIPANT, wanted=participant_id)
    call = await _lock(transaction, call_id)
    await _write(transaction, report_leave(call, participant_id, left_at=left_at, moment=moment))


async def _lock(transaction: Transaction, call_id: UUID) -> ExternalCall:
    stored: StoredCall | None = await transaction.lock_call(call_id)
    if stored is None:
        raise NoSuchRecord
    if stored.runs:
        raise NotPossible("the call runs here; change it with actions instead of reports")
    return ExternalCall(stored.row, stored.participants, stored.entry)


async def _write(transaction: Transaction, result: ReportResult) -> None:
    if result.records:
        await transaction.save(result.records)
    transaction.append(*result.events)


async def _call_of(rows: Rows, statement: Prepared, *, wanted: UUID) -> UUID:
    row = await _first(rows, statement, wanted=wanted)
    if row is None:
        raise NoSuchRecord
    return row["call_id"]


async def _queue(rows: Rows, queue_id: UUID | None) -> Queue:
    if queue_id is None:
        row = await _first(rows, _QUEUE_BY_NAME, wanted=DEFAULT_QUEUE)
    else:
        row = await _first(rows, _QUEUE_BY_ID, wanted=queue_id)
    if row is None:
        raise BadReference("queue_id")
    return Queue(row["id"], row["queue_name"], row["max_wait_time"])


async def _contact(rows: Rows, number: str) -> KnownCaller | None:
    row = await _first(rows, _CONTACT, wanted=number)
    if row is None:
        return None
    return KnownCaller(id=row["id"], full_name=row["full_name"], phone_e164=row["phone_e164"])


async def _first(rows: Rows, statement: Prepared, *, wanted: UUID | str) -> Row | None:
    found = await rows.fetch(statement.text, statement.arguments(wanted=wanted))
    return found[0] if found else None
