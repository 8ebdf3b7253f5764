"""A client of the events socket that polls, request by request (events socket, 3.8)."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ringline.wire.long_poll import NDJSON
from tests.callers import LIMIT_S
from tests.serving import Service
from tests.watchers import Frame

PATH = "/socket/longpoll"


@dataclass(frozen=True)
class Polled:
    """An answer: the status inside it, and what else it holds."""

    status: int
    token: str | None
    messages: list[Any]
    headers: Mapping[str, str]


@dataclass
class PollClient:
    """A long-poll session of a client."""

    service: Service
    session_token: str | None
    vsn: str | None = "2.0.0"
    token: str = ""
    #: Frames that arrived while we waited for something else, without those of presence.
    pushed: list[Frame] = field(default_factory=list)

    @property
    def url(self) -> str:
        query = [f"session_token={self.session_token}"] if self.session_token else []
        query += [f"vsn={self.vsn}"] if self.vsn else []
        return f"{self.service.base_url}{PATH}?{'&'.join(query)}&"

    async def get(self, token: str | None = None, **headers: str) -> Polled:
        """Poll once, with the given token or none."""
        url = self.url + (f"token={token}" if token else "")
        return await self.request("GET", url, headers=headers)

    async def post(
        self, body: bytes | str, token: str | None = None, kind: str = NDJSON, **headers: str
    ) -> Polled:
        """Send a body, by default to this session."""
        url = f"{self.url}token={self.token if token is None else token}"
        sent = body.encode() if isinstance(body, str) else body
        return await self.request(
            "POST", url, data=io.BytesIO(sent), headers={"Content-Type": kind} | headers
        )

    async def request(self, method: str, url: str, **chosen: Any) -> Polled:
        async with (
            asyncio.timeout(LIMIT_S),
            self.service.http.request(method, url, **chosen) as answer,
        ):
            said = await answer.json()
            assert answer.status == 200, said
            return Polled(
                said["status"], said.get("token"), said.get("messages", []), answer.headers
            )

    async def open(self) -> None:
        """Open a session."""
        opened = await self.get()
        assert (opened.status, opened.messages) == (410, [])
        assert opened.token is not None
        self.token = opened.token

    async def poll(self) -> Polled:
        """Poll as the npm client does: with the token of the last answer."""
        polled = await self.get(self.token)
        self.token = polled.token or self.token
        frames = [json.loads(message) for message in polled.messages]
        self.pushed += [one for one in frames if not str(one[3]).startswith("presence_")]
        return polled

    async def send(self, *frames: Any) -> int:
        """Send frames in one body; return the status."""
        return (await self.post("\n".join(json.dumps(frame) for frame in frames))).status

    async def push(self) -> Frame:
        """Return the next frame, of as many polls as it takes."""
        while not self.pushed:
            polled = await self.poll()
            assert polled.status in (200, 204), polled
        return self.pushed.pop(0)

    async def join(self, topic: str = "events", ref: str = "1", **payload: Any) -> dict[str, Any]:
        """Join a topic; return the reply's response."""
        assert await self.send([ref, ref, topic, "phx_join", payload]) == 200
        kept: list[Frame] = []
        while (frame := await self.push())[1] != ref:
            kept.append(frame)
        self.pushed = kept + self.pushed
        assert frame[:4] == [ref, ref, topic, "phx_reply"], frame
        assert frame[4]["status"] == "ok", frame
        return frame[4]["response"]

    async def until(self, name: str) -> list[Frame]:
        """Return the pushes up to an event."""
        seen = [await self.push()]
        while seen[-1][3] != name:
            seen.append(await self.push())
        return seen

    async def ended(self) -> int:
        """Poll until the session has ended; return the status."""
        while (polled := await self.poll()).status in (200, 204):
            pass
        return polled.status


@asynccontextmanager
async def poll_client(
    service: Service, key: str | None = None, vsn: str | None = "2.0.0"
) -> AsyncGenerator[PollClient]:
    client = PollClient(service, await service.session_token(key), vsn)
    await client.open()
    yield client


@asynccontextmanager
async def polling(client: PollClient) -> AsyncGenerator[asyncio.Task[Polled]]:
    """Hold a poll open; it has arrived at the server, where nothing answers it at once."""
    poll = asyncio.create_task(client.poll())
    await arrived(client)
    try:
        yield poll
    finally:
        poll.cancel()
        with suppress(asyncio.CancelledError, aiohttp.ClientError):
            await poll


async def arrived(client: PollClient) -> None:
    """Wait until what was sent before has arrived: connections are served in turns."""
    for _ in range(3):
        async with client.service.http.get(f"{client.service.base_url}/healthz") as answer:
            await answer.read()
