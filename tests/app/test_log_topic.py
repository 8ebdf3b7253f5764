"""The topic `log` of a whole server: for people who have signed in, over every carrier."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import connect

from ringline.domain.credentials import digest
from ringline.domain.log import Environment, Scope
from ringline.wire.session_token import SessionToken, sign
from tests.callers import calling
from tests.database import TestDatabase, add_member, new_id
from tests.polling import PollClient
from tests.rpc_calls import Rpc
from tests.serving import Service, serving, settings_for
from tests.watchers import EventsClient, events_client, socket_url

REFUSED = {"status": "error", "response": {"reason": "unauthorized"}}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


async def sign_in(database: TestDatabase, workspace_id: UUID) -> UUID:
    """Give a person a sign-in to the live environment; return its key's id."""
    key_id, now = new_id(), datetime.now(UTC)
    async with database.connection() as superuser:
        user_id = await add_member(superuser, workspace_id, "ada@example.com")
        await superuser.execute(
            "INSERT INTO ringline.keys (workspace_id, environment, id, kind, label, last_four,"
            " key_hash, created_at, user_id, sign_in_id) VALUES"
            " ($1, 'live', $2, 'console', 'a browser', '----', $3, $4, $5, $6)",
            workspace_id,
            key_id,
            digest(str(key_id)),
            now,
            user_id,
            new_id(),
        )
    return key_id


def token_of(database: TestDatabase, workspace_id: UUID, *, key_id: UUID) -> str:
    now = datetime.now(UTC)
    scope = Scope(workspace_id, Environment.LIVE)
    token = SessionToken(scope, key_id, new_id(), now, now + timedelta(minutes=5))
    [secret] = settings_for(database).signing_secrets
    return sign(token, secret)


@pytest.fixture
async def token(service: Service, database: TestDatabase) -> str:
    workspace_id = service.keys.workspace_id
    key_id = await sign_in(database, workspace_id)
    return token_of(database, workspace_id, key_id=key_id)


async def test_a_person_sees_a_whole_call_as_list_events_shows_it(
    service: Service, token: str
) -> None:
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        joined = await client.join("log")
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        told = await client.until("call.ended", caller.uuid)
    page = await Rpc(service).run(
        "list_events", input={"after": joined["position"], "callUuid": caller.uuid}
    )
    durable = [frame for frame in told if "position" in frame[4]]
    assert [frame[4] for frame in durable] == page["events"]
    assert [frame[:4] for frame in durable] == [
        [None, None, "log", row["type"]] for row in page["events"]
    ]
    parts = [frame[4] for frame in told if frame[3] == "call.transcript_delta"]
    assert len(parts) + len(durable) == len(told)
    for part in parts:
        assert set(part) == {"type", "callUuid", "occurredAt", "data"}
    spoken = [part["data"]["text"] for part in parts if part["data"]["role"] == "assistant"]
    assert spoken[-1].strip() == "I did not get that."


async def test_what_was_missed_comes_again(service: Service, token: str) -> None:
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        await client.join("log")
        async with calling(service) as caller:
            first = (await client.until("call.created", caller.uuid))[-1]
            await socket.close()
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        joined = await client.join("log", since=first[4]["position"])
        assert joined == {"position": first[4]["position"], "recovered": True}
        told = await client.until("call.ended", caller.uuid)
    offsets = [frame[4]["offset"] for frame in told if "offset" in frame[4]]
    assert offsets == list(range(first[4]["offset"] + 1, first[4]["offset"] + 1 + len(offsets)))


async def test_over_long_polling(service: Service, token: str) -> None:
    client = PollClient(service, token)
    await client.open()
    assert await client.send(["1", "1", "log", "phx_join", {}]) == 200
    assert (await client.push())[4]["status"] == "ok"
    async with calling(service) as caller:
        frame: list[Any] = await client.push()
        assert frame[2:4] == ["log", "call.created"]
        assert frame[4]["callUuid"] == caller.uuid


async def test_a_backends_token_is_refused_on_every_carrier(service: Service) -> None:
    join = ["7", "7", "log", "phx_join", {}]
    async with events_client(service) as client:
        await client.send(*join)
        assert await client.reply("7") == ["7", "7", "log", "phx_reply", REFUSED]
        await client.join("events")
    polled = PollClient(service, await service.session_token())
    await polled.open()
    assert await polled.send(join) == 200
    assert (await polled.push())[4] == REFUSED


async def test_the_socket_ends_with_the_sign_in(service: Service, database: TestDatabase) -> None:
    workspace_id = service.keys.workspace_id
    key_id = await sign_in(database, workspace_id)
    token = token_of(database, workspace_id, key_id=key_id)
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        await client.join("log")
        assert await service.admin.rows.revoke_key(key_id, datetime.now(UTC), end_calls=False)
        assert await client.closed() == 1001
