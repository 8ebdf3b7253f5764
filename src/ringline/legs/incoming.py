"""What a session's client may send: audio near real time, and so many events in a window."""

import asyncio
from collections import deque

from ringline.wire.realtime_errors import ends_session

#: How much faster than real time audio may arrive, averaged over the window.
AUDIO_SPEEDUP = 2.0
WINDOW_S = 10.0
_SPEEDUP_MS = AUDIO_SPEEDUP * 1000  # of audio in a second


class Incoming:
    """Counts what a session's client sends.

    It accepts `events_per_window` of its events other than audio; 0 is no limit.
    """

    def __init__(self, events_per_window: int) -> None:
        self._events_per_window = events_per_window
        self._loop = asyncio.get_running_loop()
        self._recent: deque[float] = deque()
        #: Until when the audio so far would have come, if it had come as fast as it may.
        self._audio_until = self._loop.time() - WINDOW_S
        self._binary = 0

    def takes_audio(self, duration_ms: float) -> bool:
        """Count audio; return False if it comes faster than it may (a leaky bucket)."""
        now = self._loop.time()
        until = max(self._audio_until, now - WINDOW_S) + duration_ms / _SPEEDUP_MS
        if until > now:
            return False
        self._audio_until = until
        return True

    def takes_event(self) -> bool:
        """Count an event; return whether the window has room for it."""
        if not self._events_per_window:
            return True
        now = self._loop.time()
        while self._recent and self._recent[0] <= now - WINDOW_S:
            self._recent.popleft()
        if len(self._recent) >= self._events_per_window:
            return False
        self._recent.append(now)
        return True

    def takes_binary(self) -> bool:
        """Count a binary frame; return False if it is one too many."""
        self._binary += 1
        return not ends_session("binary_not_supported", times=self._binary)
