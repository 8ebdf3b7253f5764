"""The rate of a client's frames, per second and per turn of the loop.

A frame costs work whatever its size, so frames are counted before anything is decoded. A
connection over its rate or its workspace's share is not read: TCP holds the client back,
nothing is lost and nobody is closed. After every few frames of one connection, the others get
their turn.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from ringline.domain import limits, socket_limits
from ringline.web.buckets import Bucket
from ringline.web.fair_share import FairShare

#: How much of one connection is handled before others get their turn: frames, and seconds.
HANDFUL = 16
HANDFUL_S = 0.002
_MOST_S = 0.05  # work that took longer was waiting for something
#: The work of a frame of audio.
_AUDIO_S = 20e-6
#: Work of a connection between two charges: a charge costs as much as a small frame.
_CHARGED_AT_ONCE_S = 200e-6


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """A client's limits: bytes per message, frames per second and at once."""

    max_bytes: int
    per_second: float
    burst: int


#: The events socket and a call's WebSocket (contract, 13).
WATCHER = FrameLimits(
    socket_limits.WATCH_FRAME_BYTES.most,
    socket_limits.FRAMES_PER_S.most,
    socket_limits.FRAMES_BURST.most,
)
#: A realtime voice session; its leg knows which messages may be as large as an image.
SESSION = FrameLimits(
    limits.IMAGE_FRAME_BYTES.most,
    limits.SESSION_FRAMES_PER_S.most,
    limits.SESSION_FRAMES_BURST.most,
)


class FrameGate:
    """Decides how many frames of a connection are handled, and when."""

    def __init__(self, bounds: FrameLimits, fair: FairShare, *, who: Hashable) -> None:
        self._bucket = Bucket(bounds.per_second, bounds.burst)
        self._fair = fair
        self._who = who
        self._account = fair.account(who)
        self._uncharged_s = 0.0
        self._paid = 0  # tokens taken for frames to come: asking the bucket costs as much as one

    def room(self) -> int:
        """Return how many frames may be handled in this turn; 0 if none may be now."""
        if self._fair.wait_s(self._who):
            return 0
        if self._paid <= 0:
            tokens = max(0, min(self._bucket.left(), HANDFUL))
            self._bucket.take(tokens)
            self._paid += tokens
        return max(0, self._paid)

    def admit(self) -> bool:
        """Count a frame of audio if there is room without looking closer, and return whether.

        Its work is estimated: to measure it would cost a tenth of it.
        """
        if self._paid <= 0:
            self._charge()
            if not self.room():
                return False
        elif self._account.left_s < 0:
            return False
        self._paid -= 1
        self._uncharged_s += _AUDIO_S
        return True

    def wait_s(self) -> float:
        """Return how long it takes until there is room."""
        return max(self._bucket.wait_s(), self._fair.wait_s(self._who))

    def handled(self, frames: int, took_s: float) -> None:
        """Count frames that were handled, and charge the work."""
        self._paid -= frames
        self._uncharged_s += min(took_s, _MOST_S)
        if self._uncharged_s >= _CHARGED_AT_ONCE_S:
            self._charge()

    def _charge(self) -> None:
        self._account = self._fair.charge(self._who, self._uncharged_s)
        self._uncharged_s = 0.0
