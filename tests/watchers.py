"""Watchers of calls, on third-party clients (`websockets`) or on raw sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import socket as sockets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ringline.wire.sse import ServerSentEvent, SseDecoder
from tests.callers import LIMIT_S
from tests.serving import Service

Frame = list[Any]
PRESENCE = {"presence_state", "presence_diff"}

#: A full queue of frames that no test reads would keep the close waiting, for ten seconds.
UNREAD = None


@dataclass
class EventsClient:
    """A client of the events socket in version 2, frame by frame."""

    socket: ClientConnection
    #: Pushes that arrived while we waited for something else.
    pushed: list[Frame] = field(default_factory=list)
    #: What was said of who is present, apart from everything else.
    presence: list[Frame] = field(default_factory=list)

    async def send(self, *frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self) -> Frame:
        async with asyncio.timeout(LIMIT_S):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame[3] not in PRESENCE:
                    return frame
                self.presence.append(frame)

    async def present(self) -> Frame:
        """Return what is said next of who is present; nothing else may come before it."""
        if self.presence:
            return self.presence.pop(0)
        async with asyncio.timeout(LIMIT_S):
            frame = json.loads(await self.socket.recv())
        assert frame[3] in PRESENCE, frame
        return frame

    async def join(self, topic: str = "events", ref: str = "1", **payload: Any) -> dict[str, Any]:
        """Join a topic; return the reply's response."""
        await self.send(ref, ref, topic, "phx_join", payload)
        reply = await self.reply(ref)
        assert reply[:4] == [ref, ref, topic, "phx_reply"], reply
        assert reply[4]["status"] == "ok", reply
        return reply[4]["response"]

    async def reply(self, ref: str) -> Frame:
        """Return the reply to a ref; keep the pushes before it."""
        while True:
            frame = await self.receive()
            if frame[3] == "phx_reply" and frame[1] == ref:
                return frame
            self.pushed.append(frame)

    async def push(self) -> Frame:
        return self.pushed.pop(0) if self.pushed else await self.receive()

    async def until(self, name: str, uuid: str | None = None) -> list[Frame]:
        """Return the pushes up to an event, of one call if it is given."""
        seen: list[Frame] = []
        while (
            not seen
            or seen[-1][3] != name
            or uuid
            not in (
                None,
                seen[-1][4].get("callUuid"),
            )
        ):
            seen.append(await self.push())
        return seen

    async def closed(self) -> int:
        """Read to the end; return the close code."""
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionClosed):
                while True:
                    self.pushed.append(json.loads(await self.socket.recv()))
        assert self.socket.close_code is not None
        return self.socket.close_code


def socket_url(service: Service, token: str | None, vsn: str | None = "2.0.0") -> str:
    query = ([f"session_token={token}"] if token else []) + ([f"vsn={vsn}"] if vsn else [])
    return f"{service.ws_url}/socket/websocket?{'&'.join(query)}"


@asynccontextmanager
async def events_client(
    service: Service, key: str | None = None, vsn: str | None = "2.0.0"
) -> AsyncGenerator[EventsClient]:
    token = await service.session_token(key)
    async with connect(socket_url(service, token, vsn), max_queue=UNREAD) as socket:
        yield EventsClient(socket)


@dataclass
class StreamClient:
    """A client of a call's WebSocket."""

    socket: ClientConnection

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            return json.loads(await self.socket.recv())

    async def rest(self) -> list[dict[str, Any]]:
        """Return everything up to the close."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionClosed):
                while True:
                    found.append(json.loads(await self.socket.recv()))
        return found

    @property
    def closed(self) -> tuple[int | None, str | None]:
        return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def stream_client(
    service: Service, call_id: str, key: str | None = None, since: str | None = None
) -> AsyncGenerator[StreamClient]:
    query = "" if since is None else f"?since={since}"
    url = f"{service.ws_url}/v1/calls/{call_id}/stream{query}"
    async with connect(url, additional_headers=service.bearer(key), max_queue=UNREAD) as socket:
        yield StreamClient(socket)


@dataclass
class EventStream:
    """A client of server-sent events: its HTTP response and its events."""

    answer: aiohttp.ClientResponse
    decoder: SseDecoder = field(default_factory=SseDecoder)
    raw: bytes = b""
    events: list[ServerSentEvent] = field(default_factory=list)

    async def event(self) -> ServerSentEvent | None:
        """Return the next event; None at the end of the stream."""
        async with asyncio.timeout(LIMIT_S):
            while not self.events:
                piece = await self.answer.content.readany()
                if not piece:
                    return None
                self.raw += piece
                self.events += self.decoder.feed(piece)
        return self.events.pop(0)

    async def frame(self) -> dict[str, Any]:
        event = await self.event()
        assert event is not None, "the stream has ended"
        return json.loads(event.data)

    async def raw_until(self, end: bytes) -> bytes:
        async with asyncio.timeout(LIMIT_S):
            while not self.raw.endswith(end):
                piece = await self.answer.content.readany()
                assert piece, "the stream has ended"
                self.raw += piece
                self.events += self.decoder.feed(piece)
        return self.raw


class Transcript(EventStream):
    """A client of a transcript stream."""

    async def finals(self, count: int | None = None) -> list[tuple[str, str]]:
        """Return position and text of `count` final turns, or of all up to the end."""
        found: list[tuple[str, str]] = []
        while count is None or len(found) < count:
            event = await self.event()
            if event is None:
                break
            frame = json.loads(event.data)
            if frame["is_final"]:
                found.append((event.last_event_id, frame["text"]))
        return found


class ConversationStream(EventStream):
    """A client of a thread's stream."""

    async def until(self, event_type: str) -> list[dict[str, Any]]:
        """Return the frames up to the first of a type."""
        found = [await self.frame()]
        while found[-1]["event_type"] != event_type:
            found.append(await self.frame())
        return found


@asynccontextmanager
async def conversation_stream(
    service: Service,
    conversation_id: str,
    query: str = "",
    headers: dict[str, str] | None = None,
    key: str | None = None,
) -> AsyncGenerator[ConversationStream]:
    """Follow a thread of the test environment."""
    async with service.http.get(
        f"{service.base_url}/v1/conversations/{conversation_id}/stream{query}",
        headers=service.bearer(key or service.keys.test_key) | (headers or {}),
    ) as answer:
        assert answer.status == 200, await answer.text()
        yield ConversationStream(answer)


@asynccontextmanager
async def transcript(
    service: Service,
    call_id: str,
    query: str = "",
    headers: dict[str, str] | None = None,
    key: str | None = None,
) -> AsyncGenerator[Transcript]:
    async with service.http.get(
        f"{service.base_url}/v1/calls/{call_id}/transcript/stream{query}",
        headers=service.bearer(key) | (headers or {}),
    ) as answer:
        assert answer.status == 200, await answer.text()
        yield Transcript(answer)


class DeafClient:
    """A client with a tiny receive buffer that reads only on request."""

    def __init__(self, socket: sockets.socket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._data = b""

    @classmethod
    async def open(cls, service: Service, path: str, *, upgrade: bool, key: str) -> DeafClient:
        url = urlsplit(service.base_url)
        socket = sockets.socket()
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        socket.setblocking(False)
        client = cls(socket)
        await client._loop.sock_connect(socket, (url.hostname, url.port))
        head = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {key}\r\n"
        if upgrade:
            nonce = base64.b64encode(bytes(16)).decode()
            head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            head += f"Sec-WebSocket-Key: {nonce}\r\n"
        await client._loop.sock_sendall(socket, f"{head}\r\n".encode())
        status = await client.line()
        assert status.split()[1] == (b"101" if upgrade else b"200"), status
        while await client.line():
            pass
        return client

    async def send_text(self, text: str) -> None:
        """Send a short text frame; its mask is all zeros."""
        data = text.encode()
        assert len(data) < 126
        head = bytes([0x81, 0x80 | len(data), 0, 0, 0, 0])
        await self._loop.sock_sendall(self._socket, head + data)

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(LIMIT_S):
            while len(self._data) < count:
                piece = await self._loop.sock_recv(self._socket, 65536)
                if not piece:
                    raise EOFError
                self._data += piece
        wanted, self._data = self._data[:count], self._data[count:]
        return wanted

    async def line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += await self.read(1)
        return line[:-2]

    async def frame(self) -> tuple[int, bytes]:
        """Read a WebSocket frame; return its opcode and payload."""
        first, length = await self.read(2)
        if length == 126:
            length = int.from_bytes(await self.read(2), "big")
        elif length == 127:
            length = int.from_bytes(await self.read(8), "big")
        return first & 0x0F, await self.read(length)

    async def messages(self) -> tuple[list[Any], int]:
        """Read text frames as JSON up to the close frame; return them and its code."""
        found: list[Any] = []
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return found, int.from_bytes(payload[:2], "big")
            if opcode == 1:
                found.append(json.loads(payload))

    async def chunk(self) -> bytes:
        """Read a chunk of an HTTP body; empty at its end."""
        data = await self.read(int(await self.line(), 16))
        await self.line()
        return data

    def close(self) -> None:
        self._socket.close()
