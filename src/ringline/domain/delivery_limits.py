"""The bounds of deliveries: how webhooks are attempted, and for how long (live streams, 3.5).

`limits.py` says what a row means.
"""

from ringline.domain.limit import Limit

_FAILING = "it is `failing`: one attempt of each event, until one succeeds"

FAILURES = Limit(
    "failures of a webhook since its last success, if a day or longer ago", 20, "failures", _FAILING
)
FAILING_HOURS = Limit(
    "time without a success of a webhook that has failed often", 24, "h", _FAILING
)

ROWS = (FAILURES, FAILING_HOURS)
