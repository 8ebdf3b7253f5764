"""A WebSocket to a voice's provider, bounded both ways; `upstream_dial.py` opens it.

It is the protocol of its transport: a frame that comes is given to its taker in the same turn of
the loop, and what is sent is written at once. What the provider does not read waits here: speech
that has waited too long is dropped, other frames never, and a provider that does not take them
is lost.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain import voice_limits
from ringline.wire.upstream_failures import TIMEOUT, UNREADABLE, Loss, closed
from ringline.wire.websocket_frames import (
    close_frame,
    masked,
    masked_text_frame,
    ping_frame,
    pong_frame,
)
from ringline.wire.websocket_mask import mask
from ringline.wire.websocket_reader import Close, Event, Ping, ServerMessageReader, Violation

#: How long closing waits for the provider's own close.
CLOSE_S = 2.0

_KEY_BYTES, _KEYS_AT_ONCE = 4, 64
_NORMAL = 1000
_BROKEN = 1006  # without a close frame

#: Takes a message's payload: JSON, as some providers send it in binary frames.
Take: TypeAlias = Callable[[bytes], None]


class UpstreamLost(Exception):
    """Raised when a connection failed or ended; `loss` says why."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.cause)
        self.loss = loss


@dataclass(slots=True)
class _Waiting:
    payload: bytes
    #: Of speech; 0 for every other frame.
    duration_ms: float = 0.0


class UpstreamSocket(asyncio.Protocol):
    """An open connection; what it has `read` so far comes before what it reads."""

    def __init__(self, transport: asyncio.Transport, read: bytes, *, pong_s: float) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._reader = ServerMessageReader(voice_limits.UPSTREAM_FRAME_BYTES.most)
        self._reader.receive_data(read)
        self._take: Take | None = None
        self._take_at_once: Take | None = None  # the same, while no bytes wait
        #: Done when messages are no longer taken.
        self._taken: asyncio.Future[None] | None = None
        #: Why no more messages come, once that is known.
        self._loss: Loss | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        #: The provider takes nothing any more.
        self.overrun = False
        self._is_full = False  # the kernel takes no more bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_ms = 0.0
        self._waiting_bytes = 0
        self._closing = False
        self._pong_s = pong_s
        self._heard = self._pinged = False
        self._heartbeat = self._loop.call_later(pong_s, self._beat)
        transport.set_protocol(self)
        # What the kernel does not take at once waits here. With 0, TLS would pause at every write.
        transport.set_write_buffer_limits(high=1)
        self._read_bytes(on=False)  # until somebody takes messages

    # -- messages -------------------------------------------------------------------------

    async def receive(self) -> bytes:
        """Return the next message. Raises UpstreamLost."""
        received: list[bytes] = []

        def take(message: bytes) -> None:
            received.append(message)
            self.stop_receiving()

        await self.receive_all(take)
        return received[0]

    async def receive_all(self, take: Take) -> None:
        """Give each message to `take` until `stop_receiving`.

        Raises UpstreamLost, and what `take` raises.
        """
        taken = self._taken = self._loop.create_future()
        self._take = take
        self._read_on()
        try:
            await taken
        finally:
            self.stop_receiving()

    def stop_receiving(self) -> None:
        """Take no more messages."""
        self._end_taking(None)

    def _end_taking(self, error: Exception | None) -> None:
        self._take = self._take_at_once = None
        taken, self._taken = self._taken, None
        if taken is None or taken.done():
            return
        if error is None:
            taken.set_result(None)
        else:
            taken.set_exception(error)

    def data_received(self, data: bytes) -> None:
        """Give a message that arrives by itself to its taker; anything else to the reader."""
        self._heard = True
        take = self._take_at_once
        if take is not None and (message := self._reader.whole_message(data)) is not None:
            try:
                take(message)
            except Exception as error:  # the taker is told by whom it waits for
                self._end_taking(error)
            return
        self._reader.receive_data(data)
        self._read_on()

    def _read_on(self) -> None:
        """Give away what has come, as long as somebody takes it."""
        reader = self._reader
        while (take := self._take) is not None and (event := reader.next_event()) is not None:
            if isinstance(event, bytes):
                try:
                    take(event)
                except Exception as error:
                    self._end_taking(error)
            else:
                self._handle(event)
        if take is None:
            self._read_bytes(on=False)
        elif self._loss is not None:
            self._end_taking(UpstreamLost(self._loss))
        else:
            self._read_bytes(on=True)
            self._take_at_once = take if reader.is_between_messages else None

    def _read_bytes(self, *, on: bool) -> None:
        transport = self._transport
        if transport.is_closing() or transport.is_reading() is on:
            return
        if on:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _handle(self, event: Event) -> None:
        match event:
            case Ping(payload):
                # A provider that pings without reading fills no buffer.
                if not self._is_full and not self._closing:
                    self._write(pong_frame(payload))
            case Close(code, reason):
                self._lose(closed(code or 0, reason))
                self._say_goodbye()
                self._transport.close()
            case Violation():  # too large, or against the protocol
                self._lose(UNREADABLE)
            case _:
                pass

    def _lose(self, loss: Loss) -> None:
        """Note why no more messages come, unless that is known."""
        self._loss = self._loss or loss

    def _beat(self) -> None:
        """Ping a provider that is silent; lose one that does not answer."""
        if self._pinged and not self._heard:
            self._lose(TIMEOUT)
            self._read_on()
            return
        # Nothing can be heard while nobody takes messages.
        self._pinged = not self._heard and self._take is not None
        if self._pinged:
            self._write(ping_frame())
        self._heard = False
        self._heartbeat = self._loop.call_later(self._pong_s, self._beat)

    # -- what is sent ---------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """Send a frame, after those before it."""
        if not self._is_full:
            self._send(payload)
            return
        self._waiting.append(_Waiting(payload))
        self._waiting_bytes += len(payload)
        if self._waiting_bytes > voice_limits.UPSTREAM_WAITING_BYTES.most:
            self.overrun = True

    def send_audio(self, payload: bytes, duration_ms: float) -> None:
        """Send a frame of speech; the oldest ones are dropped if too much of it waits."""
        if self._is_full:
            self._hold_audio(payload, duration_ms)
        elif not self._closing:
            self._transport.write(masked_text_frame(payload, next(_keys), mask=mask))

    def _hold_audio(self, payload: bytes, duration_ms: float) -> None:
        self._waiting.append(_Waiting(payload, duration_ms))
        self._waiting_ms += duration_ms
        while self._waiting_ms > voice_limits.UPSTREAM_AUDIO_MS.most:
            oldest = next(item for item in self._waiting if item.duration_ms)
            self._waiting.remove(oldest)
            self._waiting_ms -= oldest.duration_ms

    def _send(self, payload: bytes) -> None:
        if not self._closing:
            self._transport.write(masked_text_frame(payload, next(_keys), mask=mask))

    def _write(self, frame: bytes) -> None:
        """Write a control frame."""
        if not self._transport.is_closing():
            self._transport.write(masked(frame, next(_keys), mask=mask))

    def pause_writing(self) -> None:
        """Let frames wait: the kernel takes no more bytes."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Send what waits, as long as the kernel takes it."""
        self._is_full = False
        while self._waiting and not self._is_full:
            item = self._waiting.popleft()
            if item.duration_ms:
                self._waiting_ms -= item.duration_ms
            else:
                self._waiting_bytes -= len(item.payload)
            self._send(item.payload)

    # -- the end --------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever takes messages, once they have taken those that have come."""
        self._closing = True
        self._is_full = False
        self._waiting.clear()
        self._lose(closed(_BROKEN))
        self._heartbeat.cancel()
        if not self._gone.done():
            self._gone.set_result(None)
        self._read_on()

    async def close(self) -> None:
        """Close the connection, or cut it after `CLOSE_S`."""
        self._heartbeat.cancel()
        self._waiting.clear()
        self._say_goodbye()
        self._end_taking(None)
        self._take = _discard  # until the provider's own close
        self._read_on()
        try:
            await asyncio.wait([self._gone], timeout=CLOSE_S)
        finally:
            self._transport.abort()

    def _say_goodbye(self) -> None:
        if not self._closing:
            self._closing = True
            self._write(close_frame(_NORMAL))


def _random_keys() -> Iterator[bytes]:
    """Yield the keys of frames; asking the kernel for each would take longer than masking."""
    while True:
        drawn = os.urandom(_KEYS_AT_ONCE * _KEY_BYTES)
        for at in range(0, len(drawn), _KEY_BYTES):
            yield drawn[at : at + _KEY_BYTES]


_keys = _random_keys()


def _discard(_: bytes) -> None:
    """Take what nobody is interested in any more."""
