"""The SDK's socket stays connected beyond its token's life, on every runtime."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.callers import calling
from tests.e2e.node import install
from tests.e2e.node_client import node_client
from tests.e2e.runtimes import NAMES, find_runtime
from tests.e2e.sdk import build
from tests.serving import Service


@pytest.fixture(autouse=True)
async def _clients() -> None:
    await asyncio.to_thread(build)
    await asyncio.to_thread(install)


async def test_it_outlives_its_tokens(service: Service) -> None:
    token = await service.session_token()
    async with node_client("token_client.js", service.base_url, token) as client:
        assert "403" in (await client.until("error"))["message"]
        assert (await client.until("close"))["code"] == 1006
        failed = "sessionToken failed: the backend is away"
        assert failed in (await client.until("warned"))["words"]
        assert failed in (await client.until("error"))["message"]
        assert "sessionToken gave no token" in (await client.until("error"))["message"]
        await client.until("joined")
        assert [told["minted"] for told in client.all("minted")] == [1, 2, 3, 4]
        assert len(client.all("warned")) == 1  # once for an outage
        client.do("cut")
        joined = await client.until("joined")
        assert joined["recovered"] is True
        before = len(client.all("close"))
        await client.until("minted", minted=6)  # while it is connected: the fifth soon expires
        await client.until("minted", minted=7)  # the backend had been away
        assert len(client.all("close")) == before
        client.do("cut")
        await client.until("joined")
        assert client.all("minted")[-1] == {"minted": 7}  # that one still lives
        client.do("disconnect")
        await client.until("disconnected")


@pytest.mark.parametrize("name", NAMES)
async def test_it_works_on(name: str, service: Service) -> None:
    """Refused twice, it tries again, and where something is missing it says what."""
    runtime = await asyncio.to_thread(find_runtime, name)
    arguments = (service.base_url, service.keys.secret_key)
    async with node_client("runtime_client.js", *arguments, runtime=runtime) as client:
        refused = await client.until("refused")
        assert refused["bare"] is None or "package ws" in refused["bare"]
        assert "a function that fetches" in refused["token"]
        assert "a function that fetches" in refused["credential"]
        assert '"voice.example.com"' in refused["url"]
        assert "no long polling" in refused["fallback"]
        assert "no long polling" in refused["transport"]
        assert await client.until("joined") == {"minted": 3}
        assert client.all("close") == [{"code": 1006}] * 2
        async with calling(service) as caller:
            assert (await client.until("incoming_call"))["callUuid"] == caller.uuid


async def test_it_does_what_the_table_of_close_codes_says() -> None:
    codes = [1012, 4001, 1001, 1011, 1001, 1009]
    closing = iter(codes)
    tokens: list[str] = []

    async def open_and_close(request: web.Request) -> web.WebSocketResponse:
        tokens.append(request.query["session_token"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=next(closing))
        return socket

    app = web.Application()
    app.router.add_get("/socket/websocket", open_and_close)
    async with (
        TestServer(app) as server,
        node_client("close_client.js", str(server.make_url("/"))) as client,
    ):
        assert "a frame is over 64 KiB" in (await client.until("warned"))["words"]
        assert [closed["code"] for closed in client.all("close")] == codes[:-1]
        assert tokens == [f"token-{number}" for number in (1, 1, 1, 2, 2, 3)]
        assert len(client.all("paused")) == 1
        await client.until("close", code=1009)
        client.do("still connected?")
        assert await client.until("connected") == {"connected": False}
    assert next(closing, None) is None
    assert len(tokens) == len(codes), "it has given up"


async def test_its_channels(service: Service) -> None:
    async with service.http.post(
        f"{service.base_url}/api/realtime/session",
        json={"user_id": "ada"},
        headers={"x-api-key": service.keys.secret_key},
    ) as answer:
        token = (await answer.json())["token"]
    async with calling(service) as caller:
        await caller.say("before")
        arguments = (service.base_url, token, caller.call_id)
        async with node_client("channels_client.js", *arguments) as client:
            assert (await client.until("refused"))["reason"] == "not_found"
            await client.ever("call_transcript_completed", transcript="before")
            await caller.hang_up()
            assert (await client.until("call_ended"))["callUuid"] == caller.uuid
            await client.until("over")
            client.do("how often?")
            assert await client.until("refusals") == {"refused": 1}
            assert client.all("given up") == [{}]
            assert client.all("present")[-1] == {"names": ["ada"]}
            assert client.all("incoming_call")[0]["callUuid"] == caller.uuid
