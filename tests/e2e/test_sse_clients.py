"""Clients of server-sent events, unmodified, follow a transcript (live streams, 2.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from aiohttp import ClientPayloadError
from aiohttp_sse_client.client import EventSource

from tests.callers import LIMIT_S, calling
from tests.e2e.node_client import node_client
from tests.serving import Service


class Line:
    """A wire between a client and the server that can be cut."""

    def __init__(self) -> None:
        self.up = True
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        self.up = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: Service
    ) -> None:
        if not self.up:
            writer.transport.abort()
            return
        port = int(service.base_url.rpartition(":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers += [writer, far_writer]
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def line_to(service: Service) -> AsyncGenerator[tuple[Line, str]]:
    """Lay a line to a server; give it and its address."""
    line = Line()
    server = await asyncio.start_server(
        lambda reader, writer: line.carry(reader, writer, service), "127.0.0.1", 0
    )
    async with server:
        yield line, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        line.cut()


def url_of(base: str, call_id: str, token: str) -> str:
    return f"{base}/v1/calls/{call_id}/transcript/stream?token={token}"


async def test_eventsource_follows_resumes_and_stops(service: Service) -> None:
    token = await service.session_token()
    async with calling(service) as caller, line_to(service) as (line, base):
        async with node_client("eventsource_client.js", url_of(base, caller.call_id, token)) as js:
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
