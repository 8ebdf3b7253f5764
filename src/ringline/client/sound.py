"""The caller's audio: a recording, cut into pieces as from a microphone.

Each piece is marked as speech or not, by its level relative to the loudest piece; so the
client itself knows when its caller stops speaking.
"""

from array import array
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from operator import mul
from pathlib import Path

from ringline.domain.audio import bytes_of_ms
from ringline.wire.wav import Wav, WavProblem, read_wav

try:  # comes with the extra `local`
    import numpy as np
    import soundfile
    import soxr
except (ImportError, OSError):  # pragma: no cover - the tests have it
    np = soundfile = soxr = None  # OSError: soundfile without its library

PIECE_MS = 20  # what telephony sends at once (RFC 3551, 4.2)
MAX_SOUND_MS = 10 * 60_000
MAX_FILE_BYTES = 256 * 1024 * 1024  # ten minutes of 24 bits, stereo, at 48 kHz are 173 million

_BLOCK_FRAMES = 65_536

_SPOKEN_SHARE = 0.05  # of the loudest piece's level: 26 dB below
_NOISE_FLOOR = 50.0  # of 32,768: quieter than that is never speech


class SoundProblem(Exception):
    """A recording cannot be played to an agent; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some milliseconds of PCM16 mono, and whether they contain speech."""

    pcm: bytes
    spoken: bool


def load_sound(path: Path) -> Wav:
    """Read a sound file's first channel as PCM16 at the file's own rate.

    We read PCM16 WAV ourselves; libsndfile reads everything else (WAV of any sample width,
    FLAC, OGG, MP3, …). Raises SoundProblem.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SoundProblem(
            f"{path} cannot be read: {(error.strerror or 'error').lower()}."
        ) from None
    if len(data) > MAX_FILE_BYTES:
        raise SoundProblem(f"{path} is larger than {MAX_FILE_BYTES // 1024**2} MiB.")
    try:
        wav = read_wav(data)
    except WavProblem as problem:
        if soundfile is None:
            raise SoundProblem(
                f"{path} cannot be played: {problem}. Anything but 16-bit WAV needs the package "
                "soundfile of the extra `local`; `ringline doctor` says how to install it."
            ) from None
        wav = _decode(path, data)
    if wav.duration_ms > MAX_SOUND_MS:
        raise SoundProblem(f"{path} is longer than {MAX_SOUND_MS // 60_000} minutes.")
    return Wav(wav.rate_hz, 1, wav.mono())


def _decode(path: Path, data: bytes) -> Wav:
    """Decode the first channel with libsndfile, at most as much as we play."""
    if np is None or soundfile is None:
        raise AssertionError("the caller has checked that it is installed")
    pcm = bytearray()
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            rate_hz = file.samplerate
            enough = bytes_of_ms(MAX_SOUND_MS, rate_hz) + 1
            for block in file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True):
                # As floats, because libsndfile truncates a float file's samples to integers of -1
                # to 1.
                samples = np.nan_to_num(block[:, 0]).clip(-1, 1) * 32_768
                pcm += np.rint(samples).clip(max=32_767).astype("<i2").tobytes()
                if len(pcm) >= enough:
                    break
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise SoundProblem(f"{path} cannot be played: {reason[:1].lower()}{reason[1:]}.") from None
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise SoundProblem(f"{path} cannot be played: {error}.") from None
    if not pcm:
        raise SoundProblem(f"{path} cannot be played: it contains no audio.")
    return Wav(rate_hz, 1, bytes(pcm))


def resample(pcm: bytes, from_hz: int, *, to_hz: int) -> bytes:
    """Convert PCM16 mono to another sample rate. Raises SoundProblem without `soxr`."""
    if from_hz == to_hz or not pcm:
        return pcm
    if np is None or soxr is None:
        raise SoundProblem(
            f"The recording has {from_hz} Hz and the call {to_hz} Hz: resampling needs the "
            "package soxr of the extra `local`; `ringline doctor` says how to install it."
        )
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16)
    return soxr.resample(samples, from_hz, to_hz).astype("<i2").tobytes()


def cut(pcm: bytes, rate_hz: int) -> list[Piece]:
    """Cut PCM16 mono into pieces of 20 ms; the last one is padded with silence."""
    size = bytes_of_ms(PIECE_MS, rate_hz)
    parts = [pcm[start : start + size].ljust(size, b"\0") for start in range(0, len(pcm), size)]
    levels = [level(part) for part in parts]
    threshold = max(_NOISE_FLOOR, _SPOKEN_SHARE * max(levels, default=0.0))
    return [Piece(part, loud >= threshold) for part, loud in zip(parts, levels, strict=True)]


def silence(rate_hz: int) -> Piece:
    """Return a piece of silence."""
    return Piece(bytes(bytes_of_ms(PIECE_MS, rate_hz)), spoken=False)


def level(pcm: bytes) -> float:
    """Return the root mean square of PCM16 samples, on a little-endian machine."""
    samples = array("h", pcm)
    return sqrt(sum(map(mul, samples, samples)) / len(samples)) if samples else 0.0
