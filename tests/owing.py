"""What a test owes to webhooks, directly in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ringline.domain.events import ContactCreated, Event
from ringline.domain.log import Scope
from ringline.storage.stores import Stores
from tests.database import NOW, TestDatabase, new_id


class HandClock:
    """A wall clock that a test moves by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


async def add_endpoint(
    stores: Stores,
    scope: Scope,
    *events: str,
    url: str = "https://example.com",
    enabled: bool = True,
    paused: bool = False,
    secret: bytes = b"s",
) -> UUID:
    endpoint = new_id()
    async with stores.database.transaction(scope) as connection:
        await connection.execute(
            "INSERT INTO ringline.webhook_endpoints (workspace_id, environment, id, url, events,"
            " enabled, paused, secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            scope.workspace_id,
            scope.environment.value,
            endpoint,
            url,
            list(events),
            enabled,
            paused,
            secret,
        )
    return endpoint


async def owed(database: TestDatabase) -> list[tuple[UUID, int, str]]:
    """Return target, offset and type of every obligation, in the order of targets."""
    async with database.connection() as superuser:
        rows: Sequence[Any] = await superuser.fetch(
            'SELECT target_id, "offset", event_type FROM ringline.webhook_deliveries'
            ' ORDER BY target_id, "offset"'
        )
    return [tuple(row) for row in rows]


async def first_agent(stores: Stores, scope: Scope, url: str | None) -> UUID:
    async with stores.database.transaction(scope) as connection:
        return await connection.fetchval(
            "UPDATE ringline.agents SET webhook_url = $1 RETURNING id", url
        )


def a_contact() -> Event:
    data = ContactCreated(id=new_id(), full_name="Ada", inserted_at=NOW, updated_at=NOW)
    return Event(new_id(), NOW, data)
