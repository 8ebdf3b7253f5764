"""The row of the route of analytics (live streams, 6.10)."""

from ringline.domain.members import Member, Shape
from ringline.rest import analytics_actions as act
from ringline.rest.route import Input, Route
from ringline.rpc.kinds import Choice

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/analytics",
        "getAnalytics",
        "Analytics",
        "Get figures about the calls of the last days",
        act.get_analytics,
        "The figures",
        "Days are those of UTC, and a call counts on the day on which it began.",
        query=(
            Input(
                Member(
                    "days",
                    Shape.TEXT,
                    "how many days, today included",
                    act.DAYS[0],
                    words=act.DAYS,
                ),
                Choice(act.DAYS),
            ),
        ),
        answers=act.ANSWER,
    ),
)
