"""Clients for tests of the realtime surface; they record received events."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.serving import Service

MODEL = "local/attendant"
#: A session without an agent: no greeting, and no phrases that the voice understands.
BARE: dict[str, object] = {"config": {"model": MODEL}}
PATH = "/v3/realtime"
WAIT_S = 20.0  # a bound on waiting, far above what anything takes

Event = dict[str, Any]


@dataclass
class Client:
    """A session's client; `events` are all that it received, in order."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[Event] = field(default_factory=list[Event])

    async def send(self, kind: str, **members: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **members}))

    async def start(self, **members: object) -> Event:
        """Start the session and wait until it has started."""
        await self.send("session.start", **members)
        return await self.until("session.started")

    async def hear(self, pcm: bytes) -> None:
        await self.send("audio.append", audio=base64.b64encode(pcm).decode())

    async def next(self) -> Event | None:
        """Return the next event; None when the server has closed the socket."""
        message = await self.socket.receive(WAIT_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            closing = (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.CLOSED,
            )
            assert message.type in closing, message
            return None
        event = json.loads(message.data)
        self.events.append(event)
        return event

    async def until(self, kind: str) -> Event:
        """Wait for an event of a type."""
        while True:
            event = await self.next()
            assert event is not None, (kind, self.socket.close_code, self.kinds())
            if event["type"] == kind:
                return event

    async def closed(self) -> int | None:
        """Wait for the close; return its code."""
        while await self.next() is not None:
            pass
        return self.socket.close_code

    def kinds(self) -> list[str]:
        """Return the types of the events, with runs of the same type collapsed."""
        kinds = [event["type"] for event in self.events]
        return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]

    def text(self) -> str:
        return "".join(event["delta"] for event in self.events if event["type"] == "text.delta")

    def pcm(self) -> bytes:
        """Return the speech, decoded as in a browser."""
        pieces = [
            base64.b64decode(event["audio"], validate=True)
            for event in self.events
            if event["type"] == "audio.delta"
        ]
        assert all(piece and len(piece) % 2 == 0 for piece in pieces)
        return b"".join(pieces)


@asynccontextmanager
async def connected(
    service: Service, ticket: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    """Open a session's socket, with a ticket or with other `options` for aiohttp."""
    if ticket is not None:
        options["protocols"] = [f"opper-ticket.{ticket}"]
    async with service.http.ws_connect(
        service.ws_url + options.pop("path", PATH), max_msg_size=0, **options
    ) as socket:
        yield Client(socket)


@asynccontextmanager
async def opened(service: Service, body: object = None) -> AsyncIterator[Client]:
    """Open a socket with a fresh ticket."""
    minted = await service.mint(body)
    async with connected(service, minted["client_secret"]) as client:
        yield client


@asynccontextmanager
async def talking(service: Service, body: object = BARE, **config: object) -> AsyncIterator[Client]:
    """Open a session and start it, with captions both ways."""
    captions: dict[str, object] = {"input_transcription": True, "output_transcription": True}
    async with opened(service, body) as client:
        await client.start(config=captions | config)
        yield client


async def refused(service: Service, path: str = PATH, **options: Any) -> tuple[int, Event]:
    """Attempt an upgrade that must be refused; return the status and the error."""
    headers = UPGRADE | options.pop("headers", {})
    async with service.http.get(service.base_url + path, headers=headers, **options) as answer:
        return answer.status, (await answer.json())["error"]


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request_head(service: Service, path: str, headers: dict[str, str]) -> bytes:
    """Return the head of a request for a raw connection."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {service.base_url.removeprefix('http://')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@asynccontextmanager
async def raw(
    service: Service, receive_buffer: int = 0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a raw connection to the server; a small receive buffer fills up soon."""
    host, _, port = service.base_url.removeprefix("http://").partition(":")
    line = socket.socket()
    if receive_buffer:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=line, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def frame(opcode: int, payload: bytes = b"", *, masked: bool = True, fin: bool = True) -> bytes:
    """Return a client's frame (RFC 6455, 5.2)."""
    first, mask_bit = opcode | (0x80 if fin else 0), 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes((first, mask_bit | len(payload)))
    elif len(payload) < 1 << 16:
        head = bytes((first, mask_bit | 126)) + len(payload).to_bytes(2, "big")
    else:
        head = bytes((first, mask_bit | 127)) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    whole = key * (len(payload) // 4 + 1)
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(whole[: len(payload)], "big")
    return head + key + mixed.to_bytes(len(payload), "big")


async def until(condition: Any) -> None:
    """Wait, within a bound, until a condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing signals the condition


async def calls_of(service: Service, database: Any) -> list[dict[str, Any]]:
    """Return the workspace's stored calls."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT * FROM ringline.calls WHERE workspace_id = $1 ORDER BY started_at",
            service.keys.workspace_id,
        )
    return [dict(row) for row in rows]
