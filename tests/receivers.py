"""Receivers of webhooks that answer byte by byte what no library would."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass
class Post:
    """A request that came: its head in lower case, and its body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Connection:
    """The receiver's end of a connection, and what came on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    posts: list[Post] = field(default_factory=list[Post])

    async def read(self) -> Post:
        """Read the next request whole."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:])
        size = int(headers.get("content-length", "0"))
        post = Post(head[0], headers, await self.reader.readexactly(size))
        self.posts.append(post)
        return post

    async def answer(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST, as a crashed machine does."""
        line: socket.socket = self.writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


#: Drives one connection, from its first byte; its end closes the connection.
Drive: TypeAlias = Callable[[Connection], Awaitable[None]]


@dataclass
class Receiver:
    """A receiver that runs: its port, and the connections that it has had."""

    port: int
    tls: bool
    connections: list[Connection] = field(default_factory=list[Connection])

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    @property
    def posts(self) -> list[Post]:
        return [post for connection in self.connections for post in connection.posts]


def answering(data: bytes) -> Drive:
    """Answer every request of a connection with these bytes."""

    async def drive(connection: Connection) -> None:
        while True:
            await connection.read()
            await connection.answer(data)

    return drive


MANY_BYTES = 10_485_760


def pouring(sent: "asyncio.Future[int]", only: bytes = b"") -> Drive:
    """Answer a request with ten megabytes; `sent` is how much was, once the client has left.

    With `only`, a request whose body lacks these bytes is just accepted.
    """

    async def drive(connection: Connection) -> None:
        if only not in (await connection.read()).body:
            await connection.answer(b"HTTP/1.1 204 X\r\n\r\n")
            return
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {MANY_BYTES}\r\n\r\n"
        await connection.answer(head.encode())
        count = 0
        while not connection.writer.is_closing() and count < MANY_BYTES:
            await connection.answer(b"x" * 4096)
            count += 4096
        sent.set_result(count)

    return drive


@asynccontextmanager
async def receiving(
    drive: Drive, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Receiver]:
    """Run a receiver whose connections are driven like this."""
    running: set[asyncio.Future[None]] = set()
    receiver = Receiver(0, tls is not None)

    async def play(connection: Connection) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await drive(connection)
        finally:
            connection.writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections.append(connection := Connection(reader, writer))
        running.add(asyncio.ensure_future(play(connection)))

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for one in running:
            one.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
        assert not [end for end in ends if isinstance(end, Exception)]
