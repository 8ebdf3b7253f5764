"""WAV files: written so that others can read them, read however they were written."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.wire.wav import Wav, WavProblem, interleave, read_wav, write_wav

SOUND = Wav(16_000, 1, b"\x01\x00\x02\x00\x03\x00")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    length = len(body) if size is None else size
    return name + struct.pack("<I", length) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF\0\0\0\0WAVE" + b"".join(chunks)


def format_(tag: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16) -> bytes:
    return struct.pack("<HHIIHH", tag, channels, rate, 0, 0, bits)


@pytest.mark.parametrize("channels", [1, 2])
def test_others_read_what_we_write(channels: int) -> None:
    sound = Wav(22_050, channels, bytes(range(8)))
    with wave.open(io.BytesIO(write_wav(sound))) as file:
        assert file.getparams()[:4] == (channels, 2, 22_050, 4 // channels)
        assert file.readframes(9) == sound.pcm


def test_we_read_what_others_write() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(SOUND.pcm)
    assert read_wav(buffer.getvalue()) == SOUND


@given(st.integers(1, 384_000), st.sampled_from([1, 2]), st.binary())
def test_sound_makes_the_round_trip(rate: int, channels: int, pcm: bytes) -> None:
    whole = pcm[: len(pcm) // (2 * channels) * 2 * channels]
    sound = Wav(rate, channels, whole)
    assert read_wav(write_wav(sound)) == sound


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 5, 100])
def test_sizes_that_a_streaming_writer_left_wrong(size: int) -> None:
    pcm = read_wav(riff(chunk(b"fmt ", format_()), chunk(b"data", SOUND.pcm, size))).pcm
    assert pcm == SOUND.pcm[: 4 if size == 5 else 6]


def test_other_chunks_are_passed_over() -> None:
    good = riff(chunk(b"LIST", b"odd"), chunk(b"fmt ", format_()), chunk(b"data", b"abcd"))
    assert read_wav(good).pcm == b"abcd"


def test_the_extensible_format_of_pcm_is_read() -> None:
    extra = struct.pack("<HHI", 22, 16, 4) + b"\x01\x00" + bytes(14)
    data = riff(chunk(b"fmt ", format_(0xFFFE) + extra), chunk(b"data", b"abcd"))
    assert read_wav(data).pcm == b"abcd"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "not a WAV"),
        (b"ID3\x04", "not a WAV"),
        (riff(), "no sound"),
        (riff(chunk(b"data", b"")), "before its format"),
        (riff(chunk(b"fmt ", b"abc"), chunk(b"data", b"")), "cut off"),
        (riff(chunk(b"fmt ", format_(bits=8)), chunk(b"data", b"")), "16-bit PCM"),
        (riff(chunk(b"fmt ", format_(tag=3, bits=32)), chunk(b"data", b"")), "16-bit PCM"),
        (riff(chunk(b"fmt ", format_(tag=0xFFFE)), chunk(b"data", b"")), "16-bit PCM"),
        (riff(chunk(b"fmt ", format_(channels=6)), chunk(b"data", b"")), "channels"),
        (riff(chunk(b"fmt ", format_(rate=0)), chunk(b"data", b"")), "sample rate"),
    ],
)
def test_what_is_no_wav_of_ours_is_refused_in_a_sentence(data: bytes, part: str) -> None:
    with pytest.raises(WavProblem, match=part):
        read_wav(data)


@given(st.binary() | st.binary().map(riff) | st.binary().map(lambda b: riff(chunk(b"fmt ", b))))
def test_any_bytes_are_sound_or_a_problem(data: bytes) -> None:
    try:
        assert read_wav(data).rate_hz > 0
    except WavProblem as problem:
        assert "WAV" in str(problem)  # noqa: PT017


def test_two_sides_become_stereo() -> None:
    stereo = interleave(b"\x01\x02\x03\x04", b"\x05\x06")
    assert stereo == b"\x01\x02\x05\x06\x03\x04\x00\x00"
    assert Wav(16_000, 2, stereo).mono() == b"\x01\x02\x03\x04"
    assert Wav(16_000, 2, stereo).duration_ms == 0.125
