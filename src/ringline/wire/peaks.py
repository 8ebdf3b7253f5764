"""Peaks: how loud a recording is over time, small enough to draw it before it is played.

For each twentieth of a second, and in it for each channel, the lowest and the highest sample as
one signed byte each; the last window may be shorter. Every fourth sample is looked at: of speech
at 16 kHz that is every 0.25 ms, and misses nothing that a drawing shows.
"""

import sys
from array import array

PER_SECOND = 20
_EVERY = 4


def window_bytes(rate_hz: int, channels: int) -> int:
    """Return how many bytes of PCM16 a window holds."""
    return rate_hz // PER_SECOND * channels * 2


def peaks_of(pcm: bytes, *, rate_hz: int, channels: int) -> bytes:
    """Return the peaks of interleaved PCM16, little-endian, from a window's beginning on."""
    samples = array("h", pcm[: len(pcm) // (2 * channels) * 2 * channels])
    if sys.byteorder == "big":
        samples.byteswap()
    size, step = window_bytes(rate_hz, channels) // 2, channels * _EVERY
    found = array("b")
    for begin in range(0, len(samples), size):
        window = samples[begin : begin + size]
        for channel in range(channels):
            heard = window[channel::step]
            found.append(min(heard) >> 8)
            found.append(max(heard) >> 8)
    return found.tobytes()
