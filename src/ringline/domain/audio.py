"""Audio as it travels between legs and voices: PCM16, mono, little-endian.

A chunk that arrived as base64 keeps that form, so that it can be sent on without encoding it
again.
"""

from base64 import b64encode

import msgspec

BYTES_PER_SAMPLE = 2

#: The milliseconds of a byte, at one sample per second.
_MS = 1000 / BYTES_PER_SAMPLE


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of PCM16 mono audio: whole samples, `rate_hz` per second."""

    pcm: bytes
    rate_hz: int
    base64: bytes | None = None

    def as_base64(self) -> bytes:
        """Return the audio in the standard base64 alphabet, padded (RFC 4648, 4)."""
        return self.base64 if self.base64 is not None else b64encode(self.pcm)

    @property
    def duration_ms(self) -> float:
        """Return the duration of the chunk."""
        return len(self.pcm) * _MS / self.rate_hz


def bytes_of_ms(duration_ms: float, rate_hz: int) -> int:
    """Return the size of a duration at a rate, rounded down to whole samples."""
    return int(duration_ms * rate_hz / 1000) * BYTES_PER_SAMPLE
