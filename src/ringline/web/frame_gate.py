"""How fast a client's frames come in: so many a second, and so many in a turn of the loop.

A frame costs work whatever its size, so they are counted before anything is decoded. Over
its rate or its workspace's share, and while a few messages wait to be dealt with, a
connection is not read from: TCP holds the client back, nothing is lost and nobody is closed.
Between two handfuls of one connection's messages the others have their turn.
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

#: Messages of one connection that are dealt with before others have their turn: so many, or
#: fewer where each takes long.
HANDFUL = 16
_HANDFUL_S = 0.002
_LEAST_S, _MOST_S = 1e-6, 0.05  # what took longer has waited for something
_NEWEST = 0.2  # how much the newest message counts in what one is expected to take


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a client may send: bytes in a message, frames in a second and at once."""

    max_bytes: int
    per_second: float
    burst: int
    cost_s: float  # on the loop, of a frame, until it is known


#: The events socket and a call's WebSocket (contract, 13).
WATCHER = FrameLimits(
    limits.WATCH_FRAME_BYTES.most, limits.FRAMES_PER_S.most, limits.FRAMES_BURST.most, JOIN_S
)
#: A realtime voice session; which message may be as large as a picture, its leg knows.
SESSION = FrameLimits(
    limits.IMAGE_FRAME_BYTES.most,
    limits.SESSION_FRAMES_PER_S.most,
    limits.SESSION_FRAMES_BURST.most,
    FRAME_S,
)


class FrameGate:
    """aiohttp's parser of frames behind a guard and a bucket; has the parts aiohttp calls.

    `violated` is called once, with the close code of the rule that the client broke.
    """

    def __init__(
        self,
        inner: WebSocketReader,
        connection: HttpConnection,
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
        self._waiting = 0  # messages that are not dealt with
        self._discarding = False
        self._coming_back: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()

    def feed_eof(self) -> None:
        """Take the news that the client sends nothing more."""
        if self._coming_back is not None:
            self._coming_back.cancel()
        self._inner.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes of the client, and pass on what may be dealt with now."""
        guard = self._guard
        frames, messages = guard.frames, guard.messages
        passed = guard.feed(data, self._allowed())
        if guard.frames != frames:
            self._bucket.take(guard.frames - frames)
            # Charged before it is known, so that the workspace's other sockets wait already.
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
        """Take the news that a message has been dealt with, and how long that took."""
        self._waiting = max(0, self._waiting - 1)
        took_s = min(took_s, _MOST_S)
        self._fair.charge(self._connection.who, took_s - self._cost_s)
        self._cost_s = max(_LEAST_S, self._cost_s + (took_s - self._cost_s) * _NEWEST)
        if self._guard.holds:
            self._come_back()

    def discard(self) -> None:
        """Hold messages back no longer than a turn: they are read to find the close alone."""
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
        """Look at what is held when it may be dealt with, in another turn of the loop."""
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
