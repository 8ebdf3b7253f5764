"""Dialling a WebSocket of a voice's provider.

Nothing of the environment steers it: no proxy, no `netrc`, no cookie. A redirect is refused, as
a key must not travel to where a provider's answer points, and nothing is dialled a second time
behind our back.
"""

import asyncio
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import cast
from urllib.parse import SplitResult, urlsplit

from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType]

from ringline.domain import voice_limits
from ringline.voices.upstream_socket import UpstreamLost, UpstreamSocket
from ringline.wire.request_head import BLANK_LINE
from ringline.wire.upstream_failures import CONNECT, refused_handshake
from ringline.wire.websocket_handshake import UpgradeAnswer, ask_upgrade, read_answer

#: When the next address of a host is tried beside one that does not answer (RFC 8305, 5).
_NEXT_ADDRESS_S = 0.25
_PORTS = {"ws": 80, "wss": 443}
#: Answers that precede another (RFC 9110, 15.2).
_INTERIM = range(102, 200)


async def dial(url: str, headers: Mapping[str, str], *, pong_s: float = 20.0) -> UpstreamSocket:
    """Open a connection; the answer to a ping may take `pong_s`. Raises UpstreamLost."""
    handshake = _Handshake()
    try:
        await _shake_hands(urlsplit(url), headers, handshake=handshake)
    except BaseException as error:
        handshake.cut()
        if isinstance(error, (OSError, ValueError, RuntimeError)):  # the last is uvloop's
            raise UpstreamLost(CONNECT) from None
        raise
    opened = UpstreamSocket(handshake.transport, handshake.read, pong_s=pong_s)
    if handshake.is_over:
        opened.connection_lost(None)
    return opened


async def _shake_hands(
    url: SplitResult, headers: Mapping[str, str], *, handshake: "_Handshake"
) -> None:
    """Connect and ask for a WebSocket. Raises OSError, ValueError, RuntimeError, UpstreamLost."""
    key = b64encode(os.urandom(16)).decode()
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    asked = ask_upgrade(url.netloc, target, key=key, headers=headers)
    await _connect(url, handshake)
    handshake.transport.write(asked)
    answer = await handshake.answer(key)
    if not answer.accepts:
        raise UpstreamLost(refused_handshake(answer.status))


async def _connect(url: SplitResult, handshake: "_Handshake") -> None:
    """Connect to a server, by whichever of its addresses answers first. Raises OSError."""
    loop = asyncio.get_running_loop()
    host = url.hostname or ""
    port = url.port or _PORTS[url.scheme]
    tls = await asyncio.to_thread(_tls) if url.scheme == "wss" else None
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    connected = await start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S)
    try:
        await loop.create_connection(
            lambda: handshake,
            sock=connected,
            ssl=tls,
            server_hostname=host if tls is not None else None,
        )
    except BaseException:
        connected.close()
        raise


@cache
def _tls() -> ssl.SSLContext:
    """Return what checks the certificates of servers; it takes time to read the system's."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Handshake(asyncio.Protocol):
    """Reads the answer to the request for a WebSocket."""

    def __init__(self) -> None:
        self._connected: asyncio.Transport | None = None
        self._arrived = asyncio.Event()
        self._error: Exception | None = None
        #: What has come and is not read.
        self.read = b""

    @property
    def transport(self) -> asyncio.Transport:
        """Return the connection."""
        assert self._connected is not None, "it is used once connected"
        return self._connected

    @property
    def is_over(self) -> bool:
        """Return whether the connection has ended."""
        return self._error is not None

    async def answer(self, key: str) -> UpgradeAnswer:
        """Wait for the answer. Raises ValueError and OSError."""
        while True:
            while BLANK_LINE not in self.read:
                if self._error is not None:
                    raise self._error
                self._arrived.clear()
                await self._arrived.wait()
            head, _, self.read = self.read.partition(BLANK_LINE)
            answer = read_answer(head + BLANK_LINE, key)
            if answer.status not in _INTERIM:
                return answer

    def cut(self) -> None:
        """Cut the connection, if there is one."""
        if self._connected is not None:
            self._connected.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._connected = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take more of the answer."""
        self.read += data
        if len(self.read) > voice_limits.UPSTREAM_HEAD_BYTES.most:
            self.transport.pause_reading()  # the rest may follow the answer
            if BLANK_LINE not in self.read:
                self._error = ValueError("this is no answer")
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more comes."""
        self._error = self._error or exc or ConnectionError("the connection has ended")
        self._arrived.set()
