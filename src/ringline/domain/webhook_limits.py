"""The bounds of webhooks: of their receivers, and of those who register them (live streams, 3).

`limits.py` says what a row means.
"""

from ringline.domain.limit import KIB, Limit

URL_CHARACTERS = Limit(
    "the URL of a webhook", 2_048, "characters", "400 `INVALID_ARGUMENT`; `invalid_attribute`"
)
ENDPOINTS = Limit("webhook endpoints of an environment", 100, "endpoints", "400 `INVALID_ARGUMENT`")
FILTER_ENTRIES = Limit(
    "types and families in an endpoint's filter", 100, "entries", "400 `INVALID_ARGUMENT`"
)
TRIALS = Limit("test events of a workspace that are under way", 10, "tests", "429 `RATE_LIMITED`")
RECOVERED_EVENTS = Limit(
    "events that one `recover` sends again", 100_000, "events", "400 `INVALID_ARGUMENT`"
)
EVENT_DELIVERIES = Limit(
    "deliveries that are shown of one event", 200, "deliveries", "the others are left out"
)
SHOWN_ATTEMPTS = Limit(
    "attempts that are shown of a delivery", 30, "attempts", "only the latest are shown"
)

ATTEMPT_S = Limit(
    "an attempt at a delivery, from the look-up of the name to the end of the answer",
    10,
    "s",
    "the attempt fails: `timeout`",
)
RECEIVED_BYTES = Limit(
    "what is read of an answer, and kept", 2 * KIB, "bytes", "cut off; the attempt is over"
)
LOOK_UPS = Limit(
    "look-ups of receivers' names under way at once", 64, "look-ups", "the next one waits"
)

ROWS = (
    URL_CHARACTERS,
    ATTEMPT_S,
    RECEIVED_BYTES,
    LOOK_UPS,
    ENDPOINTS,
    FILTER_ENTRIES,
    TRIALS,
    RECOVERED_EVENTS,
    EVENT_DELIVERIES,
    SHOWN_ATTEMPTS,
)
