"""Presence on the events socket of a whole server: who is listed, and how they go."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import connect

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase, add_member
from tests.serving import Service, serving
from tests.watchers import EventsClient, events_client, socket_url


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


async def token_for(service: Service, key: str | None = None, **who: str) -> str:
    async with service.http.post(
        f"{service.base_url}/api/realtime/session",
        json=who,
        headers={"x-api-key": key or service.keys.secret_key},
    ) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["token"]


async def operator_token(service: Service, email: str) -> str:
    async with service.http.post(
        f"{service.base_url}/api/operator/access",
        json={"email": email},
        headers={"x-api-key": service.keys.secret_key},
    ) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["token"]


async def come(held: AsyncExitStack, service: Service, token: str) -> EventsClient:
    client = EventsClient(await held.enter_async_context(connect(socket_url(service, token))))
    await client.join()
    return client


async def told(client: EventsClient, event: str) -> Any:
    frame = await client.present()
    assert frame[:4] == [None, None, "events", event], frame
    return frame[4]


async def test_who_is_listed_and_by_which_name(service: Service, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        user_id: UUID = await add_member(superuser, service.keys.workspace_id, "ada@example.com")
    async with AsyncExitStack() as held:
        watcher = await held.enter_async_context(events_client(service))
        await watcher.join()
        assert await told(watcher, "presence_state") == {}
        tokens = {
            str(user_id): await operator_token(service, "ada@example.com"),
            "user-7": await token_for(service, user_id="user-7", operator_email="b@example.com"),
            "c@example.com": await token_for(service, operator_email="c@example.com"),
        }
        for name, token in tokens.items():
            client = await come(held, service, token)
            state = await told(client, "presence_state")
            diff = await told(watcher, "presence_diff")
            assert diff["leaves"] == {}
            assert diff["joins"] == {name: state[name]}
            (meta,) = state[name]["metas"]
            assert set(meta) == {"phx_ref", "onlineAt"}
            assert re.fullmatch(r"[-_A-Za-z0-9]+", meta["phx_ref"])
            assert datetime.fromisoformat(meta["onlineAt"])
            await client.socket.close()
            assert await told(watcher, "presence_diff") == {"joins": {}, "leaves": diff["joins"]}


async def test_a_revoked_key_takes_its_sockets_off_the_list(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="other")
    async with AsyncExitStack() as held:
        watcher = await held.enter_async_context(events_client(service))
        await watcher.join()
        assert await told(watcher, "presence_state") == {}
        gone = await come(held, service, await token_for(service, text, user_id="ada"))
        assert set((await told(watcher, "presence_diff"))["joins"]) == {"ada"}
        assert await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
        assert await gone.closed() == 1001
        assert set((await told(watcher, "presence_diff"))["leaves"]) == {"ada"}


async def test_environments_and_workspaces_do_not_see_each_other(service: Service) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    keys = [service.keys.secret_key, service.keys.test_key, stranger.secret_key]
    async with AsyncExitStack() as held:
        clients = [
            await come(held, service, await token_for(service, key, user_id=f"user{number}"))
            for number, key in enumerate(keys)
        ]
        for number, client in enumerate(clients):
            assert set(await told(client, "presence_state")) == {f"user{number}"}
