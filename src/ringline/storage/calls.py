"""Reading calls from PostgreSQL; the journal writes them through the event log."""

from collections import defaultdict
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain.log import Environment, Scope
from ringline.domain.records import AbandonedCall, CallRow, ParticipantRow, TurnRow
from ringline.ports import StoreUnavailable
from ringline.schema.call_tables import call_participants, call_transcripts, calls
from ringline.schema.sql import Prepared
from ringline.storage.call_rows import read_call, read_participant, read_turn
from ringline.storage.database import Connection, Database
from ringline.storage.pool import INTERNAL

_BY_ID = Prepared(sa.select(calls).where(calls.c.id == sa.bindparam("wanted", type_=sa.Uuid)))
_BY_IDS = Prepared(
    sa.select(calls)
    .where(calls.c.id == sa.any_(sa.bindparam("calls", type_=ARRAY(sa.Uuid))))
    .order_by(calls.c.id)
)
_PARTICIPANTS = Prepared(
    sa.select(call_participants)
    .where(call_participants.c.call_id == sa.any_(sa.bindparam("calls", type_=ARRAY(sa.Uuid))))
    .order_by(call_participants.c.joined_at, call_participants.c.id)
)
_TURNS = Prepared(
    sa.select(call_transcripts)
    .where(call_transcripts.c.call_id == sa.any_(sa.bindparam("calls", type_=ARRAY(sa.Uuid))))
    .order_by(
        call_transcripts.c.occurred_at, call_transcripts.c.content_index, call_transcripts.c.id
    )
)


class PostgresCalls:
    """The port `CallStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_call(self, scope: Scope, call_id: UUID) -> CallRow | None:
        """Return a call. Raises StoreUnavailable."""
        async with self._database.transaction(scope) as connection:
            row = await connection.fetchrow(_BY_ID.text, *_BY_ID.arguments(wanted=call_id))
        return None if row is None else read_call(row)

    async def turns(self, scope: Scope, call_id: UUID) -> list[TurnRow]:
        """Return a call's finished turns, oldest first. Raises StoreUnavailable."""
        async with self._database.transaction(scope) as connection:
            return await _turns(connection, [call_id])

    async def abandoned(self) -> list[AbandonedCall]:
        """Adopt the open calls of dead processes, so that we can end them.

        Raises StoreUnavailable.

        One server owns a database, so an open call of any other process has lost its server.
        Its row becomes ours, so that the guard lets our writes pass; it is returned again
        until the call has ended.

        """
        if not self._database.is_owned:
            raise StoreUnavailable
        rows = await self._database.look_up(
            INTERNAL,
            "SELECT * FROM ringline.adopt_calls($1, $2)",
            self._database.server_id,
            [],
            owned=True,
        )
        by_log: dict[Scope, list[UUID]] = defaultdict(list)
        for row in rows:
            scope = Scope(row["workspace_id"], Environment(row["environment"]))
            by_log[scope].append(row["id"])
        abandoned: list[AbandonedCall] = []
        for scope, ids in sorted(by_log.items()):
            abandoned += await self._read_abandoned(scope, ids)
        return abandoned

    async def _read_abandoned(self, scope: Scope, ids: list[UUID]) -> list[AbandonedCall]:
        participants: dict[UUID, list[ParticipantRow]] = defaultdict(list)
        turns: dict[UUID, list[TurnRow]] = defaultdict(list)
        async with self._database.transaction(scope, INTERNAL) as connection:
            found = await connection.fetch(_BY_IDS.text, *_BY_IDS.arguments(calls=ids))
            for row in await connection.fetch(
                _PARTICIPANTS.text, *_PARTICIPANTS.arguments(calls=ids)
            ):
                participants[row["call_id"]].append(read_participant(row))
            for turn in await _turns(connection, ids):
                turns[turn.call_id].append(turn)
        return [
            AbandonedCall(
                scope,
                read_call(row),
                tuple(participants[row["id"]]),
                tuple(turns[row["id"]]),
                row["lost_at"],
            )
            for row in found
        ]


async def _turns(connection: Connection, call_ids: list[UUID]) -> list[TurnRow]:
    rows = await connection.fetch(_TURNS.text, *_TURNS.arguments(calls=call_ids))
    return [read_turn(row) for row in rows]
