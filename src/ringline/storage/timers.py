"""Durable timers in PostgreSQL, and what they remove in time.

Timers belong to workspaces and the process that serves them to none, so lookup functions claim
them; what they do happens in their own log.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from ringline.domain.ids import uuid7
from ringline.domain.log import Environment, Scope
from ringline.domain.timers import Timer, TimerKind
from ringline.domain.webhooks import DeliveryStatus
from ringline.schema.call_tables import calls
from ringline.schema.names import TIMERS_CHANNEL
from ringline.schema.sql import Prepared
from ringline.schema.tables import workspaces
from ringline.schema.webhook_tables import webhook_attempts as attempts
from ringline.schema.webhook_tables import webhook_deliveries as deliveries
from ringline.schema.webhook_tables import webhook_endpoints as endpoints
from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL

_KEEP = "SELECT ringline.keep_timers($1, $2)"
_NEXT = "SELECT ringline.next_timer($1) AS due_at"
_CLAIM = "SELECT * FROM ringline.claim_timers($1, $2, $3, $4, $5)"
_SETTLE = "SELECT ringline.settle_timer($1, $2, $3, $4, $5, $6, $7)"
_KINDS = [kind.value for kind in TimerKind]
_PAYLOAD = msgspec.json.Decoder(dict[str, object])


def _purge() -> Prepared:
    """Delete the oldest settled deliveries with their attempts: ids begin with their time."""
    old = (
        sa.select(deliveries.c.id)
        .where(deliveries.c.id < sa.bindparam("before", type_=sa.Uuid))
        .where(deliveries.c.status != DeliveryStatus.PENDING.value)
        .order_by(deliveries.c.id)
        .limit(sa.bindparam("most", type_=sa.BigInteger))
        .cte("old")
    )
    ids = sa.select(old.c.id)
    logged = sa.delete(attempts).where(attempts.c.delivery_id.in_(ids)).cte("logged")
    purged = sa.delete(deliveries).where(deliveries.c.id.in_(ids)).returning(deliveries.c.id)
    rows = purged.cte("purged")
    return Prepared(sa.select(sa.func.count()).select_from(rows).add_cte(logged))


_PURGE = _purge()
_RETENTION = Prepared(sa.select(workspaces.c.retention_days))
#: A recording's file is complete once its length is known; ids of calls begin with their time.
_RECORDED = Prepared(
    sa.select(calls.c.id)
    .where(calls.c.id < sa.bindparam("before", type_=sa.Uuid))
    .where(calls.c.id > sa.bindparam("after", type_=sa.Uuid))
    .where(calls.c.recording_ms.is_not(None))
    .order_by(calls.c.id)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)
_NOW = sa.bindparam("now", type_=endpoints.c.previous_expires_at.type)
_FORGET_OF_ENDPOINTS = Prepared(
    sa.update(endpoints)
    .values(previous_secret=sa.null(), previous_expires_at=sa.null())
    .where(endpoints.c.previous_expires_at <= _NOW)
)
_FORGET_OF_WORKSPACE = Prepared(
    sa.update(workspaces)
    .values(previous_signing_secret=sa.null(), previous_signing_secret_expires_at=sa.null())
    .where(workspaces.c.previous_signing_secret_expires_at <= _NOW)
)


class PostgresTimers:
    """The ports `TimerStore`, `Upkeep` and `OldRecordings` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, kind: TimerKind, due_at: datetime) -> None:
        """Set a timer of a kind in every log that has none. Raises StoreUnavailable."""
        await self._look_up(_KEEP, kind.value, due_at)

    async def next_at(self) -> datetime | None:
        """Return when the earliest timer is due; None if there is none."""
        rows = await self._look_up(_NEXT, _KINDS)
        return rows[0]["due_at"]

    async def claim(
        self, now: datetime, *, kinds: Sequence[TimerKind], lease: timedelta, most: int
    ) -> Sequence[Timer]:
        """Claim timers of some kinds that are due. Raises StoreUnavailable."""
        server, words = self._database.server_id, [kind.value for kind in kinds]
        rows = await self._look_up(_CLAIM, server, now, now + lease, words, most)
        return [
            Timer(
                Scope(row["workspace_id"], Environment(row["environment"])),
                TimerKind(row["kind"]),
                row["subject"],
                _PAYLOAD.decode(row["payload"]),
                row["due_at"],
            )
            for row in rows
        ]

    async def settle(self, timer: Timer, due_at: datetime | None, *, now: datetime) -> None:
        """Set a claimed timer anew, or remove it (None); one that was set meanwhile is due now.

        Raises StoreUnavailable.
        """
        place = (timer.scope.workspace_id, timer.scope.environment.value)
        server = self._database.server_id
        await self._look_up(_SETTLE, server, *place, timer.kind.value, timer.subject, due_at, now)

    async def watch_timers(self, changed: Callable[[], None]) -> None:
        """Call back, until cancelled, when timers were set, and once at first."""
        await self._database.watch(TIMERS_CHANNEL, lambda _: changed())

    async def purge_deliveries(self, timer: Timer, before: datetime, *, most: int) -> int:
        """Delete deliveries of a log that were settled and are from before; return how many.

        Raises StoreUnavailable.
        """
        first = uuid7(int(before.timestamp() * 1000), 0)
        async with self._database.transaction(timer.scope) as connection:
            arguments = _PURGE.arguments(before=first, most=most)
            return await connection.fetchval(_PURGE.text, *arguments)

    async def retention_days(self, timer: Timer) -> int:
        """Return for how many days the log's workspace keeps what ages.

        Raises StoreUnavailable.
        """
        async with self._database.transaction(timer.scope) as connection:
            return await connection.fetchval(_RETENTION.text, *_RETENTION.arguments())

    async def recorded_before(
        self, timer: Timer, before: datetime, *, after: UUID | None, most: int
    ) -> Sequence[UUID]:
        """Return the ended calls of a log that began before and have a recording, oldest first.

        Raises StoreUnavailable.
        """
        first = uuid7(int(before.timestamp() * 1000), 0)
        arguments = _RECORDED.arguments(before=first, after=after or UUID(int=0), most=most)
        async with self._database.transaction(timer.scope) as connection:
            return [row["id"] for row in await connection.fetch(_RECORDED.text, *arguments)]

    async def forget_secrets(self, timer: Timer, now: datetime) -> None:
        """Delete previous secrets of a log, and of its workspace, that have expired.

        Raises StoreUnavailable.
        """
        async with self._database.transaction(timer.scope) as connection:
            for statement in (_FORGET_OF_ENDPOINTS, _FORGET_OF_WORKSPACE):
                await connection.execute(statement.text, *statement.arguments(now=now))

    async def _look_up(self, text: str, *arguments: object) -> list[Any]:
        return await self._database.look_up(INTERNAL, text, *arguments, owned=True)
