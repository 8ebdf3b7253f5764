"""What a caller says: files, pieces, other rates."""

from array import array
from pathlib import Path

import pytest

from ringline.client.frames import (
    AudioDelta,
    FrameProblem,
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
        (b"not sound", "cannot be played: not a WAV file."),
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
    assert len(resample(tone(1000, 8000), 8000, to_hz)) == 2 * to_hz


def test_client_frames_are_what_a_server_reads() -> None:
    started = realtime.decode(write_start("agt_1"))
    assert started == realtime.SessionStart(config={}, agent_id="agt_1")
    assert realtime.decode(write_audio("AAAA")) == realtime.AudioAppend(audio="AAAA")


def test_server_frames_are_read_and_unknown_ones_ignored() -> None:
    assert read_frame('{"type":"audio.delta","audio":"AQI=","new":1}') == AudioDelta(b"\1\2")
    assert read_frame('{"type":"tool.call","tool_call_id":"1"}') is None


@pytest.mark.parametrize(
    "frame", ["", "[]", "{}", '{"type":1}', '{"type":"audio.delta","audio":"*"}', "{" * 100]
)
def test_a_broken_frame_is_a_problem(frame: str) -> None:
    with pytest.raises(FrameProblem):
        read_frame(frame)
