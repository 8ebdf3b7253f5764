"""When an agent may place calls."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ringline.domain.agent import Agent
from ringline.domain.call_window import within_call_window

AGENT = Agent(UUID(int=1), "Ada")
MIDNIGHT = datetime(2026, 11, 20, 23, tzinfo=UTC)  # in Lagos
MINUTES = st.integers(0, 24 * 60 - 1)


def at(text: str) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return MIDNIGHT + timedelta(hours=hours, minutes=minutes)


@pytest.mark.parametrize(
    ("start", "end", "now", "may"),
    [
        ("08:00", "20:00", "07:59", False),
        ("08:00", "20:00", "08:00", True),
        ("08:00", "20:00", "19:59", True),
        ("08:00", "20:00", "20:00", False),
        ("22:00", "06:00", "21:59", False),
        ("22:00", "06:00", "23:30", True),
        ("22:00", "06:00", "00:00", True),
        ("22:00", "06:00", "06:00", False),
    ],
)
def test_the_window(start: str, end: str, now: str, may: bool) -> None:
    agent = structs.replace(AGENT, call_window_start=start, call_window_end=end)
    assert within_call_window(agent, at(now)) is may


@given(MINUTES)
def test_without_a_window_any_time_is_good(minutes: int) -> None:
    assert within_call_window(AGENT, MIDNIGHT + timedelta(minutes=minutes))


@given(MINUTES, MINUTES, MINUTES)
def test_a_window_and_the_one_from_its_end_to_its_start_are_the_day(
    one: int, other: int, now: int
) -> None:
    if one == other:
        return
    start, end = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (one, other))
    moment = MIDNIGHT + timedelta(minutes=now)
    inside = structs.replace(AGENT, call_window_start=start, call_window_end=end)
    outside = structs.replace(AGENT, call_window_start=end, call_window_end=start)
    assert within_call_window(inside, moment) is not within_call_window(outside, moment)
