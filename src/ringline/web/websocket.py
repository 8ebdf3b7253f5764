"""A server's WebSocket: the shell of `wire/websocket_reader.py` (RFC 6455).

Messages go to their receiver in the same turn of the loop. A client whose messages nobody
takes, or who is over its rate (`frame_gate.py`), is not read until that changes. Frames are
written raw to the transport, because a frame for many connections is encoded once.

A socket ends by its rules even if nothing else does anything: a client's close is answered, and
after ours the client has `CLOSE_TIMEOUT_S` to answer.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Self, TypeAlias

import structlog

from ringline.web.edge import REST_S, TURN_BYTES, StreamRequest
from ringline.web.frame_gate import HANDFUL, HANDFUL_S, FrameGate, FrameLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S, NEVER, StreamConnection
from ringline.wire.websocket_frames import close_frame, ping_frame, pong_frame, text_frame
from ringline.wire.websocket_handshake import answer_upgrade
from ringline.wire.websocket_mask import mask
from ringline.wire.websocket_reader import Close, Event, MessageReader, Ping, Violation

_log = structlog.get_logger(__name__)

_NORMAL = 1000
_INTERNAL = 1011

#: A text message is a `str`, a binary one `bytes`.
Message: TypeAlias = str | bytes
#: Takes a text message's payload, which may not be UTF-8, or returns False.
TakeText: TypeAlias = Callable[[bytearray], bool]


class WebSocket(StreamConnection):
    """An open WebSocket. Its messages go to one receiver at a time."""

    __slots__ = (
        "_closes_at",
        "_coming_back",
        "_ended",
        "_flooded",
        "_gate",
        "_gone",
        "_holding",
        "_on_silence",
        "_ping_every_s",
        "_pings_at",
        "_reader",
        "_silent_s",
        "_take",
        "_take_at_once",
        "_take_text",
        "close_code",
        "last_heard",
        "violation",
    )

    def __init__(self, request: StreamRequest, bounds: FrameLimits) -> None:
        super().__init__(request)
        self._reader = MessageReader(bounds.max_bytes, mask)
        self._gate = FrameGate(bounds, self._edge.house.fair, who=self.who)
        self._coming_back: asyncio.Handle | None = None
        self._holding = False
        self._flooded = False  # by the bytes that came last
        self._take: Callable[[Message], None] | None = None
        self._take_text: TakeText | None = None
        self._take_at_once: TakeText | None = None  # the same, while no bytes wait
        #: Called once when messages are no longer taken.
        self._ended: Callable[[Exception | None], None] | None = None
        #: Done when the connection is gone, if somebody waits for that.
        self._gone: asyncio.Future[None] | None = None
        #: When the client's answer to our close frame is late; set once we have sent one.
        self._closes_at = NEVER
        self._pings_at = self._silent_s = self._ping_every_s = NEVER
        self._on_silence: Callable[[], None] | None = None  # cut it off
        #: The close code of the rule of RFC 6455 that the client broke, once it has.
        self.violation: int | None = None
        #: The code that the client closed with, if it did.
        self.close_code: int | None = None
        #: When the client last sent anything, by the loop's clock; pongs count.
        self.last_heard = self._loop.time()

    @classmethod
    def accept(
        cls, request: StreamRequest, subprotocol: str | None = None, *, bounds: FrameLimits
    ) -> Self:
        """Answer 101; `upgrade_problem` must have found none. Raises ConnectionError."""
        socket = cls(request, bounds)
        key = request.headers["Sec-WebSocket-Key"]
        socket.write(answer_upgrade(key, subprotocol, headers=request.named({})))
        early = request.early_input()
        if early:
            socket.data_received(early)
        return socket

    @property
    def _closing(self) -> bool:
        return self._closes_at != NEVER

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        self.write(text_frame(payload))

    # -- time -------------------------------------------------------------------------------

    def limit_silence(self, limit_s: float, on_silence: Callable[[], None]) -> None:
        """Call back when the client has sent nothing for a time."""
        self._silent_s, self._on_silence = limit_s, on_silence
        self.plan()

    def keep_alive(self, every_s: float, silent_s: float) -> None:
        """Ping from now on; cut off a client that stays silent too long."""
        self._ping_every_s, self._silent_s = every_s, silent_s
        self._pings_at = self._loop.time() + every_s
        self.plan()

    def due(self) -> float:
        """Return when something is to be done next."""
        silent_at = self.last_heard + self._silent_s
        return min(super().due(), self._closes_at, self._pings_at, silent_at)

    def act(self, now: float) -> None:
        """Ping, or end the connection, if it is time."""
        if now >= self._closes_at:
            self.abort()
        elif self._closing:
            pass
        elif now - self.last_heard >= self._silent_s:
            self._silent_s = NEVER
            (self._on_silence or self.abort)()
        elif now >= self._pings_at:
            self._pings_at = now + self._ping_every_s
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
        taken: asyncio.Future[None] = self._loop.create_future()

        def ended(error: Exception | None) -> None:
            if taken.done():
                return
            if error is None:
                taken.set_result(None)
            else:
                taken.set_exception(error)

        self.listen(take, ended, take_text=take_text)
        try:
            await taken
        finally:
            self._stop_taking()

    def listen(
        self,
        take: Callable[[Message], None],
        ended: Callable[[Exception | None], None],
        *,
        take_text: TakeText | None = None,
    ) -> None:
        """Give each message to `take`, as `receive_all` does, without waiting.

        `ended` is called once, with the exception if a receiver raised one.
        """
        if not self.is_open or self.violation is not None or self._closing:
            ended(None)
            return
        self._take, self._take_text, self._ended = take, take_text, ended
        self._read_on()

    def refuse(self, code: int) -> None:
        """Note that the client broke a rule, as its message showed."""
        self.violation = code
        self._stop_taking()

    def _stop_taking(self, error: Exception | None = None) -> None:
        self._take = self._take_text = self._take_at_once = None
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(error)

    # -- what the connection brings ---------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        take_text = self._take_at_once
        if take_text is not None:
            payload = self._reader.whole_text(data)
            if payload is not None and self._gate.admit():
                try:
                    if take_text(payload):
                        self.last_heard = self._loop.time()
                        return
                except Exception as error:  # a bug of the receiver
                    self._stop_taking(error)
                    return
        self._reader.receive_data(data)
        self._flooded = len(data) >= TURN_BYTES
        if not self._holding:
            self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client is gone."""
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._stop_taking()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._on_silence = None  # it refers to what refers to this socket
        super().connection_lost(exc)

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
                except Exception as error:  # a bug of the receiver
                    self._stop_taking(error)
            elif event is not None:
                self._handle(event)
            took_s = perf_counter() - began
            if event is None:
                self._read_more()
                break
        else:
            self._read_more()
        self._gate.handled(reader.frames - before, took_s)
        self._take_at_once = self._take_text if reader.is_between_messages else None

    def _read_more(self) -> None:
        """Read on; after as many bytes as a turn may bring, when others have had theirs."""
        if self._flooded:
            self._flooded = False
            self._pause()
            if self._closing:
                self._coming_back = self._loop.call_later(REST_S, self._read_on)
            else:
                self._coming_back = self._loop.call_soon(self._read_on)
        elif self._holding:
            self._release()

    def _hold(self) -> None:
        """Stop reading, until the rest may be handled."""
        self._pause()
        if self._take is None and not self._closing:
            return  # until somebody does
        if self._closing or self._gate.room():
            self._coming_back = self._loop.call_soon(self._read_on)
        else:
            self._coming_back = self._loop.call_later(self._gate.wait_s(), self._read_on)

    def _pause(self) -> None:
        self._holding = True
        if self.is_open and self._transport.is_reading():
            self._transport.pause_reading()

    def _release(self) -> None:
        self._holding = False
        if self.is_open and not self._transport.is_reading():
            self._transport.resume_reading()

    def _handle(self, event: Event) -> None:
        """Handle what is no message, or one that nobody takes any more."""
        match event:
            case Ping(payload):
                # A client that pings without reading fills no buffer.
                if not self.paused and not self._closing:
                    self.write(pong_frame(payload))
            case Close(code):
                self.close_code = code
                self._stop_taking()
                if self._closing:
                    self._transport.close()
            case Violation(code):
                self.refuse(code)
            case _:
                pass

    # -- the end ----------------------------------------------------------------------------

    def say_goodbye(self, code: int, reason: str = "") -> None:
        """Send a close frame, once; the connection is closed when the client has answered."""
        if self._closing or not self.is_open:
            return
        self._closes_at = self._loop.time() + CLOSE_TIMEOUT_S
        self._stop_taking()
        self.write(close_frame(code, reason))
        self.plan()
        if self._reader.closed:  # it was the client that began
            self._transport.close()
        elif not self._reader.is_empty:  # its close frame may be among what waits
            if self._coming_back is not None:
                self._coming_back.cancel()
            self._coming_back = self._loop.call_soon(self._read_on)

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame once; wait a bounded time for the client's."""
        if self._closing:
            return
        self.say_goodbye(code, reason)
        if self._slot is not None:
            self._gone = self._loop.create_future()
            await self._gone

    def end(self) -> None:
        """Close, if nobody has: for the rule that the client broke, or as it did."""
        self.say_goodbye(self.violation or self.close_code or _NORMAL)

    def fail(self, error: Exception) -> None:
        """Close because of a bug of the receiver, and log it."""
        _log.error("socket_failed", error=type(error).__name__)
        self.say_goodbye(_INTERNAL, "internal")
