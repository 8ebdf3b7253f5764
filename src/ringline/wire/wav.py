"""WAV files: PCM16 in RIFF chunks, read leniently and written simply.

A streaming writer does not know the sizes in advance and writes 0 or all ones instead;
such a file is read to its end.
"""

import struct
from dataclasses import dataclass

_PCM = 0x0001
_EXTENSIBLE = 0xFFFE  # the format's own tag is then in the first two bytes of its GUID
_FORMAT = struct.Struct("<HHIIHH")
_STREAMED = (0, 0xFFFFFFFF)
_MAX_RATE_HZ = 384_000

#: The size of the header that we write, and the most samples that it can tell of.
HEADER_BYTES = 44
MAX_PCM_BYTES = (0xFFFFFFFF - HEADER_BYTES) // 4 * 4


class WavProblem(ValueError):
    """A file is not a WAV that we support; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Wav:
    """Sound: PCM16, little-endian, `channels` samples interleaved per frame."""

    rate_hz: int
    channels: int
    pcm: bytes

    @property
    def duration_ms(self) -> float:
        """Return the duration in milliseconds."""
        return len(self.pcm) / (2 * self.channels) * 1000 / self.rate_hz

    def mono(self) -> bytes:
        """Return one channel: the left one of two."""
        if self.channels == 1:
            return self.pcm
        left = bytearray(len(self.pcm) // 2)
        left[0::2], left[1::2] = self.pcm[0::4], self.pcm[1::4]
        return bytes(left)


def read_wav(data: bytes) -> Wav:
    """Read a WAV of 16-bit PCM, one or two channels. Raises WavProblem."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavProblem("not a WAV file")
    shape: tuple[int, int] | None = None
    start = 12
    while start + 8 <= len(data):
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        body = start + 8
        if name == b"fmt ":
            shape = _read_format(data[body : body + size])
        elif name == b"data":
            if shape is None:
                raise WavProblem("the WAV file has sound before its format")
            end = len(data) if size in _STREAMED else min(body + size, len(data))
            frame = 2 * shape[0]
            return Wav(shape[1], shape[0], data[body : body + (end - body) // frame * frame])
        start = body + size + size % 2  # chunks are padded to even
    raise WavProblem("the WAV file has no sound in it")


def write_wav(wav: Wav) -> bytes:
    """Write a WAV file."""
    return wav_header(wav.rate_hz, wav.channels, size=len(wav.pcm)) + wav.pcm


def wav_header(rate_hz: int, channels: int, *, size: int) -> bytes:
    """Return the header of a file with `size` bytes of PCM16: always `HEADER_BYTES`."""
    frame = 2 * channels
    format_ = _FORMAT.pack(_PCM, channels, rate_hz, rate_hz * frame, frame, 16)
    head = b"WAVEfmt " + struct.pack("<I", len(format_)) + format_
    head += b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(head) + size) + head


def interleave(left: bytes | bytearray, right: bytes | bytearray) -> bytes:
    """Combine two mono sounds into stereo PCM16; pad the shorter one with silence."""
    samples = max(len(left), len(right)) // 2
    stereo = bytearray(4 * samples)
    for channel, pcm in enumerate((left, right)):
        pcm = pcm[: len(pcm) // 2 * 2]
        for byte in (0, 1):
            stereo[2 * channel + byte : 2 * len(pcm) : 4] = pcm[byte::2]
    return bytes(stereo)


def _read_format(body: bytes) -> tuple[int, int]:
    """Return channels and rate of a format chunk."""
    if len(body) < _FORMAT.size:
        raise WavProblem("the WAV file's format is cut off")
    tag, channels, rate_hz, _, _, bits = _FORMAT.unpack_from(body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    if tag != _PCM or bits != 16:
        raise WavProblem("the WAV file must be 16-bit PCM")
    if channels not in (1, 2):
        raise WavProblem("the WAV file must have one or two channels")
    if not 0 < rate_hz <= _MAX_RATE_HZ:
        raise WavProblem("the WAV file's sample rate is invalid")
    return channels, rate_hz
