"""Endpointing: synthetic frames, and a detector of loud frames; no clock."""

from array import array
from dataclasses import dataclass, field

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.voices.endpointing import (
    FORGET_FRAMES,
    FRAME_BYTES,
    FRAME_MS,
    TAIL_MS,
    Edge,
    Endpointer,
    TurnLimits,
)

TURN_MS, TURN_REST_MS = TurnLimits().turn_ms, TurnLimits().rest_ms


def frames(ms: int, peak: int) -> bytes:
    return array("h", [peak, -peak] * (ms * 8)).tobytes()


def speech(ms: int) -> bytes:
    return frames(ms, 5_000)


def quiet(ms: int) -> bytes:
    return frames(ms, 0)


@dataclass
class Detector:
    """A detector that takes every frame for speech, and notes what it is asked."""

    threshold: float = 0.5
    asked: list[bytes | str] = field(default_factory=list[bytes | str])

    def holds_speech(self, frame: bytes) -> bool:
        self.asked.append(frame)
        return True

    def reset(self) -> None:
        self.asked.append("reset")


def endpointer(**detection: object) -> Endpointer:
    return Endpointer(Detector, TurnDetection(**detection))  # type: ignore[arg-type]


def edges(ear: Endpointer, *audio: bytes, piece: int = 320) -> list[tuple[int, Edge]]:
    """Return each edge with the milliseconds of audio before it."""
    found: list[tuple[int, Edge]] = []
    whole = b"".join(audio)
    for start in range(0, len(whole), piece):
        for edge in ear.hear(whole[start : start + piece]):
            found.append(((start + piece) // 32, edge))
            if edge is Edge.STOPPED:
                ear.finish()
    return found


def test_speech_starts_after_100_ms_and_stops_after_the_configured_quiet():
    ear = endpointer(silence_duration_ms=500)
    found = edges(ear, quiet(400), speech(1_000), quiet(1_000))
    assert found == [(500, Edge.STARTED), (1_900, Edge.STOPPED)]


def test_a_click_is_never_reported():
    assert edges(endpointer(), quiet(200), speech(80), quiet(1_000)) == []


def test_a_pause_shorter_than_the_silence_does_not_end_the_turn():
    ear = endpointer(silence_duration_ms=500)
    found = edges(ear, speech(400), quiet(480), speech(400), quiet(600))
    assert [edge for _, edge in found] == [Edge.STARTED, Edge.STOPPED]


def test_two_turns_are_two_turns():
    ear = endpointer(silence_duration_ms=300)
    found = edges(ear, speech(400), quiet(500), speech(400), quiet(500))
    assert [edge for _, edge in found] == [Edge.STARTED, Edge.STOPPED] * 2


def test_the_utterance_has_the_padding_before_it_and_little_quiet_behind_it():
    ear = endpointer(prefix_padding_ms=300, silence_duration_ms=1_000)
    assert list(ear.hear(quiet(2_000) + speech(1_000))) == [Edge.STARTED]
    assert list(ear.hear(quiet(980))) == []
    before_ms = 300 + 20  # the window of the onset reaches one quiet frame back
    assert len(ear.utterance()) == len(quiet(before_ms + 1_000 + TAIL_MS))
    assert ear.utterance()[len(quiet(before_ms)) :].startswith(speech(1_000))


def test_endless_speech_becomes_a_turn_at_the_limit():
    found = edges(endpointer(), quiet(400), speech(TURN_MS + TURN_REST_MS + 1_000), piece=640)
    before_ms = 300 + 20  # the padding, and what the window of the onset reaches back
    first_ms = 400 - before_ms + TURN_MS
    assert found == [
        (500, Edge.STARTED),
        (first_ms, Edge.STOPPED),
        (first_ms + TURN_REST_MS + 100, Edge.STARTED),
    ]


def test_the_longest_turn_and_the_rest_after_it_are_arguments():
    bounds = TurnLimits(turn_ms=1_000, rest_ms=200)
    ear = Endpointer(Detector, TurnDetection(prefix_padding_ms=0), turn_limits=bounds)
    found = edges(ear, speech(1_500), piece=640)
    assert found == [(100, Edge.STARTED), (1_000, Edge.STOPPED), (1_300, Edge.STARTED)]


def test_a_longest_turn_is_kept_whole():
    ear = endpointer(prefix_padding_ms=0)
    assert list(ear.hear(speech(TURN_MS))) == [Edge.STARTED, Edge.STOPPED]
    assert len(ear.finish()) == len(speech(TURN_MS))


def test_silence_after_a_longest_turn_allows_the_next_at_once():
    ear = endpointer(silence_duration_ms=500)
    found = edges(ear, speech(TURN_MS + 1_000), quiet(500), speech(200), quiet(600))
    assert [edge for _, edge in found] == [Edge.STARTED, Edge.STOPPED] * 2
    assert found[2] == (TURN_MS + 1_000 + 500 + 100, Edge.STARTED)


def test_a_turn_that_only_an_order_ends_keeps_its_last_part():
    ear = endpointer(type=TurnDetectionType.NONE)
    assert list(ear.hear(quiet(5_000) + speech(TURN_MS))) == []
    assert ear.finish() == speech(TURN_MS)


def test_audio_below_the_gate_is_silence_whatever_the_detector_says():
    assert edges(endpointer(threshold=0.5), frames(1_000, 150)) == []
    assert edges(endpointer(threshold=0.2), frames(1_000, 150)) != []


def test_without_detection_audio_is_kept_until_the_turn_is_finished():
    ear = endpointer(type=TurnDetectionType.NONE)
    assert edges(ear, speech(600), quiet(2_000)) == []
    assert len(ear.finish()) == len(quiet(2_600))
    assert ear.finish() == b""


def test_clear_forgets():
    ear = endpointer()
    assert list(ear.hear(speech(500))) == [Edge.STARTED]
    ear.clear()
    assert not ear.speaking
    assert ear.finish() == b""


def test_frames_are_cut_alike_however_the_audio_is_cut():
    audio = quiet(333) + speech(777) + quiet(900)
    whole = edges(endpointer(), audio, piece=FRAME_BYTES)
    odd = edges(endpointer(), audio, piece=74)
    assert [edge for _, edge in odd] == [edge for _, edge in whole]
    assert [edge for _, edge in whole] == [Edge.STARTED, Edge.STOPPED]


def listening(**detection: object) -> tuple[Endpointer, list[Detector]]:
    """Return an endpointer, and the detectors that it has made."""
    made: list[Detector] = []

    def new_detector(threshold: float) -> Detector:
        made.append(Detector(threshold))
        return made[-1]

    return Endpointer(new_detector, TurnDetection(**detection)), made  # type: ignore[arg-type]


def test_the_detector_gets_the_threshold():
    _, (detector,) = listening(threshold=0.7)
    assert detector.threshold == 0.7


def test_nothing_is_detected_where_only_an_order_ends_the_turn():
    ear, made = listening(type=TurnDetectionType.NONE)
    edges(ear, speech(1_000))
    assert made == []


def test_a_detector_hears_the_pauses_too():
    ear, (detector,) = listening()
    audio = speech(200) + quiet(FORGET_FRAMES * FRAME_MS - FRAME_MS) + speech(200)
    edges(ear, audio)
    assert detector.asked == [
        audio[start : start + FRAME_BYTES] for start in range(0, len(audio), FRAME_BYTES)
    ]


def test_a_detector_is_spared_silence_and_forgets():
    ear, (detector,) = listening()
    edges(ear, quiet(5_000))
    assert detector.asked == []
    edges(ear, speech(200), quiet(30_000))
    assert len(detector.asked) == 200 // FRAME_MS + FORGET_FRAMES + 1
    assert detector.asked[-1] == "reset"
    edges(ear, speech(200), quiet(30_000))
    assert detector.asked.count("reset") == 2
