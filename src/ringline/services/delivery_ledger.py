"""The ledger of webhooks' deliveries: what was sent where, why not, and once more (contract, 12).

A delivery's row is the obligation itself, so reading the ledger is reading the truth, and sending
again is letting its schedule begin anew: the workers find it there (live streams, 3.8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain import webhook_limits
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.webhooks import AttemptError, DeliveryStatus
from ringline.ports import Clock, Row, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import agents, events, logs
from ringline.schema.webhook_tables import webhook_attempts as attempts
from ringline.schema.webhook_tables import webhook_deliveries as deliveries
from ringline.schema.webhook_tables import webhook_endpoints as endpoints
from ringline.services.repo import Repo
from ringline.services.stream_ledger import LoggedEvent


class NoSuchDelivery(Exception):
    """There is no such delivery in this workspace and environment."""


class NoSuchEvent(Exception):
    """There is no such event in this workspace, or in this environment of it."""


class NoTarget(Exception):
    """What the delivery is for is gone, has no URL any more, or is disabled."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery: one of `agent_id` and `endpoint_id` is set.

    `url` is the one in force, null if the agent or endpoint is gone. While an attempt is under
    way there is no `next_attempt_at`.
    """

    id: UUID
    event_id: UUID
    event_type: str
    agent_id: UUID | None
    endpoint_id: UUID | None
    url: str | None
    status: DeliveryStatus
    attempts: int
    last_response_code: int | None
    next_attempt_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One attempt at a delivery, and what was answered."""

    attempt: int
    started_at: datetime
    duration_ms: int
    response_code: int | None
    error: AttemptError | None
    response_body: str | None


@dataclass(frozen=True, slots=True)
class EventDeliveries:
    """An event of the log, and the deliveries of it with their attempts."""

    event_id: UUID
    type: str
    position: Position
    occurred_at: datetime
    deliveries: Sequence[tuple[Delivery, Sequence[LoggedAttempt]]]
    #: What tells the topics that it was delivered to.
    logged: LoggedEvent


#: Filters by column: ids and words.
Filters: TypeAlias = Mapping[str, UUID | str]

_SHOWN = (
    deliveries.c.id,
    deliveries.c.event_id,
    deliveries.c.event_type,
    deliveries.c.agent_id,
    deliveries.c.endpoint_id,
    sa.func.coalesce(endpoints.c.url, agents.c.webhook_url).label("url"),
    deliveries.c.status,
    deliveries.c.attempts,
    deliveries.c.last_response_code,
    sa.case(
        (
            sa.and_(deliveries.c.status == "pending", deliveries.c.claimed_by.is_(None)),
            deliveries.c.next_attempt_at,
        ),
    ).label("next_attempt_at"),
    deliveries.c.inserted_at,
)
_WITH_TARGETS = deliveries.outerjoin(
    endpoints,
    sa.and_(
        endpoints.c.workspace_id == deliveries.c.workspace_id,
        endpoints.c.environment == deliveries.c.environment,
        endpoints.c.id == deliveries.c.endpoint_id,
    ),
).outerjoin(
    agents,
    sa.and_(
        agents.c.workspace_id == deliveries.c.workspace_id,
        agents.c.environment == deliveries.c.environment,
        agents.c.id == deliveries.c.agent_id,
    ),
)
_ROWS = sa.select(*_SHOWN).select_from(_WITH_TARGETS)
_WANTED = sa.bindparam("wanted", type_=sa.Uuid)
_NOW = sa.bindparam("now", type_=deliveries.c.updated_at.type)

_FIND = Prepared(_ROWS.where(deliveries.c.id == _WANTED))
_OF_EVENT = Prepared(
    _ROWS.where(deliveries.c.event_id == _WANTED)
    .order_by(deliveries.c.id)
    .limit(webhook_limits.EVENT_DELIVERIES.most)
)
#: The latest attempts of each delivery.
_NUMBERED = (
    sa.select(
        attempts,
        sa.func.row_number()
        .over(partition_by=attempts.c.delivery_id, order_by=attempts.c.attempt.desc())
        .label("place"),
    )
    .where(attempts.c.delivery_id == sa.any_(sa.bindparam("of_deliveries", type_=ARRAY(sa.Uuid))))
    .subquery()
)
_ATTEMPTS = Prepared(
    sa.select(_NUMBERED)
    .where(_NUMBERED.c.place <= webhook_limits.SHOWN_ATTEMPTS.most)
    .order_by(_NUMBERED.c.delivery_id, _NUMBERED.c.attempt)
)
#: Not while a worker has it: it is being sent then.
_SEND_AGAIN = Prepared(
    sa.update(deliveries)
    .where(deliveries.c.id == _WANTED, deliveries.c.claimed_by.is_(None))
    .values(
        status=DeliveryStatus.PENDING.value,
        step=0,
        schedule_from=sa.null(),
        next_attempt_at=_NOW,
        updated_at=_NOW,
    )
    .returning(deliveries.c.id)
)
_LIVES = Prepared(
    sa.select(sa.or_(endpoints.c.enabled, agents.c.webhook_url.is_not(None)).label("lives"))
    .select_from(_WITH_TARGETS)
    .where(deliveries.c.id == _WANTED)
)
_EVENT = Prepared(
    sa.select(
        events.c.event_id,
        events.c.type,
        events.c.offset,
        events.c.occurred_at,
        events.c.call_id,
        events.c.conversation_id,
        logs.c.epoch,
    )
    .select_from(
        events.join(
            logs,
            sa.and_(
                logs.c.workspace_id == events.c.workspace_id,
                logs.c.environment == events.c.environment,
            ),
        )
    )
    .where(events.c.event_id == _WANTED)
)


class DeliveryLedger:
    """The deliveries of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, now: Clock) -> None:
        self._repo = repo
        self._now = now

    def with_repo(self, repo: Repo) -> "DeliveryLedger":
        """Return the ledger over another repo, such as a caller's."""
        return DeliveryLedger(repo, self._now)

    async def listed(
        self, scope: Scope, filters: Filters, *, size: int, after: UUID | None
    ) -> Sequence[Delivery]:
        """Return at most `size` deliveries, newest first, after another. Raises Unavailable."""
        query = _ROWS
        for name, value in filters.items():
            query = query.where(deliveries.c[name] == value)
        for name in ("agent_id", "endpoint_id"):
            if name in filters:  # which an index knows by another name
                query = query.where(deliveries.c.target_id == filters[name])
        if after is not None:
            query = query.where(deliveries.c.id < after)
        text, values = compiled(query.order_by(deliveries.c.id.desc()).limit(size))
        async with self._repo.read(scope) as rows:
            return [_delivery(row) for row in await rows.fetch(text, values)]

    async def find(
        self, scope: Scope, delivery_id: UUID
    ) -> tuple[Delivery, Sequence[LoggedAttempt]]:
        """Return a delivery and its latest attempts, oldest first.

        Raises NoSuchDelivery, Unavailable.
        """
        async with self._repo.read(scope) as rows:
            delivery = await _find(rows, delivery_id)
            logged = await _attempts(rows, [delivery_id])
        return delivery, logged.get(delivery_id, ())

    async def send_again(self, scope: Scope, delivery_id: UUID) -> Delivery:
        """Let a delivery's schedule begin anew, whatever became of it.

        Raises NoSuchDelivery, NoTarget, Unavailable.
        """

        async def write(transaction: Transaction) -> Delivery:
            lives = await transaction.fetch(_LIVES.text, _LIVES.arguments(wanted=delivery_id))
            if not lives:
                raise NoSuchDelivery
            if not lives[0]["lives"]:
                raise NoTarget
            values = _SEND_AGAIN.arguments(wanted=delivery_id, now=self._now())
            await transaction.fetch(_SEND_AGAIN.text, values)
            return await _find(transaction, delivery_id)

        return await self._repo.write(scope, write)

    async def of_event(self, scopes: Sequence[Scope], event_id: UUID) -> EventDeliveries:
        """Return an event of one of these logs, with its deliveries.

        Raises NoSuchEvent, Unavailable.
        """
        for scope in scopes:
            async with self._repo.read(scope) as rows:
                found = await rows.fetch(_EVENT.text, _EVENT.arguments(wanted=event_id))
                if found:
                    return await _of_event(rows, found[0], scope=scope)
        raise NoSuchEvent


async def _of_event(rows: Rows, event: Row, *, scope: Scope) -> EventDeliveries:
    event_id = event["event_id"]
    found = await rows.fetch(_OF_EVENT.text, _OF_EVENT.arguments(wanted=event_id))
    logged = await _attempts(rows, [row["id"] for row in found])
    return EventDeliveries(
        event_id,
        event["type"],
        Position(event["epoch"], event["offset"]),
        event["occurred_at"],
        [(_delivery(row), logged.get(row["id"], ())) for row in found],
        LoggedEvent(scope, event_id, event["offset"], event["call_id"], event["conversation_id"]),
    )


async def _find(rows: Rows, delivery_id: UUID) -> Delivery:
    found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=delivery_id))
    if not found:
        raise NoSuchDelivery
    return _delivery(found[0])


async def _attempts(rows: Rows, ids: Sequence[UUID]) -> Mapping[UUID, Sequence[LoggedAttempt]]:
    logged: dict[UUID, list[LoggedAttempt]] = {}
    for row in await rows.fetch(_ATTEMPTS.text, _ATTEMPTS.arguments(of_deliveries=list(ids))):
        error = row["error"]
        logged.setdefault(row["delivery_id"], []).append(
            LoggedAttempt(
                row["attempt"],
                row["started_at"],
                row["duration_ms"],
                row["response_code"],
                None if error is None else AttemptError(error),
                row["response_body"],
            )
        )
    return logged


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        agent_id=row["agent_id"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        last_response_code=row["last_response_code"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["inserted_at"],
    )


def environments_of(workspace_id: UUID) -> Sequence[Scope]:
    """Return the logs of a workspace, the live one first."""
    return [Scope(workspace_id, environment) for environment in Environment]
