"""Rates at the plug: what has the right one stays as it came, and a tone keeps its pitch."""

import itertools
from array import array
from math import pi, sin

import pytest

from ringline.domain.audio import Chunk
from ringline.ports import Resampler
from ringline.services.resampling import RateMatcher
from ringline.voices.resampling import new_resampler

TONE_HZ, AMPLITUDE = 1_000, 10_000
PIECE_S = 0.02


def tone(rate_hz: int, seconds: float, hz: float = TONE_HZ) -> bytes:
    count = round(rate_hz * seconds)
    steps = (sin(2 * pi * hz * number / rate_hz) for number in range(count))
    return array("h", [round(AMPLITUDE * step) for step in steps]).tobytes()


def crossings(pcm: bytes) -> int:
    """Count how often a wave rises through zero."""
    samples = array("h", pcm)
    return sum(1 for one, next_ in itertools.pairwise(samples) if one < 0 <= next_)


def refuse(from_hz: int, to_hz: int) -> Resampler:
    raise AssertionError("nothing needs resampling")


def test_audio_of_the_right_rate_is_unchanged() -> None:
    matcher = RateMatcher(16_000, refuse)
    chunk = Chunk(b"\1\0\2\0", 16_000, b"AQACAA==")
    assert matcher.match(chunk) is chunk


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [
        (24_000, 16_000),
        (16_000, 24_000),
        (8_000, 16_000),
        (24_000, 8_000),
        (8_000, 48_000),
        (48_000, 8_000),
        (22_050, 16_000),
    ],
)
def test_a_tone_keeps_its_pitch_its_length_and_its_loudness(from_hz: int, to_hz: int) -> None:
    matcher = RateMatcher(to_hz, new_resampler)
    pcm, size = tone(from_hz, 1.0), round(from_hz * PIECE_S) * 2
    heard = b""
    for at in range(0, len(pcm), size):
        matched = matcher.match(Chunk(pcm[at : at + size], from_hz))
        assert matched.rate_hz == to_hz
        assert len(matched.pcm) % 2 == 0
        heard += matched.pcm
    assert 0.95 < len(heard) / 2 / to_hz <= 1.0
    steady = heard[len(heard) // 4 // 2 * 2 : len(heard) // 2 // 2 * 2]
    assert crossings(steady) == pytest.approx(TONE_HZ * len(steady) / 2 / to_hz, abs=1)
    assert max(array("h", steady)) == pytest.approx(AMPLITUDE, rel=0.03)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(24_000, 16_000), (16_000, 8_000), (48_000, 8_000)])
def test_what_the_lower_rate_cannot_carry_is_muted(from_hz: int, to_hz: int) -> None:
    resample = new_resampler(from_hz, to_hz)
    for hz, least, most in [(0.38, 0.9, 1.0), (0.62, 0.0, 0.001)]:
        heard = array("h", resample(tone(from_hz, 0.5, hz * to_hz)))
        steady = heard[len(heard) // 4 : -len(heard) // 4]
        assert least * AMPLITUDE <= max(map(abs, steady)) <= most * AMPLITUDE


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(24_000, 16_000), (16_000, 24_000), (8_000, 24_000), (48_000, 8_000)]
)
def test_speech_is_delayed_by_five_milliseconds_at_most(from_hz: int, to_hz: int) -> None:
    resample, made_ms = new_resampler(from_hz, to_hz), 0.0
    for number in range(1, 20):
        made_ms += len(resample(bytes(round(from_hz * PIECE_S) * 2))) / 2 / to_hz * 1000
        assert number * PIECE_S * 1000 - 5 <= made_ms <= number * PIECE_S * 1000


def test_an_edge_stays_where_it_was() -> None:
    edge = array("h", [0] * 2_400 + [AMPLITUDE] * 2_400).tobytes()
    heard = array("h", new_resampler(24_000, 16_000)(edge))
    assert next(at for at, value in enumerate(heard) if value > AMPLITUDE / 2) == 1_600


def test_the_loudest_sample_does_not_wrap_around() -> None:
    square = array("h", [32_767] * 240 + [-32_768] * 240) * 10
    heard = array("h", new_resampler(24_000, 16_000)(square.tobytes()))
    assert max(heard) == 32_767
    assert min(heard) == -32_768


def test_another_rate_or_a_restart_discards_earlier_audio() -> None:
    made: list[tuple[int, int]] = []

    def count(from_hz: int, to_hz: int) -> Resampler:
        made.append((from_hz, to_hz))
        return lambda pcm: pcm

    matcher = RateMatcher(16_000, count)
    for rate_hz in (8_000, 8_000, 24_000):
        matcher.match(Chunk(b"\1\0", rate_hz))
    matcher.restart()
    matcher.match(Chunk(b"\1\0", 24_000))
    assert made == [(8_000, 16_000), (24_000, 16_000), (24_000, 16_000)]
