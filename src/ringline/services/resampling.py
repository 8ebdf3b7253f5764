"""Rates at the plug: what a listener hears has the listener's rate."""

from ringline.domain.audio import Chunk
from ringline.ports import NewResampler, Resampler


class RateMatcher:
    """Brings one speaker's audio to a listener's rate; what has that rate stays as it came."""

    def __init__(self, rate_hz: int, new_resampler: NewResampler) -> None:
        self._rate_hz = rate_hz
        self._new_resampler = new_resampler
        self._from_hz = rate_hz
        self._resample: Resampler | None = None

    def match(self, chunk: Chunk) -> Chunk:
        """Return the audio at the listener's rate; a resampler's first chunk may be empty."""
        if chunk.rate_hz == self._rate_hz:
            return chunk
        if self._resample is None or self._from_hz != chunk.rate_hz:
            self._from_hz = chunk.rate_hz
            self._resample = self._new_resampler(chunk.rate_hz, self._rate_hz)
        return Chunk(self._resample(chunk.pcm), self._rate_hz)

    def restart(self) -> None:
        """Begin with other audio: nothing of what came before may sound in it."""
        self._resample = None
