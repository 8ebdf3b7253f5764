"""A server's WebSocket: the shell of `wire/websocket_reader.py` (RFC 6455).

aiohttp reads the request and answers it; from then on the connection's bytes come here.
Messages go to their receiver in the same turn of the loop. A client whose messages nobody
takes, or who is over its rate (`frame_gate.py`), is not read until that changes. Frames are
written raw to the transport, because a frame for many connections is encoded once.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from ringline.web.frame_gate import HANDFUL, HANDFUL_S, FrameGate, FrameLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S, StreamConnection
from ringline.wire.websocket_frames import close_frame, ping_frame, pong_frame, text_frame
from ringline.wire.websocket_handshake import answer_upgrade
from ringline.wire.websocket_reader import (
    Close,
    Event,
    MessageReader,
    Ping,
    Violation,
    unmask,
)

try:  # aiohttp's own routine in C: 30 times as fast; its place is not promised
    from aiohttp._websocket.helpers import websocket_mask
except ImportError:
    websocket_mask = unmask

_NORMAL = 1000

#: A text message is a `str`, a binary one `bytes`.
Message: TypeAlias = str | bytes
#: Takes a text message's payload, which may not be UTF-8, or returns False.
TakeText: TypeAlias = Callable[[bytearray], bool]


class WebSocket(StreamConnection):
    """An open WebSocket. Its messages go to one receiver at a time."""

    def __init__(self, request: web.Request, response: "_Switch", *, bounds: FrameLimits) -> None:
        super().__init__(request)
        self.response = response
        self._loop = asyncio.get_running_loop()
        self._reader = MessageReader(bounds.max_bytes, websocket_mask)
        house, who = self._connection.house, self._connection.who
        self._gate = FrameGate(bounds, house.fair, who=who)
        self._coming_back: asyncio.Handle | None = None
        self._holding = False
        self._take: Callable[[Message], None] | None = None
        self._take_text: TakeText | None = None
        self._take_at_once: TakeText | None = None  # the same, while no bytes wait
        #: Done when messages are no longer taken, with an exception if the receiver raised one.
        self._taken: asyncio.Future[None] | None = None
        #: Done when the client has sent its close frame or is gone.
        self._left: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        #: The close code of the rule of RFC 6455 that the client broke, once it has.
        self.violation: int | None = None
        #: The code that the client closed with, if it did.
        self.close_code: int | None = None
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
        response = _Switch(subprotocol)
        await response.prepare(request)
        socket = response.socket = cls(request, response, bounds=bounds)
        socket._connection.hand_over(socket)
        return socket

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

    # -- messages -------------------------------------------------------------------------

    async def receive(self) -> Message | None:
        """Wait for one message; None if either side closes, or the client breaks a rule."""
        received: list[Message] = []

        def take(message: Message) -> None:
            received.append(message)
            self._stop_taking()

        await self.receive_all(take)
        return received[0] if received else None

    async def receive_all(
        self, take: Callable[[Message], None], take_text: TakeText | None = None
    ) -> None:
        """Give each message to `take` until either side closes, or the client breaks a rule.

        A text message that arrives by itself is offered to `take_text` first, undecoded: that
        is for audio. Raises what either raises.
        """
        if self._left.done() or self.violation is not None or self._closing:
            return
        taken = self._taken = self._loop.create_future()
        self._take, self._take_text = take, take_text
        self._read_on()
        try:
            await taken
        finally:
            self._stop_taking()

    def refuse(self, code: int) -> None:
        """Note that the client broke a rule, as its message showed."""
        self.violation = code
        self._stop_taking()

    def _stop_taking(self) -> None:
        self._take = self._take_text = self._take_at_once = None
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    # -- what the connection brings ---------------------------------------------------------

    def feed_data(self, data: bytes) -> None:
        """Handle bytes from the client (http_connection.Incoming)."""
        take_text = self._take_at_once
        if take_text is not None:
            payload = self._reader.whole_text(data)
            if payload is not None and self._gate.admit():
                try:
                    if take_text(payload):
                        self.last_heard = self._loop.time()
                        return
                except Exception as error:  # a bug of the receiver: `receive_all` raises it
                    self._fail(error)
                    return
        self._reader.receive_data(data)
        if not self._holding:
            self._read_on()

    def feed_eof(self) -> None:
        """Note that the client is gone (http_connection.Incoming)."""
        if self._coming_back is not None:
            self._coming_back.cancel()
        self.response.socket = None  # each refers to the other; nothing is left to end
        self._leave()

    def _leave(self) -> None:
        if not self._left.done():
            self._left.set_result(None)
        self._stop_taking()

    def _read_on(self) -> None:
        """Handle the frames that have arrived, as many as may be handled in this turn."""
        reader = self._reader
        self.last_heard = self._loop.time()
        began, took_s, before = perf_counter(), 0.0, reader.frames
        room = HANDFUL if self._closing else self._gate.room()
        self._coming_back = None
        while not reader.is_empty:
            if (
                (reader.frames - before >= room and not reader.is_within_frame)
                or (self._take is None and not self._closing)
                or took_s >= HANDFUL_S
            ):
                self._hold()
                break
            event = reader.next_event()
            take = self._take
            if take is not None and isinstance(event, (str, bytes)):
                try:
                    take(event)
                except Exception as error:  # a bug of the receiver: `receive_all` raises it
                    self._fail(error)
            elif event is not None:
                self._handle(event)
            took_s = perf_counter() - began
            if event is None:
                self._release()
                break
        else:
            if self._holding:
                self._release()
        self._gate.handled(reader.frames - before, took_s)
        self._take_at_once = self._take_text if reader.is_between_messages else None

    def _hold(self) -> None:
        """Stop reading, until the rest may be handled."""
        if not self._holding:
            self._holding = True
            self._connection.hold_reading()
        if self._take is None and not self._closing:
            return  # until somebody does
        if self._closing or self._gate.room():
            self._coming_back = self._loop.call_soon(self._read_on)
        else:
            self._coming_back = self._loop.call_later(self._gate.wait_s(), self._read_on)

    def _release(self) -> None:
        if self._holding:
            self._holding = False
            self._connection.release_reading()

    def _handle(self, event: Event) -> None:
        """Handle what is no message, or one that nobody takes any more."""
        match event:
            case Ping(payload):
                # A client that pings without reading fills no buffer.
                if not self.paused and not self._closing:
                    self.write(pong_frame(payload))
            case Close(code):
                self.close_code = code
                self._leave()
            case Violation(code):
                self.refuse(code)
            case _:
                pass

    def _fail(self, error: Exception) -> None:
        self._take = self._take_text = self._take_at_once = None
        if self._taken is not None and not self._taken.done():
            self._taken.set_exception(error)

    # -- the end ----------------------------------------------------------------------------

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame once; wait a bounded time for the client's."""
        if self._closing:
            return
        self._closing = True
        self._stop_taking()
        self.write(close_frame(code, reason))
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._read_on()
        if self._reader.closed or self._transport.is_closing():
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._left
        except TimeoutError:
            self.abort()

    async def end(self) -> None:
        """Close, if nobody has: for the rule that the client broke, or as it did."""
        await self.close(self.violation or self.close_code or _NORMAL)


class _Switch(web.StreamResponse):
    """The response 101, which lasts as long as its socket."""

    def __init__(self, subprotocol: str | None) -> None:
        super().__init__(status=101)
        self.force_close()
        self._subprotocol = subprotocol
        self.socket: WebSocket | None = None

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Answer 101, once; our own, because aiohttp's takes a fifth of a handshake."""
        writer = request.writer
        if self._payload_writer is None:
            transport = request.transport
            if transport is None:
                raise ConnectionResetError("the client left during the handshake")
            self._req, self._payload_writer = request, writer
            await request._prepare_hook(self)  # pyright: ignore[reportPrivateUsage]
            key = request.headers["Sec-WebSocket-Key"]
            transport.write(answer_upgrade(key, self._subprotocol, headers=self.headers))
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """End the response; aiohttp calls it when the handler returns."""
        socket, self.socket = self.socket, None
        if socket is not None:
            await socket.end()
