"""The benchmark of detectors: how turns are scored, and what the noise is."""

import numpy as np
import pytest

from benchmarks import sounds
from benchmarks.detection import Score, Turn, conditions_of, hear, score
from benchmarks.sounds import RATE_HZ, Sound, Spoken, at_level, bounds, pcm_of, track_of

#: Two sentences with a pause between them.
SPOKEN = (Spoken(2_000, 4_000), Spoken(6_000, 7_000))


class Loud:
    """A detector that takes every sound for speech."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def holds_speech(self, frame: bytes) -> bool:
        return True

    def reset(self) -> None:
        pass


def rms(sound: Sound) -> float:
    return 20 * np.log10(np.sqrt(np.mean(sound**2)))


def tone(ms: int) -> Sound:
    return np.sin(np.arange(ms * RATE_HZ // 1000) * 2 * np.pi * 440 / RATE_HZ)


def power(sound: Sound, low_hz: int, high_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return 10 * np.log10(spectrum[(hertz >= low_hz) & (hertz < high_hz)].sum())


def test_a_sentence_with_a_turn_of_its_own() -> None:
    found = score([Turn(2_100, 4_500), Turn(6_120, 7_520)], SPOKEN, 0.5)
    assert (found.missed, found.false_starts) == (0, 0)
    assert (found.start_ms, found.end_ms) == ([100, 120], [500, 520])
    assert found.cells() == ["0 of 2", "0.0", "110 (120)", "510 (520)"]


@pytest.mark.parametrize(
    ("turns", "missed", "false_starts"),
    [
        ([], 2, 0),
        ([Turn(500, 8_000)], 2, 1),  # noise that both sentences drown in
        ([Turn(2_100, 6_500)], 2, 0),  # it goes on into the next one
        ([Turn(2_100)], 2, 0),  # it never ends
        ([Turn(2_100, 4_500)], 1, 0),
        ([Turn(1_950, 4_500), Turn(6_000, 7_500)], 0, 0),  # a little early is in time
        ([Turn(2_000, 3_000), Turn(3_200, 4_500), Turn(6_100, 7_500)], 0, 1),  # in two pieces
        ([Turn(2_100, 4_500), Turn(5_000, 5_600), Turn(6_100, 7_500)], 0, 1),  # in the pause
        ([Turn(2_100, 4_500), Turn(5_000, 7_500)], 1, 1),  # before the second one began
    ],
)
def test_misses_and_false_starts(turns: list[Turn], missed: int, false_starts: int) -> None:
    found = score(turns, SPOKEN, 1.0)
    assert (found.missed, found.false_starts) == (missed, false_starts)
    assert len(found.start_ms) == len(found.end_ms) == len(SPOKEN) - missed


def test_a_sentence_in_pieces_ends_with_the_last() -> None:
    found = score([Turn(2_000, 3_000), Turn(3_200, 4_600)], SPOKEN[:1], 1.0)
    assert found.end_ms == [600]


def test_cells_without_speech() -> None:
    assert Score(false_starts=3, minutes=2).cells() == ["–", "1.5", "–", "–"]


def test_a_track_has_its_sentences_where_it_says() -> None:
    silence = np.zeros(RATE_HZ // 10)
    sentence = np.concatenate([silence, tone(1_000), silence])
    assert bounds(sentence) == (100, 1_100)
    track = track_of([sentence, sentence])
    assert track.spoken == [Spoken(2_100, 3_100), Spoken(5_300, 6_300)]
    assert len(track.sound) == 8_400 * RATE_HZ // 1000
    spoken = track.sound[2_100 * 16 : 3_100 * 16]
    assert rms(spoken) == pytest.approx(sounds.SPEECH_DB, abs=0.1)
    assert not track.sound[: 2_100 * 16].any()


def test_turns_are_heard_where_they_are() -> None:
    condition = conditions_of(track_of([tone(1_000), tone(1_000)]), [tone(500)], 1)[0]
    found = hear(Loud, condition)
    assert (found.sentences, found.missed, found.false_starts) == (2, 0, 0)
    assert found.start_ms == [100, 100]
    assert found.end_ms == [500, 500]


def test_noise_is_as_loud_as_its_row_says() -> None:
    track = track_of([tone(1_000)])
    rows = {one.name: one for one in conditions_of(track, [tone(500)], 1)}
    assert len(rows) == 1 + 3 * 4 + 4
    for name in ("white noise", "pink noise", "babble"):
        for snr in (20, 10, 5, 0):
            pcm = rows[f"{name}, {snr} dB"].pcm
            noise = np.frombuffer(pcm, "<i2") / 32_768 - track.sound
            assert rms(noise) == pytest.approx(sounds.SPEECH_DB - snr, abs=0.3)
        alone = np.frombuffer(rows[f"no speech, {name}"].pcm, "<i2") / 32_768
        assert rms(alone) == pytest.approx(sounds.SPEECH_DB - 10, abs=0.1)
        assert not rows[f"no speech, {name}"].spoken


def test_sounds_are_the_same_in_every_run() -> None:
    others = [tone(300), tone(700)]
    for make in (
        lambda: sounds.white(16_000),
        lambda: sounds.pink(16_000),
        lambda: sounds.babble(16_000, others),
        lambda: sounds.music(16_000),
    ):
        assert np.array_equal(make(), make())
        assert len(make()) == 16_000
    assert not np.array_equal(sounds.white(100, 1), sounds.white(100, 2))


def test_white_noise_is_flat_and_pink_is_not() -> None:
    white, pink = sounds.white(10 * RATE_HZ), sounds.pink(10 * RATE_HZ)
    # An octave has twice the width of the one below it: 3 dB more of white, as much of pink.
    assert power(white, 2_000, 4_000) - power(white, 1_000, 2_000) == pytest.approx(3, abs=0.3)
    assert power(pink, 2_000, 4_000) - power(pink, 1_000, 2_000) == pytest.approx(0, abs=0.3)


def test_babble_has_no_pause() -> None:
    sentence = np.concatenate([tone(800), np.zeros(RATE_HZ // 5)])
    levels = sounds.babble(5 * RATE_HZ, [sentence]).reshape(-1, RATE_HZ // 10)
    assert np.sqrt(np.mean(levels**2, axis=1)).min() > 0


def test_what_is_too_loud_is_clipped() -> None:
    assert np.frombuffer(pcm_of(np.array([-2.0, 0.5, 2.0])), "<i2").tolist() == [
        -32_768,
        16_384,
        32_767,
    ]
    assert rms(at_level(tone(100), -20)) == pytest.approx(-20, abs=0.1)
