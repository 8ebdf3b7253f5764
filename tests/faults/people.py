"""Callers and watchers: recording clients of a server's public API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ringline.client.events import Joined, SocketEvent, follow_events
from ringline.client.http import Api
from ringline.domain.agent import LOCAL_MODEL
from tests.faults.embedded import LIMIT_S

QUESTION = "what are your opening hours"
CONFIG = {"model": LOCAL_MODEL, "input_transcription": True, "output_transcription": True}


@dataclass
class Caller:
    """A session on the realtime voice socket, with typed text."""

    socket: aiohttp.ClientWebSocketResponse
    heard: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    call_uuid: str = ""

    async def send(self, kind: str, **members: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **members}))

    async def start(self, **members: object) -> None:
        await self.send("session.start", config={}, **members)
        started = await self.hear("session.started")
        self.call_uuid = started["call_uuid"]

    async def hear(self, kind: str) -> dict[str, Any]:
        """Read frames up to the first of a type."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise AssertionError(f"no {kind}: {message.type} {self.socket.close_code}")
                frame = json.loads(message.data)
                self.heard.append(frame)
                if frame["type"] == kind:
                    return frame

    async def ask(self, text: str = QUESTION) -> str:
        """Type a text, wait for the whole answer, and return its text."""
        await self.send("text.input", text=text)
        await self.send("response.create")
        await self.hear("response.started")
        begun = len(self.heard)
        await self.hear("response.completed")
        answer = self.heard[begun:]
        assert any(frame["type"] == "audio.delta" for frame in answer)
        return "".join(frame["delta"] for frame in answer if frame["type"] == "text.delta")

    async def farewell(self) -> tuple[str, int]:
        """Read to the end; return the final error's code and the close code."""
        gone = await self.hear("session.terminating")
        async with asyncio.timeout(LIMIT_S):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        return gone["error"]["code"], message.data


@asynccontextmanager
async def calling(
    api: Api,
    *,
    start: bool = True,
    model: str = LOCAL_MODEL,
    leash: Mapping[str, object] | None = None,
    **members: object,
) -> AsyncIterator[Caller]:
    """Open a session with a ticket; with `start`, start its call, with these members."""
    ticket = await api.mint_ticket(CONFIG | {"model": model}, leash=leash)
    async with api.http.ws_connect(
        f"{api.url}/v3/realtime", protocols=(f"opper-ticket.{ticket.client_secret}",)
    ) as socket:
        caller = Caller(socket)
        if start:
            await caller.start(**members)
        yield caller


@dataclass
class Watcher:
    """Follows the events socket across reconnects, and records its events."""

    told: list[SocketEvent] = field(default_factory=list[SocketEvent])
    joins: list[Joined] = field(default_factory=list[Joined])
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def durable(self) -> dict[int, str]:
        """Return offset -> event id, after checking that each came once and in order."""
        found = [event for event in self.told if event.position is not None]
        offsets = [int(str(event.position).split(":")[1]) for event in found]
        assert offsets == sorted(set(offsets)), "once each, in order"
        return dict(zip(offsets, (str(event.text("eventId")) for event in found), strict=True))

    def names(self, call_uuid: str) -> list[str]:
        return [
            event.name
            for event in self.told
            if event.position is not None and event.payload.get("callUuid") == call_uuid
        ]

    async def until(self, name: str, call_uuid: str) -> None:
        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(lambda: name in self.names(call_uuid))

    async def until_told(self, name: str, times: int) -> None:
        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(
                lambda: sum(event.name == name for event in self.told) >= times
            )

    async def until_joined(self, times: int) -> None:
        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(lambda: len(self.joins) >= times)

    async def follow(self, api: Api, since: str | None) -> None:
        async for news in follow_events(api, since):
            async with self._news:
                if isinstance(news, Joined):
                    self.joins.append(news)
                elif isinstance(news, SocketEvent):
                    self.told.append(news)
                self._news.notify_all()


@asynccontextmanager
async def watching(api: Api, since: str | None = None) -> AsyncIterator[Watcher]:
    """Watch a workspace for the duration of a block."""
    watcher = Watcher()
    task = asyncio.create_task(watcher.follow(api, since))
    try:
        await watcher.until_joined(1)
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
