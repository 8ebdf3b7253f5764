"""The sounds of the test voices: exact tones, and audio that is stretched."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.audio import bytes_of_ms
from ringline.voices.mock_sound import OUTPUT_HZ, TONE_PEAK, Echo, Tone, three_for_two
from tests.voice_desk import hum

samples = st.lists(st.integers(-32_768, 32_767), max_size=40)


def pcm(*values: int) -> bytes:
    return array("h", values).tobytes()


def values(of: bytes) -> list[int]:
    return array("h", of).tolist()


@pytest.mark.parametrize("hz", [440, 880])
def test_a_tone_is_a_sine_without_a_break(hz: int) -> None:
    spoken = values(b"".join(Tone(hz, 250).pieces()))
    turn = 2 * math.pi * hz / OUTPUT_HZ
    assert len(spoken) == OUTPUT_HZ // 4
    assert spoken == [round(TONE_PEAK * math.sin(turn * at)) for at in range(len(spoken))]


@pytest.mark.parametrize(
    ("duration_ms", "pieces_ms"),
    [(0, []), (20, [20]), (100, [100]), (101, [100, 1]), (260, [100, 100, 60])],
)
def test_a_tone_comes_in_pieces_of_100_ms(duration_ms: int, pieces_ms: list[int]) -> None:
    pieces = list(Tone(440, duration_ms).pieces())
    assert [len(piece) for piece in pieces] == [bytes_of_ms(ms, OUTPUT_HZ) for ms in pieces_ms]


def test_a_sound_is_cut_at_its_end() -> None:
    assert Tone(440, 300).up_to(100) == Tone(440, 100)
    assert Tone(440, 300).up_to(500) == Tone(440, 300)
    heard = Echo(hum(300, 16_000), 16_000)
    assert heard.up_to(100) == Echo(hum(100, 16_000), 16_000)
    assert heard.up_to(500) == heard


def test_an_echo_at_the_same_rate_is_the_audio_itself() -> None:
    audio = hum(250, OUTPUT_HZ)
    pieces = list(Echo(audio, OUTPUT_HZ).pieces())
    assert b"".join(pieces) == audio
    assert [len(piece) for piece in pieces] == [4_800, 4_800, 2_400]


@pytest.mark.parametrize(
    ("samples", "duration_ms"), [(0, 0), (1, 1), (2_400, 100), (2_401, 101), (48_000, 2_000)]
)
def test_a_millisecond_that_has_begun_counts_whole(samples: int, duration_ms: int) -> None:
    assert Echo(bytes(2 * samples), OUTPUT_HZ).duration_ms == duration_ms


@pytest.mark.parametrize(
    ("narrow", "after", "wide"),
    [
        ((), (), ()),
        ((), (5,), ()),
        ((6,), (), (6, 6)),
        ((6,), (9,), (6, 8)),
        ((0, 3), (), (0, 2, 3)),
        ((0, 3), (6,), (0, 2, 4)),
        ((0, 3, 6), (), (0, 2, 4, 6, 6)),
        ((0, -1), (-2,), (0, -1, -2)),  # -2/3 and -4/3, rounded down
        ((-32_768, 32_767), (), (-32_768, 10_922, 32_767)),
    ],
)
def test_two_samples_become_three(
    narrow: tuple[int, ...], after: tuple[int, ...], wide: tuple[int, ...]
) -> None:
    assert values(three_for_two(pcm(*narrow), pcm(*after))) == list(wide)


@given(samples, samples)
def test_pieces_are_stretched_like_the_whole(first: list[int], rest: list[int]) -> None:
    first = first[: len(first) // 2 * 2]
    whole = three_for_two(pcm(*first, *rest))
    if rest:
        assert three_for_two(pcm(*first), pcm(rest[0])) + three_for_two(pcm(*rest)) == whole
    assert len(whole) // 2 == math.ceil(1.5 * (len(first) + len(rest)))


def test_an_echo_of_16_khz_is_stretched_piece_by_piece() -> None:
    audio = hum(250, 16_000)
    pieces = list(Echo(audio, 16_000).pieces())
    assert [len(piece) for piece in pieces] == [4_800, 4_800, 2_400]
    assert b"".join(pieces) == three_for_two(audio)
