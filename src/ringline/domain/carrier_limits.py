"""The bounds of providers of messages that are reached over HTTP (`MESSAGING_FILE`).

`limits.py` says what a row means.
"""

from ringline.domain.limit import KIB, Limit

SEND_S = Limit(
    "the request that hands a message to its provider",
    10,
    "s",
    "the provider counts as away; the message is handed over later",
)
PROVIDER_ANSWER_BYTES = Limit(
    "a provider's answer to it",
    64 * KIB,
    "bytes",
    "it is not read: a status of success still is one, the message has no receipts",
)
PROVIDER_BODY_BYTES = Limit(
    "the body of a provider's request: an inbound message, a receipt",
    64 * KIB,
    "bytes",
    "413 `INVALID_ARGUMENT`",
)
PROVIDER_PER_SECOND = Limit(
    "signed requests of one provider; ten times as many at once",
    200,
    "requests each second",
    "429 `RATE_LIMITED`",
)
FORM_FIELDS = Limit("the fields of a provider's form", 1_000, "fields", "400 `INVALID_ARGUMENT`")
CLOCK_S = Limit(
    "how far the time in a provider's signature may be from now, back or forth",
    300,
    "s",
    "401 `UNAUTHENTICATED`",
)
ID_CHARACTERS = Limit(
    "a provider's id of a message",
    255,
    "characters",
    "of an answer: it is not kept, the message has no receipts; else 400 `INVALID_ARGUMENT`",
)
REASON_CHARACTERS = Limit(
    "the reason for which a provider refuses a message", 200, "characters", "cut off"
)

ROWS = (
    SEND_S,
    PROVIDER_ANSWER_BYTES,
    PROVIDER_BODY_BYTES,
    PROVIDER_PER_SECOND,
    FORM_FIELDS,
    CLOCK_S,
    ID_CHARACTERS,
    REASON_CHARACTERS,
)
