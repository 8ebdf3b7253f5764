"""The schedule of attempts: 24 hours of them, in milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.retry_schedule import (
    ATTEMPTS,
    JITTER,
    OFFSETS_S,
    Dead,
    Delivered,
    Next,
    Retry,
    after_attempt,
    read_retry_after,
    retry_at,
)

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
STATUSES = st.one_of(
    st.none(),
    st.integers(100, 199),
    st.integers(300, 599).filter(lambda status: status != 410),
)


def seconds(moment: datetime) -> float:
    return (moment - BEGAN).total_seconds()


def after(step: int, status: int | None = 500, **how: object) -> Next:
    at = BEGAN + timedelta(seconds=OFFSETS_S[step])
    given_: dict[str, object] = {"started_at": at, "now": at, "random": 0.0, **how}
    return after_attempt(step, status, schedule_from=BEGAN, **given_)  # pyright: ignore[reportArgumentType]


@dataclass
class Receiver:
    """A receiver under a virtual clock: what it answers, and when it was asked."""

    answers: Sequence[tuple[int | None, float, float]]
    asked: list[float] = field(default_factory=list[float])

    def run(self) -> Next:
        now, step = BEGAN, 0
        while True:
            self.asked.append(seconds(now))
            status, took_s, random = self.answers[min(step, len(self.answers) - 1)]
            ended = now + timedelta(seconds=took_s)
            found = after_attempt(
                step, status, schedule_from=BEGAN, started_at=now, now=ended, random=random
            )
            if not isinstance(found, Retry):
                return found
            now, step = max(found.at, ended), found.step


def test_the_schedule_is_the_specifications() -> None:
    receiver = Receiver([(None, 0, 0)])
    assert receiver.run() == Dead()
    assert receiver.asked == [
        0,
        10,
        30,
        60,
        300,
        900,
        1_800,
        3_600,
        7_200,
        14_400,
        28_800,
        57_600,
        86_400,
    ]
    assert ATTEMPTS == len(receiver.asked) == 13


def test_all_of_the_jitter_is_a_tenth_of_each_distance() -> None:
    receiver = Receiver([(503, 0, 1)])
    assert receiver.run() == Dead()
    assert receiver.asked == [
        0,
        11,
        32,
        63,
        324,
        960,
        1_890,
        3_780,
        7_560,
        15_120,
        30_240,
        60_480,
        89_280,
    ]


@given(
    st.lists(
        st.tuples(STATUSES, st.floats(0, 10), st.floats(0, 1)),
        min_size=ATTEMPTS,
        max_size=ATTEMPTS,
    )
)
def test_whatever_fails_is_tried_thirteen_times_in_a_day(
    answers: list[tuple[int | None, float, float]],
) -> None:
    receiver = Receiver(answers)
    assert receiver.run() == Dead()
    assert len(receiver.asked) == ATTEMPTS
    for step, asked in enumerate(receiver.asked):
        distance = OFFSETS_S[step] - OFFSETS_S[max(step - 1, 0)]
        # An attempt that takes its 10 s may end after the next one is due.
        latest = max(OFFSETS_S[step] + JITTER * distance, receiver.asked[step - 1] + 10)
        assert OFFSETS_S[step] <= asked <= (latest if step else 0) + 1e-6


@given(st.integers(0, ATTEMPTS - 1), st.integers(200, 299), st.floats(0, 1))
def test_any_2xx_is_a_success(step: int, status: int, random: float) -> None:
    assert after(step, status, random=random) == Delivered()


def test_a_receiver_that_comes_back_after_23_hours_is_reached_within_the_day() -> None:
    receiver = Receiver([(None, 0, 0.5)] * (ATTEMPTS - 1) + [(204, 0, 0.5)])
    assert receiver.run() == Delivered()
    assert receiver.asked[-1] == 86_400 + 1_440


@pytest.mark.parametrize("step", range(ATTEMPTS))
def test_410_stops_and_a_failing_target_has_one_attempt(step: int) -> None:
    assert after(step, 410) == Dead()
    assert after(step, 500, once=True) == Dead()
    assert after(step, 200, once=True) == Delivered()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("step", "asked", "comes"),
    [
        (0, "5", 10),  # sooner than the schedule: no attempt is brought forward
        (0, "20", 20),
        (0, "3600", 30),  # never later than the attempt after it
        (4, "1200", 300 + 1200),
        (10, "86400", 86_400),
        (11, "86400", 86_400),  # the last one is not delayed
        (0, "soon", 10),
        (0, "-5", 10),
        (0, "", 10),
        (0, "9" * 4_000, 30),
    ],
)
def test_retry_after_delays_to_the_next_step_at_most(
    status: int, step: int, asked: str, comes: float
) -> None:
    found = after(step, status, retry_after=asked)
    assert isinstance(found, Retry)
    assert found.step == step + 1
    assert seconds(found.at) == comes


@pytest.mark.parametrize("status", [None, 301, 400, 500, 502])
def test_retry_after_counts_for_429_and_503_alone(status: int | None) -> None:
    found = after(0, status, retry_after="20")
    assert isinstance(found, Retry)
    assert seconds(found.at) == 10


@given(st.text() | st.from_regex(r"[0-9]{0,12}|[A-Z][a-z]{2}, [0-9 :A-Za-z+-]*", fullmatch=True))
def test_a_retry_after_is_a_time_or_nothing(text: str) -> None:
    found = read_retry_after(text, BEGAN)
    assert found is None or found.tzinfo is not None
    assert isinstance(after(0, 503, retry_after=text), Retry)


@pytest.mark.parametrize("usegmt", [True, False])
def test_a_retry_after_may_be_a_date(usegmt: bool) -> None:
    moment = BEGAN + timedelta(seconds=25)
    assert read_retry_after(format_datetime(moment, usegmt=usegmt), BEGAN) == moment
    found = after(0, 503, retry_after=format_datetime(moment, usegmt=usegmt))
    assert isinstance(found, Retry)
    assert found.at == moment


def test_what_was_missed_while_no_server_ran_is_not_made_up_at_once() -> None:
    back = BEGAN + timedelta(days=3)
    asked = [back]
    step = 5
    while True:
        found = after_attempt(
            step, 500, schedule_from=BEGAN, started_at=asked[-1], now=asked[-1], random=0
        )
        if not isinstance(found, Retry):
            break
        step = found.step
        asked.append(found.at)
    gaps = [(b - a).total_seconds() for a, b in pairwise(asked)]
    assert gaps == [450, 900, 1_800, 3_600, 7_200, 14_400, 14_400]


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1))
def test_jitter_delays_alone(step: int, random: float) -> None:
    at = seconds(retry_at(step, schedule_from=BEGAN, random=random))
    assert (
        OFFSETS_S[step] <= at <= OFFSETS_S[step] + JITTER * (OFFSETS_S[step] - OFFSETS_S[step - 1])
    )
