"""The sounds of the test voices: tones, and callers' audio at 24 kHz. Pure.

They are exact, without filter or dither, so that a client's test can compute them. A sound is
made piece by piece, as it is spoken: a minute of it at once would hold up every other call.
"""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import pi, sin
from typing import TypeAlias

from ringline.domain.audio import BYTES_PER_SAMPLE, bytes_of_ms

OUTPUT_HZ = 24_000

#: The duration of a piece of speech; tones have a whole number of periods in it.
PIECE_MS = 100

#: The peak of a tone, about -12 dBFS.
TONE_PEAK = 8_000


@dataclass(frozen=True, slots=True)
class Tone:
    """A sine of so many milliseconds; its frequency is a multiple of 10 Hz."""

    hz: int
    duration_ms: int

    def up_to(self, duration_ms: int) -> "Tone":
        """Return its beginning."""
        return Tone(self.hz, min(self.duration_ms, duration_ms))

    def pieces(self) -> Iterator[bytes]:
        """Yield it at 24 kHz, in pieces of 100 ms and a rest."""
        piece = _piece_of_tone(self.hz)
        size = bytes_of_ms(self.duration_ms, OUTPUT_HZ)
        for start in range(0, size, len(piece)):
            yield piece[: size - start]


@dataclass(frozen=True, slots=True)
class Echo:
    """A caller's audio, at 24 kHz or 16 kHz."""

    pcm: bytes
    rate_hz: int

    @property
    def duration_ms(self) -> int:
        """Return its duration; a millisecond that has begun counts whole."""
        return -(-len(self.pcm) * 1_000 // (BYTES_PER_SAMPLE * self.rate_hz))

    def up_to(self, duration_ms: int) -> "Echo":
        """Return its beginning."""
        return Echo(self.pcm[: bytes_of_ms(duration_ms, self.rate_hz)], self.rate_hz)

    def pieces(self) -> Iterator[bytes]:
        """Yield it at 24 kHz, in pieces of 100 ms and a rest."""
        size = bytes_of_ms(PIECE_MS, self.rate_hz)
        for start in range(0, len(self.pcm), size):
            end = start + size
            piece = self.pcm[start:end]
            if self.rate_hz == OUTPUT_HZ:
                yield piece
            else:
                yield three_for_two(piece, self.pcm[end : end + BYTES_PER_SAMPLE])


Sound: TypeAlias = Tone | Echo


def three_for_two(pcm: bytes, after: bytes = b"") -> bytes:
    """Resample 16 kHz to 24 kHz by linear interpolation, rounded down.

    `after` is the sample that follows; without it, the last one is taken to continue.
    """
    samples = _samples_of(pcm)
    count = len(samples)
    if not count:
        return b""
    samples.extend((_samples_of(after) or samples[-1:]) * 2)
    pairs = (count + 1) // 2
    firsts, seconds = samples[0 : 2 * pairs : 2], samples[1 : 2 * pairs : 2]
    thirds = samples[2 : 2 * pairs + 1 : 2]
    stretched = array("h", bytes(3 * pairs * BYTES_PER_SAMPLE))
    stretched[0::3] = firsts
    stretched[1::3] = array("h", [(a + 2 * b) // 3 for a, b in zip(firsts, seconds, strict=True)])
    stretched[2::3] = array("h", [(2 * b + c) // 3 for b, c in zip(seconds, thirds, strict=True)])
    return _bytes_of(stretched[: (3 * count + 1) // 2])


@cache
def _piece_of_tone(hz: int) -> bytes:
    turn = 2 * pi * hz / OUTPUT_HZ
    length = OUTPUT_HZ * PIECE_MS // 1_000
    return _bytes_of(array("h", [round(TONE_PEAK * sin(turn * at)) for at in range(length)]))


def _samples_of(pcm: bytes) -> "array[int]":
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes_of(samples: "array[int]") -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
