"""The event log in PostgreSQL: the writing transaction assigns offsets.

One transaction writes everything that came in since the last one. The rows of all logs come
first. Then, log by log in ascending order, one statement per log advances its counter and
inserts its events with the offsets gained, and what is owed to webhooks (`append_statement.py`).
So a log is locked only for its own statement and the commit, all writers lock logs in the same
order, and commit order is offset order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain import limits
from ringline.domain.events import Event, StoredEvent, read_event
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry, Record
from ringline.domain.topics import ALL_EVENTS, AllEvents, CallEvents, ThreadEvents, Topic
from ringline.ports import (
    Clock,
    EntryRefused,
    LogBusy,
    LogHead,
    LogPage,
    StoreUnavailable,
    Violation,
)
from ringline.schema.sql import Prepared
from ringline.schema.tables import events
from ringline.storage.append_statement import APPEND, EVENT_COLUMNS, append_arguments
from ringline.storage.call_rows import write_rows
from ringline.storage.database import Connection, Database, switch
from ringline.storage.database_errors import TimedOut
from ringline.storage.pool import INTERNAL
from ringline.storage.portions import fetch_portions

_FIND = Prepared(
    sa.select(events.c.event_id, events.c.offset).where(
        events.c.event_id == sa.any_(sa.bindparam("event_ids", type_=ARRAY(sa.Uuid)))
    )
)
_PAGE_OF_ALL = (
    sa.select(events.c.offset, *(events.c[name] for name in EVENT_COLUMNS))
    .where(events.c.offset > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(events.c.offset)
    .limit(sa.bindparam("count", type_=sa.BigInteger))
)
_PAGE = Prepared(_PAGE_OF_ALL)
_PAGE_OF_CALL = Prepared(
    _PAGE_OF_ALL.where(events.c.call_id == sa.bindparam("of_call", type_=sa.Uuid))
)

_PAGE_OF_THREAD = Prepared(
    _PAGE_OF_ALL.where(events.c.conversation_id == sa.bindparam("of_thread", type_=sa.Uuid))
)

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Batch:
    """What one transaction writes to one log."""

    scope: Scope
    records: list[Record] = field(default_factory=list[Record])
    events: list[Event] = field(default_factory=list[Event])


class PostgresEventLog:
    """The port `EventLog` over a database."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    async def available(self) -> None:
        """Wait until the database answers and this process owns it."""
        await self._database.available()

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        """Write entries in one transaction; return the offsets of their durable events.

        Raises StoreUnavailable, LogBusy or EntryRefused. StoreUnavailable leaves the outcome
        open: see `find`.
        """
        batches = _by_log(entries)
        if not batches:
            return [() for _ in entries]
        if not self._database.is_owned:
            raise StoreUnavailable
        now = self._now()
        arguments = {
            batch.scope: append_arguments(batch.scope, batch.events, now=now)
            for batch in batches
            if batch.events
        }

        async def write(connection: Connection) -> dict[Scope, int]:
            await self._write_rows(connection, batches)
            return await _append_events(connection, batches, arguments=arguments)

        try:
            next_offsets = await self._database.run(batches[0].scope, write, borrower=INTERNAL)
        except TimedOut:
            # The database answers, so one log is slow; it must not hold up the others.
            raise LogBusy from None
        offsets: list[tuple[int, ...]] = []
        for entry in entries:
            count = len(entry.durable)
            first = next_offsets.get(entry.scope, 0)
            offsets.append(tuple(range(first, first + count)))
            next_offsets[entry.scope] = first + count
        return offsets

    async def _write_rows(self, connection: Connection, batches: Sequence[_Batch]) -> None:
        for index, batch in enumerate(batches):
            if index > 0 and batch.records:
                await switch(connection, batch.scope)
            if batch.records:
                await write_rows(
                    connection,
                    batch.scope,
                    server_id=self._database.server_id,
                    records=batch.records,
                )

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the offsets of the events that are in the log. Raises StoreUnavailable."""
        async with self._database.transaction(scope, INTERNAL) as connection:
            rows = await connection.fetch(_FIND.text, *_FIND.arguments(event_ids=list(event_ids)))
        return {row["event_id"]: row["offset"] for row in rows}

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        """Return the events of a topic after an offset, ascending.

        Raises StoreUnavailable.

        Large events make the page shorter than `limit`, but it has one at least.

        """
        match topic:
            case AllEvents():
                statement, values = _PAGE, _PAGE.arguments(after=after, count=limit)
            case CallEvents(call_id):
                statement = _PAGE_OF_CALL
                values = statement.arguments(after=after, count=limit, of_call=call_id)
            case ThreadEvents(conversation_id):
                statement = _PAGE_OF_THREAD
                values = statement.arguments(after=after, count=limit, of_thread=conversation_id)
        async with self._database.transaction(scope) as connection:
            found = await fetch_portions(
                connection,
                statement.text,
                values=values,
                most_bytes=limits.FOLLOWED_BYTES.most,
                portion=limits.PORTION_ROWS.most,
            )
        events = [_read_event(row) for row in found.rows]
        return LogPage(events, found.complete and len(events) < limit)

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        """Return the heads of logs with one query. Raises StoreUnavailable."""
        workspaces = [scope.workspace_id for scope in scopes]
        rows = await self._database.look_up(
            # Watchers ask for the heads of one workspace, the hub for those of many.
            workspaces[0] if len(set(workspaces)) == 1 else INTERNAL,
            "SELECT * FROM ringline.log_heads($1, $2)",
            workspaces,
            [scope.environment.value for scope in scopes],
            owned=True,
        )
        return {
            Scope(row["workspace_id"], Environment(row["environment"])): LogHead(
                row["epoch"], row["newest"], row["oldest"]
            )
            for row in rows
        }


def _by_log(entries: Iterable[Entry]) -> list[_Batch]:
    batches: dict[Scope, _Batch] = {}
    for entry in entries:
        durable = entry.durable
        if durable or entry.records:
            batch = batches.setdefault(entry.scope, _Batch(entry.scope))
            batch.records.extend(entry.records)
            batch.events.extend(durable)
    return [batches[scope] for scope in sorted(batches)]


async def _append_events(
    connection: Connection, batches: Sequence[_Batch], *, arguments: dict[Scope, list[Any]]
) -> dict[Scope, int]:
    """Append the batches' events; return the first offset assigned in each log."""
    first: dict[Scope, int] = {}
    for batch in batches:
        if not batch.events:
            continue
        if len(batches) > 1:
            await switch(connection, batch.scope)
        first[batch.scope] = await _append_batch(
            connection, batch, arguments=arguments[batch.scope]
        )
    return first


async def append(
    connection: Connection, scope: Scope, *, published: Sequence[Event], now: datetime
) -> tuple[StoredEvent, ...]:
    """Append durable events to a log as the last step of a request's transaction.

    Whoever is owed them may be sent them from `now` on. Raises EntryRefused.
    """
    if not published:
        return ()
    batch = _Batch(scope, events=list(published))
    first = await _append_batch(
        connection, batch, arguments=append_arguments(scope, published, now=now)
    )
    return tuple(StoredEvent(first + index, event) for index, event in enumerate(published))


async def _append_batch(connection: Connection, batch: _Batch, *, arguments: list[Any]) -> int:
    newest = await connection.fetchval(APPEND.text, *arguments)
    if newest is None:
        raise EntryRefused(Violation.NO_LOG)
    return newest - len(batch.events) + 1


def _read_event(row: Any) -> StoredEvent:
    event = read_event(
        row["event_id"],
        row["type"],
        occurred_at=row["occurred_at"],
        data=row["data"],
        call=row["call"],
    )
    return StoredEvent(row["offset"], event)
