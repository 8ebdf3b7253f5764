"""When a connection is replaced as planned."""

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.rollover import DEFAULTS, RolloverTimes, announced, sooner, times_of


def test_the_defaults_are_those_of_each_provider() -> None:
    assert times_of("openai/gpt-realtime-2.1", DEFAULTS) == RolloverTimes(3_300, 3_540)
    assert times_of("xai/grok-voice-latest", DEFAULTS) == RolloverTimes(1_500, 1_740)
    assert times_of("gemini/gemini-3.8-live", DEFAULTS) == RolloverTimes(480, 570)
    assert times_of("cascade/house", DEFAULTS) is None


def test_the_longest_prefix_counts() -> None:
    mini = RolloverTimes(10, 20)
    table = {**DEFAULTS, "openai/gpt-realtime-2.1-m": mini}
    assert times_of("openai/gpt-realtime-2.1-mini", table) == mini
    assert times_of("openai/gpt-realtime-2.1", table) == DEFAULTS["openai/"]


def test_the_defaults_follow_from_the_rule_for_what_is_announced() -> None:
    assert announced(0, 3_600) == DEFAULTS["openai/"]
    assert announced(0, 1_800) == DEFAULTS["xai/"]
    assert announced(0, 600) == DEFAULTS["gemini/"]


def test_a_notice_of_a_minute_is_taken_at_the_next_quiet_moment() -> None:
    times = announced(540, 60)
    assert times == RolloverTimes(480, 570)
    assert announced(3_540, 60).after_s == 3_300


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_every_notice_leaves_time_before_the_end(age_s: float, in_s: float) -> None:
    times = announced(age_s, in_s)
    assert 0 <= times.after_s <= times.latest_s <= age_s + in_s
    assert times.latest_s >= age_s
    assert times.latest_s - age_s >= in_s / 2 - 1e-6


@given(st.floats(1, 1e5), st.floats(1, 1e5))
def test_of_two_rules_the_sooner_counts(first_s: float, second_s: float) -> None:
    one, two = announced(0, first_s), announced(0, second_s)
    assert sooner(None, one) == one
    assert sooner(one, two) == sooner(two, one) == announced(0, min(first_s, second_s))
