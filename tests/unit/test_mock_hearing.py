"""The hearing of the test voices: loudness, and what a turn is; no clock."""

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.voices.endpointing import Edge, TurnLimits
from ringline.voices.mock_hearing import HeardTurn, Hearing, is_speech
from tests.voice_desk import hum, quiet

HZ = 24_000
FRAME = 2 * HZ // 50
NONE = TurnDetectionType.NONE
TURN_MS, REST_MS = TurnLimits().turn_ms, TurnLimits().rest_ms


def speech(ms: int) -> bytes:
    return hum(ms, HZ)


def silence(ms: int) -> bytes:
    return quiet(ms, HZ)


def hearing(limits: TurnLimits | None = None, **detection: object) -> Hearing:
    return Hearing(TurnDetection(**detection), HZ, turn_limits=limits)  # type: ignore[arg-type]


def edges(
    ear: Hearing, *audio: bytes, piece: int = FRAME
) -> tuple[list[tuple[int, Edge]], list[HeardTurn]]:
    """Return each edge with the milliseconds of audio before it, and the turns that ended."""
    found: list[tuple[int, Edge]] = []
    turns: list[HeardTurn] = []
    whole = b"".join(audio)
    for start in range(0, len(whole), piece):
        for edge in ear.hear(whole[start : start + piece]):
            found.append((min(start + piece, len(whole)) * 1_000 // (2 * HZ), edge))
            if edge is Edge.STOPPED:
                turns.append(ear.finish())
    return found, turns


# -- loudness -----------------------------------------------------------------------------


def of_level(*samples: int) -> bytes:
    return array("h", (samples * FRAME)[: FRAME // 2]).tobytes()


@pytest.mark.parametrize(
    ("frame", "speech"),
    [
        (of_level(0), False),
        (of_level(327, -327), False),
        (of_level(328, -328), True),
        # A root mean square of 327.68, which is 8192 / 25, is -40 dBFS and not above it.
        (array("h", [8_192] + [0] * 624).tobytes(), False),
        (array("h", [8_192] + [0] * 623).tobytes(), True),
        (of_level(32_767), True),
        (of_level(-32_768), True),
        (of_level(*[0] * 7, 1_000), True),  # loud where nobody looks first
        (of_level(*[0] * 7, 900), False),
    ],
)
def test_speech_is_what_is_louder_than_40_db_below_full_scale(frame: bytes, speech: bool) -> None:
    assert is_speech(frame) is speech


@given(st.lists(st.integers(-2_000, 2_000), min_size=1, max_size=480))
def test_loudness_is_the_root_mean_square(samples: list[int]) -> None:
    mean = sum(sample * sample for sample in samples) / len(samples)
    level = 20 * math.log10(math.sqrt(mean) / 32_768) if mean else -math.inf
    if abs(level + 40) > 1e-9:
        assert is_speech(array("h", samples).tobytes()) is (level > -40)


def test_the_threshold_of_the_config_means_nothing() -> None:
    for threshold in (0.0, 0.5, 1.0):
        found, _ = edges(hearing(threshold=threshold), speech(100))
        assert found == [(60, Edge.STARTED)]


# -- turns by their silence ---------------------------------------------------------------


def test_three_frames_begin_a_turn_and_the_configured_quiet_ends_it() -> None:
    found, (turn,) = edges(hearing(), silence(400), speech(1_000), silence(1_000))
    assert found == [(460, Edge.STARTED), (1_900, Edge.STOPPED)]
    assert turn.text == "heard 1000 ms"
    assert turn.pcm == speech(1_000)


@pytest.mark.parametrize(("silence_ms", "ends_at"), [(500, 700), (300, 500), (310, 500), (0, 220)])
def test_the_quiet_that_ends_a_turn_is_the_configs(silence_ms: int, ends_at: int) -> None:
    found, _ = edges(hearing(silence_duration_ms=silence_ms), speech(200), silence(1_000))
    assert found[1] == (ends_at, Edge.STOPPED)


def test_two_frames_are_no_speech_however_often_they_come() -> None:
    audio = (speech(40) + silence(20)) * 20
    assert edges(hearing(), audio) == ([], [])


def test_a_turn_reaches_from_its_first_frame_of_speech_to_its_last() -> None:
    audio = speech(200) + silence(480) + speech(20)
    found, (turn,) = edges(hearing(), silence(100), audio, silence(600))
    assert [edge for _, edge in found] == [Edge.STARTED, Edge.STOPPED]
    assert turn.pcm == audio
    assert turn.text == "heard 700 ms"


def test_two_turns_share_no_audio() -> None:
    ear = hearing(silence_duration_ms=200)
    _, turns = edges(ear, speech(300), silence(200), speech(400), silence(200))
    assert [turn.text for turn in turns] == ["heard 300 ms", "heard 400 ms"]
    assert turns[1].pcm == hum(400, HZ)


@pytest.mark.parametrize(
    ("ms", "told"),
    [(0, 0), (20, 0), (40, 0), (50, 100), (60, 100), (140, 100), (150, 200), (19_960, 20_000)],
)
def test_durations_are_told_to_the_nearest_100_ms(ms: int, told: int) -> None:
    turn = HeardTurn(silence(ms), HZ)
    assert (turn.duration_ms, turn.text) == (told, f"heard {told} ms")


def test_durations_are_told_at_16_khz_too() -> None:
    assert HeardTurn(bytes(2 * 16_000), 16_000).text == "heard 1000 ms"


@given(st.lists(st.integers(0, 12_000).map(lambda half: 2 * half), max_size=30))
def test_turns_are_the_same_however_the_audio_is_cut(cuts: list[int]) -> None:
    audio = silence(130) + speech(210) + silence(300)
    whole = edges(hearing(silence_duration_ms=200), audio)
    ear = hearing(silence_duration_ms=200)
    places = sorted({0, *(cut for cut in cuts if cut < len(audio)), len(audio)})
    found: list[Edge] = []
    turns: list[HeardTurn] = []
    for start, end in pairwise(places):
        for edge in ear.hear(audio[start:end]):
            found.append(edge)
            if edge is Edge.STOPPED:
                turns.append(ear.finish())
    assert (found, turns) == ([edge for _, edge in whole[0]], whole[1])


# -- bounds -------------------------------------------------------------------------------


def test_endless_speech_becomes_a_turn_at_the_limit_and_rests() -> None:
    found, (turn,) = edges(hearing(), speech(TURN_MS + REST_MS + 1_000))
    assert found == [
        (60, Edge.STARTED),
        (TURN_MS, Edge.STOPPED),
        (TURN_MS + REST_MS + 60, Edge.STARTED),
    ]
    assert turn.pcm == speech(TURN_MS)


def test_silence_after_a_longest_turn_allows_the_next_at_once() -> None:
    ear = hearing(TurnLimits(turn_ms=400, rest_ms=5_000))
    found, _ = edges(ear, speech(600), silence(500), speech(100))
    assert found == [(60, Edge.STARTED), (400, Edge.STOPPED), (1_160, Edge.STARTED)]


def test_a_turn_that_only_an_order_ends_keeps_its_last_part() -> None:
    ear = hearing(TurnLimits(turn_ms=400), type=NONE)
    edges(ear, speech(1_000))
    assert ear.finish().pcm == speech(1_000)[-len(silence(400)) :]


# -- turns by order -----------------------------------------------------------------------


def test_without_detection_audio_is_kept_until_the_turn_is_finished() -> None:
    ear = hearing(type=NONE)
    assert ear.by_order
    assert not ear.has_audio
    assert edges(ear, silence(300), speech(600), silence(2_000)) == ([], [])
    assert ear.has_audio
    assert ear.finish() == HeardTurn(speech(600), HZ)
    assert not ear.has_audio


def test_by_order_a_part_of_a_frame_belongs_to_the_turn() -> None:
    ear = hearing(type=NONE)
    audio = speech(1_007)
    edges(ear, audio)
    assert ear.finish().pcm == audio
    edges(ear, audio[:100])
    assert ear.finish().pcm == audio[:100]


def test_audio_without_speech_is_a_turn_of_0_ms() -> None:
    ear = hearing(type=NONE)
    edges(ear, silence(800))
    assert ear.finish().text == "heard 0 ms"


def test_clear_forgets() -> None:
    for detection in (TurnDetectionType.SERVER_VAD, NONE):
        ear = hearing(type=detection)
        edges(ear, speech(505))
        ear.clear()
        assert not ear.speaking
        assert not ear.has_audio
        assert ear.finish().pcm == b""


# -- another config -----------------------------------------------------------------------


def test_another_detection_holds_from_the_next_turn() -> None:
    ear = hearing()
    edges(ear, speech(100))
    ear.use(TurnDetection(type=NONE))
    found, _ = edges(ear, silence(500), speech(200), silence(2_000))
    assert found == [(500, Edge.STOPPED)], "the turn ends in the old way"
    assert ear.by_order
    assert ear.finish().pcm == speech(200)


def test_another_detection_holds_at_once_between_turns() -> None:
    ear = hearing()
    edges(ear, speech(40))
    ear.use(TurnDetection(silence_duration_ms=100))
    assert ear.silence_ms == 100
    found, _ = edges(ear, speech(20), silence(100), speech(60))
    assert found == [(180, Edge.STARTED)], "what was heard in the old way begins nothing"


def test_what_an_order_has_to_end_is_not_ended_by_another_detection() -> None:
    ear = hearing(type=NONE)
    edges(ear, speech(200))
    ear.use(TurnDetection())
    assert edges(ear, silence(1_000)) == ([], [])
    assert ear.finish().pcm == speech(200)
    found, _ = edges(ear, speech(60))
    assert found == [(60, Edge.STARTED)]
