"""Recovery of an endpoint: send again what it has not answered with 2xx (live streams, 3.8).

What was missed while the endpoint was disabled has no delivery, so the events are looked up in the
log and what is missing is written. All of it is due at once, oldest first; the workers find it
where it stands. It is written in portions, so that no transaction takes long.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from ringline.domain import webhook_limits
from ringline.domain.events import EVENT_TYPES
from ringline.domain.log import AfterEvent, FromBeginning, Position, Scope
from ringline.domain.webhook_types import is_wanted, sent_type
from ringline.domain.webhooks import DeliveryStatus
from ringline.ports import Clock, LogHead, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import events
from ringline.schema.webhook_tables import webhook_deliveries as deliveries
from ringline.services.event_pages import read_head, read_offset
from ringline.services.repo import Repo
from ringline.services.webhook_endpoints import find_endpoint

#: Where a recovery begins: after a point of the log, or at a time.
From: TypeAlias = Position | FromBeginning | AfterEvent | datetime

_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_UNTIL = sa.bindparam("until", type_=sa.BigInteger)
_TARGET = sa.bindparam("target", type_=sa.Uuid)
_NOW = sa.bindparam("now", type_=deliveries.c.updated_at.type)
#: The events of a range that the endpoint wants and has not answered with 2xx.
_MISSED = (
    sa.select(events.c.event_id, events.c.offset, events.c.type, events.c.call_id)
    .select_from(
        events.outerjoin(
            deliveries,
            sa.and_(
                deliveries.c.workspace_id == events.c.workspace_id,
                deliveries.c.environment == events.c.environment,
                deliveries.c.event_id == events.c.event_id,
                deliveries.c.target_id == _TARGET,
            ),
        )
    )
    .where(
        events.c.offset > _AFTER,
        events.c.offset <= _UNTIL,
        events.c.type == sa.any_(sa.bindparam("types", type_=ARRAY(sa.Text))),
        events.c.occurred_at >= sa.bindparam("since", type_=events.c.occurred_at.type),
        deliveries.c.status.is_distinct_from(DeliveryStatus.DELIVERED.value),
    )
    .order_by(events.c.offset)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)
_PORTION = Prepared(_MISSED)
_COUNT = Prepared(sa.select(sa.func.count()).select_from(_MISSED.subquery()))

_NEW = ("id", "event_id", "offset", "event_type", "call_id")


def _write() -> Prepared:
    """Return the statement that lets deliveries begin anew, and writes the missing ones.

    One that a worker has is being sent, and stays as it is.
    """
    values = [sa.bindparam(name, type_=ARRAY(deliveries.c[name].type)) for name in _NEW]
    shape = [sa.column(name, deliveries.c[name].type) for name in _NEW]
    new = sa.func.unnest(*values).table_valued(*shape, name="new").render_derived()
    rows = sa.select(
        sa.bindparam("workspace_id", type_=sa.Uuid),
        sa.bindparam("environment", type_=sa.Text),
        *(new.c[name] for name in _NEW),
        _TARGET,
        _TARGET,
        sa.literal(DeliveryStatus.PENDING.value),
        _NOW,
    )
    target = ("endpoint_id", "target_id", "status", "next_attempt_at")
    statement = insert(deliveries).from_select(
        ["workspace_id", "environment", *_NEW, *target], rows
    )
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=["workspace_id", "environment", "event_id", "target_id"],
            set_={
                "status": DeliveryStatus.PENDING.value,
                "step": 0,
                "schedule_from": sa.null(),
                "next_attempt_at": _NOW,
                "updated_at": _NOW,
            },
            where=sa.and_(
                deliveries.c.claimed_by.is_(None),
                deliveries.c.status != DeliveryStatus.DELIVERED.value,
            ),
        )
    )


_WRITE = _write()
_ANY_TIME = datetime(1, 1, 1, tzinfo=UTC)


class NotOfThisLog(Exception):
    """A recovery cannot begin there: another log's position or event, or one ahead of it."""


class EndpointDisabled(Exception):
    """Nothing is owed to an endpoint that is disabled."""


class TooMuchToRecover(Exception):
    """A recovery would send more events than one may."""


@dataclass(frozen=True, slots=True)
class _Range:
    """The events that a recovery looks at."""

    types: Sequence[str]
    after: int
    until: int
    since: datetime


class Recovery:
    """Recovers endpoints of the workspace and environment that a call names."""

    def __init__(
        self, repo: Repo, now: Clock, *, new_id: NewId, portion: int = 5_000, most: int = 0
    ) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id
        self._portion = portion
        self._most = most or webhook_limits.RECOVERED_EVENTS.most

    def with_repo(self, repo: Repo) -> "Recovery":
        """Return the service over another repo, such as a caller's."""
        return Recovery(
            repo, self._now, new_id=self._new_id, portion=self._portion, most=self._most
        )

    async def recover(self, scope: Scope, endpoint_id: UUID, *, since: From) -> int:
        """Send an endpoint again what it has not answered with 2xx; return how many events.

        Raises NoSuchEndpoint, EndpointDisabled, NotOfThisLog, TooMuchToRecover, Unavailable.
        """
        async with self._repo.read(scope) as rows:
            endpoint = await find_endpoint(rows, endpoint_id)
            if not endpoint.enabled:
                raise EndpointDisabled
            left = await _range(rows, since, filters=endpoint.events)
            values = _values(left, endpoint_id, most=self._most + 1)
            (count,) = await rows.fetch(_COUNT.text, _COUNT.arguments(**values))
            if count[0] > self._most:
                raise TooMuchToRecover
        total = 0
        while True:
            missed = await self._write_portion(scope, endpoint_id, left=left)
            total += len(missed)
            if len(missed) < self._portion:
                return total
            left = replace(left, after=missed[-1]["offset"])

    async def _write_portion(
        self, scope: Scope, endpoint_id: UUID, *, left: _Range
    ) -> Sequence[Row]:
        async def write(transaction: Transaction) -> Sequence[Row]:
            values = _values(left, endpoint_id, most=self._portion)
            missed = await transaction.fetch(_PORTION.text, _PORTION.arguments(**values))
            await transaction.fetch(
                _WRITE.text,
                _WRITE.arguments(
                    workspace_id=scope.workspace_id,
                    environment=scope.environment.value,
                    id=[self._new_id() for _ in missed],
                    event_id=[row["event_id"] for row in missed],
                    offset=[row["offset"] for row in missed],
                    event_type=[sent_type(row["type"]) for row in missed],
                    call_id=[row["call_id"] for row in missed],
                    target=endpoint_id,
                    now=self._now(),
                ),
            )
            return missed

        return await self._repo.write(scope, write)


async def _range(rows: Rows, since: From, *, filters: Sequence[str]) -> _Range:
    """Return the events to look at. Raises NotOfThisLog."""
    head = await read_head(rows)
    after = 0
    if not isinstance(since, datetime):
        after = await read_offset(rows, since, head=head)
        if after is None:
            after = _kept_from(since, head)
    types = [type_ for type_ in EVENT_TYPES if is_wanted(type_, filters)]
    at = since if isinstance(since, datetime) else _ANY_TIME
    return _Range(types, after, head.newest, at)


def _kept_from(since: Position | FromBeginning | AfterEvent, head: LogHead) -> int:
    """Return the offset before the oldest event that is kept. Raises NotOfThisLog."""
    if isinstance(since, AfterEvent):
        raise NotOfThisLog
    if isinstance(since, Position) and (since.epoch != head.epoch or since.offset > head.newest):
        raise NotOfThisLog
    return head.oldest - 1


def _values(left: _Range, endpoint_id: UUID, *, most: int) -> dict[str, object]:
    return {
        "after": left.after,
        "until": left.until,
        "types": left.types,
        "since": left.since,
        "target": endpoint_id,
        "most": most,
    }
