"""What webhooks are owed, in PostgreSQL: claimed where it stands (live streams, 3.5).

Obligations belong to workspaces and workers to none, so lookup functions do the work; the
migrations hold their statements.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ringline.domain import delivery_limits
from ringline.domain.events import Event, read_event
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.webhooks import Claimed, SealedSecrets, Settled, Target
from ringline.ports import Due
from ringline.schema.names import WEBHOOKS_CHANNEL
from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL

_DUE_TARGETS = "SELECT * FROM ringline.due_webhook_targets($1, $2)"
_CLAIM = "SELECT * FROM ringline.claim_webhooks($1, $2, $3, $4, $5)"
_SETTLE = """
    SELECT ringline.settle_webhooks(
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
    )
"""
_RELEASE = "SELECT ringline.release_webhooks($1, $2, $3, $4, $5)"
_ADOPT = "SELECT ringline.adopt_webhooks($1, $2)"
_BURY = "SELECT ringline.bury_webhooks($1, $2) AS buried"
_FAILING_AFTER = timedelta(hours=delivery_limits.FAILING_HOURS.most)


class PostgresDeliveries:
    """The port `DeliveryStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_targets(self, until: datetime, *, most: int) -> Mapping[UUID, datetime]:
        """Return targets to which something is due by then, the earliest first, and when.

        Raises StoreUnavailable.
        """
        rows = await self._look_up(_DUE_TARGETS, until, most)
        return {row["target_id"]: row["due_at"] for row in rows}

    async def claim(self, room: Mapping[UUID, int], now: datetime, *, lease: timedelta) -> Due:
        """Claim what is due to targets, at most as many of each as there is room for.

        Raises StoreUnavailable, LogBusy.
        """
        server = self._database.server_id
        rows = await self._look_up(
            _CLAIM, server, now, now + lease, list(room), list(room.values())
        )
        return Due(
            [_read_claimed(row) for row in rows if row["id"] is not None],
            {row["target_id"]: row["next_at"] for row in rows},
        )

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write attempts and what follows from them. Raises StoreUnavailable, LogBusy."""
        if not settled:
            return
        columns: list[list[Any]] = [[] for _ in range(11)]
        for one in settled:
            for column, value in zip(columns, _settled_values(one), strict=True):
                column.append(value)
        await self._look_up(
            _SETTLE,
            self._database.server_id,
            delivery_limits.FAILURES.most,
            _FAILING_AFTER,
            *columns,
        )

    async def release(self, claimed: Sequence[Claimed], now: datetime) -> None:
        """Give deliveries back that were not attempted; they are due at once.

        Raises StoreUnavailable, LogBusy.
        """
        if claimed:
            await self._look_up(_RELEASE, self._database.server_id, now, *_places(claimed))

    async def adopt(self, now: datetime) -> None:
        """Give back what others had claimed, if we own the database: they are gone.

        Raises StoreUnavailable, LogBusy.
        """
        if self._database.is_exclusive:
            await self._look_up(_ADOPT, [self._database.server_id], now)

    async def bury(self, target_id: UUID, *, most: int) -> int:
        """End what is owed to a target that is gone; return how many that were.

        Raises StoreUnavailable, LogBusy.
        """
        rows = await self._look_up(_BURY, target_id, most)
        return rows[0]["buried"]

    async def watch_due(self, due: Callable[[UUID | None], None]) -> None:
        """Call back, until cancelled, with each target to which something has become due.

        None means that notifications may have been missed. The first call comes at once,
        with None.
        """
        await self._database.watch(
            WEBHOOKS_CHANNEL, lambda payload: due(UUID(payload) if payload else None)
        )

    async def _look_up(self, text: str, *arguments: object) -> list[Any]:
        return await self._database.look_up(INTERNAL, text, *arguments, owned=True)


def _places(claimed: Iterable[Claimed]) -> tuple[list[UUID], list[str], list[UUID]]:
    """Return workspaces, environments and ids of deliveries."""
    rows = list(claimed)
    return (
        [row.scope.workspace_id for row in rows],
        [row.scope.environment.value for row in rows],
        [row.id for row in rows],
    )


def _settled_values(settled: Settled) -> tuple[object, ...]:
    """Return a row of the arrays of `settle_webhooks`."""
    delivery, result = settled.delivery, settled.result
    attempt = (
        (None, None, None, None)
        if result is None
        else (
            result.duration_ms,
            result.response_code,
            None if result.error is None else result.error.value,
            result.body.replace("\0", "�"),
        )
    )
    return (
        delivery.scope.workspace_id,
        delivery.scope.environment.value,
        delivery.id,
        settled.started_at,
        *attempt,
        settled.status.value,
        settled.step,
        settled.next_attempt_at,
    )


def _read_claimed(row: Any) -> Claimed:
    secrets = None
    if row["secret"] is not None:
        secrets = SealedSecrets(row["secret"], row["previous_secret"], row["previous_expires_at"])
    return Claimed(
        scope=Scope(row["workspace_id"], Environment(row["environment"])),
        id=row["id"],
        target=Target(
            id=row["target_id"],
            is_agent=row["is_agent"],
            url=row["url"],
            secrets=secrets,
            failing=row["failing"],
        ),
        position=Position(row["epoch"], row["offset"]),
        event=_read_event(row),
        attempts=row["attempts"],
        step=row["step"],
        schedule_from=row["schedule_from"],
    )


def _read_event(row: Any) -> Event | None:
    """Return a delivery's event; None if the log does not keep it any more."""
    if row["type"] is None:
        return None
    return read_event(
        row["event_id"],
        row["type"],
        occurred_at=row["occurred_at"],
        data=row["data"],
        call=row["call"],
    )
