"""What a session's client is sent: frames in order, queued while it does not read.

Only speech may be dropped, the oldest first, and only while the client does not read. Too much
of anything else ends the session (realtime voice, 5; contract, 11).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import structlog

from ringline.domain import limits
from ringline.domain.audio import Chunk
from ringline.domain.playout import PlaybackClock

_log = structlog.get_logger(__name__)

#: Speech queued for a client that does not read; beyond it the oldest is dropped.
MAX_WAITING_SPEECH_MS = limits.WAITING_SPEECH_MS.most
#: Other frames queued for such a client; beyond either bound the session ends.
MAX_WAITING_FRAMES = limits.WAITING_NOTIFICATIONS.most
MAX_WAITING_BYTES = limits.WAITING_NOTIFICATION_BYTES.most

#: Encodes a chunk of speech as a frame.
EncodeSpeech: TypeAlias = Callable[[Chunk], bytes]


class Socket(Protocol):
    """The writing side of the client's connection."""

    @property
    def paused(self) -> bool:
        """Return whether the kernel's send buffer is full."""
        ...

    def send_text(self, payload: bytes) -> None:
        """Send one text message."""
        ...


@dataclass(frozen=True, slots=True)
class _Speech:
    chunk: Chunk
    encode: EncodeSpeech


class Outgoing:
    """The frames to a session's client."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Speech | bytes] = deque()
        self._waiting_ms = 0.0
        self._waiting_frames = self._waiting_bytes = 0
        self._dropped_ms = 0.0
        #: The playback clock of a client that has lagged; without it, the bridge's is right.
        self._late: PlaybackClock | None = None
        self._unsent_ms = 0.0  # what was dropped since the current response began
        self._stopped = False

    def send(self, payload: bytes) -> bool:
        """Send a frame, or queue it; return False if too many of them are queued."""
        if self._stopped:
            return True
        if not self._waiting and not self._socket.paused:
            self._socket.send_text(payload)
            return True
        self._waiting.append(payload)
        self._waiting_frames += 1
        self._waiting_bytes += len(payload)
        few = self._waiting_frames <= MAX_WAITING_FRAMES
        return few and self._waiting_bytes <= MAX_WAITING_BYTES

    def speak(self, chunk: Chunk, encode: EncodeSpeech) -> None:
        """Send speech, or queue it."""
        if self._stopped:
            return
        if not self._waiting and not self._socket.paused:
            if self._late is not None:
                self._late.sent(chunk.duration_ms, self._loop.time() * 1000)
            self._socket.send_text(encode(chunk))
            return
        self._late = self._late or PlaybackClock()
        self._waiting.append(_Speech(chunk, encode))
        self._waiting_ms += chunk.duration_ms
        while self._waiting_ms > MAX_WAITING_SPEECH_MS:
            self._drop_oldest()

    def response_began(self) -> None:
        """Count what is dropped anew: it is of another response."""
        self._unsent_ms = 0.0

    def flush(self) -> float | None:
        """Discard queued speech; return how much of all speech was not played (ports.Leg).

        Only the client knows, but one that has lagged cannot have played what it had not got.
        """
        unplayed_ms = self._waiting_ms + self._unsent_ms
        self._waiting = deque(item for item in self._waiting if isinstance(item, bytes))
        self._waiting_ms = self._unsent_ms = 0.0
        if self._late is None:
            return None
        now_ms = self._loop.time() * 1000
        unplayed_ms += self._late.lead_ms(now_ms)
        self._late.flushed(now_ms)
        return unplayed_ms

    def drained(self) -> None:
        """Send queued frames, now that the socket takes bytes again."""
        while self._waiting and not self._socket.paused:
            self._send_first()

    def send_all(self) -> None:
        """Send queued frames even if the socket is paused: the close frame follows them."""
        while self._waiting:
            self._send_first()

    def stop(self) -> None:
        """Send nothing more."""
        if not self._stopped and self._dropped_ms:
            _log.warning("speech_dropped", dropped_ms=round(self._dropped_ms))
        self._stopped = True
        self._unsent_ms += self._waiting_ms
        self._waiting.clear()
        self._waiting_ms, self._waiting_frames, self._waiting_bytes = 0.0, 0, 0

    def _send_first(self) -> None:
        item = self._waiting.popleft()
        if isinstance(item, _Speech):
            self._waiting_ms -= item.chunk.duration_ms
            if self._late is not None:
                self._late.sent(item.chunk.duration_ms, self._loop.time() * 1000)
            self._socket.send_text(item.encode(item.chunk))
        else:
            self._waiting_frames -= 1
            self._waiting_bytes -= len(item)
            self._socket.send_text(item)

    def _drop_oldest(self) -> None:
        for index, item in enumerate(self._waiting):
            if isinstance(item, _Speech):
                del self._waiting[index]
                duration_ms = item.chunk.duration_ms
                self._waiting_ms -= duration_ms
                self._unsent_ms += duration_ms
                self._dropped_ms += duration_ms
                return
