"""A key that is revoked: what it opened, what its tickets opened, what they would (contract, 6)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase
from tests.realtime_session import (
    BARE,
    MODEL,
    PATH,
    Client,
    calls_of,
    connected,
    refused,
    until,
)
from tests.serving import Service

CONFIG = {"model": MODEL}


@pytest.fixture
async def key(service: Service) -> tuple[UUID, str]:
    """Give a key that can be spared."""
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    row, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="spare")
    return row.id, text


async def revoke(service: Service, key_id: UUID, *, end_calls: bool = False) -> None:
    assert await service.admin.rows.revoke_key(key_id, datetime.now(UTC), end_calls=end_calls)


async def is_revoked(client: Client) -> None:
    """Hold that a session ends because its key was revoked."""
    assert await client.closed() == 1008
    end = client.events[-1]
    assert (end["type"], end["error"]["code"]) == ("session.terminating", "revoked")
    assert [event["type"] for event in client.events].count("session.terminating") == 1


async def ends_of(service: Service, database: TestDatabase, count: int) -> list[Any]:
    """Wait until so many calls have ended; return why."""
    causes: list[Any] = []

    async def ended() -> bool:
        nonlocal causes
        rows = await calls_of(service, database)
        causes = [row["hangup_cause"] for row in rows if row["ended_at"] is not None]
        return len(causes) >= count

    await until(ended)
    return causes


async def test_a_session_ends_with_its_key_and_a_tickets_goes_on(
    service: Service, key: tuple[UUID, str], database: TestDatabase
) -> None:
    key_id, text = key
    taken = (await service.mint(BARE, text))["client_secret"]
    unused = (await service.mint(BARE, text))["client_secret"]
    async with (
        connected(service, taken) as guest,
        connected(service, headers=service.bearer(text)) as client,
        connected(service, headers=service.bearer(text)) as waiting,
        connected(service, headers=service.bearer()) as other,
    ):
        await guest.start()
        await client.start(config=CONFIG)
        await other.start(config=CONFIG)
        await revoke(service, key_id)
        await is_revoked(client)
        await is_revoked(waiting)  # it had said nothing yet
        assert (await refused(service, f"{PATH}?ticket={unused}"))[0] == 401
        assert (await refused(service, headers=service.bearer(text)))[0] == 401
        for alive in (guest, other):
            await alive.send("text.input", text="Hello?")
            await alive.send("response.create")
            await alive.until("audio.delta")
        assert await ends_of(service, database, 1) == ["revoked"]


async def test_callers_of_its_tickets_go_where_it_is_said(
    service: Service, key: tuple[UUID, str], database: TestDatabase
) -> None:
    key_id, text = key
    ticket = (await service.mint(BARE, text))["client_secret"]
    async with (
        connected(service, ticket) as guest,
        connected(service, headers=service.bearer(text)) as client,
        connected(service, headers=service.bearer()) as other,
    ):
        for session in (guest, client, other):
            await session.start(config=CONFIG)
        await revoke(service, key_id, end_calls=True)
        await is_revoked(guest)
        await is_revoked(client)
        await other.send("response.create")
        await other.until("audio.delta")
        assert await ends_of(service, database, 2) == ["revoked", "revoked"]


async def test_a_key_that_expires_ends_its_session(
    service: Service, key: tuple[UUID, str], database: TestDatabase
) -> None:
    key_id, text = key
    async with connected(service, headers=service.bearer(text)) as client:
        await client.start(config=CONFIG)
        async with database.connection() as connection:  # whoever moves it, the server hears
            await connection.execute(
                "UPDATE ringline.keys SET expires_at = $1 WHERE id = $2",
                datetime.now(UTC) + timedelta(milliseconds=50),
                key_id,
            )
        await is_revoked(client)
