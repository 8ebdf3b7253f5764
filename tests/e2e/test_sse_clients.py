"""Unmodified clients of server-sent events follow a transcript and a thread (live streams, 2.2)."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientPayloadError
from aiohttp_sse_client.client import EventSource

from ringline.domain.credentials import FirstKeys
from tests.callers import LIMIT_S, calling
from tests.e2e.line import line_to
from tests.e2e.node_client import NodeClient, node_client
from tests.e2e.program import reachable_directory
from tests.faults.processes import server_process
from tests.serving import Service
from tests.texting import Texting

EVENTSOURCE = "eventsource_client.js"
RECEIVED = "message.received"


def url_of(base: str, call_id: str, token: str) -> str:
    return f"{base}/v1/calls/{call_id}/transcript/stream?token={token}"


async def test_eventsource_follows_resumes_and_stops(service: Service) -> None:
    token = await service.session_token()
    async with calling(service) as caller, line_to(service) as (line, base):
        async with node_client(EVENTSOURCE, url_of(base, caller.call_id, token)) as js:
            await js.until("open")
            await caller.say("one")
            assert (await js.until("message"))["frame"]["text"] == "one"
            line.cut()
            await js.until("error", closed=False)
            await caller.say("two", "three")
            line.up = True
            assert (await js.until("message"))["frame"]["text"] == "two"
            assert (await js.until("message"))["frame"]["text"] == "three"
            await caller.hang_up()
            await js.until("error", closed=True, code=204)
        assert len(js.all("message")) == 3


async def test_eventsource_loses_nothing_to_a_pulled_cable(service: Service) -> None:
    """What was sent into a dead line comes again, in order, once."""
    token = await service.session_token()
    async with calling(service) as caller, line_to(service) as (line, base):
        async with node_client(EVENTSOURCE, url_of(base, caller.call_id, token)) as js:
            await js.until("open")
            await caller.say("one")
            await js.until("message")
            line.pulled = True
            await caller.say("two", "three")
            line.cut()  # the kernel's limits give the connection up
            await js.until("error", closed=False)
            await caller.say("four")
            line.up = True
            await caller.hang_up()
            await js.until("error", closed=True, code=204)
        spoken = [message["frame"]["text"] for message in js.all("message")]
        assert spoken == ["one", "two", "three", "four"]


async def test_aiohttp_sse_client_follows_resumes_and_stops(service: Service) -> None:
    token = await service.session_token()
    async with calling(service) as caller, line_to(service) as (line, base):
        url, soon = url_of(base, caller.call_id, token), timedelta(milliseconds=10)
        async with asyncio.timeout(LIMIT_S):
            async with EventSource(url, reconnection_time=soon) as events:
                await caller.say("one")
                first = await anext(events)
                assert json.loads(first.data)["text"] == "one"
                line.cut()
                with pytest.raises(ClientPayloadError):  # it leaves this to its user
                    await anext(events)
            await caller.say("two")
            line.up = True
            headers = {"Last-Event-ID": first.last_event_id}
            async with EventSource(url, reconnection_time=soon, headers=headers) as events:
                assert json.loads((await anext(events)).data)["text"] == "two"
                await caller.hang_up()
                with pytest.raises(ConnectionError, match="204"):
                    await anext(events)


# -- a thread of messages, whose stream takes its credential in a header ----------------------


def url_of_thread(base: str, conversation_id: str, query: str = "") -> str:
    return f"{base}/v1/conversations/{conversation_id}/stream{query}"


async def received(client: NodeClient) -> dict[str, str]:
    """Return the next message of the contact that a client is told of."""
    while True:
        told = await client.until("message")
        if told["frame"]["event_type"] == RECEIVED:
            return {"text": told["frame"]["text"], "id": told["id"]}


async def test_eventsource_follows_a_thread_with_a_fetch_of_its_own(service: Service) -> None:
    texting = Texting(service)
    thread = (await texting.write("hello"))["conversation_id"]
    await texting.hand_over(thread, "human")
    token = await service.session_token(service.keys.test_key)
    async with line_to(service) as (line, base):
        async with node_client(EVENTSOURCE, url_of_thread(base, thread), token) as js:
            await js.until("open")
            await texting.write("one")
            assert (await received(js))["text"] == "one"
            line.cut()
            await js.until("error", closed=False)
            await texting.write("two")
            await texting.write("three")
            line.up = True
            assert [(await received(js))["text"] for _ in range(2)] == ["two", "three"]
        refused = (url_of_thread(base, "conv_" + "0" * 22), token), (url_of_thread(base, thread),)
        for arguments, code in zip(refused, (404, 401), strict=True):
            async with node_client(EVENTSOURCE, *arguments) as js:
                await js.until("error", closed=True, code=code)


async def test_aiohttp_sse_client_follows_a_thread(service: Service) -> None:
    texting = Texting(service)
    thread = (await texting.write("hello"))["conversation_id"]
    await texting.hand_over(thread, "human")
    headers, soon = service.bearer(service.keys.test_key), timedelta(milliseconds=10)
    async with line_to(service) as (line, base), asyncio.timeout(LIMIT_S):
        url = url_of_thread(base, thread)
        async with EventSource(url, reconnection_time=soon, headers=headers) as events:
            await texting.write("one")
            first = await anext(events)
            assert json.loads(first.data)["text"] == "one"
            line.cut()
            with pytest.raises(ClientPayloadError):  # it leaves this to its user
                await anext(events)
        await texting.write("two")
        line.up = True
        again = headers | {"Last-Event-ID": first.last_event_id}
        async with EventSource(url, reconnection_time=soon, headers=again) as events:
            assert json.loads((await anext(events)).data)["text"] == "two"


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


async def test_a_thread_is_resumed_after_the_server_was_killed(directory: Path) -> None:
    async with aiohttp.ClientSession() as http, server_process(directory) as server:
        texting = texting_of(server.ready, http)
        thread = (await texting.write("hello"))["conversation_id"]
        await texting.hand_over(thread, "human")
        url = url_of_thread(texting.service.base_url, thread)
        async with node_client(EVENTSOURCE, url, texting.service.keys.test_key) as js:
            await js.until("open")
            await texting.write("before the kill")
            before = await received(js)
            await texting.write("in the moment of the kill")
            await server.kill()
            port = int(url.rpartition("/v1/")[0].rpartition(":")[2])
            async with server_process(directory, port=port) as again:
                await texting_of(again.ready, http).write("after the kill")
                after = [await received(js) for _ in range(2)]
    assert [told["text"] for told in (before, *after)] == [
        "before the kill",
        "in the moment of the kill",
        "after the kill",
    ]
    epochs = {told["id"].partition(":")[0] for told in (before, *after)}
    assert len(epochs) == 1, "the log is the same one"
    offsets = [int(told["id"].partition(":")[2]) for told in (before, *after)]
    assert offsets == sorted(set(offsets))


def texting_of(ready: dict[str, str], http: aiohttp.ClientSession) -> Texting:
    """Return a client of messages of a server in another process."""
    keys = FirstKeys(*(ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    return Texting(Service(ready["base_url"], http, keys, None), ready["test_agent_id"])  # type: ignore[arg-type]
