"""The npm `phoenix` client, unmodified, watches calls (events socket, 3)."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from ringline.domain.credentials import FirstKeys, KeyKind
from ringline.domain.log import Environment, Scope
from tests.callers import calling, make_call
from tests.e2e.node_client import node_client
from tests.e2e.program import reachable_directory
from tests.faults.processes import server_process
from tests.serving import Service

CLIENT = "phoenix_client.js"


@pytest.fixture(params=["websocket", "longpoll"])
def carrier(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize(
    ("by", "carrier"),
    [
        ("params", "websocket"),
        ("authToken", "websocket"),
        ("params", "longpoll"),
        ("authToken", "longpoll"),
        ("params", "fallback"),
    ],
)
async def test_join_watch_a_call_and_leave(service: Service, by: str, carrier: str) -> None:
    token = await service.session_token()
    async with node_client(CLIENT, service.ws_url, token, by, carrier) as client:
        joined = await client.until("joined")
        assert set(joined) == {"position"}
        client.do("heartbeat")
        await client.until("pong")
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        await client.until("call_ended", callUuid=caller.uuid)
        assert [told["what"] for told in client.seen if told["what"].startswith("call_")][-3:] == [
            "call_participant_left",
            "call_participant_left",
            "call_ended",
        ]
        assert len(client.all("incoming_call")) == len(client.all("call_answered")) == 1
        spoken = client.all("call_transcript_completed")
        assert [(turn["role"], turn["transcript"]) for turn in spoken] == [
            ("user", "Good morning."),
            ("assistant", "I did not get that."),
        ]
        client.do("leave")
        await client.until("left")
        assert client.all("channel_closed") == [{}]
        await make_call(service, "unheard")
        client.do("heartbeat")
        await client.until("pong")
        assert client.seen[-1]["what"] == "pong"
        assert len(client.all("incoming_call")) == 1


async def test_a_bad_token(service: Service) -> None:
    async with node_client(CLIENT, service.ws_url, "nonsense", "params") as client:
        error = await client.until("error")
        assert "403" in error["message"]
        assert client.all("open") == []


async def test_a_bad_token_of_a_client_that_polls(service: Service) -> None:
    async with node_client(CLIENT, service.ws_url, "nonsense", "params", "longpoll") as client:
        assert await client.until("close") == {"code": 1008}
        assert await client.until("close") == {"code": 1008}, "it tries again"
        assert client.all("open") == []


async def test_a_client_that_polls_is_told_of_a_revocation(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, secret = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="another")
    token = await service.session_token(secret)
    async with node_client(CLIENT, service.ws_url, token, "params", "longpoll") as client:
        await client.until("joined")
        await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
        assert await client.until("close") == {"code": 1008}


async def test_who_is_present(service: Service, carrier: str) -> None:
    ada, bob = [await token_of(service, name) for name in ("ada", "bob")]
    async with node_client(CLIENT, service.ws_url, ada, "params", carrier) as watcher:
        first = await watcher.until("present")
        assert list(first["present"]) == ["ada"]
        async with node_client(CLIENT, service.ws_url, bob, "params", carrier) as one:
            assert set((await one.until("present"))["present"]) == {"ada", "bob"}
            await watcher.until("came", key="bob")
            async with node_client(CLIENT, service.ws_url, bob, "params", carrier) as two:
                await two.until("joined")
                await watcher.until("came", key="bob")
                assert [
                    len(refs) for refs in (await watcher.until("present"))["present"].values()
                ] == [1, 2]
            assert (await watcher.until("went", key="bob"))["left"] == 1
            one.do("leave")
            await one.until("left")
            assert (await watcher.until("went", key="bob"))["left"] == 0
        assert (await watcher.until("present")) == first


async def token_of(service: Service, name: str) -> str:
    async with service.http.post(
        f"{service.base_url}/api/realtime/session",
        json={"user_id": name},
        headers={"x-api-key": service.keys.secret_key},
    ) as answer:
        return (await answer.json())["token"]


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


async def test_resume_after_the_server_was_killed(directory: Path) -> None:
    """Over a WebSocket and by long polling."""
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        async with server_process(directory) as server:
            service = _service(server.ready, http)
            token = await service.session_token()
            clients = [
                await stack.enter_async_context(
                    node_client(CLIENT, service.ws_url, token, "params", carrier)
                )
                for carrier in ("websocket", "longpoll")
            ]
            for client in clients:
                await client.until("joined")
            async with calling(service) as caller:
                await caller.say("before the kill")
                said = [await client.until("call_transcript_completed") for client in clients]
                await server.kill()
        for client in clients:
            await client.until("close")
        port = int(service.base_url.rpartition(":")[2])
        async with server_process(directory, port=port) as again:
            for client, last in zip(clients, said, strict=True):
                joined = await client.until("joined")
                assert joined == {"position": last["position"], "recovered": True}
                lost = await client.until("call_ended", callUuid=caller.uuid)
                assert lost["hangupCause"] == "server_lost"
            service = _service(again.ready, http)
            second = await make_call(service, "after the kill")
            for client in clients:
                await client.until("call_ended", callUuid=second.uuid)
    for client in clients:
        told = [seen["payload"] for seen in client.seen]
        positions = [payload["position"] for payload in told if "eventId" in payload]
        offsets = [int(position.split(":")[1]) for position in positions]
        assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))


def _service(ready: dict[str, str], http: aiohttp.ClientSession) -> Service:
    """Describe a server of another process; it lends no admin."""
    keys = FirstKeys(*(ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    return Service(ready["base_url"], http, keys, None)  # type: ignore[arg-type]
