"""The table of limits: how much clients may ask for, and what happens beyond.

Every bound on a client is a row here, in bytes, work or time, and the code reads it from
here; `docs/reference/limits.md` is generated from `LIMITS` (contract, 13). If a setting
(`config/`) changes a bound, the row names it.
"""

from collections.abc import Mapping

from ringline.domain import (
    audit_limits,
    carrier_limits,
    console_limits,
    delivery_limits,
    openai_limits,
    recording_limits,
    socket_limits,
    v1_limits,
    voice_limits,
    webhook_limits,
)
from ringline.domain.limit import KIB, MIB, Limit

_BAD_JSON = "as broken JSON on that surface"
_TOO_COMPLEX = "`filter_too_complex`"
_TOO_LARGE_RESULT = "`result_too_large`"
_BAD_TEXT = "`invalid_attribute`; longer texts that are already stored stay"
_TOO_MANY_SESSIONS = "429 `concurrency_limit` before the upgrade"
_BAD_LEASH = "400 `invalid_request`"
_BAD_LOCAL = "`invalid_attribute`, in a session's config `invalid_config`"
_PAUSES = socket_limits.PAUSES
_NOT_SENT = "dropped, with one log line"
_CLOSED = "closed on arrival, with one log line a minute"

# -- connections --------------------------------------------------------------------------

HEAD_S = Limit("a request's head, from its first byte or the connect", 10, "s", "closed")
HEAD_BYTES = Limit("a request's head at a socket or a stream", 16 * KIB, "bytes", "400, closed")
BODY_IDLE_S = Limit("a body without progress", 30, "s", "408, closed")
BODY_S = Limit("a whole body", 120, "s", "408, closed")
LINGER_S = Limit("what still comes of a body that has been answered", 10, "s", "closed")
IDLE_S = Limit("a connection between requests", 75, "s", "closed")
ANSWER_IDLE_S = Limit("an answer that the client does not read", 30, "s", "closed")
STREAM_IDLE_S = Limit(
    "a socket or a stream that the client does not read; bytes that its network does not take",
    60,
    "s",
    "cut off",
)
EARLY_INPUT_BYTES = Limit(
    "what a client sends on a socket before its handshake is answered", 64 * KIB, "bytes", _PAUSES
)
ANSWER_S = Limit("a whole answer; of a recording, each MiB", 600, "s", "closed")
DRAIN_S = Limit("ordinary answers at shutdown, after calls and journal", 10, "s", "cut off")
DESCRIPTORS_RESERVED = Limit(
    "descriptors reserved for database, files and command line; connections get the others",
    64,
    "descriptors",
    _CLOSED,
)
CONNECTIONS_PER_ADDRESS = Limit(
    "connections of one address, as a share of the maximum",
    50,
    "%",
    _CLOSED + "; 429 behind a proxy of `TRUSTED_PROXIES`",
    "MAX_CONNECTIONS_PER_ADDRESS",
)
SOCKETS_PER_KEY = Limit(
    "open sockets and streams of one key and of its tokens and tickets",
    20_000,
    "sockets",
    "429; on `/socket` 403",
    "MAX_SOCKETS_PER_KEY",
)
JSON_MARKS = Limit("`[`, `{` and `,` in a body or a frame", 20_000, "characters", _BAD_JSON)
JSON_DEPTH = Limit("levels of arrays and objects in a body or a frame", 64, "levels", _BAD_JSON)
MINT_BYTES = Limit("the body of a mint", MIB, "bytes", "413")
IN_FLIGHT_BYTES = Limit(
    "one key's bodies under way and unread answers, counting those over 64 KiB",
    64 * MIB,
    "bytes",
    "429 `rate_limited`",
)
OFFER_CHARACTERS = Limit(
    "a client's offer of subprotocols", 4_096, "characters", "the rest is ignored"
)
TOKEN_BYTES = Limit("a session token", 512, "bytes", "refused as unknown")
PROVIDER_KEY_CHARACTERS = Limit(
    "a workspace's own key of a provider", 512, "characters", "`invalid_attribute`"
)
EMAIL_CHARACTERS = Limit(
    "the e-mail address of an operator token", 128, "characters", "400 `bad_request`"
)
LOOP_SHARE = Limit(
    "the work of one workspace, or of one address without a credential, while others work",
    40,
    "% of the event loop",
    "its next request or frame waits",
)
WAITING_FRAMES = Limit(
    "events queued for a connection that does not read", 64, "frames", "dropped and reported"
)
WAITING_BYTES = Limit(
    "events queued for a connection that does not read; a single one may be larger",
    MIB,
    "bytes",
    "dropped and reported",
)
WAITING_REPLIES = Limit(
    "replies queued for a connection that does not read", 64, "frames", "closed"
)
WAITING_REPLY_BYTES = Limit(
    "replies queued for a connection that does not read", 256 * KIB, "bytes", "closed"
)

# -- RPC ----------------------------------------------------------------------------------

RPC_BODY_BYTES = Limit("a body", 8_000_000, "bytes", "413 `payload_too_large`")
RPC_BODY_MARKS = Limit("`[`, `{` and `,` in a body", 200_000, "characters", "400 `bad_request`")
FILTER_DEPTH = Limit("levels of a filter", 20, "levels", _TOO_COMPLEX)
FILTER_NODES = Limit(
    "predicates, combinators and relationships of a filter", 500, "nodes", _TOO_COMPLEX
)
FILTER_SELECTS = Limit(
    "relationships of a filter, and predicates on fields that are read through one; one that"
    " means the latest of several records counts twice",
    250,
    "relationships",
    _TOO_COMPLEX,
)
FILTER_IN = Limit("members of one `in`", 1_000, "members", _TOO_COMPLEX)
SORT_ITEMS = Limit("items of `sort`", 20, "items", "`internal_error` with `invalid_sort`")
SORT_STEPS = Limit(
    "relationships that the items of `sort` follow together",
    10,
    "relationships",
    "`internal_error` with `invalid_sort`",
)
FIELDS_DEPTH = Limit("levels of `fields`", 20, "levels", "`fields_too_deep`")
FIELDS_RELATIONSHIPS = Limit("relationships in `fields`", 100, "relationships", _TOO_LARGE_RESULT)
FIELDS_MEMBERS = Limit(
    "members of `fields`, nested ones included", 1_000, "members", _TOO_LARGE_RESULT
)
LIST_MEMBERS = Limit(
    "members of any other list", 1_000, "members", "`invalid_argument` or `invalid_attribute`"
)
PROBLEMS = Limit("problems of one answer", 100, "problems", "the others are left out")
ECHOED = Limit("a name that a problem repeats", 255, "characters", "truncated")
PAGE_RECORDS = Limit("records of a page", 250, "records", "the page has this many")
PAGE_EVENTS = Limit("events of a page of `list_events`", 1_000, "events", "the page has this many")
PAGE_SCANNED = Limit(
    "offsets that a page of `list_events` scans for events of some types",
    10_000,
    "offsets",
    "the page ends, with `hasMore`",
)
CURSOR_CHARACTERS = Limit("a cursor", 64 * KIB, "characters", "`invalid_keyset`")
LIST_RECORDS = Limit(
    "records of a list without pages, or of one relationship of one record",
    10_000,
    "records",
    _TOO_LARGE_RESULT,
)
ANSWER_RECORDS = Limit(
    "records of an answer, nested ones included", 100_000, "records", _TOO_LARGE_RESULT
)
ANSWER_BYTES = Limit("an answer", 16_000_000, "bytes", _TOO_LARGE_RESULT)
SHORT_TEXT_BYTES = Limit("names, numbers and other short texts", KIB, "bytes", _BAD_TEXT)
GREETING_BYTES = Limit("a greeting", 16 * KIB, "bytes", _BAD_TEXT)
LONG_TEXT_BYTES = Limit(
    "each of notes, content, metadata, tools, `local`, a list of texts",
    64 * KIB,
    "bytes",
    _BAD_TEXT,
)
INSTRUCTIONS_BYTES = Limit("instructions", 256 * KIB, "bytes", _BAD_TEXT)
CALL_PARTICIPANTS = Limit(
    "participants of an external call, including those who left",
    250,
    "participants",
    "`invalid_changes`",
)
STATEMENT_S = Limit("a statement", 10, "s", "`query_timeout`")
STATEMENT_CONTENDED_S = Limit(
    "the statements of one request while others wait for a connection to the database",
    2,
    "s",
    "`query_timeout`",
)

# -- the database -------------------------------------------------------------------------

DATABASE_CONNECTIONS = Limit("connections to the database", 10, "connections", "waits")
DATABASE_RESERVED = Limit(
    "of these, reserved for credentials, journal and revocations", 2, "connections", "waits"
)
DATABASE_PER_WORKSPACE = Limit(
    "of these, for one workspace's requests while others use the database",
    3,
    "connections",
    "waits",
)
DATABASE_ALONE = Limit(
    "of these, for one workspace's requests while no other uses the database",
    6,
    "connections",
    "waits",
)
DATABASE_SHARE = Limit(
    "one workspace's expensive requests while others use the database",
    40,
    "% of one connection's time",
    "its next request waits",
)
DATABASE_EXPENSIVE_MS = Limit(
    "a request before it counts as expensive", 50, "ms on its connection", "the excess counts"
)
DATABASE_WAITING = Limit(
    "one workspace's requests waiting for a connection to the database",
    500,
    "requests",
    "503 `unavailable`",
)
DATABASE_WAIT_S = Limit("a wait for a connection to the database", 5, "s", "503 `unavailable`")

# -- realtime voice -----------------------------------------------------------------------

SESSIONS_PER_PROCESS = Limit(
    "live voice sessions of one process",
    500,
    "sessions",
    "503 `unavailable` before the upgrade, with one log line a minute",
    "MAX_SESSIONS_PER_PROCESS",
)
SESSIONS_IN_LIVE = Limit(
    "live voice sessions of one workspace in `live`",
    100,
    "sessions",
    _TOO_MANY_SESSIONS,
    "MAX_SESSIONS_PER_WORKSPACE",
)
SESSIONS_IN_TEST = Limit(
    "live voice sessions of one workspace in `test`",
    10,
    "sessions",
    _TOO_MANY_SESSIONS,
    "MAX_SESSIONS_PER_WORKSPACE",
)
SESSION_FRAME_BYTES = Limit(
    "a frame without an image", MIB, "bytes", "`frame_too_large`, close 1009"
)
IMAGE_FRAME_BYTES = Limit(
    "an `image.input`, or a message in OpenAI's protocol",
    16 * MIB,
    "bytes",
    "`frame_too_large`, close 1009",
)
SESSION_FRAMES_PER_S = Limit("frames of one session", 250, "frames/s", _PAUSES)
SESSION_FRAMES_BURST = Limit("frames of one session at once", 1_000, "frames", _PAUSES)
SESSION_EVENTS = Limit(
    "control events of one session in 10 s",
    100,
    "events",
    "`rate_limited`",
    "RATE_SESSION_EVENTS_PER_10_S",
)
TYPED_CHARACTERS = Limit("the text of one `text.input`", 32_000, "characters", "`invalid_event`")
AUDIO_PIECE_MS = Limit("the audio of one `audio.append`", 10_000, "ms", "`invalid_audio`")
WAITING_SPEECH_MS = Limit(
    "speech queued for a client that does not read", 2_000, "ms", "the oldest is dropped"
)
WAITING_NOTIFICATIONS = Limit(
    "other events queued for a client that does not read",
    1_000,
    "frames",
    "`slow_client`, close 1008",
)
WAITING_NOTIFICATION_BYTES = Limit(
    "other events queued for a client that does not read",
    4 * MIB,
    "bytes",
    "`slow_client`, close 1008",
)
EARLY_SIGNALS = Limit("signals before `session.started`", 100, "signals", "`rate_limited`")
PAGE_MODELS = Limit("models of a page of `GET /v3/models`", 500, "models", "the page has this many")
START_S = Limit("the wait for `session.start`", 10, "s", "`start_timeout`, close 1008")
INBOX_SIGNALS = Limit("signals queued for one call", 2_000, "signals", "the call ends")
EARLY_SIGNAL_BYTES = Limit("signals before `session.started`", 20 * MIB, "bytes", "`rate_limited`")
INBOX_BYTES = Limit("signals queued for one call", 32 * MIB, "bytes", "the call ends")
OPEN_TOOL_CALLS = Limit(
    "tool calls of one session that are not answered", 64, "calls", "answered with an error"
)
QUEUED_RESPONSES = Limit(
    "responses queued behind the one being sent",
    4,
    "responses",
    "the voice's is stopped",
)
PLAYOUT_MS = Limit("speech of one response waiting to be sent", 300_000, "ms", _NOT_SENT)
PLAYOUT_TEXT_BYTES = Limit(
    "text of one response waiting for its speech", 64 * KIB, "bytes", _NOT_SENT
)
PLAYOUT_PIECES = Limit("pieces of one response waiting to be sent", 20_000, "pieces", _NOT_SENT)
PLAYOUT_RESPONSES = Limit(
    "responses of one call waiting to be sent", 16, "responses", "the oldest is dropped"
)
PARTIAL_TURNS = Limit(
    "turns of a caller being recognised at once", 8, "turns", "the oldest is dropped"
)
TRANSCRIPT_CHARACTERS = Limit(
    "the transcript in a call's last event",
    1_000_000,
    "characters",
    "the oldest turns are left out",
)
CONFIG_WARNINGS = Limit(
    "unknown members of a config that `warnings` names", 10, "sentences", "the others are left out"
)
LEASH_S = Limit(
    "`max_duration_seconds` and `idle_timeout_seconds` of a ticket", 86_400, "s", _BAD_LEASH
)
LEASH_ORIGINS = Limit("`allowed_origins` of a ticket", 20, "origins", _BAD_LEASH)
ORIGIN_CHARACTERS = Limit(
    "an origin in `allowed_origins`, of a workspace too",
    300,
    "characters",
    _BAD_LEASH + "; under `/v1` 400 `INVALID_ARGUMENT`",
)
SUBJECT_BYTES = Limit("`subject` of a ticket", 255, "bytes", _BAD_LEASH)
SESSION_METADATA_BYTES = Limit(
    "`metadata` of a ticket, as compact JSON", 16 * KIB, "bytes", _BAD_LEASH
)
TURN_MS = Limit(
    "a turn that a caller speaks to the local voice, a cascade or a test voice",
    20_000,
    "ms",
    "ends, and is answered; if the client ends turns, the oldest audio is dropped",
)
TURN_REST_MS = Limit(
    "sound without a pause after so long a turn", 10_000, "ms", "begins the next turn"
)
LINE_CHARACTERS = Limit(
    "a phrase of `local`, and a typed line",
    1_000,
    "characters",
    "not understood; the phrase: " + _BAD_LOCAL,
)
PHRASES = Limit("phrases of `local`", 200, "phrases", _BAD_LOCAL)
PHRASE_WORDS = Limit("a phrase of `local`", 20, "words", _BAD_LOCAL)
REPLIES = Limit("replies of `local`", 200, "replies", _BAD_LOCAL)
INTENT_CHARACTERS = Limit("the name of an intent in `local`", 255, "characters", _BAD_LOCAL)
RESPONSE_CHARACTERS = Limit(
    "what the local voice, a cascade or a test voice says in one response, and a reply of `local`",
    16 * KIB,
    "characters",
    "the rest is not spoken; the reply: " + _BAD_LOCAL,
)
LAST_USAGE_S = Limit(
    "the end of a session waiting for the last of what it used, if its client is told of usage",
    2,
    "s",
    "what comes later is in the ledger alone",
)
# -- inside -------------------------------------------------------------------------------

JOURNAL_BYTES = Limit("entries waiting to be written, in all", 64 * MIB, "bytes", "`storage_lost`")
JOURNAL_WORKSPACE_BYTES = Limit(
    "one workspace's entries waiting to be written", 16 * MIB, "bytes", "`storage_lost`"
)
JOURNAL_WORKSPACE_ENTRIES = Limit(
    "one workspace's entries waiting to be written", 10_000, "entries", "`storage_lost`"
)
RECENT_EVENTS = Limit(
    "recent events of a watched log kept in memory", 64, "events", "read from the log"
)
RECENT_BYTES = Limit(
    "recent events of a watched log kept in memory", MIB, "bytes", "read from the log"
)
EARLY_EVENTS = Limit(
    "events of a watched log that arrived out of order", 1_000, "events", "read from the log"
)
EARLY_BYTES = Limit(
    "events of a watched log that arrived out of order", 8 * MIB, "bytes", "read from the log"
)
STREAM_LEDGER = Limit(
    "writes to the listeners of a topic that `ringline why` knows",
    4_096,
    "writes",
    "the oldest is forgotten",
)
STREAM_OUTCOMES = Limit(
    "subscriptions that are shown for one event", 100, "subscriptions", "the oldest are left out"
)
FOLLOWED_BYTES = Limit(
    "events read from the log at a time for one listener, at least one",
    256 * KIB,
    "bytes",
    "read in more steps",
)
PAGE_BYTES = Limit(
    "events in a page of `list_events`, at least one",
    MIB,
    "bytes",
    "read in more pages",
)
PORTION_ROWS = Limit(
    "rows fetched from the database at a time if any may be large",
    16,
    "rows",
    "fetched in more portions",
)
SHORT_PORTION_ROWS = Limit(
    "rows fetched from the database at a time if all are short",
    1_000,
    "rows",
    "fetched in more portions",
)
TRACKED_RATES = Limit(
    "keys and operators whose rate is tracked",
    10_000,
    "rates",
    "the one idle longest is forgotten",
)
PRICES_BYTES = Limit("the file of `PRICES_FILE`", MIB, "bytes", "the server does not start")
CACHED_PLANS = Limit("cached plans of reads", 256, "plans", "planned again")
PLAN_EFFORT = Limit(
    "parts of a read (filter, fields and sort) that is planned at once; a relationship counts"
    " as 12, and each of n fields of a sort counts n times",
    100,
    "parts",
    "planned in a thread, one at a time",
)
PLAN_BYTES = Limit("a cached plan, as estimated", 128 * KIB, "bytes", "planned again")
FETCH_BYTES = Limit(
    "rows fetched at once, by the maximum size of their columns",
    MIB,
    "bytes",
    "fetched in portions, and counted",
)

#: Every limit, by section of the reference page.
LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "Connections and bodies": (
        HEAD_S,
        HEAD_BYTES,
        BODY_IDLE_S,
        BODY_S,
        LINGER_S,
        IDLE_S,
        ANSWER_IDLE_S,
        STREAM_IDLE_S,
        EARLY_INPUT_BYTES,
        ANSWER_S,
        DRAIN_S,
        DESCRIPTORS_RESERVED,
        CONNECTIONS_PER_ADDRESS,
        SOCKETS_PER_KEY,
        JSON_MARKS,
        JSON_DEPTH,
        MINT_BYTES,
        IN_FLIGHT_BYTES,
        LOOP_SHARE,
        OFFER_CHARACTERS,
        TOKEN_BYTES,
        EMAIL_CHARACTERS,
        WAITING_FRAMES,
        WAITING_BYTES,
        WAITING_REPLIES,
        WAITING_REPLY_BYTES,
    ),
    "`/v1`": v1_limits.ROWS,
    "RPC": (
        RPC_BODY_BYTES,
        RPC_BODY_MARKS,
        FILTER_DEPTH,
        FILTER_NODES,
        FILTER_SELECTS,
        FILTER_IN,
        SORT_ITEMS,
        SORT_STEPS,
        FIELDS_DEPTH,
        FIELDS_RELATIONSHIPS,
        FIELDS_MEMBERS,
        LIST_MEMBERS,
        PROVIDER_KEY_CHARACTERS,
        PROBLEMS,
        ECHOED,
        PAGE_RECORDS,
        PAGE_EVENTS,
        PAGE_SCANNED,
        CURSOR_CHARACTERS,
        LIST_RECORDS,
        ANSWER_RECORDS,
        ANSWER_BYTES,
        SHORT_TEXT_BYTES,
        GREETING_BYTES,
        LONG_TEXT_BYTES,
        INSTRUCTIONS_BYTES,
        CALL_PARTICIPANTS,
        STATEMENT_S,
        STATEMENT_CONTENDED_S,
    ),
    "The database": (
        DATABASE_CONNECTIONS,
        DATABASE_RESERVED,
        DATABASE_PER_WORKSPACE,
        DATABASE_ALONE,
        DATABASE_SHARE,
        DATABASE_EXPENSIVE_MS,
        DATABASE_WAITING,
        DATABASE_WAIT_S,
    ),
    "Events socket and live streams": socket_limits.ROWS,
    "Realtime voice": (
        SESSIONS_PER_PROCESS,
        SESSIONS_IN_LIVE,
        SESSIONS_IN_TEST,
        SESSION_FRAME_BYTES,
        IMAGE_FRAME_BYTES,
        SESSION_FRAMES_PER_S,
        SESSION_FRAMES_BURST,
        SESSION_EVENTS,
        TYPED_CHARACTERS,
        AUDIO_PIECE_MS,
        WAITING_SPEECH_MS,
        WAITING_NOTIFICATIONS,
        WAITING_NOTIFICATION_BYTES,
        EARLY_SIGNALS,
        EARLY_SIGNAL_BYTES,
        PAGE_MODELS,
        START_S,
        INBOX_SIGNALS,
        INBOX_BYTES,
        OPEN_TOOL_CALLS,
        QUEUED_RESPONSES,
        PLAYOUT_MS,
        PLAYOUT_TEXT_BYTES,
        PLAYOUT_PIECES,
        PLAYOUT_RESPONSES,
        PARTIAL_TURNS,
        TRANSCRIPT_CHARACTERS,
        CONFIG_WARNINGS,
        LEASH_S,
        LEASH_ORIGINS,
        ORIGIN_CHARACTERS,
        SUBJECT_BYTES,
        SESSION_METADATA_BYTES,
        TURN_MS,
        TURN_REST_MS,
        LINE_CHARACTERS,
        PHRASES,
        PHRASE_WORDS,
        REPLIES,
        INTENT_CHARACTERS,
        RESPONSE_CHARACTERS,
        LAST_USAGE_S,
        recording_limits.AHEAD_MS,
    ),
    "OpenAI-compatible realtime voice": openai_limits.ROWS,
    "Voices": voice_limits.ROWS,
    "Webhooks": webhook_limits.ROWS + delivery_limits.ROWS,
    "Providers of messages": carrier_limits.ROWS,
    "Console": console_limits.ROWS,
    "Audit log": audit_limits.ROWS,
    "Inside the server": (
        JOURNAL_BYTES,
        JOURNAL_WORKSPACE_BYTES,
        JOURNAL_WORKSPACE_ENTRIES,
        RECENT_EVENTS,
        RECENT_BYTES,
        EARLY_EVENTS,
        EARLY_BYTES,
        STREAM_LEDGER,
        STREAM_OUTCOMES,
        FOLLOWED_BYTES,
        PAGE_BYTES,
        PORTION_ROWS,
        SHORT_PORTION_ROWS,
        TRACKED_RATES,
        PRICES_BYTES,
        CACHED_PLANS,
        PLAN_EFFORT,
        PLAN_BYTES,
        FETCH_BYTES,
        *recording_limits.INSIDE,
    ),
}
