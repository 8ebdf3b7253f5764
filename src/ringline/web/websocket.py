"""A server's WebSocket on aiohttp, as thin as it can be (RFC 6455).

Reading, masking and pongs are aiohttp's; frames are written raw to the transport, because
a frame that many connections get is encoded once. What aiohttp lets pass is refused here:
versions other than 13, and frames that are not masked. An edge of our own will take this
module's place under the same surfaces.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from ringline.wire.websocket_frames import ping_frame, pong_frame, text_frame

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 5.0


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
    """Say why a request is no WebSocket upgrade (RFC 6455, 4.2.1); None if it is one."""
    headers = request.headers
    if request.method != "GET":
        return "A WebSocket is opened with GET."
    if "websocket" not in _tokens(headers.get("Upgrade", "")):
        return "The request asks for no upgrade to WebSocket."
    if "upgrade" not in _tokens(headers.get("Connection", "")):
        return "The Connection header does not name the upgrade."
    if headers.get("Sec-WebSocket-Version", "") != "13":
        return "Only version 13 of the WebSocket protocol is spoken here."
    try:
        nonce = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except binascii.Error:
        return "The Sec-WebSocket-Key is not base64."
    return None if len(nonce) == 16 else "The Sec-WebSocket-Key is not 16 bytes long."


def offered_subprotocols(request: web.Request) -> list[str]:
    """Return the subprotocols that a client offers, in its order."""
    offers = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [offer.strip() for offer in offers.split(",") if offer.strip()]


class Connection:
    """The writing side of a request that has become a stream; a sink for an outbox."""

    def __init__(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left during the handshake")
        # Whatever the kernel does not take at once counts as "not free".
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._request = request
        self._waiting: asyncio.Task[None] | None = None
        #: Called when the kernel takes bytes again, after it took none.
        self.on_resumed: Callable[[], None] = lambda: None

    @property
    def paused(self) -> bool:
        """Tell whether the kernel takes nothing more."""
        return self._request.protocol.writing_paused

    @property
    def waiting_bytes(self) -> int:
        """Return how much was written that the kernel has not taken."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Write bytes; what a lost connection is written goes nowhere."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._waiting is None and self.paused:
            self._waiting = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        try:
            await self._request.writer.drain()
        except ConnectionError:
            return  # the reading side notices as well
        finally:
            self._waiting = None
        self.on_resumed()

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()


class WebSocket(Connection):
    """An open WebSocket."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        super().__init__(request)
        self._response = response
        self._closing = False
        self._loop = asyncio.get_running_loop()
        #: When the client was last heard, by the loop's clock; pongs count.
        self.last_heard = self._loop.time()

    @classmethod
    async def accept(
        cls,
        request: web.Request,
        subprotocol: str | None = None,
        max_bytes: int = MAX_MESSAGE_BYTES,
    ) -> "WebSocket":
        """Answer 101; `upgrade_problem` must have found none."""
        response = web.WebSocketResponse(
            compress=False,
            max_msg_size=max_bytes + 1,
            timeout=CLOSE_TIMEOUT_S,
            autoping=False,
            protocols=(subprotocol,) if subprotocol else (),
        )
        await response.prepare(request)
        _refuse_unmasked(request.protocol)
        return cls(request, response)

    @property
    def response(self) -> web.WebSocketResponse:
        """Return what the request's handler returns in the end."""
        return self._response

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        self.write(text_frame(payload))

    async def silent_for(self, limit_s: float) -> None:
        """Wait until the client has not been heard for a time."""
        while True:
            left_s = self.last_heard + limit_s - self._loop.time()
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    async def keep_alive(self, every_s: float, silent_s: float) -> None:
        """Ping until cancelled; cut off a client that is silent for too long."""
        while True:
            await asyncio.sleep(every_s)
            if self._loop.time() - self.last_heard >= silent_s:
                self.abort()
                return
            self.write(ping_frame())

    async def messages(self) -> AsyncGenerator[Message]:
        """Yield the client's messages until it, or we, close."""
        while True:
            message = await self._response.receive()
            self.last_heard = self._loop.time()
            match message.type:
                case WSMsgType.PING:
                    self.write(pong_frame(cast(bytes, message.data)))
                case WSMsgType.PONG:
                    pass
                case WSMsgType.TEXT:
                    yield TextMessage(cast(str, message.data))
                case WSMsgType.BINARY:
                    yield BinaryMessage(cast(bytes, message.data))
                case _:
                    return

    @property
    def close_code(self) -> int | None:
        """Return the code that the client closed with, if it did."""
        return self._response.close_code

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye once; wait a bounded time for the client to say it too."""
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._response.close(code=code, message=reason.encode()[:123])
        except (TimeoutError, ConnectionError):
            self.abort()


class _MaskGuard:
    """Stands before aiohttp's frame parser and refuses unmasked frames (RFC 6455, 5.1).

    It reads only headers: where a frame begins is known from the length before it.
    """

    __slots__ = ("_head", "_inner", "_protocol", "_skip")

    def __init__(self, inner: object, protocol: RequestHandler) -> None:
        self._inner = inner
        self._protocol = protocol
        self._head = bytearray()
        self._skip = 0

    def feed_eof(self) -> None:
        self._inner.feed_eof()  # type: ignore[attr-defined]

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        if not self._all_masked(data):
            # The reader of the socket sees a broken connection and ends in good order.
            transport = self._protocol.transport
            if transport is not None:
                code = WSCloseCode.PROTOCOL_ERROR.to_bytes(2, "big")
                transport.write(b"\x88\x02" + code)
            return True, b""
        return self._inner.feed_data(data)  # type: ignore[attr-defined,no-any-return]

    def _all_masked(self, data: bytes) -> bool:
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            if len(self._head) == 2 and not self._head[1] & 0x80:
                return False
            length = _payload_length(self._head)
            if length is not None:
                self._skip = length + 4  # the masking key
                self._head.clear()
        return True


def _payload_length(head: bytearray) -> int | None:
    """Return a frame's payload length once its header is whole (RFC 6455, 5.2)."""
    if len(head) < 2:
        return None
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if not extended:
        return short
    if len(head) < 2 + extended:
        return None
    return int.from_bytes(head[2 : 2 + extended], "big")


def _refuse_unmasked(protocol: RequestHandler) -> None:
    # aiohttp offers no hook here; its parser is replaced by one that looks first.
    parser: object = protocol._payload_parser  # pyright: ignore[reportPrivateUsage]
    protocol._payload_parser = _MaskGuard(parser, protocol)  # pyright: ignore[reportPrivateUsage]


def _tokens(header: str) -> set[str]:
    return {token.strip().lower() for token in header.split(",")}
