"""A caller's loudspeaker: what it plays when, and what an interruption cuts off.

Speech arrives before it is played. The playback line tracks how far playback has got, and
stores every sample at the time it was really played, so that flushed audio is missing from
the recording, as it was for the caller.
"""

from ringline.domain.audio import BYTES_PER_SAMPLE

#: Speech further ahead of its playback than this is dropped: no server should send it.
MAX_AHEAD_MS = 120_000


class PlaybackLine:
    """The audio of one call as the caller hears it, on the caller's own clock.

    Times are milliseconds since the call began; audio is PCM16 mono at `rate_hz`.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._played = bytearray()

    @property
    def ends_at_ms(self) -> float:
        """Return when everything that has arrived will have been played."""
        return len(self._played) / BYTES_PER_SAMPLE * 1000 / self.rate_hz

    def left_ms(self, now_ms: float) -> float:
        """Return how many milliseconds are still to be played."""
        return max(0.0, self.ends_at_ms - now_ms)

    def play(self, pcm: bytes, now_ms: float) -> None:
        """Queue speech: it follows what is playing, or begins now."""
        if self.left_ms(now_ms) > MAX_AHEAD_MS:
            return
        self._played.extend(bytes(max(0, self._offset(now_ms) - len(self._played))))
        self._played.extend(pcm)

    def flush(self, now_ms: float) -> float:
        """Stop playing at once; return how many milliseconds were discarded."""
        cut_ms = self.left_ms(now_ms)
        if cut_ms:
            del self._played[self._offset(now_ms) :]
        return cut_ms

    def heard(self) -> bytes:
        """Return everything that was played, with the silences in between."""
        return bytes(self._played)

    def _offset(self, now_ms: float) -> int:
        return max(0, round(now_ms * self.rate_hz / 1000)) * BYTES_PER_SAMPLE
