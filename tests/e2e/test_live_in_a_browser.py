"""A browser's own EventSource and WebSocket, through a pulled cable and a killed server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ringline.domain.credentials import FirstKeys
from tests.callers import calling
from tests.e2e.browser import Page, browsing
from tests.e2e.line import line_to
from tests.e2e.program import reachable_directory
from tests.faults.processes import read_log, server_process
from tests.rpc_calls import Rpc
from tests.serving import Service

#: A minute, shortened: connections are dropped after it, as by the kernel's own limits.
MINUTE_S = 2.0
EXTERNAL = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}

#: The page resumes with what the surfaces offer: an EventSource by itself (`Last-Event-ID`), the
#: socket by the position of its last event (`since`).
SCRIPT = """
window.told = { spoken: [], ended: false, events: [], joined: [], since: null };
const stream = new EventSource(STREAM);
stream.onmessage = ({ data }) => told.spoken.push(JSON.parse(data));
stream.onerror = () => { told.ended = stream.readyState === EventSource.CLOSED; };
const connect = () => {
  const socket = new WebSocket(SOCKET);
  const join = ["1", "1", "events", "phx_join", told.since ? { since: told.since } : {}];
  socket.onopen = () => socket.send(JSON.stringify(join));
  socket.onmessage = ({ data }) => {
    const [, , , name, payload] = JSON.parse(data);
    if (name === "phx_reply") {
      told.joined.push(payload);
      told.since ??= payload.response.position;
    } else if (payload.position) {
      told.since = payload.position;
      told.events.push(payload);
    }
  };
  socket.onclose = () => setTimeout(connect, 100);
};
connect();
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@asynccontextmanager
async def empty_page() -> AsyncIterator[str]:
    """Serve a page without anything, as an application's own server does."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))


def service_of(ready: dict[str, str], http: aiohttp.ClientSession) -> Service:
    """Describe a server of another process; it lends no admin."""
    keys = FirstKeys(*(ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    return Service(ready["base_url"], http, keys, None)  # type: ignore[arg-type]


async def follow(page: Page, base: str, token: str, *, call_id: str) -> None:
    """Let a page follow a call's transcript, and every call of the workspace."""
    stream = f"{base}/v1/calls/{call_id}/transcript/stream?token={token}"
    ws = base.replace("http", "ws", 1)
    socket = f"{ws}/socket/websocket?vsn=2.0.0&session_token={token}"
    places = f"const STREAM = {json.dumps(stream)}, SOCKET = {json.dumps(socket)};"
    await page.evaluate(f"{{ {places} {SCRIPT} }}")
    await page.until("told.joined.length")


async def written(service: Service, uuid: str, count: int) -> None:
    """Wait until so many turns of a call are in the database."""
    asked = {"fields": ["text"], "filter": {"callUuid": {"eq": uuid}}}
    async with asyncio.timeout(20):
        while len(await Rpc(service).run("list_call_transcripts", **asked)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def offsets_of(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["position"].partition(":")[2]) for event in events]


async def test_every_event_is_seen_in_order_and_once(directory: Path) -> None:
    async with (
        aiohttp.ClientSession() as http,
        server_process(directory) as server,
        empty_page() as url,
        browsing(url) as page,
    ):
        service = service_of(server.ready, http)
        token = await service.session_token()
        async with line_to(service) as (line, base):
            async with calling(service) as caller:
                await follow(page, base, token, call_id=caller.call_id)
                await caller.say("one")
                await page.until("told.spoken.length === 1 && told.events.length")

                line.pulled = True
                await caller.say("two", "three")
                await Rpc(service).run("create_call", input=EXTERNAL)
                await written(service, caller.uuid, 3)
                await asyncio.sleep(MINUTE_S)
                assert await page.evaluate("told.spoken.length") == 1
                line.cut()
                line.up = True
                await page.until("told.spoken.length === 3 && told.joined.length === 2")

                line.pulled = True
                await caller.say("four")
                await written(service, caller.uuid, 4)
                await server.kill()
                line.cut()
                line.up = True
            port = int(service.base_url.rpartition(":")[2])
            async with server_process(directory, port=port) as again:
                await Rpc(service_of(again.ready, http)).run("create_call", input=EXTERNAL)
                log = await read_log(again.dsn(), again.scope)
                last = log[-1].offset
                await page.until("told.ended")
                await page.until(f"Number(told.since.split(':')[1]) >= {last}")
                told = await page.evaluate("told")
    assert [turn["text"] for turn in told["spoken"]] == ["one", "two", "three", "four"]
    assert all(turn["is_final"] for turn in told["spoken"])
    resumed = [reply["response"].get("recovered") for reply in told["joined"]]
    assert resumed == [None, True, True]
    offsets = offsets_of(told["events"])
    assert offsets == list(range(offsets[0], offsets[-1] + 1))
    ids = [event["eventId"] for event in told["events"]]
    assert len(set(ids)) == len(ids)
