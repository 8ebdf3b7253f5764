"""A wire between a client and a server of the tests, which they can cut."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from tests.serving import Service


class Line:
    """A wire between a client and the server that can be cut."""

    def __init__(self) -> None:
        self.up = True
        #: Like a cable that was pulled: nobody is told, and whatever is sent is lost.
        self.pulled = False
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        self.up = self.pulled = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: Service
    ) -> None:
        if not self.up:
            writer.transport.abort()
            return
        port = int(service.base_url.rpartition(":")[2])
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # the server is away
            writer.transport.abort()
            return
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pipe(reader, far_writer), self._pipe(far_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.pulled:
                    writer.write(data)
        writer.close()


@asynccontextmanager
async def line_to(service: Service) -> AsyncGenerator[tuple[Line, str]]:
    """Lay a line to a server; give it and its address."""
    line = Line()
    server = await asyncio.start_server(
        lambda reader, writer: line.carry(reader, writer, service), "127.0.0.1", 0
    )
    async with server:
        yield line, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        line.cut()
