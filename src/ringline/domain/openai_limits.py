"""The bounds of the OpenAI-compatible surface, beside those of every session (voices, 6).

`limits.py` says what a row means, and has the rows of all sessions.
"""

from ringline.domain.limit import KIB, MIB, Limit

SESSION_BYTES = Limit(
    "the session object, with everything that its client has set", MIB, "bytes", "`invalid_value`"
)
MESSAGE_CHARACTERS = Limit(
    "the text of one message, and `instructions` of a response",
    32_000,
    "characters",
    "`invalid_value`",
)
ITEM_ID_CHARACTERS = Limit("the client's id of an item", 64, "characters", "`invalid_value`")
EVENT_ID_CHARACTERS = Limit(
    "the client's `event_id`, as errors repeat it", 512, "characters", "cut"
)
METADATA_PAIRS = Limit("`metadata` of a response", 16, "members", "`invalid_value`")
METADATA_NAME = Limit("a name in `metadata`", 64, "characters", "`invalid_value`")
METADATA_TEXT = Limit("a text in `metadata`", 512, "characters", "`invalid_value`")
REMEMBERED_ITEMS = Limit(
    "the latest items that can be truncated or retrieved", 64, "items", "`item_not_found`"
)
REMEMBERED_BYTES = Limit(
    "the items that can be retrieved, without images", 256 * KIB, "bytes", "`item_not_found`"
)
DELETABLE_ITEMS = Limit(
    "the latest items that can be deleted",
    16,
    "items",
    "the model is given the oldest, which stays",
)
DELETABLE_BYTES = Limit(
    "the items that can be deleted, with images",
    256 * KIB,
    "bytes",
    "the model is given the oldest, which stays",
)
BEGIN_MS = Limit(
    "the wait for the client's first event, which may be its `session.update`",
    1_000,
    "ms",
    "the call begins with the defaults",
)

ROWS = (
    SESSION_BYTES,
    MESSAGE_CHARACTERS,
    ITEM_ID_CHARACTERS,
    EVENT_ID_CHARACTERS,
    METADATA_PAIRS,
    METADATA_NAME,
    METADATA_TEXT,
    REMEMBERED_ITEMS,
    REMEMBERED_BYTES,
    DELETABLE_ITEMS,
    DELETABLE_BYTES,
    BEGIN_MS,
)
