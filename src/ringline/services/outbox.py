"""An outbox: the frames that wait to be sent on one connection, within a bound.

Nothing ever waits for a listener. While the connection takes bytes and nothing is queued, the
frames of events do not pass through here: `audience.py` writes them (`write_now`). Otherwise they
are queued; if 64 frames or a megabyte are already queued, the incoming frame is dropped and
counted; `follow.py` decides what that means for the client. Control frames (replies, heartbeats,
notices, close) are queued in order with the events but have a bound of their own. A client that
reaches it is not reading at all, and is closed.

The frames that are queued within one tick go out in one write, because the kernel's cost is per
write rather than per byte, and no event loop joins writes for us. So frames pass through the list
even if the connection is writable; once 64 have gathered they are written at once. The bound of
64 drops frames only while the connection is paused.
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
    """The sending side of a connection; it calls `Outbox.resumed` when writable again.

    Neither way to write blocks. After the connection has closed, bytes are discarded.
    """

    @property
    def paused(self) -> bool:
        """Return whether the kernel has accepted less than was written."""
        ...

    def write(self, data: bytes) -> None:
        """Write bytes that are this connection's own; its workspace is charged for them."""
        ...

    def write_shared(self, data: bytes) -> None:
        """Write bytes that many connections get; whoever sends them has charged for them."""
        ...


class Flushable(Protocol):
    """Something that gathers frames during a turn of the event loop."""

    def flush(self) -> None:
        """Write what was gathered; harmless if nothing was."""
        ...


class Tick:
    """Flushes at the end of the event loop's turn what was gathered in it; one per process."""

    def __init__(self) -> None:
        self._gathered: list[Flushable] = []

    def add(self, gathered: Flushable) -> None:
        """Flush something at the end of this turn."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(gathered)

    def _flush(self) -> None:
        flushed, self._gathered = self._gathered, []
        for gathered in flushed:
            try:
                gathered.flush()
            except Exception as error:  # a broken connection must not affect others
                _log.error("outbox_write_failed", error=type(error).__name__)


class OutboxClosed(Exception):
    """The connection is closed; nothing more will be sent."""


class Outbox:
    """The frames waiting to be sent on one connection, in order.

    `overrun` is called once if control frames reach their bound; it should close the
    connection. `tell_dropped` makes the notice that follows the last queued frame once the
    connection is writable again, of how many frames were dropped since the last one.
    """

    __slots__ = (
        "_bytes",
        "_closed",
        "_control",
        "_control_bytes",
        "_control_limit",
        "_drained",
        "_frames",
        "_limit",
        "_overrun",
        "_sink",
        "_tell_dropped",
        "_tick",
        "_ticking",
        "_told",
        "dropped",
    )

    def __init__(
        self,
        sink: Sink,
        tick: Tick,
        *,
        overrun: Callable[[], None],
        tell_dropped: Callable[[int], bytes] | None = None,
        limit: int = _LIMIT,
        control_limit: int = _CONTROL_LIMIT,
    ) -> None:
        #: How many event frames were dropped.
        self.dropped = 0
        self._sink = sink
        self._tick = tick
        self._overrun = overrun
        self._tell_dropped = tell_dropped
        self._told = 0  # of the dropped frames, how many the client was told of
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

    @property
    def is_closed(self) -> bool:
        """Return whether nothing is accepted any more."""
        return self._closed

    def write_now(self, data: bytes) -> bool:
        """Write shared frames, unless something is queued or the connection takes none."""
        sink = self._sink
        if self._frames or self._closed or sink.paused:
            return False
        sink.write_shared(data)
        return True

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
        if self._told < self.dropped and self._tell_dropped is not None:
            frames.append(self._tell_dropped(self.dropped - self._told))
            self._told = self.dropped
        self._sink.write(frames[0] if len(frames) == 1 else b"".join(frames))
