"""An outbox: one connection's bounded send buffer, with one write per tick.

Nothing ever waits for a listener. An event's frame is written at the end of the tick if the
connection is writable, and queued otherwise. If 64 frames or a megabyte are already queued,
the incoming frame is dropped and counted; `follow.py` decides what that means for the client.
Control frames (replies, heartbeats, notices, close) are queued in order with the events but
have a bound of their own. A client that reaches it is not reading at all, and is closed.

The frames of one tick go out in one write, because the kernel's cost is per write rather than
per byte, and no event loop joins writes for us. So frames pass through the list even if the
connection is writable; once 64 have gathered they are written at once. The bound of 64 drops
frames only while the connection is paused.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from ringline.domain import limits

_log = structlog.get_logger()

_LIMIT = limits.WAITING_FRAMES.most
_MAX_BYTES = limits.WAITING_BYTES.most
_CONTROL_LIMIT = limits.WAITING_REPLIES.most
_MAX_CONTROL_BYTES = limits.WAITING_REPLY_BYTES.most


class Sink(Protocol):
    """The sending side of a connection; it calls `Outbox.resumed` when writable again."""

    @property
    def paused(self) -> bool:
        """Return whether the kernel has accepted less than was written."""
        ...

    def write(self, data: bytes) -> None:
        """Write bytes; never blocks. After the connection has closed they are discarded."""
        ...


class Tick:
    """Flushes outboxes at the end of the event loop's turn; one per process."""

    def __init__(self) -> None:
        self._outboxes: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        """Flush an outbox at the end of this turn."""
        if not self._outboxes:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outboxes.append(outbox)

    def _flush(self) -> None:
        outboxes, self._outboxes = self._outboxes, []
        for outbox in outboxes:
            try:
                outbox.flush()
            except Exception as error:  # a broken connection must not affect others
                _log.error("outbox_write_failed", error=type(error).__name__)


class OutboxClosed(Exception):
    """The connection is closed; nothing more will be sent."""


class Outbox:
    """The frames waiting to be sent on one connection, in order.

    `overrun` is called once if control frames reach their bound; it should close the
    connection.
    """

    def __init__(
        self,
        sink: Sink,
        tick: Tick,
        *,
        overrun: Callable[[], None],
        limit: int = _LIMIT,
        control_limit: int = _CONTROL_LIMIT,
    ) -> None:
        #: How many event frames were dropped.
        self.dropped = 0
        self._sink = sink
        self._tick = tick
        self._overrun = overrun
        self._limit = limit
        self._control_limit = control_limit
        self._frames: list[bytes] = []
        self._control = 0  # how many of them are control frames
        self._bytes = 0  # of the event frames
        self._control_bytes = 0
        self._closed = False
        self._ticking = False  # to be flushed at the end of this turn
        self._drained: asyncio.Future[None] | None = None

    @property
    def room(self) -> int:
        """Return how many event frames fit now, even if the connection is paused."""
        return max(0, self._limit - len(self._frames) + self._control)

    @property
    def waiting_bytes(self) -> int:
        """Return the bytes of queued event frames, including those of this turn."""
        return self._bytes

    @property
    def is_free(self) -> bool:
        """Return whether the connection is writable, so that nothing is dropped."""
        return not self._sink.paused

    def offer(self, frame: bytes) -> bool:
        """Enqueue an event's frame; return False if it was dropped.

        A frame above the byte bound is accepted if no other is queued.
        """
        if self._closed:
            return False
        waiting = len(self._frames) - self._control
        if waiting >= self._limit or (waiting and self._bytes + len(frame) > _MAX_BYTES):
            if self._sink.paused:
                self.dropped += 1
                return False
            self._write()
        self._bytes += len(frame)
        self._append(frame)
        return True

    def send(self, frame: bytes) -> None:
        """Enqueue a control frame, behind every frame already accepted."""
        if self._closed:
            return
        if (
            self._control >= self._control_limit
            or self._control_bytes + len(frame) > _MAX_CONTROL_BYTES
        ):
            if self._sink.paused:
                self.close()
                self._overrun()
                return
            self._write()
        self._control += 1
        self._control_bytes += len(frame)
        self._append(frame)

    def resumed(self) -> None:
        """Note that the connection is writable again."""
        self.flush()

    def flush(self) -> None:
        """Write all queued frames in one piece, if the connection is writable."""
        self._ticking = False
        if self._closed or self._sink.paused:
            return
        if self._frames:
            self._write()
        if self._drained is not None and not self._sink.paused:
            drained, self._drained = self._drained, None
            if not drained.done():
                drained.set_result(None)

    async def drained(self) -> None:
        """Wait until the queue is empty and the connection writable. Raises OutboxClosed."""
        while self._frames or self._sink.paused:
            if self._closed:
                break
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        if self._closed:
            raise OutboxClosed

    def close(self) -> None:
        """Discard the queue, accept nothing more, and log how many frames were dropped."""
        if self.dropped and not self._closed:
            _log.warning("frames_dropped", frames=self.dropped)
        self._closed = True
        self._frames.clear()
        self._control = self._bytes = self._control_bytes = 0
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _append(self, frame: bytes) -> None:
        if not self._ticking and not self._sink.paused:
            self._ticking = True
            self._tick.add(self)
        self._frames.append(frame)

    def _write(self) -> None:
        frames, self._frames = self._frames, []
        self._control = self._bytes = self._control_bytes = 0
        self._sink.write(frames[0] if len(frames) == 1 else b"".join(frames))
