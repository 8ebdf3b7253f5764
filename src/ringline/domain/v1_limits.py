"""The bounds of `/v1` (live streams, 1).

`limits.py` says what a row means.
"""

from ringline.domain.limit import KIB, MIB, Limit

BODY_BYTES = Limit("a body", MIB, "bytes", "413 `INVALID_ARGUMENT`")
KEY_BODY_BYTES = Limit(
    "a body that holds the request's key, read before the caller is known",
    4 * KIB,
    "bytes",
    "413 `INVALID_ARGUMENT`",
)
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
METADATA_BYTES = Limit(
    "`metadata` of a placed call, as compact JSON", 4 * KIB, "bytes", "400 `INVALID_ARGUMENT`"
)
_AT_ONCE = "429 `RATE_LIMITED`"
CALLS_OF_STARTER = Limit(
    "calls at once of a workspace of the tier `starter`, sessions included, when one is placed",
    10,
    "calls",
    _AT_ONCE,
)
CALLS_OF_BUILDER = Limit("the same of the tiers `builder` and `payg`", 100, "calls", _AT_ONCE)
CALLS_OF_SCALE = Limit("the same of the tier `scale`", 500, "calls", _AT_ONCE)
SANDBOX_CALLS = Limit("sandbox calls of one process at once", 1_000, "calls", "503 `UNAVAILABLE`")
SANDBOX_PATIENCE_S = Limit(
    "how long the caller of a sandbox call waits for the agent to finish, or on hold",
    10,
    "s",
    "they go on; on hold they hang up",
)
PER_MINUTE_OF_BUILDER = Limit(
    "the same of the tiers `builder` and `payg`, unless the setting is set",
    5_000,
    "requests",
    "429 `RATE_LIMITED`",
)
PER_MINUTE_OF_STARTER = Limit(
    "the same of the tier `starter`, unless the setting is set",
    1_000,
    "requests",
    "429 `RATE_LIMITED`",
)

SECRET_KEYS = Limit(
    "keys of one kind that a workspace has, when another is created",
    1_000,
    "keys",
    "400 `INVALID_ARGUMENT`; RPC: `invalid_changes`",
)
_TOO_MANY_AGENTS = "402 `QUOTA_EXCEEDED`; RPC: `invalid_changes`"
PLAYGROUND_TURNS = Limit(
    "turns of playgrounds that a workspace has under way", 5, "turns", "429 `RATE_LIMITED`"
)
PLAYGROUND_HISTORY = Limit(
    "the turns of a playground's history", 200, "turns", "400 `INVALID_ARGUMENT`"
)
PLAYGROUND_REPLY = Limit(
    "the reply in a playground", 64 * 1024, "characters", "the rest is left out"
)
MESSAGE_BODY = Limit(
    "the text of a message", 4_096, "characters", "400 `INVALID_ARGUMENT`; an answer is cut there"
)
MESSAGE_HISTORY = Limit(
    "the messages of a thread that its agent is shown", 100, "messages", "older ones are left out"
)
MEDIA_URL = Limit("`media_url` of a message", 2_048, "characters", "400 `INVALID_ARGUMENT`")
MEDIA_CAPTION = Limit("`media_caption` of a message", 1_024, "characters", "400 `INVALID_ARGUMENT`")
INTERACTIVE_BYTES = Limit(
    "`interactive` of a message, as compact JSON", 16 * KIB, "bytes", "400 `INVALID_ARGUMENT`"
)
TEMPLATE_NAME = Limit("`template_name` of a message", 512, "characters", "400 `INVALID_ARGUMENT`")
LANGUAGE_CODE = Limit("`language_code` of a message", 16, "characters", "400 `INVALID_ARGUMENT`")
TEMPLATE_PARAMETERS = Limit(
    "`parameters` of a message by template", 50, "texts", "400 `INVALID_ARGUMENT`"
)
TEMPLATE_PARAMETER = Limit("each of them", 1_024, "characters", "400 `INVALID_ARGUMENT`")
AGENTS_OF_STARTER = Limit("agents of an environment, tier `starter`", 2, "agents", _TOO_MANY_AGENTS)
AGENTS_OF_BUILDER = Limit(
    "agents of an environment, tier `builder`", 10, "agents", _TOO_MANY_AGENTS
)
COMMANDS_PER_S = Limit(
    "commands of one call WebSocket, on average", 20, "per second", "`command.error` `RATE_LIMITED`"
)
WAITING_COMMANDS = Limit(
    "commands of one call WebSocket that wait for the one before",
    20,
    "commands",
    "`command.error` `RATE_LIMITED`",
)
REQUEST_ID = Limit(
    "a command's `request_id`", 255, "characters", "`command.error` `INVALID_ARGUMENT`"
)
_BAD_VALUE = "400 `INVALID_ARGUMENT`; RPC: `invalid_attribute`"
NUMBER_CHARACTERS = Limit(
    "a phone number as it is written",
    40,
    "characters",
    _BAD_VALUE,
)
ROUTING_RULES = Limit(
    "routing rules of a number", 50, "rules", "400 `INVALID_ARGUMENT`; RPC: `invalid_changes`"
)
MATCH_VALUE = Limit("a rule's keyword or pattern", 255, "characters", _BAD_VALUE)
PATTERN_KIB = Limit("a rule's pattern, compiled by RE2", 64, "KiB", _BAD_VALUE)
UTTERANCE = Limit(
    "an utterance or message, when rules look for their keywords and patterns in it",
    500,
    "characters",
    "the rest is not looked at",
)
DIGITS = Limit("digits of one `dtmf`, pauses included", 64, "digits", "400 `INVALID_ARGUMENT`")
WORKSPACE_ORIGINS = Limit(
    "`allowed_origins` of a workspace", 50, "origins", "400 `INVALID_ARGUMENT`"
)
RECORDING_WAIT_S = Limit(
    "a request's wait for the recording of a call that has just ended", 5, "s", "404 `NOT_FOUND`"
)

#: In the sequence of the page.
ROWS = (
    BODY_BYTES,
    KEY_BODY_BYTES,
    TRANSCRIPT_BYTES,
    DEADLINE_S,
    PER_MINUTE,
    PER_MINUTE_OF_BUILDER,
    PER_MINUTE_OF_STARTER,
    SECRET_KEYS,
    WORKSPACE_ORIGINS,
    METADATA_BYTES,
    CALLS_OF_STARTER,
    CALLS_OF_BUILDER,
    CALLS_OF_SCALE,
    SANDBOX_CALLS,
    SANDBOX_PATIENCE_S,
    AGENTS_OF_STARTER,
    AGENTS_OF_BUILDER,
    COMMANDS_PER_S,
    WAITING_COMMANDS,
    REQUEST_ID,
    NUMBER_CHARACTERS,
    ROUTING_RULES,
    MATCH_VALUE,
    PATTERN_KIB,
    UTTERANCE,
    DIGITS,
    PLAYGROUND_TURNS,
    PLAYGROUND_HISTORY,
    PLAYGROUND_REPLY,
    RECORDING_WAIT_S,
    MESSAGE_BODY,
    MEDIA_URL,
    MEDIA_CAPTION,
    INTERACTIVE_BYTES,
    TEMPLATE_NAME,
    LANGUAGE_CODE,
    TEMPLATE_PARAMETERS,
    TEMPLATE_PARAMETER,
    MESSAGE_HISTORY,
)
