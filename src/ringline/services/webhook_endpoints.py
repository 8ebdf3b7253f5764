"""A workspace's webhook endpoints: create, change, pause, rotate their secrets (contract, 3).

Secrets are shown once and stored sealed; our role cannot read them, a function of the database
returns those of the transaction's own workspace and environment. A trigger ends what is owed to an
endpoint that is disabled or deleted, and tells the workers of one that is resumed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import webhook_limits
from ringline.domain.credentials import SECRET_BYTES
from ringline.domain.log import Scope
from ringline.domain.webhooks import DeliveryStatus
from ringline.ports import Clock, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.webhook_tables import webhook_deliveries as deliveries
from ringline.schema.webhook_tables import webhook_endpoints as endpoints
from ringline.services.repo import Repo
from ringline.services.workspaces import LOCK_WORKSPACE, RandomBytes
from ringline.wire.webhook_signature import ROTATION_HOURS, new_endpoint_secret

#: How many deliveries one statement lets begin their schedule anew at a resumption.
_RESUMED_AT_ONCE = 10_000


class NoSuchEndpoint(Exception):
    """There is no such endpoint in this workspace and environment."""


class TooManyEndpoints(Exception):
    """The environment has as many endpoints as it may."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An endpoint, without its secrets."""

    id: UUID
    url: str
    events: tuple[str, ...]
    enabled: bool
    paused: bool
    failing: bool
    description: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """An endpoint with its new secret; `previous_expires_at` is null if it has no other."""

    endpoint: WebhookEndpoint
    secret: str
    previous_expires_at: datetime | None = None


_COLUMNS = (
    endpoints.c.id,
    endpoints.c.url,
    endpoints.c.events,
    endpoints.c.enabled,
    endpoints.c.paused,
    endpoints.c.failing,
    endpoints.c.description,
    endpoints.c.inserted_at,
)
_ID = sa.bindparam("wanted", type_=sa.Uuid)
_IS_IT = endpoints.c.id == _ID
_NOW = sa.bindparam("now", type_=endpoints.c.updated_at.type)
_WRITTEN = (
    "workspace_id",
    "environment",
    "id",
    "url",
    "events",
    "enabled",
    "description",
    "secret",
    "inserted_at",
    "updated_at",
)

_FIND = Prepared(sa.select(*_COLUMNS).where(_IS_IT))
_COUNT = Prepared(sa.select(sa.func.count()).select_from(endpoints))
_INSERT = Prepared(
    sa.insert(endpoints)
    .values({name: sa.bindparam(name, type_=endpoints.c[name].type) for name in _WRITTEN})
    .returning(*_COLUMNS)
)
_DELETE = Prepared(sa.delete(endpoints).where(_IS_IT).returning(endpoints.c.id))
_PAUSE = Prepared(
    sa.update(endpoints)
    .where(_IS_IT)
    .values(paused=sa.bindparam("paused", type_=sa.Boolean), updated_at=_NOW)
    .returning(*_COLUMNS)
)
#: Attempts that were due later are due now, as those that were never made are (3.5).
_WAITING = (
    sa.select(deliveries.c.id)
    .where(
        deliveries.c.target_id == _ID,
        deliveries.c.status == DeliveryStatus.PENDING.value,
        deliveries.c.schedule_from.is_not(None),
        deliveries.c.claimed_by.is_(None),
    )
    .limit(_RESUMED_AT_ONCE)
)
_BEGIN_ANEW = Prepared(
    sa.update(deliveries)
    .where(deliveries.c.id.in_(_WAITING))
    .values(step=0, schedule_from=sa.null(), next_attempt_at=_NOW, updated_at=_NOW)
    .returning(deliveries.c.id)
)
_ROTATE = "SELECT * FROM ringline.rotate_webhook_secret($1, $2, $3)"


class WebhookEndpoints:
    """The endpoints of the workspace and environment that a call names."""

    def __init__(
        self,
        repo: Repo,
        seal: Callable[[str], bytes],
        *,
        now: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
    ) -> None:
        self._repo = repo
        self._seal = seal
        self._now = now
        self._new_id = new_id
        self._random = random_bytes

    def with_repo(self, repo: Repo) -> "WebhookEndpoints":
        """Return the service over another repo, such as a caller's."""
        return WebhookEndpoints(
            repo, self._seal, now=self._now, new_id=self._new_id, random_bytes=self._random
        )

    async def create(
        self,
        scope: Scope,
        url: str,
        *,
        events: Sequence[str],
        enabled: bool,
        description: str | None,
    ) -> ShownSecret:
        """Create an endpoint. Raises TooManyEndpoints, Unavailable."""
        secret = new_endpoint_secret(self._random(SECRET_BYTES))
        now = self._now()
        values = _INSERT.arguments(
            workspace_id=scope.workspace_id,
            environment=scope.environment.value,
            id=self._new_id(),
            url=url,
            events=list(events),
            enabled=enabled,
            description=description,
            secret=self._seal(secret),
            inserted_at=now,
            updated_at=now,
        )

        async def write(transaction: Transaction) -> WebhookEndpoint:
            await transaction.fetch(LOCK_WORKSPACE.text, [])  # so that the bound holds
            (count,) = await transaction.fetch(_COUNT.text, [])
            if count[0] >= webhook_limits.ENDPOINTS.most:
                raise TooManyEndpoints
            (row,) = await transaction.fetch(_INSERT.text, values)
            return _endpoint(row)

        return ShownSecret(await self._repo.write(scope, write), secret)

    async def find(self, scope: Scope, endpoint_id: UUID) -> WebhookEndpoint:
        """Return an endpoint. Raises NoSuchEndpoint, Unavailable."""
        async with self._repo.read(scope) as rows:
            return await find_endpoint(rows, endpoint_id)

    async def listed(
        self, scope: Scope, size: int, *, after: Sequence[Any] | None
    ) -> Sequence[WebhookEndpoint]:
        """Return at most `size` endpoints, newest first, after (creation, id) of another.

        Raises Unavailable.
        """
        query = sa.select(*_COLUMNS)
        if after is not None:
            query = query.where(
                sa.tuple_(endpoints.c.inserted_at, endpoints.c.id) < sa.tuple_(*after)
            )
        newest_first = (endpoints.c.inserted_at.desc(), endpoints.c.id.desc())
        text, values = compiled(query.order_by(*newest_first).limit(size))
        async with self._repo.read(scope) as rows:
            return [_endpoint(row) for row in await rows.fetch(text, values)]

    async def change(
        self, scope: Scope, endpoint_id: UUID, *, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        """Set columns of an endpoint: `url`, `events`, `enabled`, `description`.

        Raises NoSuchEndpoint, Unavailable.
        """
        if not changes:
            return await self.find(scope, endpoint_id)
        text, values = compiled(
            sa.update(endpoints)
            .where(endpoints.c.id == endpoint_id)
            .values({**changes, "updated_at": self._now()})
            .returning(*_COLUMNS)
        )
        return await self._repo.write(
            scope, lambda transaction: _one(transaction, text, values=values)
        )

    async def delete(self, scope: Scope, endpoint_id: UUID) -> None:
        """Delete an endpoint; what is owed to it is dead. Raises NoSuchEndpoint, Unavailable."""

        async def write(transaction: Transaction) -> None:
            if not await transaction.fetch(_DELETE.text, _DELETE.arguments(wanted=endpoint_id)):
                raise NoSuchEndpoint

        await self._repo.write(scope, write)

    async def pause(self, scope: Scope, endpoint_id: UUID) -> WebhookEndpoint:
        """Let what is owed to an endpoint wait. Raises NoSuchEndpoint, Unavailable."""
        values = _PAUSE.arguments(wanted=endpoint_id, paused=True, now=self._now())
        return await self._repo.write(
            scope, lambda transaction: _one(transaction, _PAUSE.text, values=values)
        )

    async def resume(self, scope: Scope, endpoint_id: UUID) -> WebhookEndpoint:
        """Let the schedule of what waited begin now. Raises NoSuchEndpoint, Unavailable."""
        now = self._now()

        async def begin_anew(transaction: Transaction) -> bool:
            found = await find_endpoint(transaction, endpoint_id)
            if not found.paused:
                return False
            values = _BEGIN_ANEW.arguments(wanted=endpoint_id, now=now)
            return len(await transaction.fetch(_BEGIN_ANEW.text, values)) == _RESUMED_AT_ONCE

        while await self._repo.write(scope, begin_anew):
            pass
        values = _PAUSE.arguments(wanted=endpoint_id, paused=False, now=now)
        return await self._repo.write(
            scope, lambda transaction: _one(transaction, _PAUSE.text, values=values)
        )

    async def rotate_secret(self, scope: Scope, endpoint_id: UUID) -> ShownSecret:
        """Give an endpoint another secret; the one before signs for 24 hours too.

        Raises NoSuchEndpoint, Unavailable.
        """
        secret = new_endpoint_secret(self._random(SECRET_BYTES))
        expires_at = self._now() + timedelta(hours=ROTATION_HOURS)
        values = [endpoint_id, self._seal(secret), expires_at]

        async def write(transaction: Transaction) -> WebhookEndpoint:
            await transaction.fetch(_ROTATE, values)
            return await find_endpoint(transaction, endpoint_id)

        return ShownSecret(await self._repo.write(scope, write), secret, expires_at)


async def find_endpoint(rows: Rows, endpoint_id: UUID) -> WebhookEndpoint:
    """Return an endpoint of the log that `rows` belongs to. Raises NoSuchEndpoint."""
    return await _one(rows, _FIND.text, values=_FIND.arguments(wanted=endpoint_id))


async def _one(rows: Rows, text: str, *, values: Sequence[object]) -> WebhookEndpoint:
    found = await rows.fetch(text, values)
    if not found:
        raise NoSuchEndpoint
    return _endpoint(found[0])


def _endpoint(row: Row) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=row["id"],
        url=row["url"],
        events=tuple(row["events"]),
        enabled=row["enabled"],
        paused=row["paused"],
        failing=row["failing"],
        description=row["description"],
        created_at=row["inserted_at"],
    )
