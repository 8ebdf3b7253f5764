"""The bounds of deliveries: how webhooks are attempted, and for how long (live streams, 3.5).

`limits.py` says what a row means.
"""

from ringline.domain.limit import Limit

_WAITS = "later ones wait"
_FAILING = "it is `failing`: one attempt of each event, until one succeeds"

IN_FLIGHT = Limit("attempts at one webhook at a time, per process", 32, "attempts", _WAITS)
IN_FLIGHT_IN_ALL = Limit(
    "deliveries that a process has taken, or a quarter of its descriptors",
    1_000,
    "deliveries",
    f"{_WAITS}; from half of it on, a webhook gets 4 at a time",
)
CLAIMED = Limit(
    "deliveries that a process has taken for one quick webhook", 256, "deliveries", _WAITS
)
TARGETS = Limit(
    "webhooks of which a process knows when something is due next",
    20_000,
    "webhooks",
    "found when it reads what is due, once a minute",
)
LEASE_S = Limit(
    "a delivery that a process has taken and does not report on", 30, "s", "another one takes it"
)
RETENTION_DAYS = Limit(
    "settled deliveries and their attempts, unless the workspace's `retention_days` say otherwise",
    30,
    "days",
    "removed",
)
FAILURES = Limit(
    "failures of a webhook since its last success, if a day or longer ago", 20, "failures", _FAILING
)
FAILING_HOURS = Limit(
    "time without a success of a webhook that has failed often", 24, "h", _FAILING
)

ROWS = (
    IN_FLIGHT,
    IN_FLIGHT_IN_ALL,
    CLAIMED,
    TARGETS,
    LEASE_S,
    RETENTION_DAYS,
    FAILURES,
    FAILING_HOURS,
)
