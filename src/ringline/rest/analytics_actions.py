"""What the route of analytics does (live streams, 6.10)."""

from collections.abc import Mapping

from ringline.domain.members import Member, Shape
from ringline.rest.route import Members, Request

#: How many days may be asked for.
DAYS = ("7", "30", "90")

ANSWER: Members = (
    Member("total_calls", Shape.INTEGER, "the calls that began on these days"),
    Member(
        "calls_per_day",
        Shape.OBJECT,
        "each of the days, oldest first; the last is today",
        members=(
            Member("date", Shape.TEXT, "the day in UTC, `2026-11-20`"),
            Member("count", Shape.INTEGER, "the calls that began on it"),
        ),
        many=True,
    ),
    Member(
        "resolution_rate",
        Shape.NUMBER,
        "the share of the calls with a `resolution` that are `resolved`, 0 to 1; 0 without any",
    ),
    Member(
        "average_duration_seconds",
        Shape.NUMBER,
        "of the calls that were answered and have ended; 0 without any",
    ),
    Member(
        "average_mos", Shape.NUMBER, "the average audio quality; null in this version", null=True
    ),
)


async def get_analytics(request: Request) -> Mapping[str, object]:
    """Return figures about the calls of the last days."""
    found = await request.services.analytics.of_days(
        request.caller.scope, int(request.query.get("days", DAYS[0]))
    )
    return {
        "total_calls": sum(count for _, count in found.days),
        "calls_per_day": [{"date": day.isoformat(), "count": n} for day, n in found.days],
        "resolution_rate": round(found.resolved / found.classified, 4) if found.classified else 0.0,
        "average_duration_seconds": (
            round(found.talk_s / found.answered, 1) if found.answered else 0.0
        ),
        "average_mos": None,
    }
