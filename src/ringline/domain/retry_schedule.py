"""When a webhook's delivery is attempted again (live streams, 3.5).

The schedule is a table of offsets from the first attempt. Jitter delays an attempt by up to a
tenth of its distance from the step before it, and never brings it forward. Time and
randomness are arguments, and so is the instant that the schedule counts from, which a
re-sending or an endpoint's resumption moves. `Retry-After` is the receiver's shortest wait (RFC
9110), so it delays an attempt and never brings one forward; it never costs one either.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeAlias

_MINUTE, _HOUR = 60, 3600

#: Seconds from the first attempt to each one.
OFFSETS_S = (
    0,
    10,
    30,
    _MINUTE,
    5 * _MINUTE,
    15 * _MINUTE,
    30 * _MINUTE,
    _HOUR,
    2 * _HOUR,
    4 * _HOUR,
    8 * _HOUR,
    16 * _HOUR,
    24 * _HOUR,
)

#: How many attempts a delivery has.
ATTEMPTS = len(OFFSETS_S)

#: The largest share of a step's length by which it may be delayed.
JITTER = 0.1

#: How long an attempt may take in all, in seconds.
ATTEMPT_S = 10

#: The answer that says that nothing more is wanted.
GONE = 410

#: The answers whose `Retry-After` counts.
_WAITING = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retry:
    """The delivery is attempted again at `at`, as the attempt `step` of its schedule, from 0."""

    step: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has answered 2xx."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The delivery is not attempted again: the schedule is over, or the receiver said 410."""


Next: TypeAlias = Retry | Delivered | Dead


def is_success(status: int | None) -> bool:
    """Return whether an attempt succeeded: any 2xx."""
    return status is not None and 200 <= status < 300


def after_attempt(
    step: int,
    status: int | None,
    *,
    schedule_from: datetime,
    started_at: datetime,
    now: datetime,
    random: float,
    retry_after: str | None = None,
    once: bool = False,
) -> Next:
    """Return what follows the attempt `step` of a schedule (from 0), which ended `now`.

    `status` is what was answered, None if nothing was; `random` is from 0 to 1; `retry_after`
    is that header of the answer. A target that is marked failing has one attempt (`once`).
    """
    if is_success(status):
        return Delivered()
    following = step + 1
    if status == GONE or once or following >= ATTEMPTS:
        return Dead()
    at = retry_at(following, schedule_from=schedule_from, random=random)
    if status in _WAITING and retry_after is not None:
        asked = read_retry_after(retry_after, now)
        at = at if asked is None else max(at, min(asked, _cap(following, schedule_from)))
    return Retry(following, max(at, started_at + _distance(following) / 2))


def retry_at(step: int, *, schedule_from: datetime, random: float) -> datetime:
    """Return when the attempt `step` is due, from 0 without jitter to 1 with all of it."""
    jitter = random * JITTER * _distance(step)
    return schedule_from + timedelta(seconds=OFFSETS_S[step]) + jitter


def _distance(step: int) -> timedelta:
    """Return how long a step is after the one before it.

    An attempt is never closer than half of that to the one before: what was made late, because
    no server was running, is not followed by all that was missed at once.
    """
    return timedelta(seconds=OFFSETS_S[step] - OFFSETS_S[max(step - 1, 0)])


def _cap(step: int, schedule_from: datetime) -> datetime:
    """Return how far an answer may delay a step: to the one after it (the last one: not)."""
    return schedule_from + timedelta(seconds=OFFSETS_S[min(step + 1, ATTEMPTS - 1)])


def read_retry_after(text: str, now: datetime) -> datetime | None:
    """Read a `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3); None if neither."""
    text = text.strip()
    try:
        if text.isascii() and text.isdigit():
            return now + timedelta(seconds=int(text[:10]))
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
