"""`allowed_origins` of a workspace, at every socket and stream that a browser may open."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
import pytest

from tests.callers import LIMIT_S, Caller, calling, make_call
from tests.database import TestDatabase
from tests.followed import written_thread
from tests.openai_session import mint as mint_secret
from tests.realtime_session import BARE, UPGRADE, connected
from tests.serving import Service, serving
from tests.texting import Texting
from tests.v1 import V1

APP, OTHER, EVIL = "https://app.example.com", "http://localhost:3000", "https://evil.example"


@dataclass
class World:
    """A workspace whose test environment has a call, one that has ended, and a thread."""

    service: Service
    call: Caller
    ended: Caller
    thread_id: str

    @property
    def key(self) -> dict[str, str]:
        return self.service.bearer(self.service.keys.test_key)

    async def allow(self, *origins: str) -> None:
        answer = await V1(self.service).patch("/workspace", {"allowed_origins": origins})
        assert answer.status == 200
        assert answer.body["allowed_origins"] == list(origins)

    async def token(self) -> str:
        return await self.service.session_token(self.service.keys.test_key)

    async def ticket(self) -> str:
        return (await self.service.mint(BARE, self.service.keys.test_key))["client_secret"]

    async def secret(self) -> str:
        body = {"session": {"type": "realtime", "model": "mock/echo"}}
        status, minted = await mint_secret(self.service, body)
        assert status == 200, minted
        return minted["value"]


#: Makes a fresh way in: its path and headers.
Way: TypeAlias = Callable[[World], Awaitable[tuple[str, Mapping[str, str]]]]


async def events_socket(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/socket/websocket?vsn=2.0.0&session_token={await world.token()}", UPGRADE


async def call_socket(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v1/calls/{world.call.call_id}/stream", UPGRADE | world.key


async def call_socket_of_a_token(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v1/calls/{world.call.call_id}/stream?token={await world.token()}", UPGRADE


async def transcript(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v1/calls/{world.call.call_id}/transcript/stream", world.key


async def transcript_of_a_token(world: World) -> tuple[str, Mapping[str, str]]:
    path = f"/v1/calls/{world.call.call_id}/transcript/stream"
    return f"{path}?token={await world.token()}", {}


async def transcript_of_an_ended_call(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v1/calls/{world.ended.call_id}/transcript/stream", world.key


async def conversation(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v1/conversations/{world.thread_id}/stream", world.key


async def realtime_by_ticket(world: World) -> tuple[str, Mapping[str, str]]:
    return f"/v3/realtime?ticket={await world.ticket()}", UPGRADE


async def realtime_by_key(world: World) -> tuple[str, Mapping[str, str]]:
    return "/v3/realtime", UPGRADE | world.key


async def openai_by_secret(world: World) -> tuple[str, Mapping[str, str]]:
    bearer = {"Authorization": f"Bearer {await world.secret()}"}
    return "/v1/realtime?model=mock/echo", UPGRADE | bearer


async def openai_by_key(world: World) -> tuple[str, Mapping[str, str]]:
    return "/v1/realtime?model=mock/echo", UPGRADE | world.key


def is_empty(body: bytes) -> bool:
    return body == b""


def is_v1(body: bytes) -> bool:
    return json.loads(body)["error_code"] == "PERMISSION_DENIED"


def is_v3(body: bytes) -> bool:
    return json.loads(body)["error"]["code"] == "forbidden"


#: Every way in: how its door answers a page that may enter, and the shape of its refusal.
WAYS: Mapping[Way, tuple[int, Callable[[bytes], bool]]] = {
    events_socket: (101, is_empty),
    call_socket: (101, is_v1),
    call_socket_of_a_token: (101, is_v1),
    transcript: (200, is_v1),
    transcript_of_a_token: (200, is_v1),
    transcript_of_an_ended_call: (204, is_v1),
    conversation: (200, is_v1),
    realtime_by_ticket: (101, is_v3),
    realtime_by_key: (101, is_v3),
    openai_by_secret: (101, is_v3),
    openai_by_key: (101, is_v3),
}
#: Those whose credential is good for one entry.
SPENT = (realtime_by_ticket, openai_by_secret)


async def knock(
    world: World, path: str, headers: Mapping[str, str], *, origin: str | None
) -> tuple[int, bytes]:
    """Ask to enter, as a page of an origin; return the status, and the body of a refusal."""
    sent = dict(headers) | ({} if origin is None else {"Origin": origin})
    async with world.service.http.get(world.service.base_url + path, headers=sent) as answer:
        refused = answer.status >= 400
        return answer.status, await answer.read() if refused else b""


@asynccontextmanager
async def open_world(service: Service) -> AsyncIterator[World]:
    """Open what the streams follow."""
    key = service.keys.test_key
    ended = await make_call(service, "bye", key=key)
    async with calling(service, key) as call:
        yield World(service, call, ended, (await written_thread(Texting(service))).id)


@pytest.fixture
async def world(database: TestDatabase) -> AsyncIterator[World]:
    async with serving(database) as service, open_world(service) as world:
        yield world


async def expect(world: World, origins: Mapping[str | None, bool]) -> None:
    """Check, at every door, who may enter."""
    for way, (entered, is_refusal) in WAYS.items():
        for origin, may in origins.items():
            status, body = await knock(world, *await way(world), origin=origin)
            assert status == (entered if may else 403), (way.__name__, origin)
            assert may or is_refusal(body), (way.__name__, body)


async def test_every_door_asks_for_the_workspaces_origins(
    world: World, database: TestDatabase
) -> None:
    await expect(world, {APP: True, EVIL: True, None: True})
    await world.allow(APP, OTHER)
    await expect(world, {APP: True, OTHER: True, EVIL: False, "null": False, None: True})
    # Another process changes it: nothing is remembered here.
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET allowed_origins = ARRAY[$1]", EVIL)
    await expect(world, {APP: False, EVIL: True})
    await world.allow()
    await expect(world, {APP: True})


async def test_an_origin_must_pass_the_servers_list_too(database: TestDatabase) -> None:
    async with (
        serving(database, allowed_origins=(APP, OTHER)) as service,
        open_world(service) as world,
    ):
        await expect(world, {OTHER: True, EVIL: False})
        await world.allow(APP, EVIL)
        await expect(world, {APP: True, OTHER: False, EVIL: False, None: True})


async def test_a_refused_page_spends_no_ticket(world: World) -> None:
    await world.allow(APP)
    for way in SPENT:
        path, headers = await way(world)
        for origin, expected in ((EVIL, 403), (EVIL, 403), (APP, 101), (APP, 401), (EVIL, 401)):
            status, _ = await knock(world, path, headers, origin=origin)
            assert status == expected, (way.__name__, origin)


async def test_another_workspaces_list_does_not_count(world: World) -> None:
    await world.allow(APP)
    other = await world.service.admin.workspaces.create("Other")
    token = await world.service.session_token(other.secret_key)
    path = f"/socket/websocket?vsn=2.0.0&session_token={token}"
    assert (await knock(world, path, UPGRADE, origin=EVIL))[0] == 101


async def test_what_is_open_stays_open(world: World) -> None:
    async with AsyncExitStack() as held:
        ticket = await world.ticket()
        session = await held.enter_async_context(
            connected(world.service, ticket, headers={"Origin": EVIL})
        )
        path, _ = await events_socket(world)
        socket = await held.enter_async_context(
            world.service.http.ws_connect(world.service.ws_url + path, headers={"Origin": EVIL})
        )
        await world.allow(APP)
        await session.start()
        await socket.send_json([None, "1", "phoenix", "heartbeat", {}])
        reply = await socket.receive(LIMIT_S)
        assert reply.type is aiohttp.WSMsgType.TEXT
        assert json.loads(reply.data)[4]["status"] == "ok"
        await session.socket.close()


async def test_rpc_shows_the_list(world: World) -> None:
    await world.allow(APP, OTHER)
    async with world.service.http.post(
        f"{world.service.base_url}/rpc/public/run",
        json={"action": "list_queues", "fields": [{"organisation": ["allowedOrigins"]}]},
        headers=world.key,
    ) as answer:
        found = await answer.json()
    assert found["data"][0]["organisation"] == {"allowedOrigins": [APP, OTHER]}
