"""Resampling between legs and voices whose rates differ (soxr, quality MQ).

soxr and numpy are imported when rates first differ: a server whose rates are all the same
needs neither. Samples are rounded here, because soxr would add random dither. MQ delays
speech by 15 to 26 ms; HQ takes up to 66 ms, and on a telephone nobody hears the difference.
"""

from importlib import import_module

from ringline.ports import Resampler

_PCM16 = "<i2"


def new_resampler(from_hz: int, to_hz: int) -> Resampler:
    """Return a resampler of PCM16 mono (ports.NewResampler)."""
    np, soxr = import_module("numpy"), import_module("soxr")
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="MQ")

    def resample(pcm: bytes) -> bytes:
        samples = stream.resample_chunk(np.frombuffer(pcm, _PCM16).astype("float32"))
        rounded: bytes = np.clip(np.rint(samples), -32768, 32767).astype(_PCM16).tobytes()
        return rounded

    return resample
