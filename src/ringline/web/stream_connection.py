"""The connection of a stream: a WebSocket, or server-sent events.

It is the protocol of its transport, so nothing stands between a frame and the kernel's buffer.
A stream that waits has no task and no timer: its times are entries of the wheel. A client that
takes nothing for a minute while something waits for it is cut off (live streams, 2.6).
"""

from collections.abc import Callable, Hashable

from ringline.web.admission import Slot
from ringline.web.edge import Connection, StreamRequest
from ringline.web.fair_share import BYTE_OUT_S, REPLAY_S

#: How long the end of a stream waits for its client.
CLOSE_TIMEOUT_S = 5.0
#: Bytes that a connection sends between two charges: a charge costs a tenth of a delivery.
_CHARGED_AT_ONCE = 16 * 1024
#: How often a stream whose client reads nothing is looked at, in its time limit.
_LOOKS = 8
#: A time that never comes.
NEVER = float("inf")


class StreamConnection(Connection):
    """A connection that bytes are written to, raw; a sink for an outbox."""

    __slots__ = (
        "_edge",
        "_loop",
        "_slot",
        "_stuck_bytes",
        "_stuck_since",
        "_uncharged",
        "_when_lost",
        "on_resumed",
        "paused",
        "wake_tick",
        "who",
    )

    #: Called when the kernel accepts bytes again.
    on_resumed: Callable[[], None]

    def __init__(self, request: StreamRequest) -> None:
        self._edge = request.edge
        self._loop = request.loop
        #: Whose work on the loop it is: the workspace's.
        self.who: Hashable = request.who
        #: Whether the kernel accepts no more bytes.
        self.paused = False
        self.on_resumed = nothing
        self.wake_tick: int | None = None
        self._uncharged = 0
        self._when_lost: tuple[Callable[[], None], ...] = ()
        self._stuck_since = NEVER
        self._stuck_bytes = 0
        self._slot: Slot | None
        self._transport, self._slot = request.hand_over(self)
        # If the kernel does not take everything at once, the connection counts as busy.
        self._transport.set_write_buffer_limits(high=0)

    @property
    def is_open(self) -> bool:
        """Return whether bytes can still be sent."""
        return not self._transport.is_closing()

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call back once when the connection is gone; the last one is called first."""
        self._when_lost = (callback, *self._when_lost)

    def write(self, data: bytes) -> None:
        """Write this connection's own bytes; on a lost connection they are discarded."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._uncharged += len(data)
        if self._uncharged >= _CHARGED_AT_ONCE:  # most of the work was encoding it
            self._edge.house.fair.charge(self.who, self._uncharged * BYTE_OUT_S)
            self._uncharged = 0

    def write_shared(self, data: bytes) -> None:
        """Write bytes that the hub has charged for (services/outbox.py)."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history for this connection."""
        await self._edge.house.fair.begin(self.who, REPLAY_S)

    def abort(self) -> None:
        """Cut the connection off, as an outbox asks for."""
        self.cut()

    # -- time -----------------------------------------------------------------------------

    def due(self) -> float:
        """Return when something is to be done next, by the loop's clock."""
        if self._stuck_since == NEVER:
            return NEVER
        return self._loop.time() + self._edge.waits.stream_idle_s / _LOOKS

    def act(self, now: float) -> None:
        """Do what is due."""

    def plan(self) -> None:
        """Have the wheel wake this connection when something is due."""
        at = NEVER if self._slot is None else self.due()
        if at == NEVER:
            self._edge.house.wheel.remove(self)
        else:
            self._edge.house.wheel.set(self, at)

    def wake(self, now: float) -> None:
        """Do what is due (wheel.Sleeper)."""
        if self._slot is None:  # it is gone
            return
        if self._stuck_since != NEVER and self._is_stuck(now):
            self._transport.abort()
            return
        self.act(now)
        self.plan()

    def _is_stuck(self, now: float) -> bool:
        unread = self._transport.get_write_buffer_size()
        if unread < self._stuck_bytes:
            self._stuck_since, self._stuck_bytes = now, unread
        return now - self._stuck_since >= self._edge.waits.stream_idle_s

    # -- what the loop reports --------------------------------------------------------------

    def pause_writing(self) -> None:
        """Note that the kernel accepts no more bytes."""
        self.paused = True
        self._stuck_since = self._loop.time()
        self._stuck_bytes = self._transport.get_write_buffer_size()
        self.plan()

    def resume_writing(self) -> None:
        """Note that the kernel accepts bytes again."""
        self.paused = False
        self._stuck_since = NEVER
        self.on_resumed()

    def eof_received(self) -> bool:
        """Close: a client that sends no more is gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Release what the connection held."""
        slot, self._slot = self._slot, None
        if slot is None:
            return
        self._edge.house.wheel.remove(self)
        self._edge.leave(self, slot)
        self.on_resumed = nothing
        callbacks, self._when_lost = self._when_lost, ()
        for callback in callbacks:
            callback()


def nothing() -> None:
    """Take a notice that nothing waits for."""
