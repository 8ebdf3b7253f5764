"""Callers who type instead of speaking: quick calls without audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.serving import Service

#: How long anything in these tests may take; only a broken server takes that long.
LIMIT_S = 20.0


@dataclass
class Caller:
    """A call, from its `session.started` on."""

    socket: aiohttp.ClientWebSocketResponse
    call_id: str
    uuid: str
    heard: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, *texts: str) -> None:
        """Type turns of the caller; each is final at once."""
        for text in texts:
            await self.socket.send_json({"type": "text.input", "text": text})

    async def ask(self, *texts: str) -> None:
        """Type turns and let the agent answer; return when it has finished."""
        await self.say(*texts)
        before = self._count("response.completed")
        await self.socket.send_json({"type": "response.create"})
        async with asyncio.timeout(LIMIT_S):
            while self._count("response.completed") == before:
                self.news.clear()
                await self.news.wait()

    async def hang_up(self) -> None:
        await self.socket.close()

    async def listen(self) -> None:
        async for message in self.socket:
            self.heard.append(message.json())
            self.news.set()

    def _count(self, kind: str) -> int:
        return sum(frame["type"] == kind for frame in self.heard)


@asynccontextmanager
async def calling(
    service: Service, key: str | None = None, *, asked: object = None
) -> AsyncGenerator[Caller]:
    """Start a call, by default with the local voice, and hang up at the end."""
    ticket = await service.mint(asked or {"config": {"model": "local/attendant"}}, key)
    socket = await service.http.ws_connect(
        f"{service.ws_url}/v3/realtime", protocols=("opper-ticket." + ticket["client_secret"],)
    )
    async with asyncio.timeout(LIMIT_S):
        await socket.send_json({"type": "session.start"})
        started = await socket.receive_json()
    assert started["type"] == "session.started", started
    caller = Caller(socket, started["call_id"], started["call_uuid"])
    listening = asyncio.create_task(caller.listen())
    try:
        yield caller
    finally:
        await caller.hang_up()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


async def make_call(service: Service, *texts: str, key: str | None = None) -> Caller:
    """Start a call, type some turns, and hang up."""
    async with calling(service, key) as caller:
        await caller.say(*texts)
    return caller
