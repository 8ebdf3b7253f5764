"""Resampling at the plug: a listener gets audio at its own rate."""

from ringline.domain.audio import Chunk
from ringline.ports import NewResampler, Resampler


class RateMatcher:
    """Resamples one speaker's audio to a listener's rate, where the rates differ."""

    def __init__(self, rate_hz: int, new_resampler: NewResampler) -> None:
        #: The listener's rate; audio that has it needs no matching.
        self.rate_hz = rate_hz
        self._new_resampler = new_resampler
        self._from_hz = rate_hz
        self._resample: Resampler | None = None

    def match(self, chunk: Chunk) -> Chunk:
        """Return the audio at the listener's rate; the first resampled chunk may be empty."""
        if chunk.rate_hz == self.rate_hz:
            return chunk
        if self._resample is None or self._from_hz != chunk.rate_hz:
            self._from_hz = chunk.rate_hz
            self._resample = self._new_resampler(chunk.rate_hz, self.rate_hz)
        return Chunk(self._resample(chunk.pcm), self.rate_hz)

    def restart(self) -> None:
        """Reset for unrelated audio, so that none of the earlier audio is heard in it."""
        self._resample = None
