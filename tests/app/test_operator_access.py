"""Operator tokens: how they are minted, what they open, and what ends them (7.1)."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import make_mocked_request
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ringline.domain import limits
from ringline.domain.credentials import Key, KeyKind
from ringline.domain.log import Environment, Scope
from ringline.services.callers import Caller, Operator
from ringline.services.credentials import Credentials
from ringline.storage.stores import Stores
from ringline.web.authentication import Denied, rpc_caller
from ringline.wire.session_token import new_operator_token, new_token, sign
from tests.callers import calling
from tests.database import TestDatabase, a_key, add_member, hash_of, make_log, new_id
from tests.serving import Service, serving, settings_for
from tests.watchers import EventsClient, StreamClient, Transcript, socket_url, transcript

EMAIL = "Ada@Example.com"
#: More members than any mint may have.
MANY = json.dumps({"email": EMAIL, "x": [[]] * limits.JSON_MARKS.most}).encode()


async def hire(database: TestDatabase, workspace_id: UUID, email: str = EMAIL) -> UUID:
    """Add an operator to a team."""
    async with database.connection() as connection:
        return await add_member(connection, workspace_id, email)


@dataclass
class Answer:
    """What the mint answered."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def problem(self) -> str:
        assert self.body["success"] is False
        (error,) = self.body["errors"]
        members = {"type", "message", "shortMessage", "vars", "fields", "path"}
        assert set(error) - {"details"} == members
        return error["type"]


async def mint(
    service: Service,
    body: object = None,
    *,
    raw: bytes | None = None,
    key: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    data = json.dumps({"email": EMAIL} if body is None else body).encode() if raw is None else raw
    given = {"x-api-key": key or service.keys.secret_key} if headers is None else headers
    url = f"{service.base_url}/api/operator/access"
    async with service.http.post(url, data=data, headers=given) as answer:
        assert answer.content_type == "application/json"
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, told, await answer.json())


# -- the mint ---------------------------------------------------------------------------


async def test_an_operator_gets_a_token_in_any_case_and_environment(
    service: Service, database: TestDatabase
) -> None:
    user_id = await hire(database, service.keys.workspace_id)
    for key in (service.keys.secret_key, service.keys.test_key):
        for email in (EMAIL, EMAIL.lower(), EMAIL.upper(), f"  {EMAIL} "):
            minted = await mint(service, {"email": email, "else": 1}, key=key)
            assert minted.status == 200
            assert minted.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in minted.headers
            assert set(minted.body) == {"token", "expires_at", "ttl_seconds", "operator"}
            assert minted.body["ttl_seconds"] == 3600
            assert minted.body["operator"] == {
                "id": str(user_id),
                "email": EMAIL,
                "role": "operator",
            }
            left = datetime.fromisoformat(minted.body["expires_at"]) - datetime.now(UTC)
            assert timedelta(minutes=59) < left <= timedelta(hours=1)
            assert minted.body["expires_at"].endswith("Z")


async def test_an_operator_has_an_address_in_any_script(
    service: Service, database: TestDatabase
) -> None:
    for email in ("żółw@przykład.pl", "用户@例子.公司"):
        await hire(database, service.keys.workspace_id, email)
        minted = await mint(service, {"email": email})
        assert (minted.status, minted.body["operator"]["email"]) == (200, email)


async def test_what_a_mint_refuses(service: Service, database: TestDatabase) -> None:
    await hire(database, service.keys.workspace_id)
    stranger = await service.admin.workspaces.create("Somebody else")
    await hire(database, stranger.workspace_id, "bob@example.com")
    keys = service.keys
    for body in ({"email": "nobody@example.com"}, {"email": "bob@example.com"}):
        unknown = await mint(service, body)
        assert (unknown.status, unknown.problem) == (404, "not_found")
    blanks = ("a b@example.com", "a\u00a0b@example.com", "a\x01@example.com")
    for email in (None, 7, "", "  ", "ada", "ada@", "a@b@example.com", "a" * 999, *blanks):
        bad = await mint(service, {"email": email})
        assert (bad.status, bad.problem) == (400, "bad_request")
    for raw in (b"", b"{", b"[]", b"{}", b"\xff", b'{"email": "\\u0000@x"}', b"[" * 9999, MANY):
        bad = await mint(service, raw=raw)
        assert (bad.status, bad.problem) == (400, "bad_request")
    more = json.dumps({"email": EMAIL, "more": "x" * limits.MINT_BYTES.most}).encode()
    async with service.http.post(
        f"{service.base_url}/api/operator/access",
        data=BytesIO(more),
        headers={"x-api-key": keys.secret_key},
    ) as answer:
        assert answer.status == 413
        assert (await answer.json())["errors"][0]["type"] == "payload_too_large"
    for key in (keys.publishable_key, keys.management_key):
        assert ((refused := await mint(service, key=key)).status, refused.problem) == (
            403,
            "forbidden",
        )
    token = (await mint(service)).body["token"]
    for headers in (
        {},
        {"x-api-key": "sk_live_" + "x" * 43},
        {"x-api-key": keys.secret_key, "Authorization": f"Bearer {keys.test_key}"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {await service.session_token()}"},
    ):
        refused = await mint(service, headers=headers)
        assert (refused.status, refused.problem) == (401, "unauthorized")
    async with service.http.get(f"{service.base_url}/api/operator/access") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_mint_is_limited_per_key(database: TestDatabase) -> None:
    async with serving(database, rate_mint_per_second=0.01) as service:
        await hire(database, service.keys.workspace_id)
        assert (await mint(service)).status == 200
        refused = await mint(service)
        assert (refused.status, refused.problem) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0
        assert (await mint(service, key=service.keys.test_key)).status == 200


# -- what it opens ----------------------------------------------------------------------


async def test_an_operator_token_watches_like_a_session_token(
    service: Service, database: TestDatabase
) -> None:
    await hire(database, service.keys.workspace_id)
    token = (await mint(service)).body["token"]
    test_token = (await mint(service, key=service.keys.test_key)).body["token"]
    async with calling(service) as caller:
        async with connect(socket_url(service, token)) as socket:
            client = EventsClient(socket)
            await client.join()
            await caller.say("hello")
            told = await client.until("call_transcript_completed", caller.uuid)
            assert told[-1][4]["transcript"] == "hello"
        async with transcript(service, caller.call_id, key=token) as spoken:
            await caller.say("again")
            assert (await spoken.frame())["text"] == "again"
        path = f"/v1/calls/{caller.call_id}/stream?token="
        async with connect(service.ws_url + path + token):
            pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(service.ws_url + path + test_token)
        assert refused.value.response.status_code == 404
    for method, door in (("POST", "/v3/realtime-sessions"), ("POST", "/api/realtime/session")):
        headers = service.bearer(token)
        async with service.http.request(method, service.base_url + door, headers=headers) as answer:
            assert answer.status == 401


# -- what ends it -----------------------------------------------------------------------


Death = Callable[[TestDatabase, Key, UUID], Awaitable[None]]


async def remove(database: TestDatabase, key: Key, user_id: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute("DELETE FROM ringline.users WHERE id = $1", user_id)


async def remove_while_nobody_listens(database: TestDatabase, key: Key, user_id: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ringline session %'"
        )
        await connection.execute("DELETE FROM ringline.users WHERE id = $1", user_id)


async def revoke(database: TestDatabase, key: Key, user_id: UUID) -> None:
    async with database.stores(claim=False) as beside:
        await beside.workspaces.revoke_key(key.id, datetime.now(UTC), end_calls=False)


@dataclass
class Watched:
    """Everything that an operator may have open."""

    token: str
    socket: EventsClient
    spoken: Transcript
    stream: StreamClient

    @classmethod
    async def open(
        cls, service: Service, exits: AsyncExitStack, call_id: str, text: str, email: str
    ) -> "Watched":
        token = (await mint(service, {"email": email}, key=text)).body["token"]
        socket = EventsClient(await exits.enter_async_context(connect(socket_url(service, token))))
        await socket.join()
        spoken = await exits.enter_async_context(transcript(service, call_id, key=token))
        url = f"{service.ws_url}/v1/calls/{call_id}/stream?token={token}"
        return cls(
            token, socket, spoken, StreamClient(await exits.enter_async_context(connect(url)))
        )

    async def all_closed(self) -> None:
        assert await self.socket.closed() == 1001
        last = await self.spoken.event()
        assert last is not None
        assert json.loads(last.data)["error_code"] == "UNAUTHENTICATED"
        await self.stream.rest()
        assert self.stream.closed == (1008, "UNAUTHENTICATED")


@pytest.mark.parametrize("die", [remove, remove_while_nobody_listens, revoke])
async def test_an_operator_is_shown_out_with_member_or_key(
    service: Service, database: TestDatabase, die: Death
) -> None:
    live = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(live, KeyKind.SECRET, label="new")
    ada = await hire(database, live.workspace_id)
    await hire(database, live.workspace_id, "bob@example.com")
    async with AsyncExitStack() as exits, calling(service) as caller:
        going = await Watched.open(service, exits, caller.call_id, text, EMAIL)
        first = service.keys.secret_key
        staying = await Watched.open(service, exits, caller.call_id, first, "bob@example.com")
        plain = EventsClient(
            await exits.enter_async_context(
                connect(socket_url(service, await service.session_token()))
            )
        )
        await plain.join()
        await die(database, key, ada)
        await going.all_closed()
        with pytest.raises(InvalidStatus) as refused:
            await connect(socket_url(service, going.token))
        assert refused.value.response.status_code == 403
        headers = service.bearer(going.token)
        url = f"{service.base_url}/v1/calls/{caller.call_id}/transcript/stream"
        async with service.http.get(url, headers=headers) as answer:
            assert answer.status == 401
        # Everybody else stays.
        await caller.say("still here")
        for client in (staying.socket, plain):
            told = await client.until("call_transcript_completed", caller.uuid)
            assert told[-1][4]["transcript"] == "still here"
        assert (await staying.spoken.frame())["text"] == "still here"


# -- who asks for an action -------------------------------------------------------------


async def test_who_may_ask_for_actions(stores: Stores, database: TestDatabase) -> None:
    scope = await make_log(stores)
    user_id = await hire(database, scope.workspace_id)
    secret, publishable = a_key(scope), a_key(scope, KeyKind.PUBLISHABLE)
    for key in (secret, publishable):
        await stores.workspaces.create_key(key, hash_of(key))
    signing, now = settings_for(database).signing_secrets, datetime.now(UTC)
    credentials = Credentials(stores.credentials, lambda: datetime.now(UTC), secrets=signing)

    async def ask(text: str, header: str = "x-api-key") -> Caller | Denied:
        value = f"Bearer {text}" if header == "Authorization" else text
        request = make_mocked_request("POST", "/rpc/public/run", headers={header: value})
        return await rpc_caller(request, credentials)

    operator = new_operator_token(
        scope, secret.id, token_id=new_id(), now=now, user_id=user_id, email=EMAIL
    )
    watching = new_token(scope, secret.id, token_id=new_id(), now=now, ttl_s=300, operator=EMAIL)
    stranger = new_operator_token(
        scope, secret.id, token_id=new_id(), now=now, user_id=new_id(), email=EMAIL
    )
    elsewhere = await make_log(stores)
    eve = await hire(database, elsewhere.workspace_id, "eve@example.com")
    forged = [  # by someone who has the signing secret, and a key of one workspace
        new_operator_token(
            elsewhere, secret.id, token_id=new_id(), now=now, user_id=eve, email=EMAIL
        ),
        new_operator_token(scope, secret.id, token_id=new_id(), now=now, user_id=eve, email=EMAIL),
    ]
    old = new_operator_token(
        scope,
        secret.id,
        token_id=new_id(),
        now=now - timedelta(hours=1),
        user_id=user_id,
        email=EMAIL,
    )
    for header in ("x-api-key", "Authorization"):
        for _ in range(2):
            assert await ask(f"key {secret.id}", header) == Caller(scope, secret.id)
            assert await ask(f"key {publishable.id}", header) is Denied.WRONG_KIND
            found = await ask(sign(operator, signing[0]), header)
            assert found == Caller(scope, secret.id, Operator(user_id, EMAIL))
            for token in (watching, stranger, old, *forged):
                assert await ask(sign(token, signing[0]), header) is Denied.UNKNOWN
            for text in ("sk_live_x", sign(operator, "another secret"), "a.b.c"):
                assert await ask(text, header) is Denied.UNKNOWN
    assert await rpc_caller(make_mocked_request("POST", "/"), credentials) is Denied.UNKNOWN
