"""A provider's end of a WebSocket, byte by byte, for what no library would send.

It answers a handshake and opens a session as one of the providers does; then a test has the
line. It answers no ping, and a close only once the test has let go of the line.
"""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeAlias

from cryptography import x509

from tests.certificates import write_certificate

Frame = dict[str, Any]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CONTINUED, CLOSE, PING = 1, 2, 0, 8, 9


@dataclass(frozen=True)
class Tongue:
    """How a provider opens a session: at once, and once its client has sent something."""

    greeting: tuple[Frame, ...]
    ready: tuple[Frame, ...]


_SESSION = {"type": "realtime", "id": "sess_1", "object": "realtime.session"}
_CREATED = {"type": "session.created", "session": _SESSION}
_UPDATED = {"type": "session.updated", "session": _SESSION}
_LIVE = {"id": "live_1", "expires_at": 4_102_444_800}

OPENAI = Tongue((_CREATED,), (_UPDATED,))
XAI = Tongue((_CREATED, {"type": "conversation.created", "conversation": {}}), (_UPDATED,))
GEMINI = Tongue((), ({"setupComplete": {}},))
LIVE = Tongue((), ({"type": "session.started", "session": _LIVE},))


class Line:
    """The provider's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def frame(self, opcode: int, payload: bytes = b"", *, first: int = 0x80) -> None:
        """Send a frame; `first` holds the bits before its opcode."""
        size = len(payload)
        if size < 126:
            length = bytes([size])
        elif size < 65_536:
            length = b"\x7e" + size.to_bytes(2, "big")
        else:
            length = b"\x7f" + size.to_bytes(8, "big")
        self.raw(bytes([first | opcode]) + length + payload)

    def text(self, *frames: Frame | str) -> None:
        for frame in frames:
            self.frame(TEXT, (frame if isinstance(frame, str) else json.dumps(frame)).encode())

    def close(self, code: int | None, reason: str = "") -> None:
        self.frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode())

    async def drain(self) -> None:
        with suppress(ConnectionError):
            await self.writer.drain()

    async def open(self, tongue: Tongue) -> None:
        """Answer the handshake, and open a session."""
        await self.shake_hands()
        self.text(*tongue.greeting)
        await self.read_opcode()
        self.text(*tongue.ready)

    async def read_opcode(self) -> int:
        """Read the client's next frame; return its opcode."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        await self.reader.readexactly(4 + size)  # with its mask
        return first & 0x0F

    async def answer_close(self) -> None:
        """Read until the client closes, and answer that."""
        while await self.read_opcode() != CLOSE:
            pass
        self.close(1000)

    async def shake_hands(self) -> None:
        head = await self.reader.readuntil(b"\r\n\r\n")
        (key,) = [
            line.partition(b":")[2].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key:")
        ]
        accept = b64encode(sha1(key + _GUID).digest())  # RFC 6455, 1.3
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


#: Drives one connection, from its first byte.
Drive: TypeAlias = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def misbehaving(drive: Drive, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server whose connections are driven like this; yield its URL."""
    lines: set[asyncio.Future[None]] = set()

    async def play(line: Line) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await drive(line)
                await line.answer_close()
        finally:
            line.writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(asyncio.ensure_future(play(Line(reader, writer))))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/v1"
    finally:
        server.close()
        for line in lines:
            line.cancel()
        ends = await asyncio.gather(*lines, return_exceptions=True)
        assert not [end for end in ends if isinstance(end, Exception)]


def untrusted(directory: Path) -> ssl.SSLContext:
    """Return a server's TLS with a certificate that nobody has signed but itself."""
    loopback = x509.IPAddress(IPv4Address("127.0.0.1"))
    public, private = write_certificate(directory, "provider", also=[loopback])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return context
