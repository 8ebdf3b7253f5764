"""Resampling between legs and voices whose rates differ, and to the rate of recordings.

Rates whose ratio is simple (8, 16, 24 and 48 kHz, in any pair) go through a polyphase FIR filter
that is one matrix product a chunk. On long chunks it takes half of soxr's processor time, and
it delays speech by at most 5 ms, where soxr at medium quality takes 15 to 26. The others (22.05
and 44.1 kHz) go through soxr. numpy and soxr are imported when rates first differ: a server
whose rates are all the same needs neither.
"""

from functools import lru_cache
from importlib import import_module
from math import ceil, gcd
from typing import Any

from ringline.ports import Resampler

_PCM16 = "<i2"
#: Half the length of the filter, in samples of the lower rate: it passes 80 % of the band and
#: mutes what would alias by 70 dB (Kaiser window).
_HALF = 12
_BETA = 6.0
#: The middle of its slope, as a part of half the lower rate.
_CUTOFF = 0.88
#: A block has at least so many samples, so that the product is worth its overhead.
_BLOCK = 24
#: Multiplications in one product, at most: few enough that BLAS starts no threads for them.
_AT_ONCE = 1_000_000
#: The largest period of a ratio that is filtered here; beyond it the matrix is mostly zeros.
_LONGEST_PERIOD = 64


def new_resampler(from_hz: int, to_hz: int) -> Resampler:
    """Return a resampler of PCM16 mono (ports.NewResampler)."""
    if max(from_hz, to_hz) // gcd(from_hz, to_hz) <= _LONGEST_PERIOD:
        return _polyphase(from_hz, to_hz)
    return _soxr(from_hz, to_hz)


def _polyphase(from_hz: int, to_hz: int) -> Resampler:
    np = import_module("numpy")
    matrix, taken, history = _filter(from_hz, to_hz)
    waiting = np.zeros(history, "float32")
    wide, made, stride = *matrix.shape, waiting.itemsize
    at_once = _AT_ONCE // matrix.size

    def resample(pcm: bytes) -> bytes:
        nonlocal waiting
        waiting = np.concatenate((waiting, np.frombuffer(pcm, _PCM16)), dtype="float32")
        blocks = max(0, (len(waiting) - wide) // taken + 1)
        windows = np.ndarray((blocks, wide), "float32", waiting, 0, (taken * stride, stride))
        samples = np.empty((blocks, made), "float32")
        for at in range(0, blocks, at_once):
            # Windows overlap: dot copies them for BLAS, matmul would multiply without it.
            np.dot(windows[at : at + at_once], matrix, out=samples[at : at + at_once])
        waiting = waiting[blocks * taken :].copy()  # a view would keep all of it
        return _to_pcm16(np, samples)

    return resample


@lru_cache
def _filter(from_hz: int, to_hz: int) -> tuple[Any, int, int]:
    """Return a ratio's matrix, the samples a block takes, and those before the first one.

    A row of the matrix is an input sample of a block's window, a column an output sample. The
    output is aligned with the input: the window's middle is where the output sample is.
    """
    np = import_module("numpy")
    step = gcd(from_hz, to_hz)
    periods = ceil(_BLOCK / (from_hz // step))
    taken, made = from_hz // step * periods, to_hz // step * periods
    lower = min(from_hz, to_hz) / from_hz
    half = ceil(_HALF / lower)
    at = np.arange(made) * (from_hz / to_hz) + half
    away = np.arange(taken + 2 * half)[:, None] - at[None, :]
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (away / half) ** 2, 0, None))) / np.i0(_BETA)
    weights = np.sinc(_CUTOFF * lower * away) * window * (abs(away) <= half)
    return (weights / weights.sum(axis=0)).astype("float32"), taken, half


def _soxr(from_hz: int, to_hz: int) -> Resampler:
    """Return soxr at quality MQ; HQ takes up to 66 ms, and nobody hears it on a telephone."""
    np, soxr = import_module("numpy"), import_module("soxr")
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="MQ")

    def resample(pcm: bytes) -> bytes:
        # Samples are rounded here, because soxr would add random dither.
        samples = stream.resample_chunk(np.frombuffer(pcm, _PCM16).astype("float32"))
        return _to_pcm16(np, samples)

    return resample


def _to_pcm16(np: Any, samples: Any) -> bytes:
    np.rint(samples, out=samples)
    samples.clip(-32768, 32767, out=samples)
    rounded: bytes = samples.astype(_PCM16).tobytes()
    return rounded
