"""The writing side of a request that has become a stream: a WebSocket, or server-sent events."""

from collections.abc import Callable

from aiohttp import web

from ringline.web.fair_share import BYTE_OUT_S, REPLAY_S
from ringline.web.http_connection import HttpConnection

#: How long the end of a stream waits for its client.
CLOSE_TIMEOUT_S = 5.0
#: Bytes that a connection sends between two charges: a charge costs a tenth of a delivery.
_CHARGED_AT_ONCE = 16 * 1024


class StreamConnection:
    """A connection that bytes are written to, raw; a sink for an outbox."""

    def __init__(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left during the handshake")
        connection = request.protocol
        if not isinstance(connection, HttpConnection):
            raise AssertionError("streams arrive on the listener's connections")
        self._connection = connection
        self._transport = transport
        self._uncharged = 0
        #: Whether the kernel accepts no more bytes.
        self.paused = connection.writing_paused
        #: Called when the kernel accepts bytes again.
        self.on_resumed: Callable[[], None] = lambda: None
        connection.become_stream(self)
        # If the kernel does not take everything at once, the connection counts as busy.
        transport.set_write_buffer_limits(high=0)

    def write(self, data: bytes) -> None:
        """Write this connection's own bytes; on a lost connection they are discarded."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._uncharged += len(data)
        if self._uncharged >= _CHARGED_AT_ONCE:  # most of the work was encoding it
            self._connection.house.fair.charge(self._connection.who, self._uncharged * BYTE_OUT_S)
            self._uncharged = 0

    def write_shared(self, data: bytes) -> None:
        """Write bytes that the hub has charged for (services/outbox.py)."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history for this connection."""
        await self._connection.house.fair.begin(self._connection.who, REPLAY_S)

    def pause_writing(self) -> None:
        """Note that the kernel accepts no more bytes (http_connection.Stream)."""
        self.paused = True

    def resume_writing(self) -> None:
        """Note that the kernel accepts bytes again (http_connection.Stream)."""
        self.paused = False
        self.on_resumed()

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()
