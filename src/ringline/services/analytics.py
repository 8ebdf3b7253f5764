"""Figures about the calls of the last days (live streams, 6.10)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain.log import Scope
from ringline.ports import Clock
from ringline.schema.call_tables import calls
from ringline.schema.sql import Prepared
from ringline.services.repo import Repo


@dataclass(frozen=True, slots=True)
class Analytics:
    """The calls that began on each of some days of UTC, the last of which is today.

    `classified` are those that count as resolved or not, `answered` those that were answered
    and have ended, `talk_s` how long these took together.
    """

    days: tuple[tuple[date, int], ...]
    classified: int
    resolved: int
    answered: int
    talk_s: int


_c = calls.c
_WAS_ANSWERED = _c.answered_at.is_not(None) & _c.duration_seconds.is_not(None)
#: The midnights on which the days begin. A day at a time is read from the index in order,
#: which spares each call the calendar.
_BEGINS = sa.func.unnest(sa.bindparam("midnights", type_=ARRAY(_c.started_at.type)))
_BEGIN = sa.column("begin", _c.started_at.type)
_DAYS = _BEGINS.table_valued(_BEGIN).render_derived(name="days")
_OF_DAY = (
    sa.select(
        sa.func.count().label("calls"),
        sa.func.count(_c.resolved).label("classified"),
        sa.func.count().filter(_c.resolved).label("resolved"),
        sa.func.count().filter(_WAS_ANSWERED).label("answered"),
        sa.func.coalesce(sa.func.sum(_c.duration_seconds).filter(_WAS_ANSWERED), 0).label("talk_s"),
    )
    .where(
        _c.started_at >= _DAYS.c.begin,
        _c.started_at < _DAYS.c.begin + sa.text("interval '24 hours'"),
    )
    .lateral("of_day")
)
_SUMS = Prepared(sa.select(_DAYS.c.begin, _OF_DAY).select_from(_DAYS.join(_OF_DAY, sa.true())))


class CallAnalytics:
    """Adds up the calls of the workspace and environment that a method names."""

    def __init__(self, repo: Repo, now: Clock) -> None:
        self._repo = repo
        self._now = now

    def with_repo(self, repo: Repo) -> "CallAnalytics":
        """Return the service over another repo, such as a caller's."""
        return CallAnalytics(repo, self._now)

    async def of_days(self, scope: Scope, days: int) -> Analytics:
        """Add up the calls of so many days, today included. Raises Unavailable."""
        today = self._now().astimezone(UTC).date()
        dates = [today - timedelta(days=ago) for ago in range(days - 1, -1, -1)]
        midnights = [datetime.combine(day, time(), UTC) for day in dates]
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_SUMS.text, _SUMS.arguments(midnights=midnights))
        counts = {row["begin"]: row["calls"] for row in found}
        return Analytics(
            tuple((begin.date(), counts[begin]) for begin in midnights),
            *(
                sum(row[name] for row in found)
                for name in ("classified", "resolved", "answered", "talk_s")
            ),
        )
