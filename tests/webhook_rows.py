"""Webhooks in a test's database: endpoints, obligations, and what workers leave of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from ringline.domain.events import ContactCreated, Event
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from ringline.services.id_generator import new_id
from ringline.storage.stores import Stores
from tests.database import NOW, TestDatabase
from tests.rpc_calls import Rpc

_INSERT = """
    INSERT INTO ringline.webhook_deliveries (workspace_id, environment, id, event_id, "offset",
        event_type, endpoint_id, agent_id, target_id, status, attempts, schedule_from,
        next_attempt_at, claimed_by)
    SELECT e.workspace_id, e.environment, $1, e.event_id, e."offset", e.type, $3::uuid, $4::uuid,
        coalesce($3::uuid, $4::uuid), $5, $6, $7, $8, $9
    FROM ringline.events e WHERE e.event_id = $2
"""
_ATTEMPT = """
    INSERT INTO ringline.webhook_attempts (workspace_id, environment, delivery_id, attempt,
        started_at, duration_ms, response_code, error, response_body)
    SELECT workspace_id, environment, id, $2, now(), 12, $3, $4, $5
    FROM ringline.webhook_deliveries WHERE id = $1
"""


def uuid_of(prefix: Prefix, text: str) -> UUID:
    """Return an id that `/v1` showed."""
    found = parse_id(prefix, text)
    assert found is not None, text
    return found


async def make_events(rpc: Rpc, count: int) -> list[str]:
    """Create contacts; return the ids of their events, oldest first."""
    for number in range(count):
        await rpc.run("create_contact", input={"fullName": f"Contact {number}"}, fields=["id"])
    page = await rpc.run("list_events", input={"type": "contact.created"})
    return [event["eventId"] for event in page["events"]][-count:]


async def owe(
    database: TestDatabase,
    event_id: str,
    *,
    endpoint_id: str | None = None,
    agent_id: UUID | None = None,
    status: str = "pending",
    attempts: int = 0,
    schedule_from: datetime | None = None,
    next_attempt_at: datetime | None = None,
    claimed_by: UUID | None = None,
) -> str:
    """Write a delivery of an event; return its id as `/v1` shows it.

    In its place if the event is owed there already.
    """
    made = new_id()
    endpoint = None if endpoint_id is None else uuid_of(Prefix.WEBHOOK_ENDPOINT, endpoint_id)
    async with database.connection() as superuser:
        await superuser.execute(
            "DELETE FROM ringline.webhook_deliveries WHERE event_id = $1 AND target_id = $2",
            uuid_of(Prefix.EVENT, event_id),
            endpoint or agent_id,
        )
        await superuser.execute(
            _INSERT,
            made,
            uuid_of(Prefix.EVENT, event_id),
            endpoint,
            agent_id,
            status,
            attempts,
            schedule_from,
            next_attempt_at,
            claimed_by,
        )
    return format_id(Prefix.DELIVERY, made)


async def log_attempts(
    database: TestDatabase, delivery_id: str, attempts: Sequence[tuple[int | None, str | None]]
) -> None:
    """Write a delivery's attempts: what was answered, or the error."""
    async with database.connection() as superuser:
        for number, (code, error) in enumerate(attempts, 1):
            body = None if code is None else "said"
            delivery = uuid_of(Prefix.DELIVERY, delivery_id)
            await superuser.execute(_ATTEMPT, delivery, number, code, error, body)


async def stored_delivery(database: TestDatabase, delivery_id: str) -> Any:
    """Return a delivery's row."""
    async with database.connection() as superuser:
        return await superuser.fetchrow(
            "SELECT * FROM ringline.webhook_deliveries WHERE id = $1",
            uuid_of(Prefix.DELIVERY, delivery_id),
        )


async def owed_to(database: TestDatabase, endpoint_id: str) -> list[Any]:
    """Return the rows of an endpoint's deliveries, in the order of the log."""
    async with database.connection() as superuser:
        return await superuser.fetch(
            'SELECT * FROM ringline.webhook_deliveries WHERE endpoint_id = $1 ORDER BY "offset"',
            uuid_of(Prefix.WEBHOOK_ENDPOINT, endpoint_id),
        )


def live(workspace_id: UUID) -> Scope:
    return Scope(workspace_id, Environment.LIVE)


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
