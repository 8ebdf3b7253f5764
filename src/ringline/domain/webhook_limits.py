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
_NO_ANSWER = "no answer: the fallback line"
_NO_RESULT = '`{"error":"tool_failed"}` for the model'

TURN_S = Limit(
    "the answer to a BYOM turn, from reading where to ask to the end of the answer",
    5,
    "s",
    _NO_ANSWER,
)
TURN_RETRY_S = Limit(
    "time left for one more attempt at a turn whose connection was refused or reset",
    2,
    "s",
    "with less there is none",
)
TURN_ANSWER_BYTES = Limit("the answer to a BYOM turn", 64 * KIB, "bytes", _NO_ANSWER)
FAILED_TURNS = Limit(
    "BYOM turns in a row without an answer", 3, "turns", "an apology, and the call ends"
)
TOOL_S = Limit("the result of a tool", 10, "s", '`{"error":"tool_timeout"}` for the model')
TOOL_ANSWER_BYTES = Limit("the result of a tool", 64 * KIB, "bytes", _NO_RESULT)
TOOL_ARGUMENT_BYTES = Limit("the arguments of an agent's tool", 64 * KIB, "bytes", _NO_RESULT)
TOOL_ROUNDS = Limit(
    "rounds of an agent's tools for one turn of the caller",
    5,
    "rounds",
    '`{"error":"too_many_rounds"}` for the model',
)
CALL_TOOLS = Limit(
    "tools of one call that its agent's webhook is asked for", 16, "tools", "answered with an error"
)
AUDITED_RESULT = Limit(
    "the result of an agent's tool in `call.audit`", 4_096, "characters", "only its length is told"
)
ASKED = Limit(
    "turns and tools of a workspace that are being asked, per process",
    100,
    "questions",
    "later ones wait, within their time",
)
ASKED_IN_ALL = Limit(
    "turns and tools that are being asked, per process", 1_000, "questions", "as no answer"
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
    TURN_S,
    TURN_RETRY_S,
    TURN_ANSWER_BYTES,
    FAILED_TURNS,
    TOOL_S,
    TOOL_ANSWER_BYTES,
    TOOL_ARGUMENT_BYTES,
    TOOL_ROUNDS,
    CALL_TOOLS,
    AUDITED_RESULT,
    ASKED,
    ASKED_IN_ALL,
)
