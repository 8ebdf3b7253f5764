"""The port `SpeechDetector`: what every library promises the endpointer.

The speech is the demo's: four sentences of a synthesised caller, with silence between them.
"""

import random
import wave
from array import array
from pathlib import Path

import pytest

from ringline.domain.agent import TurnDetection
from ringline.voices.detectors import DETECTORS, DetectorLibrary
from ringline.voices.endpointing import (
    FRAME_BYTES,
    FRAME_MS,
    RATE_HZ,
    Edge,
    Endpointer,
    SpeechDetector,
)
from tests.voice_desk import quiet

DEMO_CALL = Path(__file__).parents[2] / "examples" / "demo-call.wav"

#: A frame whose peak is below this is no speech.
SILENT_PEAK = 160


def frames_of(pcm: bytes) -> list[bytes]:
    whole = len(pcm) - len(pcm) % FRAME_BYTES
    return [pcm[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]


def is_silent(frame: bytes) -> bool:
    return max(map(abs, array("h", frame))) < SILENT_PEAK


def hiss(ms: int, peak: int) -> bytes:
    noise = random.Random(1)
    return array("h", [noise.randint(-peak, peak) for _ in range(ms * 16)]).tobytes()


def judged(detector: SpeechDetector, frames: list[bytes]) -> list[bool]:
    return [detector.holds_speech(frame) for frame in frames]


@pytest.fixture(scope="module")
def call() -> bytes:
    with wave.open(str(DEMO_CALL)) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE_HZ, 1)
        return file.readframes(file.getnframes())


@pytest.fixture(scope="module")
def sentence(call: bytes) -> list[bytes]:
    """Return the frames of the first sentence, from its first sound to its last pause."""
    frames = frames_of(call)
    first = next(n for n, frame in enumerate(frames) if not is_silent(frame))
    pauses = (n for n in range(first, len(frames)) if all(map(is_silent, frames[n : n + 25])))
    return frames[first : next(pauses)]


@pytest.fixture(params=DETECTORS)
def library(request: pytest.FixtureRequest) -> DetectorLibrary:
    found = DETECTORS[request.param]
    assert found.installed, f"the tests need the extra `{found.extra}`"
    return found


@pytest.fixture
def detector(library: DetectorLibrary) -> SpeechDetector:
    return library.new_detector(0.5)


def test_silence_is_no_speech(detector: SpeechDetector):
    assert judged(detector, frames_of(quiet(2_000))) == [False] * 100


def test_speech_is_speech(detector: SpeechDetector, sentence: list[bytes]):
    found = judged(detector, sentence)
    assert len(found) > 50
    assert sum(found) / len(found) > 0.8
    assert any(found[:8]), "it takes more than 160 ms to begin"


def test_speech_ends(detector: SpeechDetector, sentence: list[bytes]):
    judged(detector, sentence)
    after = judged(detector, frames_of(quiet(1_000)))
    assert not any(after[20:]), "it lasts for 400 ms or more"


def test_a_verdict_is_a_bool(detector: SpeechDetector, sentence: list[bytes]):
    assert {type(found) for found in judged(detector, sentence)} == {bool}


def test_the_same_audio_gets_the_same_verdicts(library: DetectorLibrary, sentence: list[bytes]):
    one, other = library.new_detector(0.5), library.new_detector(0.5)
    assert judged(one, sentence) == judged(other, sentence)


def test_conversations_do_not_hear_each_other(library: DetectorLibrary, sentence: list[bytes]):
    alone = judged(library.new_detector(0.5), sentence)
    one, other = library.new_detector(0.5), library.new_detector(0.5)
    together: list[bool] = []
    for frame, noise in zip(sentence, frames_of(hiss(20_000, 20_000)), strict=False):
        together.append(one.holds_speech(frame))
        other.holds_speech(noise)
    assert together == alone


@pytest.mark.parametrize("count", range(1, 9))
def test_a_reset_forgets(library: DetectorLibrary, sentence: list[bytes], count: int):
    """After a reset a detector is as a new one, wherever in a chunk it stood."""
    used = library.new_detector(0.5)
    judged(used, frames_of(hiss(1_000, 20_000)) + sentence[:count])
    used.reset()
    assert judged(used, sentence) == judged(library.new_detector(0.5), sentence)


def test_a_higher_threshold_is_less_sensitive(library: DetectorLibrary, sentence: list[bytes]):
    faint = [
        array(
            "h", [sample // 8 + hum for sample, hum in zip(array("h", frame), noise, strict=True)]
        )
        for frame, noise in zip(
            sentence, (array("h", part) for part in frames_of(hiss(20_000, 300))), strict=False
        )
    ]
    frames = [samples.tobytes() for samples in faint]
    counts = [sum(judged(library.new_detector(wanted), frames)) for wanted in (0.0, 0.5, 1.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_no_threshold_makes_everything_speech_or_nothing(
    library: DetectorLibrary, sentence: list[bytes], threshold: float
):
    detector = library.new_detector(threshold)
    assert not any(judged(detector, frames_of(quiet(1_000))))
    assert any(judged(detector, sentence))


@pytest.mark.parametrize("piece", [FRAME_BYTES, 74, 3_200])
def test_the_endpointer_finds_every_turn(library: DetectorLibrary, call: bytes, piece: int):
    ear = Endpointer(library.new_detector, TurnDetection())
    found: list[Edge] = []
    for start in range(0, len(call), piece):
        for edge in ear.hear(call[start : start + piece]):
            found.append(edge)
            if edge is Edge.STOPPED:
                assert len(ear.finish()) > RATE_HZ  # half a second
    assert found == [Edge.STARTED, Edge.STOPPED] * 4


def test_a_turn_begins_and_ends_soon(library: DetectorLibrary, sentence: list[bytes]):
    ear = Endpointer(library.new_detector, TurnDetection(silence_duration_ms=500))
    audio = quiet(1_000) + b"".join(sentence) + quiet(1_500)
    edges: list[tuple[int, Edge]] = []
    for number, frame in enumerate(frames_of(audio), 1):
        for edge in ear.hear(frame):
            edges.append((number * FRAME_MS, edge))
            if edge is Edge.STOPPED:
                ear.finish()
    (started_ms, started), (stopped_ms, stopped) = edges
    assert (started, stopped) == (Edge.STARTED, Edge.STOPPED)
    assert 1_100 <= started_ms <= 1_300
    ends_ms = 1_000 + len(sentence) * FRAME_MS
    assert ends_ms + 400 <= stopped_ms <= ends_ms + 800


def test_the_model_hears_no_speech_in_noise():
    """It is what the extra is for; WebRTC's detector hears some (docs/benchmarks.md)."""
    ear = Endpointer(DETECTORS["silero"].new_detector, TurnDetection())
    assert list(ear.hear(hiss(10_000, 1_500))) == []
