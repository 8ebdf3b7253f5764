"""Workspaces that are deleted, in PostgreSQL: their rows go in batches (live streams, 6.10)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.log import Environment, Scope
from ringline.schema import tables
from ringline.schema.metadata import metadata
from ringline.schema.sql import Prepared
from ringline.schema.webhook_tables import webhook_attempts, webhook_deliveries
from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL

#: They go with the workspace itself.
_LAST = (tables.timers, tables.logs, tables.workspaces)
#: Before what refers to them by no foreign key: their triggers find nothing left to do.
_FIRST = (webhook_attempts, webhook_deliveries)
#: The tables to empty, those that refer to others first.
PURGED = (
    *_FIRST,
    *(
        table
        for table in reversed(metadata.sorted_tables)
        if table not in (*_FIRST, *_LAST, tables.servers)
    ),
)
_calls = tables.calls
_LIVE = Prepared(
    sa.select(sa.func.count())
    .select_from(_calls)
    .where(_calls.c.ended_at.is_(None), _calls.c.server_id.is_not(None))
)
_CALLS = Prepared(
    sa.select(_calls.c.id)
    .where(_calls.c.id > sa.bindparam("after", type_=sa.Uuid))
    .order_by(_calls.c.id)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)


class PostgresDeletions:
    """The port `Deletions` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def deleted_at(self, workspace_id: UUID) -> datetime | None:
        """Return when a workspace was deleted. Raises StoreUnavailable."""
        rows = await self._database.look_up(
            INTERNAL, "SELECT ringline.workspace_deleted_at($1) AS at", workspace_id
        )
        return rows[0]["at"]

    async def live_calls(self, workspace_id: UUID) -> int:
        """Return how many calls of a workspace are under way. Raises StoreUnavailable."""
        counted = 0
        for environment in Environment:
            scope = Scope(workspace_id, environment)
            async with self._database.transaction(scope) as connection:
                counted += await connection.fetchval(_LIVE.text, *_LIVE.arguments())
        return counted

    async def calls(self, scope: Scope, after: UUID | None, *, most: int) -> Sequence[UUID]:
        """Return the calls of a log after one of them, by their ids. Raises StoreUnavailable."""
        arguments = _CALLS.arguments(after=after or UUID(int=0), most=most)
        async with self._database.transaction(scope) as connection:
            return [row["id"] for row in await connection.fetch(_CALLS.text, *arguments)]

    async def purge(self, workspace_id: UUID, most: int) -> int:
        """Delete some rows of a deleted workspace; return how many, 0 if none is left.

        Raises StoreUnavailable.
        """
        for table in PURGED:
            rows = await self._database.look_up(
                INTERNAL,
                "SELECT ringline.purge_rows($1, $2, $3) AS gone",
                table.name,
                workspace_id,
                most,
            )
            if rows[0]["gone"]:
                return rows[0]["gone"]
        return 0

    async def drop(self, workspace_id: UUID) -> None:
        """Delete a deleted workspace itself.

        Raises EntryRefused if a row refers to it after all, StoreUnavailable.
        """
        await self._database.look_up(
            INTERNAL, "SELECT * FROM ringline.drop_workspace($1)", workspace_id
        )
