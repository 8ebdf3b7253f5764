"""When audio was given, by its position in the stream."""

import pytest

from ringline.voices.heard_clock import MARKS, HeardClock


class Given:
    """A clock that is moved by hand, and what it measures."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = HeardClock(lambda: self.now)

    def stream(self, ms: int) -> None:
        """Give audio in real time, in chunks of 20 ms."""
        for _ in range(ms // 20):
            self.clock.give(20)
            self.now += 0.02


def test_audio_in_real_time_is_as_old_as_its_position_says():
    given = Given()
    given.stream(2_000)
    assert given.clock.ago_ms(500) == pytest.approx(1_500, abs=1)
    assert given.clock.ago_ms(0) == pytest.approx(2_000, abs=1)
    assert given.clock.ago_ms(9_999) == pytest.approx(20, abs=1)


def test_audio_that_came_at_once_was_given_at_once():
    given = Given()
    given.stream(1_000)
    given.clock.give(3_000)
    given.now += 1
    assert given.clock.ago_ms(2_500) == pytest.approx(1_000)
    assert given.clock.ago_ms() == pytest.approx(1_000)


def test_a_turn_begins_with_the_first_audio_after_another():
    given = Given()
    given.stream(1_000)
    assert given.clock.turn_ago_ms == pytest.approx(1_000, abs=1)
    given.clock.turn_over()
    given.stream(300)
    assert given.clock.turn_ago_ms == pytest.approx(300, abs=1)


def test_positions_that_are_forgotten_are_as_old_as_what_is_remembered():
    given = Given()
    given.stream(MARKS * 100 + 60_000)
    assert given.clock.ago_ms(0) == pytest.approx(MARKS * 100, abs=200)


def test_nothing_was_given_yet():
    given = Given()
    given.now += 1
    assert given.clock.ago_ms(50) == given.clock.ago_ms() == pytest.approx(1_000)
    assert given.clock.turn_ago_ms == pytest.approx(1_000)
