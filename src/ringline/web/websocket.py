"""A server's WebSocket on aiohttp, as thin as it can be (RFC 6455).

aiohttp reads and unmasks; frames are written raw to the transport, because a frame for
many connections is encoded once. We refuse what aiohttp accepts: versions other than 13, and
unmasked frames. Our own HTTP edge will replace this module under the same surfaces.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

from aiohttp import HttpVersion11, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_websocket import WebSocketWriter

from ringline.web.fair_share import BYTE_OUT_S, REPLAY_S
from ringline.web.frame_gate import FrameGate, FrameLimits
from ringline.web.http_connection import HttpConnection
from ringline.wire.websocket_frames import ping_frame, pong_frame, text_frame
from ringline.wire.websocket_handshake import answer_upgrade

CLOSE_TIMEOUT_S = 5.0
#: The headers of a refused upgrade, with the supported version (RFC 6455, 4.4).
OUR_VERSION = {"Sec-WebSocket-Version": "13"}

#: Bytes that a connection sends between two charges: a charge costs a tenth of a delivery.
_CHARGED_AT_ONCE = 8 * 1024


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message."""

    payload: str


@dataclass(frozen=True, slots=True)
class BinaryMessage:
    """A binary message."""

    payload: bytes


Message = TextMessage | BinaryMessage


def upgrade_problem(request: web.Request) -> str | None:
    """Say why a request is not a WebSocket upgrade (RFC 6455, 4.2.1); None if it is."""
    headers = request.headers
    if request.method != "GET" or request.version < HttpVersion11:
        return "A WebSocket is opened with GET and HTTP/1.1."
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        return "The request asks for no upgrade to WebSocket."
    if "upgrade" not in _tokens(",".join(headers.getall("Connection", ()))):
        return "The Connection header does not name the upgrade."
    if headers.get("Sec-WebSocket-Version", "") != "13":
        return "Only version 13 of the WebSocket protocol is spoken here."
    try:
        nonce = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except binascii.Error:
        return "The Sec-WebSocket-Key is not base64."
    if len(nonce) != 16:
        return "The Sec-WebSocket-Key is not 16 bytes long."
    # What the parser takes for no upgrade must be known before a ticket is redeemed.
    message = request._message  # pyright: ignore[reportPrivateUsage]
    return None if message.upgrade else "The upgrade is malformed."


def offered_subprotocols(request: web.Request) -> list[str]:
    """Return the subprotocols that a client offers, in the client's sequence."""
    offers = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [offer.strip() for offer in offers.split(",") if offer.strip()]


class StreamConnection:
    """The writing side of a request that has become a stream; a sink for an outbox."""

    def __init__(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left during the handshake")
        connection = request.protocol
        if not isinstance(connection, HttpConnection):
            raise AssertionError("streams arrive on the listener's connections")
        connection.become_stream()
        self._connection = connection
        # If the kernel does not take everything at once, the connection counts as busy.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._request = request
        self._waiting: asyncio.Task[None] | None = None
        self._uncharged = 0
        #: Called when the kernel accepts bytes again.
        self.on_resumed: Callable[[], None] = lambda: None

    @property
    def paused(self) -> bool:
        """Return whether the kernel accepts no more bytes."""
        return self._request.protocol.writing_paused

    def write(self, data: bytes) -> None:
        """Write bytes; on a lost connection they are discarded."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._charge(len(data))
        if self._waiting is None and self.paused:
            self._waiting = asyncio.create_task(self._wait())

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history for this connection."""
        await self._connection.house.fair.begin(self._connection.who, REPLAY_S)

    def _charge(self, size: int) -> None:
        """Charge what is sent as work, most of which was encoding it."""
        self._uncharged += size
        if self._uncharged >= _CHARGED_AT_ONCE:
            self._connection.house.fair.charge(self._connection.who, self._uncharged * BYTE_OUT_S)
            self._uncharged = 0

    async def _wait(self) -> None:
        try:
            await self._request.writer.drain()
        except ConnectionError:
            return  # the reading side notices too
        finally:
            self._waiting = None
        self.on_resumed()

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()


class WebSocket(StreamConnection):
    """An open WebSocket."""

    def __init__(self, request: web.Request, response: "_Response") -> None:
        super().__init__(request)
        self._response = response
        self._closing = False
        #: The close code of the rule of RFC 6455 that the client broke, once it has.
        self.violation: int | None = None
        self._loop = asyncio.get_running_loop()
        #: When the client last sent anything, by the loop's clock; pongs count.
        self.last_heard = self._loop.time()

    @classmethod
    async def accept(
        cls,
        request: web.Request,
        subprotocol: str | None = None,
        *,
        bounds: FrameLimits,
    ) -> "WebSocket":
        """Answer 101; `upgrade_problem` must have found none."""
        response = _Response(bounds, subprotocol)
        await response.prepare(request)
        return cls(request, response)

    @property
    def response(self) -> web.WebSocketResponse:
        """Return the response for the request's handler to return."""
        return self._response

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        self.write(text_frame(payload))

    async def silent_for(self, limit_s: float) -> None:
        """Wait until the client has been silent for a time."""
        while True:
            left_s = self.last_heard + limit_s - self._loop.time()
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    async def keep_alive(self, every_s: float, silent_s: float) -> None:
        """Ping until cancelled; cut off a client that stays silent too long."""
        while True:
            await asyncio.sleep(every_s)
            if self._loop.time() - self.last_heard >= silent_s:
                self.abort()
                return
            self.write(ping_frame())

    async def messages(self) -> AsyncGenerator[Message]:
        """Yield the client's messages until either side closes, or it breaks a rule."""
        while True:
            message = await self._response.receive()
            self.last_heard = self._loop.time()
            began = perf_counter()
            match message.type:
                case WSMsgType.PING:
                    if not self.paused:  # a client that pings without reading fills no buffer
                        self.write(pong_frame(cast(bytes, message.data)))
                case WSMsgType.PONG:
                    pass
                case WSMsgType.TEXT:
                    yield TextMessage(cast(str, message.data))
                case WSMsgType.BINARY:
                    yield BinaryMessage(cast(bytes, message.data))
                case WSMsgType.ERROR if isinstance(message.data, int):
                    self.refuse(message.data)
                    return
                case _:
                    return
            self._response.dealt_with(perf_counter() - began)

    def refuse(self, code: int) -> None:
        """Note that the client broke a rule, as its message showed."""
        self.violation = self._response.goodbye = code

    @property
    def close_code(self) -> int | None:
        """Return the code that the client closed with, if it did."""
        return self._response.close_code

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame once; wait a bounded time for the client's."""
        if self._closing:
            return
        self._closing = True
        self._response.discard()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._response.close(code=code, message=reason.encode()[:123])
        except (TimeoutError, ConnectionError):
            self.abort()


class _Response(web.WebSocketResponse):
    """aiohttp's WebSocket with a gate before its parser, and our own close.

    aiohttp offers no hook for either. Bytes that arrived after the request's head, before
    the 101 was sent, go through the gate too.
    """

    def __init__(self, bounds: FrameLimits, subprotocol: str | None) -> None:
        super().__init__(
            compress=False,
            max_msg_size=bounds.max_bytes + 1,
            timeout=CLOSE_TIMEOUT_S,
            autoping=False,
        )
        self._bounds = bounds
        self._subprotocol = subprotocol
        self._gate: FrameGate | None = None
        #: The code of the close, if the handler ends without one.
        self.goodbye: int = WSCloseCode.OK

    def dealt_with(self, took_s: float) -> None:
        """Let the gate pass on more frames."""
        if self._gate is not None:
            self._gate.dealt_with(took_s)

    def discard(self) -> None:
        """Let the gate pass on everything, to find the client's close frame."""
        if self._gate is not None:
            self._gate.discard()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Answer 101, once; our own, because aiohttp's takes a fifth of a handshake."""
        writer = request.writer
        if self._payload_writer is None:
            transport = request.transport
            if transport is None:
                raise ConnectionResetError("the client left during the handshake")
            self.force_close()
            self._req, self._payload_writer = request, writer
            self._loop = asyncio.get_running_loop()
            await request._prepare_hook(self)  # pyright: ignore[reportPrivateUsage]
            key = request.headers["Sec-WebSocket-Key"]
            transport.write(answer_upgrade(key, self._subprotocol, headers=self.headers))
            self._post_start(request, None, WebSocketWriter(request.protocol, transport))
        return writer

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        connection = cast(HttpConnection, request.protocol)
        early = bytes(connection._message_tail)  # pyright: ignore
        connection._message_tail = b""  # pyright: ignore[reportPrivateUsage]
        super()._post_start(request, protocol, writer)
        inner = connection._payload_parser  # pyright: ignore[reportPrivateUsage]
        if inner is None:
            raise AssertionError("aiohttp reads with a parser")
        gate = self._gate = FrameGate(
            inner, connection, bounds=self._bounds, violated=self._violated
        )
        connection._payload_parser = gate  # type: ignore[assignment]  # pyright: ignore
        if early:
            gate.feed_data(early)

    def _violated(self, code: int) -> None:
        if self._reader is not None:
            self._reader.feed_data(WSMessage(WSMsgType.ERROR, code, None), 0)

    async def write_eof(self, data: bytes = b"") -> None:
        """End the response; aiohttp calls it when the handler returns."""
        if not self.closed:
            self.discard()
            await self.close(code=self.goodbye)
        await super().write_eof()


def _tokens(header: str) -> set[str]:
    return {token.strip().lower() for token in header.split(",")}
