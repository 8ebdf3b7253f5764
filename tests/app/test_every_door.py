"""Every route of the server bounds its clients.

The routes are the router's own, so a new one cannot be forgotten: it needs a row here
(CONTRIBUTING, "Bounds"). Each is attacked with a valid key and without one, by requests that
are too large, too many or endless; a neighbour must be served meanwhile.
"""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import aiohttp
import pytest
import pytest_asyncio

from ringline.domain import limits, socket_limits, v1_limits
from ringline.rest.routes import ROUTES as REST_ROUTES
from ringline.web.console_routes import API
from ringline.web.console_routes import ROUTES as CONSOLE_ROUTES
from tests.callers import calling
from tests.database import TestDatabase
from tests.realtime_session import BARE, PATH, UPGRADE, connected, opened, talking
from tests.routes import routes_of_the_server, streams_of_the_server
from tests.serving import Service, on_shared_server, serving
from tests.watchers import events_client, socket_url

WAIT_S = 20.0  # a bound for what must come, not an expectation of when

POLL = "/socket/longpoll"
RUN, VALIDATE = "/rpc/public/run", "/rpc/public/validate"
SESSION, ACCESS, MINT = "/api/realtime/session", "/api/operator/access", "/v3/realtime-sessions"
SECRETS = "/v1/realtime/client_secrets"
MODELS = "/v3/models"
TICKET = "/talk/ticket"
SOCKET, TRANSCRIPT, CALL, THREAD = (
    "/socket/websocket",
    "/v1/calls/{id}/transcript/stream",
    "/v1/calls/{id}/stream",
    "/v1/conversations/{id}/stream",
)


@dataclass(frozen=True)
class Body:
    """A door that takes a body: how large, and how many marks."""

    most: int
    marks: int
    #: How a stranger is refused.
    stranger: int = 401


@dataclass(frozen=True)
class Socket:
    """A door to a WebSocket or a stream."""


@dataclass(frozen=True)
class Plain:
    """A door that takes nothing but its address."""


Door: TypeAlias = Body | Socket | Plain

_MINT = Body(limits.MINT_BYTES.most, limits.JSON_MARKS.most)
_V1 = Body(v1_limits.BODY_BYTES.most, limits.JSON_MARKS.most)
#: Nobody is known before the body is read; a body of so few bytes has no room for more marks.
_KEYED = Body(v1_limits.KEY_BODY_BYTES.most, 400, stranger=413)
_RPC = Body(limits.RPC_BODY_BYTES.most, limits.RPC_BODY_MARKS.most)

DOORS: dict[tuple[str, str], Door] = {
    ("POST", RUN): _RPC,
    ("POST", VALIDATE): _RPC,
    ("POST", SESSION): _MINT,
    ("POST", ACCESS): _MINT,
    ("POST", MINT): _MINT,
    ("POST", TICKET): replace(_MINT, stranger=403),
    ("DELETE", f"{MINT}/{{id}}"): Plain(),
    ("POST", SECRETS): _MINT,
    ("GET", "/v1/realtime"): Socket(),
    ("GET", "/v1/realtime/"): Socket(),
    ("GET", PATH): Socket(),
    ("GET", f"{PATH}/"): Socket(),
    ("GET", SOCKET): Socket(),
    ("GET", TRANSCRIPT): Socket(),
    ("OPTIONS", TRANSCRIPT): Plain(),
    ("GET", CALL): Socket(),
    ("GET", THREAD): Socket(),
    ("OPTIONS", THREAD): Plain(),
    ("*", SOCKET): Plain(),
    ("GET", POLL): Plain(),
    ("POST", POLL): Plain(),  # its bodies: test_long_poll.py
    ("OPTIONS", POLL): Plain(),
    ("*", POLL): Plain(),
    ("*", RUN): Plain(),
    ("*", VALIDATE): Plain(),
    ("*", "/rpc/public/{tail}"): Plain(),
    ("GET", MODELS): Plain(),
    ("OPTIONS", MODELS): Plain(),
    ("GET", "/openapi.json"): Plain(),
    ("GET", "/docs"): Plain(),
    ("GET", "/"): Plain(),
    ("GET", "/console"): Plain(),
    ("GET", "/console/{name}"): Plain(),
    ("GET", "/talk"): Plain(),
    ("GET", "/talk/agents"): Plain(),
    ("GET", "/talk/{name}"): Plain(),
    ("GET", "/healthz"): Plain(),
    ("GET", "/readyz"): Plain(),
    # Of a provider that does not exist.
    ("POST", "/v1/messaging/{provider}/inbound"): Plain(),
    ("POST", "/v1/messaging/{provider}/receipts"): Plain(),
    **{
        (route.method, route.path): (_KEYED if route.key_in else _V1) if route.body else Plain()
        for route in REST_ROUTES
    },
    **{("OPTIONS", route.path): Plain() for route in REST_ROUTES if route.file},
    # What they do with bodies: test_console_calls.py.
    **{(route.method, API + route.path): Plain() for route in CONSOLE_ROUTES},
    ("*", f"{API}/{{tail}}"): Plain(),
}
BODIES = [place for place, door in DOORS.items() if isinstance(door, Body)]
STREAMS = [path for (_, path), door in DOORS.items() if isinstance(door, Socket)]
OTHERS = [(method, path) for (method, path), door in DOORS.items() if not isinstance(door, Body)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(shared_database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(shared_database, dev=True, max_sockets_per_key=3) as service:
        yield service


def test_every_door_of_the_router_is_known() -> None:
    assert routes_of_the_server() == set(DOORS)
    assert streams_of_the_server() == set(STREAMS)


async def neighbour(service: Service) -> None:
    """Use the server as anybody would."""
    async with (
        asyncio.timeout(WAIT_S),
        service.http.post(
            service.base_url + RUN,
            json={"action": "list_calls", "fields": ["id"]},
            headers=service.bearer(service.keys.test_key),
        ) as answer,
    ):
        assert (await answer.json())["success"] is True


def credentials(service: Service) -> dict[str, str]:
    """Return what lets a body in at every door: a key, and the origin of the server's page."""
    return {"Content-Type": "application/json", "Origin": service.base_url, **service.bearer()}


def filled(path: str) -> str:
    """Return a path with ids that nobody has: a body is read before they are looked up."""
    prefixes = {one.name: one.prefix for route in REST_ROUTES for one in route.ids}
    return re.sub(
        r"\{(\w+)\}",
        lambda found: f"{prefixes[found[1]]}_{'0' * 22}" if found[1] in prefixes else "x",
        path,
    )


async def send(service: Service, place: tuple[str, str], body: bytes) -> int:
    method, path = place
    async with (
        asyncio.timeout(WAIT_S),
        service.http.request(
            method,
            service.base_url + filled(path),
            data=io.BytesIO(body),
            headers=credentials(service),
        ) as answer,
    ):
        said = await answer.text()
        assert "Traceback" not in said
        json.loads(said)
        return answer.status


@on_shared_server
@pytest.mark.parametrize("place", BODIES, ids=" ".join)
async def test_bodies_that_are_too_large(service: Service, place: tuple[str, str]) -> None:
    door = DOORS[place]
    assert isinstance(door, Body)
    assert await send(service, place, b'{"x":"' + b"x" * door.most + b'"}') == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(door.most // 100_000 + 2):
            yield b" " * 100_000

    method, path = place
    async with service.http.request(
        method,
        service.base_url + filled(path),
        data=pieces(),
        headers=credentials(service),
    ) as answer:
        assert answer.status == 413
    await neighbour(service)


@on_shared_server
@pytest.mark.parametrize("place", BODIES, ids=" ".join)
@pytest.mark.parametrize("mark", [b"[],", b'{"a":0},', b"0,", b"[" * 3])
async def test_bodies_of_many_tiny_things(
    service: Service, place: tuple[str, str], mark: bytes
) -> None:
    door = DOORS[place]
    assert isinstance(door, Body)
    pieces = mark * (door.marks // max(1, sum(mark.count(one) for one in b"[{,")) + 1)
    body = b'{"x":[' + pieces + b"0]}"
    assert len(body) < door.most
    assert await send(service, place, body) == 400
    await neighbour(service)


@on_shared_server
@pytest.mark.parametrize("place", BODIES, ids=" ".join)
async def test_bodies_of_strangers_are_not_read(service: Service, place: tuple[str, str]) -> None:
    """The answer comes before the body does: nothing of a stranger is kept."""
    method, path = place
    head = (
        f"{method} {filled(path)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"x-api-key: sk_live_{'x' * 43}\r\nContent-Length: 1000000\r\n\r\n"
    )
    port = int(service.base_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    door = DOORS[place]
    assert isinstance(door, Body)
    async with asyncio.timeout(WAIT_S):
        assert f" {door.stranger} ".encode() in await reader.readline()
    writer.close()


@on_shared_server
@pytest.mark.parametrize(("method", "path"), OTHERS)
async def test_doors_that_take_no_body_wait_for_none(
    service: Service, method: str, path: str
) -> None:
    """A body that never comes does not keep the answer."""
    name = "PUT" if method == "*" else method
    asked = filled(path)
    port = int(service.base_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{name} {asked} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
    async with asyncio.timeout(WAIT_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    writer.close()
    await neighbour(service)


# -- sockets and streams ------------------------------------------------------------------


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(WAIT_S):
        async for _ in socket:
            pass
    return socket.close_code


#: Heads that two readers could understand differently, or that have no end.
HEADS = {
    "a bare line feed": b"Host: x\r\nA: b\nC: d\r\n\r\n",
    "bare line feeds alone": b"Host: x\n\n",
    "a folded field": b"Host: x\r\nA: b\r\n c\r\n\r\n",
    "a field twice": b"Host: x\r\nHost: y\r\n\r\n",
    "no host": b"A: b\r\n\r\n",
    "a body": b"Host: x\r\nContent-Length: 5\r\n\r\nGET /",
    "chunks": b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both": b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a name with a blank": b"Host: x\r\nA : b\r\n\r\n",
    "a control character": b"Host: x\r\nA: \x01\r\n\r\n",
    "too many bytes": b"Host: x\r\nA: " + b"b" * limits.HEAD_BYTES.most + b"\r\n\r\n",
    "too many bytes without an end": b"Host: x\r\n" + b"A: b\r\n" * limits.HEAD_BYTES.most,
}


@on_shared_server
@pytest.mark.parametrize("path", STREAMS)
async def test_heads_of_streams_are_read_strictly(service: Service, path: str) -> None:
    """A valid key does not help; the answer is of the path's surface, and the connection ends."""
    port = int(service.base_url.rsplit(":", 1)[1])
    key = f"x-api-key: {service.keys.secret_key}\r\n".encode()
    for name, fields in HEADS.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {filled(path)} HTTP/1.1\r\n".encode() + key + fields)
        async with asyncio.timeout(WAIT_S):
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), name
            assert b"X-Request-Id: req_" in answer, name
            length = re.search(rb"Content-Length: (\d+)", answer)
            assert length is not None
            assert b"the request is not valid HTTP" in await reader.readexactly(int(length[1])), (
                name
            )
        writer.close()
    await neighbour(service)


TOO_LARGE = "x" * (socket_limits.WATCH_FRAME_BYTES.most + 1)
TOO_MANY = json.dumps([None, "1", "phoenix", "heartbeat", {"x": [[]] * limits.JSON_MARKS.most}])
TOO_LONG = "x" * (socket_limits.NAME_BYTES.most + 1)


@on_shared_server
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (TOO_LARGE, 1009),
        (TOO_MANY[: socket_limits.WATCH_FRAME_BYTES.most], 1011),
        (json.dumps([None, TOO_LONG, "phoenix", "heartbeat", {}]), 1011),
        (json.dumps([TOO_LONG, "1", "events", "phx_join", {}]), 1011),
        (
            json.dumps(["1", "1", "é" * (socket_limits.TOPIC_BYTES.most // 2 + 1), "phx_join", {}]),
            1011,
        ),
    ],
)
async def test_frames_of_an_events_socket(service: Service, frame: str, code: int) -> None:
    async with events_client(service) as other:
        token = await service.session_token()
        async with service.http.ws_connect(socket_url(service, token)) as socket:
            await socket.send_str(frame)
            assert await close_code(socket) == code
        await other.join()


@on_shared_server
@pytest.mark.parametrize(("frame", "code"), [(TOO_LARGE, 1009)])
async def test_frames_of_a_call_socket(service: Service, frame: str, code: int) -> None:
    async with calling(service) as caller:
        url = service.ws_url + CALL.replace("{id}", caller.call_id)
        async with service.http.ws_connect(url, headers=service.bearer()) as socket:
            await socket.send_str(frame)
            assert await close_code(socket) == code


@on_shared_server
async def test_frames_of_a_session(service: Service) -> None:
    many = '{"type":"x","y":[' + "[]," * limits.JSON_MARKS.most + "0]}"
    async with talking(service) as client:
        await client.socket.send_str(many)
        assert (await client.until("error"))["error"]["code"] == "invalid_json"
        await client.send("text.input", text="x")  # it lives
    async with opened(service, BARE) as client:
        await client.socket.send_str('{"type":"session.start","config":{"x":[' + "[]," * 20_000)
        assert await client.closed() == 1008


@on_shared_server
async def test_sockets_of_one_key_are_bounded(service: Service) -> None:
    """Three of any kind, by the key and by what it minted; the fourth is refused."""
    token, other_token = await service.session_token(), await service.session_token()
    async with (
        calling(service) as caller,  # by a ticket of the key
        service.http.ws_connect(socket_url(service, token)),
        service.http.get(
            service.base_url + TRANSCRIPT.replace("{id}", caller.call_id),
            headers=service.bearer(),
        ) as transcript,
    ):
        assert transcript.status == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await service.http.ws_connect(socket_url(service, other_token))
        assert refused.value.status == 403
        for path in (TRANSCRIPT, CALL):
            url = service.base_url + path.replace("{id}", caller.call_id)
            upgrade = {} if path == TRANSCRIPT else UPGRADE
            async with service.http.get(url, headers=service.bearer() | upgrade) as answer:
                assert answer.status == 429
                assert (await answer.json())["error_code"] == "RATE_LIMITED"
                assert answer.headers["Retry-After"]
        minted = await service.mint(BARE)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(service, minted["client_secret"]):
                pass
        assert refused.value.status == 429
        test_key = await service.session_token(service.keys.test_key)
        async with service.http.ws_connect(socket_url(service, test_key)):
            pass  # another key has its own
    async with connected(service, minted["client_secret"]) as client:
        await client.start()  # its refusal has not burned the ticket
