"""The npm `phoenix` client and the SDK join `log` outside a browser, with a sign-in's token."""

import asyncio

import pytest

from tests.callers import calling
from tests.console import browsing, link_for
from tests.e2e.node import install
from tests.e2e.node_client import node_client
from tests.e2e.sdk import build
from tests.rpc_calls import Rpc
from tests.serving import Service


@pytest.fixture(autouse=True)
async def _clients() -> None:
    await asyncio.to_thread(build)
    await asyncio.to_thread(install)


async def token_of_a_person(service: Service) -> str:
    async with browsing(service) as browser:
        assert (await browser.follow(await link_for(service))).status == 200
        minted = await browser.ask("POST", "/live/token")
        assert minted.status == 200, minted
        return minted.body["token"]


@pytest.mark.parametrize("carrier", ["websocket", "longpoll"])
async def test_the_phoenix_client_joins_the_log(service: Service, carrier: str) -> None:
    token = await token_of_a_person(service)
    arguments = (service.ws_url, token, "params", carrier, "log")
    async with node_client("phoenix_client.js", *arguments) as client:
        assert set(await client.until("joined")) == {"position"}
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        await client.until("call.ended", callUuid=caller.uuid)
        assert client.all("call.created")[0]["data"]["direction"] == "inbound"
        assert client.all("present") == [], "nobody is present on it"


async def test_the_sdk_joins_the_log(service: Service) -> None:
    token = await token_of_a_person(service)
    async with node_client("log_client.js", service.base_url, token) as client:
        await client.until("joined")
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        assert (await client.until("turn"))["role"] == "user"
        await client.until("event", type="call.ended")
        page = await Rpc(service).run("list_events", input={"callUuid": caller.uuid})
        rows = [event for event in client.all("event") if "position" in event]
        assert rows == page["events"]
        parts = [event for event in client.all("event") if "position" not in event]
        assert {part["type"] for part in parts} == {"call.transcript_delta"}


async def test_the_sdk_gives_up_on_a_token_of_a_backend(service: Service) -> None:
    token = await service.session_token()
    async with node_client("log_client.js", service.base_url, token) as client:
        assert await client.until("refused") == {"reason": "unauthorized", "times": 1}
        client.do("how often?")
        assert await client.until("refusals") == {"refused": 1}
        assert client.all("given up") == [{}]
