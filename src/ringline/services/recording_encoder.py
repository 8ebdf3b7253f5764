"""Encoding a recording: two tracks of pieces become stereo PCM16 at one rate.

Each channel is one continuous stream at the rate of its audio, with silence in its gaps, so
that resampling shifts nothing. Only long silence is left out of the resampler's work.
"""

import sys
from typing import Any

from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.domain.recording import RATE_HZ, Final, Piece
from ringline.ports import NewResampler
from ringline.services.resampling import RateMatcher
from ringline.wire.wav import interleave

#: Silence that brings everything out of a resampler.
_TAIL_MS = 60.0


class Encoder:
    """The encoder of one recording: left the caller, right the agent."""

    def __init__(self, new_resampler: NewResampler) -> None:
        self._channels = _Channel(new_resampler), _Channel(new_resampler)

    def encode(self, final: Final) -> bytes:
        """Return what both channels have by now; a resampler may keep the last 26 ms."""
        for channel, pieces in zip(self._channels, (final.caller, final.agent), strict=True):
            channel.add(pieces, final.until_ms)
        return self._drain()

    def finish(self, final: Final) -> bytes:
        """Return the rest, up to the sample."""
        for channel, pieces in zip(self._channels, (final.caller, final.agent), strict=True):
            channel.add(pieces, final.until_ms)
            channel.settle(final.until_ms)
        return self._drain()

    def _drain(self) -> bytes:
        size = min(len(channel.ready) for channel in self._channels)
        left, right = (channel.drain(size) for channel in self._channels)
        return _interleave(left, right)


class _Channel:
    """One channel: the audio that is ready, at `RATE_HZ`."""

    def __init__(self, new_resampler: NewResampler) -> None:
        self.ready = bytearray()
        self._matcher = RateMatcher(RATE_HZ, new_resampler)
        self._rate_hz = RATE_HZ
        self._fed = 0  # samples, at the rate of the stream
        self._base = 0  # where the stream began, in samples of the recording
        self._made = 0  # samples of the recording

    def add(self, pieces: list[Piece], until_ms: float) -> None:
        """Add pieces at their times, and silence between and after them."""
        for piece in pieces:
            self._pad(piece.start_ms)
            if piece.chunk.rate_hz != self._rate_hz:
                self.settle(piece.start_ms)
                self._rate_hz = piece.chunk.rate_hz
            self._feed(piece.chunk.pcm)
        self._pad(until_ms)

    def settle(self, at_ms: float) -> None:
        """Bring the channel to exactly this time; a new stream begins there."""
        wanted = round(at_ms * RATE_HZ / 1000)
        if self._rate_hz != RATE_HZ:
            self._feed(_silence(_TAIL_MS, self._rate_hz))
            self._matcher.restart()
        excess = (self._made - wanted) * BYTES_PER_SAMPLE
        if excess > 0:
            del self.ready[-excess:]
        else:
            self.ready += bytes(-excess)
        self._rate_hz, self._fed = RATE_HZ, 0
        self._base = self._made = wanted

    def drain(self, size: int) -> bytearray:
        """Remove audio that is ready from the front."""
        if size == len(self.ready):
            drained, self.ready = self.ready, bytearray()
        else:
            drained = self.ready[:size]
            del self.ready[:size]
        return drained

    def _pad(self, until_ms: float) -> None:
        missing = self._missing(until_ms)
        if self._rate_hz != RATE_HZ and missing * 1000 / self._rate_hz > _TAIL_MS:
            self._feed(_silence(_TAIL_MS, self._rate_hz))
            self.settle(self._base * 1000 / RATE_HZ + self._fed * 1000 / self._rate_hz)
            missing = self._missing(until_ms)
        if missing > 0:
            self._feed(bytes(missing * BYTES_PER_SAMPLE))

    def _missing(self, until_ms: float) -> int:
        """Return how many samples the stream lacks to reach a time."""
        begun_ms = self._base * 1000 / RATE_HZ
        return round((until_ms - begun_ms) * self._rate_hz / 1000) - self._fed

    def _feed(self, pcm: bytes) -> None:
        matched = self._matcher.match(Chunk(pcm, self._rate_hz)).pcm
        self._fed += len(pcm) // BYTES_PER_SAMPLE
        self._made += len(matched) // BYTES_PER_SAMPLE
        self.ready += matched


def _interleave(left: bytearray, right: bytearray) -> bytes:
    """Combine two channels; numpy is four times as fast, where resampling has loaded it."""
    np: Any = sys.modules.get("numpy")
    if np is None:
        return interleave(left, right)
    stereo = np.empty((len(left) // BYTES_PER_SAMPLE, 2), "<i2")
    stereo[:, 0], stereo[:, 1] = np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")
    combined: bytes = stereo.tobytes()
    return combined


def _silence(duration_ms: float, rate_hz: int) -> bytes:
    return bytes(round(duration_ms * rate_hz / 1000) * BYTES_PER_SAMPLE)
