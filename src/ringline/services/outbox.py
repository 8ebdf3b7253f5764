"""An outbox: one connection's bounded buffer, and the one write per tick.

Nobody ever waits for a listener. An event's frame is written now if the connection is free,
else it waits here, and if 64 wait already, or a megabyte of them, the incoming one is dropped
and counted; what that means to the client is `follow.py`'s to say. Control frames (replies,
heartbeats, notices, close) keep their place among the others but not to their bound; they have
one of their own, and a connection that reaches it reads nothing at all and is closed.

Frames of one tick leave in one write, because the kernel's cost is per write and not per
byte, and no event loop joins them for us. So even a free connection's frames pass through
the list; when 64 have gathered in one tick they leave at once. The bound of 64 is one for
paused connections alone.
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
    """A connection's writing end. `Outbox.resumed` is called when it is free again."""

    @property
    def paused(self) -> bool:
        """Tell whether the kernel has taken less than was written."""
        ...

    def write(self, data: bytes) -> None:
        """Write bytes; never blocks. After the connection's end they go nowhere."""
        ...


class Tick:
    """The end of the event loop's turn, when outboxes write; one per process."""

    def __init__(self) -> None:
        self._outboxes: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        """Let an outbox write at the end of this turn."""
        if not self._outboxes:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outboxes.append(outbox)

    def _flush(self) -> None:
        outboxes, self._outboxes = self._outboxes, []
        for outbox in outboxes:
            try:
                outbox.flush()
            except Exception as error:  # one broken connection hurts no other
                _log.error("outbox_write_failed", error=type(error).__name__)


class OutboxClosed(Exception):
    """The connection is gone; nothing will ever leave."""


class Outbox:
    """What waits to leave on one connection, in order.

    `overrun` is called once if control frames reach their bound; it should close the
    connection.
    """

    def __init__(
        self,
        sink: Sink,
        tick: Tick,
        overrun: Callable[[], None],
        *,
        limit: int = _LIMIT,
        control_limit: int = _CONTROL_LIMIT,
    ) -> None:
        #: Event frames that were not taken.
        self.dropped = 0
        self._sink = sink
        self._tick = tick
        self._overrun = overrun
        self._limit = limit
        self._control_limit = control_limit
        self._frames: list[bytes] = []
        self._control = 0  # how many of them are control frames
        self._bytes = 0  # of the events' frames
        self._control_bytes = 0
        self._closed = False
        self._ticking = False  # writes at the end of this turn
        self._drained: asyncio.Future[None] | None = None

    @property
    def room(self) -> int:
        """Return how many event frames would be taken now, whatever the connection does."""
        return max(0, self._limit - len(self._frames) + self._control)

    @property
    def waiting_bytes(self) -> int:
        """Return how much of the events' frames waits, also for the end of this turn."""
        return self._bytes

    @property
    def is_free(self) -> bool:
        """Tell whether the connection takes whatever is offered."""
        return not self._sink.paused

    def offer(self, frame: bytes) -> bool:
        """Take an event's frame; False if it was dropped.

        One that is larger than all that may wait is taken where none waits.
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
        """Take a control frame; it leaves after all that was taken before."""
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
        """Take the news that the connection is free."""
        self.flush()

    def flush(self) -> None:
        """Write what waits, in one piece, if the connection is free."""
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
        """Wait until nothing waits and the connection is free. Raises OutboxClosed."""
        while self._frames or self._sink.paused:
            if self._closed:
                break
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        if self._closed:
            raise OutboxClosed

    def close(self) -> None:
        """Take nothing more; what waits is thrown away. What was dropped is counted."""
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
