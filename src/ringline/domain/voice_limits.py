"""The limits of voices: what is kept of their endpoints and providers, and of the test voices.

A part of the table in `domain/limits.py`.
"""

from ringline.domain.limit import KIB, MIB, Limit

_BAD_ANSWER = "as an `unreadable` answer of the endpoint"

# -- cascades -----------------------------------------------------------------------------

CASCADE_SPEECH_MS = Limit(
    "what a cascade speaks in one response", 300_000, "ms", "the rest is not spoken"
)
CASCADE_TURNS = Limit(
    "turns of one session that a cascade transcribes at once",
    8,
    "turns",
    "`overloaded`; the turn has no text",
)
CASCADE_HISTORY_CHARACTERS = Limit(
    "the conversation that a cascade remembers, with tool calls and their results",
    200_000,
    "characters",
    "the oldest turns are forgotten; a longer tool result is cut",
)
CASCADE_IMAGE_BYTES = Limit(
    "images that a cascade remembers in one session",
    16 * MIB,
    "bytes",
    "the oldest are forgotten",
)
CASCADE_TOOL_CALLS = Limit(
    "tool calls that a cascade's chat model makes in one response",
    64,
    "calls",
    _BAD_ANSWER,
)
CASCADE_ARGUMENTS_CHARACTERS = Limit(
    "the arguments of such tool calls, together", 64 * KIB, "characters", _BAD_ANSWER
)
CASCADE_ANSWER_BYTES = Limit(
    "an answer of an endpoint to a cascade", 16 * MIB, "bytes", _BAD_ANSWER
)
CASCADE_EVENT_BYTES = Limit("one event of such an answer", MIB, "bytes", _BAD_ANSWER)
CASCADE_UNREADABLE_EVENTS = Limit(
    "unreadable events of such an answer, each left out", 50, "events", _BAD_ANSWER
)
CASCADE_ANSWER_S = Limit("such an answer", 120, "s", "as `stalled`")

# -- test voices --------------------------------------------------------------------------

TEST_VOICE_RESPONSE_MS = Limit(
    "what a test voice speaks in one response", 60_000, "ms", "the rest is text alone"
)
TEST_VOICE_LINES = Limit(
    "lines of a text to a test voice that begins with a command",
    64,
    "lines",
    "the others are left out",
)
TEST_VOICE_UNANSWERED = Limit(
    "lines and turns that wait for a test voice's answer", 64, "lines", "the oldest is dropped"
)
TEST_VOICE_CALLS = Limit(
    "tool calls of a test voice whose results it has not told",
    64,
    "calls",
    "the oldest is forgotten",
)
TEST_VOICE_LONG_MS = Limit("`/long` to a test voice", 60_000, "ms", "taken for this")
TEST_VOICE_SLOW_MS = Limit(
    "`/slow` to a test voice, in one response", 60_000, "ms", "taken for this"
)
TEST_VOICE_CAP_MS = Limit("`/cap` to a test voice", 300_000, "ms", "taken for this")

# -- providers ----------------------------------------------------------------------------

UPSTREAM_FRAME_BYTES = Limit(
    "a frame of a voice's provider", 16 * MIB, "bytes", "the connection is lost: `unreadable`"
)
UPSTREAM_HEAD_BYTES = Limit(
    "the head of a voice's provider's answer to a handshake",
    64 * KIB,
    "bytes",
    "the connection is lost: `connect`",
)
UPSTREAM_UNREADABLE = Limit(
    "frames of a voice's provider in 10 s that cannot be read",
    50,
    "frames",
    "the connection is lost: `unreadable`; until then each is dropped, with a log line",
)
UPSTREAM_AUDIO_MS = Limit(
    "audio that waits for a voice's provider that does not read",
    10_000,
    "ms",
    "the oldest is dropped",
)
UPSTREAM_WAITING_BYTES = Limit(
    "other frames that wait for such a provider",
    32 * MIB,
    "bytes",
    "the connection is lost: `stalled`",
)
HELD_ORDERS = Limit(
    "requests for responses that wait for the end of another, and texts, images and results "
    "after them",
    256,
    "orders",
    "the connection is lost: `stalled`",
)
HELD_CHARACTERS = Limit(
    "the text and the images among them",
    32 * MIB,
    "characters",
    "the connection is lost: `stalled`",
)
UNCLAIMED_EVENTS = Limit(
    "what a provider produces of a response that it began by itself, before the call takes it",
    2_000,
    "events",
    "the response is cancelled",
)
UPSTREAM_TURN_MS = Limit(
    "a turn that a caller speaks to a voice whose turns we detect for its provider",
    60_000,
    "ms",
    "ends for the client; if the client ends turns, the oldest audio is dropped",
)
UPSTREAM_TRANSCRIPT_CHARACTERS = Limit(
    "what a voice's provider transcribes of one turn", 32_000, "characters", "the rest is left out"
)
UPSTREAM_TRANSCRIPT_S = Limit(
    "waiting for the final transcript of a turn that is over",
    10,
    "s",
    "what has come of it is final",
)
UPSTREAM_LAST_USAGE_S = Limit(
    "a connection that is closed, waiting for the provider to say what it used last",
    1,
    "s",
    "cut off; what it would have said is not in the ledger",
)
REPORTED_UNITS = Limit(
    "each unit of what a voice reports as used at once",
    2**31 - 1,
    "tokens, seconds or items",
    "taken for this; less than 0, or no number, is taken for 0",
)
UPSTREAM_CALLS = Limit(
    "tool calls of a voice's provider whose results have not come",
    256,
    "calls",
    "the oldest is forgotten",
)
LIVE_HISTORY_TURNS = Limit(
    "the conversation that a Live session of OpenAI is opened with",
    128,
    "turns",
    "the oldest are left out",
)
LIVE_HISTORY_TOKENS = Limit(
    "that conversation, two bytes counted as a token and eight tokens as a turn's own",
    8_192,
    "tokens",
    "the oldest turns are left out",
)
LIVE_APPEND_TOKENS = Limit(
    "a text to a Live session of OpenAI, a byte counted as a token",
    500,
    "tokens",
    "sent in pieces",
)

# -- sessions that outlive a connection ---------------------------------------------------

LASTING_AUDIO_MS = Limit(
    "the caller's audio that is kept for the next connection to a model",
    10_000,
    "ms",
    "the oldest is dropped",
)
LASTING_TURNS = Limit(
    "turns of the caller whose transcripts have not come",
    16,
    "turns",
    "the oldest is not told to the next connection",
)
REMEMBERED_CHARACTERS = Limit(
    "the conversation that the next connection is told, with tool calls and their results",
    200_000,
    "characters",
    "the oldest turns are left out; a longer tool result is cut",
)

#: All of them, in the order of the page.
ROWS: tuple[Limit, ...] = (
    CASCADE_SPEECH_MS,
    CASCADE_TURNS,
    CASCADE_HISTORY_CHARACTERS,
    CASCADE_IMAGE_BYTES,
    CASCADE_TOOL_CALLS,
    CASCADE_ARGUMENTS_CHARACTERS,
    CASCADE_ANSWER_BYTES,
    CASCADE_EVENT_BYTES,
    CASCADE_UNREADABLE_EVENTS,
    CASCADE_ANSWER_S,
    TEST_VOICE_RESPONSE_MS,
    TEST_VOICE_LINES,
    TEST_VOICE_UNANSWERED,
    TEST_VOICE_CALLS,
    TEST_VOICE_LONG_MS,
    TEST_VOICE_SLOW_MS,
    TEST_VOICE_CAP_MS,
    UPSTREAM_FRAME_BYTES,
    UPSTREAM_HEAD_BYTES,
    UPSTREAM_UNREADABLE,
    UPSTREAM_AUDIO_MS,
    UPSTREAM_WAITING_BYTES,
    HELD_ORDERS,
    HELD_CHARACTERS,
    UNCLAIMED_EVENTS,
    UPSTREAM_TURN_MS,
    UPSTREAM_TRANSCRIPT_CHARACTERS,
    UPSTREAM_TRANSCRIPT_S,
    UPSTREAM_LAST_USAGE_S,
    REPORTED_UNITS,
    UPSTREAM_CALLS,
    LIVE_HISTORY_TURNS,
    LIVE_HISTORY_TOKENS,
    LIVE_APPEND_TOKENS,
    LASTING_AUDIO_MS,
    LASTING_TURNS,
    REMEMBERED_CHARACTERS,
)
