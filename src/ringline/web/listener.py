"""The listening port: accepts connections, enforces time limits, shuts down.

aiohttp serves the requests; this module accepts the connections for it. Each is a `Newcomer`
until its first head has arrived, then an `HttpConnection`. Once a second all waiting
connections are checked. At shutdown, ordinary answers have 10 s until their last byte
(contract, 13); then clients that do not read, or are still sending a body, are cut off.
"""

import asyncio
import socket

from aiohttp import web

from ringline.domain import limits
from ringline.web.admission import Slot
from ringline.web.edge import Edge
from ringline.web.http_connection import ConnectionPhase, HttpConnection
from ringline.web.newcomer import Newcomer, Newcomers

#: Unsent bytes per connection in the kernel; otherwise our own bound would mean little.
UNSENT_BYTES = 16 * 1024
BACKLOG = 1024
_LOOK_EVERY_S = 1.0
_POLL_S = 0.02  # at shutdown
_CLEAN_UP_S = 1.0  # for handlers whose connection is already gone


class PortListener:
    """Listens on one port and serves an application there."""

    def __init__(
        self,
        app: web.Application,
        edge: Edge,
    ) -> None:
        self._edge = edge
        self._house = edge.house
        self._waits = edge.waits
        self._connections: set[HttpConnection] = set()
        self._newcomers = Newcomers(self._house.admission, edge, enter=self._enter)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=_CLEAN_UP_S,
        )
        self._accepting: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError."""
        await self._runner.setup()
        listening = _listen(host, port)
        self._accepting = await asyncio.get_running_loop().create_server(
            lambda: Newcomer(self._newcomers),
            sock=listening,
            backlog=BACKLOG,
        )
        self._looking = asyncio.create_task(self._look())
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Stop accepting connections."""
        if self._accepting is not None:
            self._accepting.close()

    async def stop(self, grace_s: float = limits.DRAIN_S.most) -> None:
        """Let ordinary answers finish within the grace period; then close everything."""
        if self._runner.server is None:
            return
        self.close()
        await self._drain(grace_s)
        if self._looking is not None:
            self._looking.cancel()
        await self._runner.cleanup()

    def _enter(self, transport: asyncio.Transport, slot: Slot, since: float, head: bytes) -> None:
        """Serve the requests of a newcomer."""
        server = self._runner.server
        if server is None:
            raise AssertionError("newcomers only arrive once the server is set up")
        connection = HttpConnection(server, self._connections, edge=self._edge)
        transport.set_protocol(connection)
        connection.enter(transport, slot, since=since)
        connection.data_received(head)

    async def _drain(self, grace_s: float) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + grace_s
        self._newcomers.close()  # do not wait for another request
        while (
            self._edge.is_answering
            or any(connection.is_answering for connection in self._connections)
        ) and loop.time() < ends_at:
            for connection in tuple(self._connections):
                if connection.phase in (ConnectionPhase.IDLE, ConnectionPhase.HEAD):
                    connection.force_close()
            await asyncio.sleep(_POLL_S)
        for connection in tuple(self._connections):
            connection.cut()
        self._edge.close()

    async def _look(self) -> None:
        """Check once a second which connections have waited too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now = loop.time()
            self._newcomers.look(now, self._waits.head_s)
            for connection in tuple(self._connections):
                connection.look(now)


def _listen(host: str, port: int) -> socket.socket:
    """Bind a listening socket whose connections inherit the streams' options."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        unsent = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS
        if unsent is not None:
            listening.setsockopt(socket.IPPROTO_TCP, unsent, UNSENT_BYTES)
        unheard = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
        if unheard is not None:  # a network that swallows what we send (RFC 5482)
            listening.setsockopt(socket.IPPROTO_TCP, unheard, limits.STREAM_IDLE_S.most * 1000)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
