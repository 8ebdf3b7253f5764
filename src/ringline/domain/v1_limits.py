"""The bounds of `/v1` (live streams, 1).

`limits.py` says what a row means.
"""

from ringline.domain.limit import MIB, Limit

BODY_BYTES = Limit("a body", MIB, "bytes", "413 `INVALID_ARGUMENT`")
TRANSCRIPT_BYTES = Limit(
    "the turns of a call in one answer",
    4 * MIB,
    "bytes",
    "400 `INVALID_ARGUMENT`; `transcript` of a call is null",
)
DEADLINE_S = Limit(
    "a request, once it has arrived", 10, "s", "504 `DEADLINE_EXCEEDED`; what it began may be done"
)
PER_MINUTE = Limit(
    "one workspace's requests in any minute, both environments and streams' openings included",
    20_000,
    "requests",
    "429 `RATE_LIMITED`",
    "RATE_V1_PER_MINUTE",
)

SECRET_KEYS = Limit(
    "secret keys of a workspace, when another is created", 1_000, "keys", "400 `INVALID_ARGUMENT`"
)

#: In the sequence of the page.
ROWS = (BODY_BYTES, TRANSCRIPT_BYTES, DEADLINE_S, PER_MINUTE, SECRET_KEYS)
