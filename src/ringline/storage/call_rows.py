"""The statements that write and read the rows of calls.

A batch of rows is written in one statement per table, whose parameters are arrays, one per
column. Every write of a call carries its whole row; the first one inserts it, later ones
update it, but only for the process that runs the call and only until the call has ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from ringline.domain.audit import AuditEntry
from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.latency import Latency
from ringline.domain.log import Scope
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.records import (
    CallRow,
    ParticipantRow,
    QueueEntryRow,
    Record,
    StoredCall,
    TurnRow,
    UsageRow,
    talk_time_s,
)
from ringline.domain.voice import Usage
from ringline.ports import EntryRefused, Violation
from ringline.schema.call_tables import (
    call_participants,
    call_queue_entries,
    call_transcripts,
    calls,
)
from ringline.schema.sql import Prepared
from ringline.schema.usage_tables import usage, usage_months
from ringline.storage.audit_rows import write_audit
from ringline.storage.database import Connection
from ringline.wire.strict_json import encode

_METADATA = msgspec.json.Decoder(dict[str, object])
_SCOPE_COLUMNS = ("workspace_id", "environment")


def arrays(name: str, *columns: sa.Column[Any]) -> sa.TableValuedAlias:
    """Return rows built from one array per column, numbered by `ordinal`."""
    values = [sa.bindparam(column.name, type_=ARRAY(column.type)) for column in columns]
    shape = [sa.column(column.name, column.type) for column in columns]
    function = sa.func.unnest(*values).table_valued(*shape, with_ordinality="ordinal", name=name)
    return function.render_derived()


def _insert_arrays(table: sa.Table, names: Sequence[str], *fixed: str) -> Any:
    new = arrays("new", *(table.c[name] for name in names))
    given = [sa.bindparam(name, type_=table.c[name].type) for name in (*_SCOPE_COLUMNS, *fixed)]
    rows = sa.select(*given, *(new.c[name] for name in names)).order_by(new.c.id)
    return insert(table).from_select([*_SCOPE_COLUMNS, *fixed, *names], rows)


_CALL_COLUMNS: dict[str, Callable[[CallRow], object]] = {
    "id": lambda row: row.id,
    "call_uuid": lambda row: row.uuid,
    "call_source": lambda row: row.source,
    "direction": lambda row: row.direction.value,
    "from_number": lambda row: row.from_number,
    "to_number": lambda row: row.to_number,
    "transport": lambda row: row.transport.value,
    "status": lambda row: row.status.value,
    "sip_username": lambda row: row.sip_username,
    "conversation_id": lambda row: row.conversation_id,
    "agent_id": lambda row: row.agent_id,
    "model": lambda row: row.model,
    "started_at": lambda row: row.started_at,
    "answered_at": lambda row: row.answered_at,
    "ended_at": lambda row: row.ended_at,
    "duration_seconds": lambda row: _duration_s(row),
    "hangup_cause": lambda row: row.hangup_cause.value if row.hangup_cause else None,
    "metadata": lambda row: None if row.metadata is None else encode(row.metadata).decode(),
    "recording_consent": lambda row: row.recording_consent,
    "resolved": lambda row: row.resolved,
}
_CALL_MOVES = (
    "status",
    "call_source",
    "sip_username",
    "agent_id",
    "model",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "hangup_cause",
    "resolved",
)
_PARTICIPANT_COLUMNS: dict[str, Callable[[ParticipantRow], object]] = {
    "id": lambda row: row.id,
    "call_id": lambda row: row.call_id,
    "member_uuid": lambda row: row.member_uuid,
    "role": lambda row: row.role.value,
    "joined_at": lambda row: row.joined_at,
    "left_at": lambda row: row.left_at,
}
_TURN_COLUMNS: dict[str, Callable[[TurnRow], object]] = {
    "id": lambda row: row.id,
    "call_id": lambda row: row.call_id,
    "turn_id": lambda row: row.turn_id,
    "item_id": lambda row: row.item_id,
    "content_index": lambda row: row.content_index,
    "role": lambda row: row.role.value,
    "text": lambda row: row.text,
    "interrupted": lambda row: row.interrupted,
    "spoken_text": lambda row: row.spoken_text,
    "recognized": lambda row: row.recognized,
    "latency_ms": lambda row: row.latency.total_ms if row.latency else None,
    "gateway_ms": lambda row: row.latency.gateway_ms if row.latency else None,
    "occurred_at": lambda row: row.occurred_at,
}
_ENTRY_COLUMNS: dict[str, Callable[[QueueEntryRow], object]] = {
    "id": lambda row: row.id,
    "queue_id": lambda row: row.queue_id,
    "call_id": lambda row: row.call_id,
    "status": lambda row: row.status.value,
    "entered_at": lambda row: row.entered_at,
    "expires_at": lambda row: row.expires_at,
    "offered_at": lambda row: row.offered_at,
    "accepted_at": lambda row: row.accepted_at,
    "left_at": lambda row: row.left_at,
    "accepted_by_sip_user_id": lambda row: row.accepted_by_sip_user_id,
    "accepted_by_agent_name": lambda row: row.accepted_by_agent_name,
}
_ENTRY_MOVES = tuple(
    name for name in _ENTRY_COLUMNS if name not in {"id", "queue_id", "call_id", "entered_at"}
)


_USED = (*(field.name for field in fields(Usage)), "usd")
_USAGE_COLUMNS: dict[str, Callable[[UsageRow], object]] = {
    "id": lambda row: row.id,
    "call_id": lambda row: row.call_id,
    "agent_id": lambda row: row.agent_id,
    "model": lambda row: row.model,
    "kind": lambda row: row.kind.value,
    **{name: attrgetter(f"usage.{name}") for name in _USED if name != "usd"},
    "usd": lambda row: row.usd,
    "prices_date": lambda row: row.prices_date,
    "occurred_at": lambda row: row.occurred_at,
}


def _write_usage() -> Prepared:
    """Insert rows of usage unless they are there, and add the new ones to their months' sums."""
    new = _insert_arrays(usage, tuple(_USAGE_COLUMNS))
    written = new.on_conflict_do_nothing(constraint="usage_pkey").returning(*usage.c).cte("written")
    utc = sa.func.timezone("UTC", written.c.occurred_at)
    month = sa.cast(sa.func.date_trunc("month", utc), sa.Date)
    group = (written.c.workspace_id, written.c.environment, month, *written.c["agent_id", "model"])
    sums = [sa.cast(sa.func.sum(written.c[name]), usage.c[name].type) for name in _USED]
    # Two processes that add to the same months take their rows in the same order.
    months = sa.select(*group, *sums).group_by(*group).order_by(*group)
    names = (*_SCOPE_COLUMNS, "month", "agent_id", "model", *_USED)
    added = insert(usage_months).from_select(names, months)
    sum_up = {name: usage_months.c[name] + added.excluded[name] for name in _USED}
    return Prepared(
        added.on_conflict_do_update(
            constraint="usage_months_key", set_=sum_up | {"updated_at": sa.func.now()}
        )
    )


def _write_calls() -> Prepared:
    written = _insert_arrays(calls, tuple(_CALL_COLUMNS), "server_id")
    moved = {name: written.excluded[name] for name in _CALL_MOVES}
    return Prepared(
        written.on_conflict_do_update(
            constraint="calls_pkey",
            set_=moved | {"updated_at": sa.func.now()},
            where=calls.c.server_id.is_not_distinct_from(written.excluded.server_id)
            & calls.c.ended_at.is_(None),
        ).returning(calls.c.id)
    )


def _write_participants() -> Prepared:
    written = _insert_arrays(call_participants, tuple(_PARTICIPANT_COLUMNS))
    return Prepared(
        written.on_conflict_do_update(
            constraint="call_participants_pkey",
            set_={"left_at": written.excluded.left_at, "updated_at": sa.func.now()},
        )
    )


def _write_entries() -> Prepared:
    written = _insert_arrays(call_queue_entries, tuple(_ENTRY_COLUMNS))
    moved = {name: written.excluded[name] for name in _ENTRY_MOVES}
    return Prepared(
        written.on_conflict_do_update(
            constraint="call_queue_entries_pkey", set_=moved | {"updated_at": sa.func.now()}
        )
    )


_WRITE_USAGE = _write_usage()
_WRITE_ENTRIES = _write_entries()
_WRITE_CALLS = _write_calls()
_WRITE_PARTICIPANTS = _write_participants()
_WRITE_TURNS = Prepared(_insert_arrays(call_transcripts, tuple(_TURN_COLUMNS)))


_CALL = sa.bindparam("call", type_=sa.Uuid)
_LOCK = Prepared(sa.select(calls).where(calls.c.id == _CALL).with_for_update(of=calls))
_PARTICIPANTS = Prepared(
    sa.select(call_participants)
    .where(call_participants.c.call_id == _CALL)
    .order_by(call_participants.c.joined_at, call_participants.c.id)
)
_LAST_ENTRY = Prepared(
    sa.select(call_queue_entries)
    .where(call_queue_entries.c.call_id == _CALL)
    .order_by(call_queue_entries.c.entered_at.desc(), call_queue_entries.c.id.desc())
    .limit(1)
)


async def lock_call(connection: Connection, call_id: UUID) -> StoredCall | None:
    """Return a call, and lock its row until the end of the transaction."""
    row = await connection.fetchrow(_LOCK.text, *_LOCK.arguments(call=call_id))
    if row is None:
        return None
    values = _PARTICIPANTS.arguments(call=call_id)
    participants = await connection.fetch(_PARTICIPANTS.text, *values)
    entry = await connection.fetchrow(_LAST_ENTRY.text, *_LAST_ENTRY.arguments(call=call_id))
    return StoredCall(
        read_call(row),
        tuple(read_participant(participant) for participant in participants),
        None if entry is None else read_queue_entry(entry),
        row["server_id"] is not None,
    )


async def write_rows(
    connection: Connection, scope: Scope, *, server_id: UUID | None, records: Sequence[Record]
) -> None:
    """Write records of one log in its transaction; the last state of a row counts.

    `server_id` is the process that runs the calls, None for external calls.

    Raises EntryRefused for a call that another process runs or that has ended.
    """
    call_rows = {row.id: row for row in records if isinstance(row, CallRow)}
    participants = {row.id: row for row in records if isinstance(row, ParticipantRow)}
    entries = {row.id: row for row in records if isinstance(row, QueueEntryRow)}
    turns = [row for row in records if isinstance(row, TurnRow)]
    used = [row for row in records if isinstance(row, UsageRow)]
    deeds = [row for row in records if isinstance(row, AuditEntry)]
    of_scope = {"workspace_id": scope.workspace_id, "environment": scope.environment.value}
    if call_rows:
        values = of_scope | {"server_id": server_id} | _columns(_CALL_COLUMNS, call_rows.values())
        written = await connection.fetch(_WRITE_CALLS.text, *_WRITE_CALLS.arguments(**values))
        if len(written) < len(call_rows):
            raise EntryRefused(Violation.NOT_OURS)
    if participants:
        values = of_scope | _columns(_PARTICIPANT_COLUMNS, participants.values())
        await connection.execute(_WRITE_PARTICIPANTS.text, *_WRITE_PARTICIPANTS.arguments(**values))
    if entries:
        values = of_scope | _columns(_ENTRY_COLUMNS, entries.values())
        await connection.execute(_WRITE_ENTRIES.text, *_WRITE_ENTRIES.arguments(**values))
    if turns:
        values = of_scope | _columns(_TURN_COLUMNS, turns)
        await connection.execute(_WRITE_TURNS.text, *_WRITE_TURNS.arguments(**values))
    if used:
        values = of_scope | _columns(_USAGE_COLUMNS, used)
        await connection.execute(_WRITE_USAGE.text, *_WRITE_USAGE.arguments(**values))
    await write_audit(connection, scope.workspace_id, entries=deeds)


def _columns(columns: dict[str, Callable[[Any], object]], rows: Any) -> dict[str, Any]:
    return {name: [value(row) for row in rows] for name, value in columns.items()}


def _duration_s(row: CallRow) -> int | None:
    if row.duration_seconds is not None or row.ended_at is None:
        return row.duration_seconds
    return talk_time_s(row.answered_at, row.ended_at)


def read_call(row: Any) -> CallRow:
    """Return the call in a row of `calls`."""
    return CallRow(
        id=row["id"],
        uuid=row["call_uuid"],
        direction=CallDirection(row["direction"]),
        from_number=row["from_number"],
        to_number=row["to_number"],
        source=row["call_source"],
        transport=CallTransport(row["transport"]),
        status=CallStatus(row["status"]),
        started_at=row["started_at"],
        agent_id=row["agent_id"],
        model=row["model"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        hangup_cause=HangupCause(row["hangup_cause"]) if row["hangup_cause"] else None,
        sip_username=row["sip_username"],
        conversation_id=row["conversation_id"],
        duration_seconds=row["duration_seconds"],
        metadata=None if row["metadata"] is None else _METADATA.decode(row["metadata"]),
        recording_consent=row["recording_consent"],
        resolved=row["resolved"],
    )


def read_queue_entry(row: Any) -> QueueEntryRow:
    """Return the queue entry in a row of `call_queue_entries`."""
    values: dict[str, Any] = {name: row[name] for name in _ENTRY_COLUMNS}
    values["status"] = QueueEntryStatus(row["status"])
    return QueueEntryRow(**values)


def read_participant(row: Any) -> ParticipantRow:
    """Return the participant in a row of `call_participants`."""
    return ParticipantRow(
        id=row["id"],
        call_id=row["call_id"],
        member_uuid=row["member_uuid"],
        role=ParticipantRole(row["role"]),
        joined_at=row["joined_at"],
        left_at=row["left_at"],
    )


def read_turn(row: Any) -> TurnRow:
    """Return the turn in a row of `call_transcripts`."""
    values: dict[str, Any] = {name: row[name] for name in _TURN_COLUMNS}
    values["role"] = TurnRole(row["role"])
    total_ms, gateway_ms = values.pop("latency_ms"), values.pop("gateway_ms")
    if total_ms is not None:
        voice_ms = total_ms - gateway_ms
        values["latency"] = Latency(total_ms=total_ms, voice_ms=voice_ms, gateway_ms=gateway_ms)
    return TurnRow(**values)
