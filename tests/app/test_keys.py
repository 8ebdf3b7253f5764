"""Who may do what, and what happens when a key dies (contract, 6)."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from multidict import CIMultiDict
from websockets.asyncio.client import connect

from ringline.domain import limits
from ringline.domain.credentials import Key, KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from tests.callers import LIMIT_S, calling
from tests.database import TestDatabase, add_thread
from tests.serving import Service
from tests.watchers import (
    DeafClient,
    EventsClient,
    StreamClient,
    Transcript,
    socket_url,
    transcript,
)

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
}
SECRET, WRONG_KIND, NOBODY, TOKEN = "secret", "wrong kind", "nobody", "session token"


@dataclass(frozen=True)
class DoorCase:
    """A door, and how it answers each kind of credential."""

    method: str
    path: str
    answers: dict[str, int]
    upgrade: bool = False
    query_token: bool = False


DOORS = {
    "mint of session tokens": DoorCase(
        "POST",
        "/api/realtime/session",
        {SECRET: 200, WRONG_KIND: 403, NOBODY: 401, TOKEN: 401},
    ),
    "mint of operator tokens": DoorCase(
        "POST",
        "/api/operator/access",
        {SECRET: 400, WRONG_KIND: 403, NOBODY: 401, TOKEN: 401},  # nobody is named
    ),
    "RPC": DoorCase(
        "POST",
        "/rpc/public/run",
        {SECRET: 200, WRONG_KIND: 403, NOBODY: 401, TOKEN: 401},
    ),
    "mint of tickets": DoorCase(
        "POST",
        "/v3/realtime-sessions",
        {SECRET: 200, WRONG_KIND: 401, NOBODY: 401, TOKEN: 401},
    ),
    "voice session": DoorCase(
        "GET",
        "/v3/realtime",
        {SECRET: 101, WRONG_KIND: 401, NOBODY: 401, TOKEN: 401},
        upgrade=True,
    ),
    "transcript stream": DoorCase(
        "GET",
        "/v1/calls/{id}/transcript/stream",
        {SECRET: 200, WRONG_KIND: 403, NOBODY: 401, TOKEN: 200},
        query_token=True,
    ),
    "call WebSocket": DoorCase(
        "GET",
        "/v1/calls/{id}/stream",
        {SECRET: 101, WRONG_KIND: 403, NOBODY: 401, TOKEN: 101},
        upgrade=True,
        query_token=True,
    ),
    "conversation stream": DoorCase(
        "GET",
        "/v1/conversations/{id}/stream",
        {SECRET: 200, WRONG_KIND: 403, NOBODY: 401, TOKEN: 200},
    ),
    "events socket": DoorCase(
        "GET",
        "/socket/websocket?vsn=2.0.0",
        {SECRET: 403, WRONG_KIND: 403, NOBODY: 403, TOKEN: 101},
        upgrade=True,
    ),
}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


BASIC = "Basic dXNlcjpwYXNz"


def twice(name: str, *values: str) -> CIMultiDict[str]:
    """Make headers in which one comes several times."""
    return CIMultiDict((name, value) for value in values)


async def knock(
    service: Service,
    door: DoorCase,
    row_id: str,
    headers: Mapping[str, str],
    query: str = "",
) -> int:
    url = service.base_url + door.path.format(id=row_id) + query
    body = b"{}" if door.method == "POST" else None
    json_body = {"Content-Type": "application/json"} if body else {}
    headers = CIMultiDict(headers)
    headers.extend(json_body | (UPGRADE if door.upgrade else {}))
    async with service.http.request(door.method, url, headers=headers, data=body) as answer:
        if answer.status >= 400 and "/socket/" in url:
            assert await answer.read() == b""
        elif answer.status >= 400:
            text = await answer.text()
            json.loads(text)
            assert not any(value in text for value in headers.values() if len(value) > 20)
        return answer.status


@pytest.mark.parametrize("name", DOORS)
async def test_who_may_open_which_door(service: Service, database: TestDatabase, name: str) -> None:
    door, keys = DOORS[name], service.keys
    live = Scope(keys.workspace_id, Environment.LIVE)
    workspaces, now = service.admin.workspaces, datetime.now(UTC)
    _, expired = await workspaces.create_key(live, KeyKind.SECRET, label="old", expires_at=now)
    dead, revoked = await workspaces.create_key(live, KeyKind.SECRET, label="dead")
    _, test_publishable = await workspaces.create_key(
        Scope(keys.workspace_id, Environment.TEST), KeyKind.PUBLISHABLE, label="test publishable"
    )
    dead_token = await service.session_token(revoked)
    await service.admin.rows.revoke_key(dead.id, now, end_calls=False)
    _, second = await workspaces.create_key(live, KeyKind.SECRET, label="second")
    token, test_token = await service.session_token(), await service.session_token(keys.test_key)
    secret = keys.secret_key
    cases: list[tuple[str, Mapping[str, str], str]] = [
        (SECRET, bearer(secret), "a key as Bearer"),
        (SECRET, {"x-api-key": secret}, "a key as x-api-key"),
        (SECRET, bearer(secret) | {"x-api-key": secret}, "the same key twice"),
        (SECRET, {"Authorization": f"bearer {secret}"}, "lower case"),
        (SECRET, {"Authorization": f"BEARER  {secret}  "}, "upper case and spaces"),
        (SECRET, {"X-API-KEY": f"  {secret}  "}, "spaces"),
        (NOBODY, {}, "no credential"),
        (NOBODY, bearer(""), "an empty one"),
        (NOBODY, {"Authorization": secret}, "no scheme"),
        (NOBODY, {"Authorization": f"Basic {secret}"}, "another scheme"),
        (NOBODY, bearer(secret[:-1] + "?"), "an unknown key"),
        (NOBODY, bearer(secret.upper()), "a key in another case"),
        (NOBODY, bearer("sk_live_" + "x" * 43), "a key of nobody"),
        (NOBODY, bearer("x" * 5000), "a long one"),
        (NOBODY, bearer(expired), "an expired key"),
        (NOBODY, bearer(revoked), "a revoked key"),
        (NOBODY, bearer(secret) | {"x-api-key": second}, "two different keys"),
        (NOBODY, bearer(secret) | {"x-api-key": "x"}, "a key and something"),
        (NOBODY, twice("x-api-key", secret, second), "two different x-api-key"),
        (NOBODY, twice("x-api-key", "x", secret), "two different x-api-key, the last is good"),
        (NOBODY, twice("Authorization", f"Bearer {secret}", "Bearer x"), "two bearers"),
        (SECRET, twice("x-api-key", secret, secret), "the same x-api-key twice"),
        (SECRET, twice("Authorization", BASIC, f"Bearer {secret}"), "Basic and a bearer"),
        (SECRET, {"Authorization": BASIC, "x-api-key": secret}, "Basic and a key"),
        (TOKEN, twice("Authorization", BASIC, f"Bearer {token}"), "Basic and a token"),
        (NOBODY, {"Authorization": BASIC, "x-api-key": "x"}, "Basic and a key of nobody"),
        (WRONG_KIND, bearer(keys.publishable_key), "a publishable key"),
        (WRONG_KIND, bearer(test_publishable), "a publishable key of test"),
        (WRONG_KIND, bearer(keys.management_key), "a management key"),
        (TOKEN, bearer(token), "a session token"),
        (NOBODY, bearer(token[:-4] + "AAAA"), "a session token with a wrong signature"),
        (NOBODY, bearer(dead_token), "a session token of a revoked key"),
    ]
    async with calling(service) as caller, calling(service, keys.test_key) as test_caller:
        call, test_call = caller.call_id, test_caller.call_id
        if name == "conversation stream":
            call, test_call = await threads_of(service, database)
        for kind, headers, what in cases:
            status = await knock(service, door, call, headers)
            assert status == door.answers[kind], what
        for kind, text in ((SECRET, keys.test_key), (TOKEN, test_token)):
            status = await knock(service, door, test_call, bearer(text))
            assert status == door.answers[kind], f"{kind} of test"
        in_query: list[tuple[int, Mapping[str, str], str, str]] = [
            (door.answers[SECRET], {}, secret, "a key"),
            (door.answers[TOKEN], {}, token, "a session token"),
            (door.answers[NOBODY], {}, expired, "an expired key"),
            (door.answers[NOBODY], {}, "", "nothing"),
            (door.answers[WRONG_KIND], {}, keys.publishable_key, "a publishable key"),
            (door.answers[NOBODY], bearer("x"), secret, "the header wins"),
            (door.answers[NOBODY], {"x-api-key": "x"}, secret, "the other header wins"),
            (door.answers[SECRET], bearer(secret), "x", "the header wins here too"),
            (door.answers[SECRET], {"Authorization": BASIC}, secret, "Basic is passed over"),
            (door.answers[NOBODY], {}, f"{secret}&token=x", "two that differ"),
            (
                door.answers[NOBODY],
                twice("x-api-key", "x", secret),
                secret,
                "two headers that differ",
            ),
        ]
        for expected, headers, text, what in in_query if door.query_token else ():
            status = await knock(service, door, call, headers, f"?token={text}")
            assert status == expected, f"{what} as ?token="
        if name == "events socket":
            basic = {"Authorization": BASIC}
            status = await knock(service, door, call, basic, f"&session_token={token}")
            assert status == door.answers[TOKEN], "Basic beside a token in the query"
        if not door.query_token:
            joint = "&" if "?" in door.path else "?"
            status = await knock(service, door, call, {}, f"{joint}token={secret}")
            assert status == door.answers[NOBODY], "?token= is for streams alone"


async def threads_of(service: Service, database: TestDatabase) -> list[str]:
    """Add a thread of messages to each environment; return their ids."""
    keys = service.keys
    agents = {Environment.LIVE: keys.agent_id, Environment.TEST: keys.test_agent_id}
    async with database.connection() as superuser:
        added = [
            await add_thread(superuser, Scope(keys.workspace_id, environment), agent_id)
            for environment, agent_id in agents.items()
        ]
    return [format_id(Prefix.CONVERSATION, thread_id) for thread_id in added]


async def test_what_a_mint_of_session_tokens_answers(service: Service) -> None:
    url, headers = f"{service.base_url}/api/realtime/session", service.bearer()

    async def mint(body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        async with service.http.post(url, headers=headers, data=body) as answer:
            assert answer.content_type == "application/json"
            if answer.status == 200:
                assert answer.headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in answer.headers
            return answer.status, await answer.json()

    for body, ttl in (
        (None, 300),
        (b"{}", 300),
        (b'{"ttl_seconds": 1, "else": 1}', 30),
        (b'{"ttl_seconds": 9999}', 900),
        (b'{"ttl_seconds": 60, "operator_email": "a@example.com"}', 60),
    ):
        status, minted = await mint(body)
        assert (status, minted["ttl_seconds"]) == (200, ttl)
        assert set(minted) == {"token", "expires_at", "ttl_seconds"}
        expires = datetime.fromisoformat(minted["expires_at"])
        assert minted["expires_at"].endswith("Z")
        assert timedelta(0) < expires - datetime.now(UTC) <= timedelta(seconds=ttl)
        async with connect(socket_url(service, minted["token"])):
            pass
    many = b'{"x": [' + b"[]," * limits.JSON_MARKS.most + b"1]}"
    for body in (many, b"{", b"[]", b'{"ttl_seconds": "1"}', b'{"operator_email": "\\u0000"}'):
        status, refused = await mint(body)
        assert status == 400
        assert refused["success"] is False
        assert refused["errors"][0]["type"] == "bad_request"
    for more, status in ((0, 200), (1, 413)):
        blank = BytesIO(b" " * (limits.MINT_BYTES.most + more))
        async with service.http.post(url, headers=headers, data=blank) as answer:
            assert answer.status == status
    async with service.http.get(url, headers=headers) as answer:
        assert answer.status == 405


# -- the death of a key -----------------------------------------------------------------


@dataclass
class Watched:
    """Everything that stands on one key, open at the same time."""

    socket: EventsClient
    streams: list[StreamClient]
    transcripts: list[Transcript]
    session: aiohttp.ClientWebSocketResponse
    ticket: str
    token: str

    async def all_closed(self) -> None:
        """Wait until every surface has said its goodbye."""
        assert await self.socket.closed() == 1001
        for stream in self.streams:
            await stream.rest()
            assert stream.closed == (1008, "UNAUTHENTICATED")
        for spoken in self.transcripts:
            last = await spoken.event()
            assert last is not None
            assert last.name == "error"
            assert json.loads(last.data)["error_code"] == "UNAUTHENTICATED"
            assert await spoken.event() is None
        async with asyncio.timeout(LIMIT_S):
            frames = [json.loads(message.data) async for message in self.session]
        assert frames[-1]["type"] == "session.terminating"
        assert frames[-1]["error"]["code"] == "revoked"
        assert self.session.close_code == 1008


@pytest.fixture
async def exits() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as exits:
        yield exits


async def open_everything(
    service: Service, exits: AsyncExitStack, call_id: str, text: str
) -> Watched:
    """Open every surface with a key and with its session tokens."""
    token = await service.session_token(text)
    socket = EventsClient(await exits.enter_async_context(connect(socket_url(service, token))))
    await socket.join()
    streams, transcripts = [], []
    for credential in (text, token):
        transcripts.append(
            await exits.enter_async_context(transcript(service, call_id, key=credential))
        )
        stream = connect(f"{service.ws_url}/v1/calls/{call_id}/stream?token={credential}")
        streams.append(StreamClient(await exits.enter_async_context(stream)))
    session = await exits.enter_async_context(
        service.http.ws_connect(f"{service.ws_url}/v3/realtime", headers=service.bearer(text))
    )
    await session.send_json({"type": "session.start", "config": {"model": "local/attendant"}})
    assert (await session.receive_json())["type"] == "session.started"
    ticket = (await service.mint({"config": {"model": "local/attendant"}}, text))["client_secret"]
    return Watched(socket, streams, transcripts, session, ticket, token)


async def assert_dead(service: Service, watched: Watched, call_id: str, text: str) -> None:
    """Check that nothing opens any more: the key, its token, its unused ticket."""
    for door, credential in (
        ("transcript stream", text),
        ("transcript stream", watched.token),
        ("call WebSocket", watched.token),
        ("events socket", watched.token),
        ("mint of tickets", text),
        ("mint of session tokens", text),
        ("mint of operator tokens", text),
        ("RPC", text),
        ("voice session", text),
    ):
        status = await knock(service, DOORS[door], call_id, bearer(credential))
        assert status == DOORS[door].answers[NOBODY], door
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await service.http.ws_connect(f"{service.ws_url}/v3/realtime?ticket={watched.ticket}")
    assert refused.value.status == 401


async def new_key(service: Service, expires_at: datetime | None = None) -> tuple[Key, str]:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    return await service.admin.workspaces.create_key(
        scope, KeyKind.SECRET, label="new", expires_at=expires_at
    )


async def cut_listener(database: TestDatabase) -> None:
    """End the database session on which the server hears of revocations."""
    async with database.connection() as connection:
        ended = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            " AND application_name LIKE '%session%' AND pid <> pg_backend_pid()",
            database.name,
        )
        assert len(ended) == 1


async def revoke(database: TestDatabase, key_id: UUID) -> None:
    """Revoke a key as another process does."""
    async with database.stores(claim=False) as beside:
        assert await beside.workspaces.revoke_key(key_id, datetime.now(UTC), end_calls=False)


async def revoke_while_nobody_listens(database: TestDatabase, key_id: UUID) -> None:
    await cut_listener(database)
    await revoke(database, key_id)


async def expire(database: TestDatabase, key_id: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.keys SET expires_at = now() WHERE id = $1", key_id
        )


async def delete(database: TestDatabase, key_id: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute("DELETE FROM ringline.tickets WHERE key_id = $1", key_id)
        await connection.execute("DELETE FROM ringline.keys WHERE id = $1", key_id)


Death = Callable[[TestDatabase, UUID], Awaitable[None]]


@pytest.mark.parametrize("die", [revoke, revoke_while_nobody_listens, expire, delete])
async def test_a_dead_key_closes_what_stands_on_it(
    service: Service, database: TestDatabase, exits: AsyncExitStack, die: Death
) -> None:
    key, text = await new_key(service)
    async with calling(service) as caller, calling(service, text) as guest:
        watched = await open_everything(service, exits, caller.call_id, text)
        other = await open_everything(service, exits, caller.call_id, service.keys.secret_key)
        await die(database, key.id)
        await watched.all_closed()
        await assert_dead(service, watched, caller.call_id, text)
        # Who was let in by a ticket stays on the line; what stands on other keys stays open.
        await guest.say("still here")
        told = await other.socket.until("call_transcript_completed", guest.uuid)
        assert told[-1][4]["transcript"] == "still here"
        await caller.say("and here")
        for spoken in other.transcripts:
            assert (await spoken.frame())["text"] == "and here"


async def test_a_key_that_expires_closes_what_stands_on_it(
    service: Service, exits: AsyncExitStack
) -> None:
    _, text = await new_key(service, datetime.now(UTC) + timedelta(seconds=1))
    async with calling(service) as caller:
        watched = await open_everything(service, exits, caller.call_id, text)
        await watched.all_closed()
        await assert_dead(service, watched, caller.call_id, text)


async def test_a_listener_that_was_cut_is_heard_again(
    service: Service, database: TestDatabase, exits: AsyncExitStack
) -> None:
    async with calling(service) as caller:
        for _ in range(3):
            key, text = await new_key(service)
            watched = await open_everything(service, exits, caller.call_id, text)
            await revoke_while_nobody_listens(database, key.id)
            await watched.all_closed()


async def test_the_end_of_a_key_may_end_its_calls(service: Service, database: TestDatabase) -> None:
    key, text = await new_key(service)
    async with calling(service, text) as guest, database.stores(claim=False) as beside:
        await beside.workspaces.revoke_key(key.id, datetime.now(UTC), end_calls=True)
        async with asyncio.timeout(LIMIT_S):
            while not guest.heard or guest.heard[-1]["type"] != "session.terminating":
                guest.news.clear()
                await guest.news.wait()
        assert guest.heard[-1]["error"]["code"] == "revoked"


async def test_who_does_not_read_is_told_as_well(service: Service, database: TestDatabase) -> None:
    key, text = await new_key(service)
    async with calling(service) as caller, transcript(service, caller.call_id) as other:
        path = f"/v1/calls/{caller.call_id}"
        spoken = await DeafClient.open(
            service, f"{path}/transcript/stream", upgrade=False, key=text
        )
        events = await DeafClient.open(service, f"{path}/stream", upgrade=True, key=text)
        for number in range(90):
            await caller.say(f"{number} {'x' * 4000}")
            await other.finals(1)
        await revoke(database, key.id)
        body = b""
        while chunk := await spoken.chunk():
            body += chunk
        assert b"UNAUTHENTICATED" in body.split(b"\n\n")[-2]
        assert (await events.messages())[1] == 1008
        spoken.close()
        events.close()
