"""The rate of a client's frames, per second and per turn of the loop.

A frame costs work whatever its size, so frames are counted before anything is decoded. A
connection over its rate or its workspace's share, or with messages still to be handled, is
not read: TCP holds the client back, nothing is lost and nobody is closed. After every few
messages of one connection, the others get their turn.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp.http_websocket import WebSocketReader

from ringline.domain import limits
from ringline.web.buckets import Bucket
from ringline.web.fair_share import FRAME_S, JOIN_S
from ringline.web.frame_guard import FrameGuard
from ringline.web.http_connection import HttpConnection

#: How many messages of one connection are handled before others get their turn; fewer if each takes
#: long.
HANDFUL = 16
_HANDFUL_S = 0.002
_LEAST_S, _MOST_S = 1e-6, 0.05  # a message that took longer was waiting for something
_NEWEST = 0.2  # the weight of the newest message in the expected duration


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """A client's limits: bytes per message, frames per second and at once."""

    max_bytes: int
    per_second: float
    burst: int
    cost_s: float  # of a frame on the loop, until measured


#: The events socket and a call's WebSocket (contract, 13).
WATCHER = FrameLimits(
    limits.WATCH_FRAME_BYTES.most, limits.FRAMES_PER_S.most, limits.FRAMES_BURST.most, JOIN_S
)
#: A realtime voice session; its leg knows which messages may be as large as an image.
SESSION = FrameLimits(
    limits.IMAGE_FRAME_BYTES.most,
    limits.SESSION_FRAMES_PER_S.most,
    limits.SESSION_FRAMES_BURST.most,
    FRAME_S,
)


class FrameGate:
    """aiohttp's frame parser behind a guard and a bucket, with the methods it needs.

    `violated` is called once, with the close code of the rule that the client broke.
    """

    def __init__(
        self,
        inner: WebSocketReader,
        connection: HttpConnection,
        *,
        bounds: FrameLimits,
        violated: Callable[[int], None],
    ) -> None:
        self._inner = inner
        self._connection = connection
        self._guard = FrameGuard(bounds.max_bytes)
        self._bucket = Bucket(bounds.per_second, bounds.burst)
        self._fair = connection.house.fair
        self._cost_s = bounds.cost_s
        self._violated = violated
        self._told = False
        self._waiting = 0  # messages not handled yet
        self._discarding = False
        self._coming_back: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()

    def feed_eof(self) -> None:
        """Note that the client sends nothing more."""
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._inner.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes from the client; pass on the frames that may be handled now."""
        guard = self._guard
        frames, messages = guard.frames, guard.messages
        passed = guard.feed(data, self._allowed())
        if guard.frames != frames:
            self._bucket.take(guard.frames - frames)
            # Charged by estimate, so that the workspace's other sockets wait already.
            self._fair.charge(self._connection.who, (guard.frames - frames) * self._cost_s)
        self._waiting += guard.messages - messages
        result = self._inner.feed_data(passed) if passed else (False, b"")
        if guard.violation is not None and not self._told:
            self._told = True
            self._violated(guard.violation)
        if guard.holds:
            self._connection.hold_reading()
            self._come_back()
        else:
            self._connection.release_reading()
        return result

    def dealt_with(self, took_s: float) -> None:
        """Note that a message was handled, and how long that took."""
        self._waiting = max(0, self._waiting - 1)
        took_s = min(took_s, _MOST_S)
        self._fair.charge(self._connection.who, took_s - self._cost_s)
        self._cost_s = max(_LEAST_S, self._cost_s + (took_s - self._cost_s) * _NEWEST)
        if self._guard.holds:
            self._come_back()

    def discard(self) -> None:
        """Stop delaying messages: they are only read to find the close frame."""
        self._discarding = True
        if self._guard.holds:
            self._come_back()

    def _allowed(self) -> int:
        if self._discarding:
            return HANDFUL
        if self._fair.wait_s(self._connection.who):
            return 0
        handful = min(HANDFUL, max(1, int(_HANDFUL_S / self._cost_s)))
        return min(self._bucket.left(), handful - self._waiting)

    def _come_back(self) -> None:
        """Handle held frames in another turn of the loop, when that is allowed."""
        if self._coming_back is not None:
            return
        if self._allowed() > 0:
            self._coming_back = self._loop.call_soon(self._again)
        elif not self._waiting:
            wait_s = max(self._bucket.wait_s(), self._fair.wait_s(self._connection.who))
            self._coming_back = self._loop.call_later(wait_s, self._again)

    def _again(self) -> None:
        self._coming_back = None
        ended, _ = self.feed_data(b"")
        if ended:
            self._connection.close()
