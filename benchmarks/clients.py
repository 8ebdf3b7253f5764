"""Clients on an event loop, for generators: HTTP and WebSocket frames by hand.

Every wait of a generator has an end, also where the server hangs: callers put a time-out
around what they await here. What goes wrong is one of `LOST`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import socket
from collections.abc import Mapping

#: What a lost, late or hung connection raises.
LOST = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError)

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_NONCE = base64.b64encode(bytes(16)).decode()
_HEAD_LIMIT = 64 * 1024
_SMALL = 4096
_TEXT, _PONG = 1, 10
_FINAL, _MASKED = 0x80, 0x80


class Closed(ConnectionError):
    """The server closed a WebSocket, with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Client:
    """One connection. One that is `unread` takes next to nothing of what the server sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, source: str = "127.0.0.1", *, unread: bool = False) -> Client:
        """Connect from an address of this machine."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if unread:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            made.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
            limit = _SMALL if unread else _HEAD_LIMIT
            return cls(*await asyncio.open_connection(sock=made, limit=limit))
        except BaseException:
            made.close()
            raise

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def drain(self) -> None:
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """Read an answer of a told length; return status and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        body = await self.reader.readexactly(int(found[1])) if found else b""
        return int(head[9:12]), body

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        self.send(message)
        return await self.answer()

    async def upgrade(self, path: str, more: str = "") -> int:
        """Ask for a WebSocket; return the status of the answer."""
        status, _ = await self.ask(
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {_NONCE}\r\n{more}\r\n".encode()
        )
        return status

    async def frame(self) -> bytes:
        """Read the next text frame; answer pings on the way. Raises Closed."""
        while True:
            head = await self.reader.readexactly(2)
            length = head[1] & 0x7F
            if length > 125:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
            payload = await self.reader.readexactly(length)
            match head[0] & 0x0F:
                case 8:
                    raise Closed(int.from_bytes(payload[:2]))
                case 9:
                    self.send(frame(payload, _PONG))
                case _:
                    return payload

    def abort(self) -> None:
        """Let the connection go at once."""
        with contextlib.suppress(*LOST, RuntimeError):
            self.writer.transport.abort()


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """Write a masked frame; the mask is zero, so the payload stays as it is."""
    length = len(payload)
    if length < 126:
        size = bytes([_MASKED | length])
    elif length < 65536:
        size = bytes([_MASKED | 126]) + length.to_bytes(2)
    else:
        size = bytes([_MASKED | 127]) + length.to_bytes(8)
    return bytes([_FINAL | opcode]) + size + bytes(4) + payload


def json_frame(value: object) -> bytes:
    return frame(json.dumps(value).encode())


def post(path: str, key: str, body: bytes) -> bytes:
    """Write a request with a JSON body."""
    return head(path, key, len(body)) + body


def head(path: str, key: str, length: int) -> bytes:
    """Write the head of a request whose JSON body is so long."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nx-api-key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def rpc(key: str, asked: Mapping[str, object]) -> bytes:
    """Write a request of an action."""
    return post("/rpc/public/run", key, json.dumps(asked).encode())
