"""What a caller says: files, pieces, other rates."""

import random
from array import array
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ringline.client import sound
from ringline.client.frames import (
    AudioDelta,
    FrameProblem,
    ToolCall,
    read_frame,
    write_audio,
    write_start,
)
from ringline.client.sound import SoundProblem, cut, load_sound, resample, silence
from ringline.wire import realtime
from ringline.wire.wav import Wav, write_wav


def tone(level: int, samples: int) -> bytes:
    return array("h", [level if index % 2 else -level for index in range(samples)]).tobytes()


def test_a_stereo_file_is_heard_on_its_left(tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(write_wav(Wav(8000, 2, array("h", [1, 2, 3, 4]).tobytes())))
    assert load_sound(file) == Wav(8000, 1, array("h", [1, 3]).tobytes())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: no such file or directory."),
        (b"not sound", "cannot be played: format not recognised."),
        (b"", "cannot be played: format not recognised."),
        (
            write_wav(Wav(8000, 1, b"x" * 100))[:30],
            "cannot be played: error in WAV file. No 'data' chunk marker.",
        ),
        (write_wav(Wav(8000, 1, bytes(16000 * 601))), "is longer than 10 minutes."),
    ],
)
def test_a_file_that_cannot_be_played(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    file = tmp_path / "call.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SoundProblem) as refused:
        load_sound(file)
    assert str(refused.value) == f"{file} {sentence}"


FORMATS = (
    ("call.wav", "PCM_U8", 8_000, 1),
    ("call.wav", "PCM_24", 44_100, 2),
    ("call.wav", "PCM_32", 192_000, 1),
    ("call.wav", "FLOAT", 48_000, 6),
    ("call.wav", "ULAW", 8_000, 1),
    ("call.flac", "PCM_16", 22_050, 2),
    ("call.ogg", "VORBIS", 16_000, 1),
    ("call.ogg", "OPUS", 48_000, 2),
    ("call.mp3", "MPEG_LAYER_III", 44_100, 2),
    ("call.aiff", "PCM_16", 11_025, 1),
)


@pytest.mark.parametrize(("name", "subtype", "rate_hz", "channels"), FORMATS)
def test_files_of_all_kinds_are_heard(
    tmp_path: Path, name: str, subtype: str, rate_hz: int, channels: int
) -> None:
    """A tone on the first channel, half as loud as can be; noise of another pitch beside it."""
    time_s = np.arange(rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * time_s)
    others = [0.1 * np.sin(2 * np.pi * 150 * time_s)] * (channels - 1)
    file = tmp_path / name
    soundfile.write(file, np.stack([tone, *others], axis=1), rate_hz, subtype=subtype)
    heard = load_sound(file)
    assert (heard.rate_hz, heard.channels) == (rate_hz, 1)
    assert heard.duration_ms == pytest.approx(1000, abs=100)  # codecs of frames pad
    samples = np.frombuffer(heard.pcm, "<i2")[rate_hz // 4 : rate_hz // 4 * 3]
    assert 0.45 * 32_767 < np.abs(samples).max() < 0.6 * 32_767
    spectrum = np.abs(np.fft.rfft(samples))
    loudest_hz = spectrum.argmax() * rate_hz / len(samples)
    assert loudest_hz == pytest.approx(440, abs=2)


def test_floats_beyond_the_loudest_and_beyond_all_numbers(tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    soundfile.write(file, np.array([2.0, -2.0, np.nan, np.inf, 0.5]), 8_000, subtype="FLOAT")
    samples = np.frombuffer(load_sound(file).pcm, "<i2")
    assert samples.tolist() == [32_767, -32_768, 0, 32_767, 16_384]


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3", "wav"])
def test_a_damaged_file_is_a_sound_or_a_sentence(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole.{kind}"
    soundfile.write(whole, np.sin(np.arange(8_000) / 5), 8_000)
    data, dice = bytearray(whole.read_bytes()), random.Random(kind)
    file = tmp_path / f"damaged.{kind}"
    for _ in range(60):
        damaged = data[: dice.randrange(len(data))]
        for _ in range(5):
            damaged[dice.randrange(len(damaged) or 1) : 1] = bytes([dice.randrange(256)])
        file.write_bytes(damaged)
        try:
            assert load_sound(file).pcm is not None
        except SoundProblem as problem:
            assert str(problem).startswith(f"{file} ")  # noqa: PT017


def test_without_soundfile_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "call.flac"
    soundfile.write(file, np.zeros(8), 8_000)
    monkeypatch.setattr(sound, "soundfile", None)
    with pytest.raises(SoundProblem, match="package soundfile of the extra `local`"):
        load_sound(file)
    file.write_bytes(write_wav(Wav(8000, 1, bytes(2))))
    assert load_sound(file) == Wav(8000, 1, bytes(2))


def test_pieces_know_where_somebody_speaks() -> None:
    hz = 8000
    quiet, loud, faint = tone(20, 160), tone(8000, 160), tone(300, 80)
    pieces = cut(quiet + loud + faint, hz)
    assert [len(piece.pcm) for piece in pieces] == [320, 320, 320]
    assert [piece.spoken for piece in pieces] == [False, True, False]
    assert b"".join(piece.pcm for piece in pieces).startswith(quiet + loud + faint)


def test_silence_is_nobody_speaking() -> None:
    assert not any(piece.spoken for piece in cut(bytes(960), 8000))
    assert not silence(16000).spoken
    assert len(silence(16000).pcm) == 640


@pytest.mark.parametrize("to_hz", [8000, 16000, 24000, 44100])
def test_another_rate_keeps_the_duration(to_hz: int) -> None:
    assert len(resample(tone(1000, 8000), 8000, to_hz=to_hz)) == 2 * to_hz


def test_client_frames_are_what_a_server_reads() -> None:
    started = realtime.decode(write_start("agt_1"))
    assert started == realtime.SessionStart(config={}, agent_id="agt_1")
    assert realtime.decode(write_audio("AAAA")) == realtime.AudioAppend(audio="AAAA")


def test_server_frames_are_read_and_unknown_ones_ignored() -> None:
    assert read_frame('{"type":"audio.delta","audio":"AQI=","new":1}') == AudioDelta(b"\1\2")
    assert read_frame('{"type":"tool.call","tool_call_id":"1"}') == ToolCall("1")
    assert read_frame('{"type":"session.updated","config":{}}') is None


@pytest.mark.parametrize(
    "frame", ["", "[]", "{}", '{"type":1}', '{"type":"audio.delta","audio":"*"}', "{" * 100]
)
def test_a_broken_frame_is_a_problem(frame: str) -> None:
    with pytest.raises(FrameProblem):
        read_frame(frame)
