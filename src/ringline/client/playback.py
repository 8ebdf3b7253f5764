"""A caller's loudspeaker: what it plays when, and what an interruption cuts off.

Speech arrives ahead of the time it is played at. The line keeps both: where its playing
has got to, and every sample at the time it was really played, so that what was flushed is
missing from the recording as it was missing from the caller's ear.
"""

from ringline.domain.audio import BYTES_PER_SAMPLE

#: Speech further ahead of its playing than this is dropped: no server has reason to send it.
MAX_AHEAD_MS = 120_000


class PlaybackLine:
    """The sound of one call as a caller hears it, on the caller's own clock.

    Times are milliseconds since the line began; audio is PCM16 mono at `rate_hz`.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._played = bytearray()

    @property
    def ends_at_ms(self) -> float:
        """Return when everything that has arrived will have been played."""
        return len(self._played) / BYTES_PER_SAMPLE * 1000 / self.rate_hz

    def left_ms(self, now_ms: float) -> float:
        """Return how much is still to be played."""
        return max(0.0, self.ends_at_ms - now_ms)

    def play(self, pcm: bytes, now_ms: float) -> None:
        """Take speech: it follows what is playing, or begins now."""
        if self.left_ms(now_ms) > MAX_AHEAD_MS:
            return
        self._played.extend(bytes(max(0, self._offset(now_ms) - len(self._played))))
        self._played.extend(pcm)

    def flush(self, now_ms: float) -> float:
        """Stop playing at once; return how many milliseconds were thrown away."""
        cut_ms = self.left_ms(now_ms)
        if cut_ms:
            del self._played[self._offset(now_ms) :]
        return cut_ms

    def heard(self) -> bytes:
        """Return all that was played, with the silences between."""
        return bytes(self._played)

    def _offset(self, now_ms: float) -> int:
        return max(0, round(now_ms * self.rate_hz / 1000)) * BYTES_PER_SAMPLE
