"""The floor of a relay between two WebSockets: bytes go on as they came, and nothing is parsed.

What it costs is the kernel and uvloop. A client's frames are masked already, so the provider
takes them as they are: both ends of the benchmark know each other's events. The provider's URL
is the argument.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.peers.bare_relay import STARTED, accept

_PROVIDER = urlsplit(sys.argv[1])
_ASK = (
    f"GET {_PROVIDER.path}/realtime?model=m HTTP/1.1\r\nHost: {_PROVIDER.netloc}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
).encode()


class Passing(asyncio.Protocol):
    """One end of a session, once both ends are WebSockets."""

    def __init__(self, other: asyncio.Transport) -> None:
        self._other = other

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._other.close()


class Client(asyncio.Protocol):
    """A client that asks for a WebSocket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = _unbuffered(transport)

    def data_received(self, data: bytes) -> None:
        self._dialling = asyncio.ensure_future(_dial(self._transport, accept(data)))


class Provider(asyncio.Protocol):
    """A provider that is asked for a WebSocket; the client is answered when it answers."""

    def __init__(self, client: asyncio.Transport, answer: bytes) -> None:
        self._client = client
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = _unbuffered(transport)
        self._transport.write(_ASK)

    def data_received(self, data: bytes) -> None:
        _, _, first = data.partition(b"\r\n\r\n")
        self._transport.set_protocol(Passing(self._client))
        self._client.set_protocol(Passing(self._transport))
        self._client.write(self._answer + STARTED + first)


def _unbuffered(transport: asyncio.BaseTransport) -> asyncio.Transport:
    found = cast("asyncio.Transport", transport)
    found.set_write_buffer_limits(high=0)  # so that uvloop writes at once
    return found


async def _dial(client: asyncio.Transport, answer: bytes) -> None:
    host, port = _PROVIDER.hostname, _PROVIDER.port
    assert host is not None
    assert port is not None
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Provider(client, answer), host, port)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    uvloop.run(serve())
