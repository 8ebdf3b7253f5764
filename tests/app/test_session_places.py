"""The last free place of a process or a workspace, at every door that opens a voice session."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ringline.app import server as starting
from ringline.client.http import ApiProblem, open_api
from ringline.client.realtime import place_call
from ringline.domain.credentials import digest
from ringline.ports import StoreUnavailable
from ringline.services.session_places import SessionPlaces
from ringline.services.sessions import Permit, Sessions
from ringline.web.session_sockets import FULL_RETRY_S
from ringline.wire.wav import Wav
from tests.database import TestDatabase
from tests.openai_session import PATH as OPENAI
from tests.openai_session import mint as mint_openai
from tests.realtime_session import PATH, UPGRADE, connected, raw, refused, request_head, until
from tests.serving import Service, serving

MODEL = "mock/echo"
CLIENTS = 100

Headers = dict[str, str]


@dataclass(frozen=True)
class Way:
    """A way to open a session: its door's path, and what names the one who comes."""

    path: str
    #: Returns the headers of one client, and its ticket if it has one.
    credential: Callable[[Service], Awaitable[tuple[Headers, str | None]]]


async def a_ticket(service: Service) -> tuple[Headers, str | None]:
    minted = await service.mint({"config": {"model": MODEL}}, service.keys.test_key)
    ticket = minted["client_secret"]
    return {"Sec-WebSocket-Protocol": f"opper-ticket.{ticket}"}, ticket


async def a_client_secret(service: Service) -> tuple[Headers, str | None]:
    status, minted = await mint_openai(service)
    assert status == 200, minted
    secret = minted["value"]
    return {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{secret}"}, secret


async def a_key(service: Service) -> tuple[Headers, str | None]:
    return service.bearer(service.keys.test_key), None


WAYS = {
    "ticket": Way(PATH, a_ticket),
    "key": Way(PATH, a_key),
    "openai-secret": Way(f"{OPENAI}?model={MODEL}", a_client_secret),
    "openai-key": Way(f"{OPENAI}?model={MODEL}", a_key),
}
way_of = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@dataclass(frozen=True)
class Answer:
    """What an upgrade was answered; a refusal has an error."""

    status: int
    retry_after: str | None = None
    error: dict[str, Any] | None = None


@asynccontextmanager
async def coming(service: Service, path: str, *, headers: Headers) -> AsyncIterator[Answer]:
    """Ask for an upgrade; stay as long as the block runs."""
    async with raw(service) as (reader, writer):
        writer.write(request_head(service, path, UPGRADE | headers))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        members = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head)
        }
        status = int(head[0].split()[1])
        if status == 101:
            yield Answer(status)
        else:
            body = json.loads(await reader.readexactly(int(members["content-length"])))
            yield Answer(status, members.get("retry-after"), body["error"])


async def unused(database: TestDatabase, tickets: list[str]) -> int:
    """Count the tickets that nobody has redeemed."""
    async with database.connection() as connection:
        return await connection.fetchval(
            "SELECT count(*) FROM ringline.tickets WHERE ticket_hash = ANY($1)",
            [digest(ticket) for ticket in tickets],
        )


FULL: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "process": ({"max_sessions_per_process": 1}, 503, "unavailable", str(FULL_RETRY_S)),
    "workspace": ({"max_sessions_per_workspace": 1}, 429, "concurrency_limit", "1"),
}


@way_of
@pytest.mark.parametrize("full", FULL)
async def test_of_a_hundred_who_race_for_the_last_place_one_enters(
    database: TestDatabase, way: Way, full: str
) -> None:
    chosen, status, code, retry_after = FULL[full]
    async with serving(database, **chosen) as service:
        credentials = [await way.credential(service) for _ in range(CLIENTS)]
        tickets = [ticket for _, ticket in credentials if ticket is not None]
        async with AsyncExitStack() as here:
            answers = await asyncio.gather(
                *(
                    here.enter_async_context(coming(service, way.path, headers=headers))
                    for headers, _ in credentials
                )
            )
            assert [answer.status for answer in answers].count(101) == 1
            refusals = [answer for answer in answers if answer.status != 101]
            assert {(one.status, one.retry_after) for one in refusals} == {(status, retry_after)}
            assert {one.error["code"] for one in refusals if one.error} == {code}
            if way.path != PATH:
                kind = "server_error" if status == 503 else "rate_limit_error"
                for one in refusals:
                    assert one.error is not None
                    assert set(one.error) == {"message", "type", "code", "param"}
                    assert one.error["type"] == kind
            assert await unused(database, tickets) == max(0, len(tickets) - 1)
        # The same credential opens a session once there is room.
        refused_ones = [
            headers
            for (headers, _), answer in zip(credentials, answers, strict=True)
            if answer.status != 101
        ]
        await comes_in(service, way.path, headers=refused_ones[0])


async def comes_in(service: Service, path: str, *, headers: Headers) -> None:
    """Open a session, as soon as there is a place."""

    async def came_in() -> bool:
        async with coming(service, path, headers=headers) as answer:
            assert answer.status in (101, 429, 503), answer
            return answer.status == 101

    await until(came_in)


async def test_the_places_of_the_process_are_everybodys(database: TestDatabase) -> None:
    async with serving(database, max_sessions_per_process=2) as service:
        other = await service.admin.workspaces.create("Theirs")
        key, test = service.bearer(), service.bearer(service.keys.test_key)
        with capture_logs() as log:
            async with (
                connected(service, headers=service.bearer(other.secret_key)) as theirs,
                connected(service, headers=test) as ours,
            ):
                await theirs.start(config={"model": "local/attendant"})
                await ours.start(config={"model": MODEL})
                for headers in (key, test, service.bearer(other.test_key), {}):
                    status, error = await refused(service, headers=headers)
                    assert (status, error["code"]) == (503, "unavailable")
                # Nothing else of the server is full.
                await service.mint()
                async with service.http.get(f"{service.base_url}/readyz") as answer:
                    assert answer.status == 200
        lines = [line for line in log if line["event"] == "sessions_refused"]
        assert [(line["refused"], line["live"]) for line in lines] == [(1, 2)]
        assert (await refused(service))[0] == 401, "there is room, but not for a stranger"


async def test_our_own_client_says_that_it_may_call_again(database: TestDatabase) -> None:
    async with serving(database, max_sessions_per_process=1) as service:
        async with (
            connected(service, headers=service.bearer()),
            open_api(service.base_url, service.keys.secret_key) as api,
        ):
            with pytest.raises(ApiProblem) as refusal:
                await place_call(
                    api, Wav(8000, 1, bytes(1600)), tell=print, model="local/attendant"
                )
        assert refusal.value.retry
        assert str(refusal.value) == (
            "The server refused (503): it takes no more calls now; try again in a moment."
        )


# -- every way out gives the place back ----------------------------------------------------


async def leaves_at_once(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)
    async with raw(service) as (_, writer):
        writer.write(request_head(service, way.path, UPGRADE | headers))
        await writer.drain()


async def leaves_after_the_upgrade(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)
    async with coming(service, way.path, headers=headers):
        pass


async def has_no_valid_ticket(service: Service, way: Way) -> None:
    headers = {"Sec-WebSocket-Protocol": "opper-ticket.unknown"}
    async with coming(service, PATH, headers=headers) as answer:
        assert answer.status in (401, 503)


async def comes_twice_with_a_ticket(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)

    async def come() -> None:
        async with coming(service, way.path, headers=headers):
            pass

    await asyncio.gather(come(), come())


async def names_no_model(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)
    path = f"{OPENAI}?model=no/such" if way.path != PATH else PATH
    async with coming(service, path, headers=headers):
        pass


async def sends_nonsense(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)
    with suppress(aiohttp.WSServerHandshakeError):
        url = service.ws_url + way.path
        async with service.http.ws_connect(url, headers=headers) as socket:
            for _ in range(5):
                await socket.send_bytes(b"\0")
            async for _ in socket:
                pass


async def talks_and_closes(service: Service, way: Way) -> None:
    headers, _ = await way.credential(service)
    with suppress(aiohttp.WSServerHandshakeError):
        url = service.ws_url + way.path
        async with service.http.ws_connect(url, headers=headers) as socket:
            await socket.send_json({"type": "session.start", "config": {"model": MODEL}})
            await socket.receive()


FATES = (
    leaves_at_once,
    leaves_after_the_upgrade,
    has_no_valid_ticket,
    comes_twice_with_a_ticket,
    names_no_model,
    sends_nonsense,
    talks_and_closes,
)


class Places(SessionPlaces):
    """The server's own, which a test can see."""

    seen: "Places | None" = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        Places.seen = self


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Callable[[], SessionPlaces]:
    monkeypatch.setattr(starting, "SessionPlaces", Places)

    def of_the_server() -> SessionPlaces:
        assert Places.seen is not None
        return Places.seen

    return of_the_server


def fail_now_and_then(monkeypatch: pytest.MonkeyPatch, dice: random.Random) -> None:
    """Let the steps of an upgrade and a start take long, find no database, or crash."""
    redeem, configure = Sessions.redeem, Sessions.configure

    async def stumble() -> None:
        match dice.randrange(6):
            case 0:
                raise StoreUnavailable
            case 1:
                raise RuntimeError("a bug")
            case 2:
                await asyncio.sleep(0.02)
            case _:
                pass

    async def redeem_badly(sessions: Sessions, secret: str) -> Permit | None:
        await stumble()
        return await redeem(sessions, secret)

    async def configure_badly(sessions: Sessions, *given: Any) -> Any:
        await stumble()
        return await configure(sessions, *given)

    monkeypatch.setattr(Sessions, "redeem", redeem_badly)
    monkeypatch.setattr(Sessions, "configure", configure_badly)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_becomes_of_sessions_no_place_is_lost(
    database: TestDatabase,
    places: Callable[[], SessionPlaces],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    dice = random.Random(seed)
    fail_now_and_then(monkeypatch, dice)
    chosen: dict[str, Any] = {"rate_mint_per_second": 0, "max_sessions_per_workspace": 0}
    async with serving(database, max_sessions_per_process=8, **chosen) as service:
        most = 0

        async def comes(fate: Callable[[Service, Way], Awaitable[None]], way: Way) -> None:
            nonlocal most
            await asyncio.sleep(dice.random() / 2)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await fate(service, way)
            most = max(most, places().live)

        ways = list(WAYS.values())
        await asyncio.gather(*(comes(dice.choice(FATES), dice.choice(ways)) for _ in range(80)))

        async def empty() -> bool:
            return places().live == 0

        await until(empty)
        assert 0 < most <= 8


async def test_a_server_that_stops_gives_its_places_back(
    database: TestDatabase, places: Callable[[], SessionPlaces]
) -> None:
    async with aiohttp.ClientSession() as http, AsyncExitStack() as here:
        sockets: list[aiohttp.ClientWebSocketResponse] = []
        async with serving(database) as service:
            for way in WAYS.values():
                headers, _ = await way.credential(service)
                url = service.ws_url + way.path
                opening = http.ws_connect(url, headers=headers)
                sockets.append(await here.enter_async_context(opening))
            await sockets[0].send_json({"type": "session.start"})
            assert (await sockets[0].receive_json())["type"] == "session.started"
            assert places().live == len(WAYS)
            closed = [asyncio.ensure_future(close_code_of(socket)) for socket in sockets]
        assert places().live == 0
        assert set(await asyncio.gather(*closed)) == {1001}


async def close_code_of(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code
