"""The table of log lines: their names, levels and fields.

Operators read log lines; clients receive events. Every call of a logger in the source is a
row here with exactly its level and fields, which a test checks; `docs/reference/logs.md` is
generated from `LOG_LINES`. An outage has one name, however many modules notice it; the steps
of its repair have their own names, at debug.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a line is, as in `RINGLINE_LOG_LEVEL`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its `event`, its level, and its fields besides the common ones."""

    event: str
    level: Level
    fields: tuple[str, ...]
    means: str


_CALL = ("call_id", "workspace_id", "environment")


def _debug(event: str, *fields: str, means: str) -> LogLine:
    return LogLine(event, Level.DEBUG, fields, means)


def _info(event: str, *fields: str, means: str) -> LogLine:
    return LogLine(event, Level.INFO, fields, means)


def _warning(event: str, *fields: str, means: str) -> LogLine:
    return LogLine(event, Level.WARNING, fields, means)


def _error(event: str, *fields: str, means: str) -> LogLine:
    return LogLine(event, Level.ERROR, fields, means)


#: What each field holds. A field without a value is null, never left out.
FIELDS: Mapping[str, str] = {
    "action": "`end_call`, `transfer_to` or `dtmf`",
    "agent_id": "the agent",
    "answered": "whether the call was ever answered",
    "attempt": "which attempt failed, from 1",
    "base_url": "the address that clients reach the server at",
    "call_id": "the call",
    "cause": "why it failed: `http_` and a status, `close_` and a code, `connect`, `timeout`,"
    " `stalled`, `cut`, `unreadable`, `quota`, or the provider's own code; of a receiver, a word of"
    " webhooks.md",
    "connections": "how many sockets and streams were closed",
    "count": "how many phrases were left out",
    "dropped_ms": "how much speech was dropped, in milliseconds",
    "dropped_text_bytes": "how much of the text that goes with it was dropped",
    "entries": "how many entries of the journal",
    "environment": "`live` or `test`",
    "error": "the exception's class; its text may quote data and is never logged",
    "event_type": "the canonical type of the event",
    "exit_status": "the exit status of the process; below zero, the signal that ended it",
    "frames": "how many frames",
    "hangup_cause": "why the call ended",
    "failures": "how many there were in a row",
    "how": "`link`, `password` or `invitation`",
    "id": "the key, the member or the sign-in",
    "key_id": "the key, if it is known",
    "kind": "`key`, `token`, `ticket`, `expired` or `wrong_kind`; of a frame, what is wrong;"
    " of a timer, what it is for",
    "library": "the name of the library's logger",
    "live": "how many voice sessions are live",
    "logs": "how many workspaces' logs were in the transaction",
    "http_status": "the answer's status",
    "message_id": "the message",
    "model": "the model, as `provider/model`",
    "module": "the worker's program; null for all of them",
    "names": "the names of the variables",
    "open": "how many connections are open",
    "outcome": "the entry's outcome: `Refused` or `StorageLost`",
    "path": "the path of the request, without its query",
    "pid": "the process id of the database",
    "provider": "`openai`, `xai` or `gemini`; of messages, the provider's own name",
    "reason": "a sentence, or the kind of error",
    "refused": "how many connections or sessions were refused since the last such line",
    "seconds": "how long the call lasted",
    "source": "where the call came from",
    "sqlstate": "PostgreSQL's code for the error, if there is one",
    "stage": "`transcription`, `chat` or `speech`",
    "status": "the call's last status",
    "user_id": "the member of the team",
    "waiting": "how many entries wait to be written",
    "workspace_id": "the workspace",
}

#: Every line, by what it is about.
LOG_LINES: Mapping[str, tuple[LogLine, ...]] = {
    "Server": (
        _info("ready", "base_url", means="The server accepts requests."),
        _info("stopping", means="A signal asked the server to end; its calls end first."),
        LogLine(
            "server_ended",
            Level.CRITICAL,
            ("reason",),
            "The server did not start, or ended unexpectedly; `reason` says what to do.",
        ),
        _warning(
            "service_links_ignored",
            "names",
            means="Kubernetes set these variables for a service whose name begins with `ringline`;"
            " they are ignored.",
        ),
        _warning(
            "database_open_to_all",
            "reason",
            means="Every role in the database's cluster may connect to the database.",
        ),
        _warning(
            "connections_refused",
            "refused",
            "open",
            means="Connections were closed on arrival; at most one line a minute.",
        ),
        _warning(
            "sessions_refused",
            "refused",
            "live",
            means="Voice sessions were refused: the process has as many as"
            " `RINGLINE_MAX_SESSIONS_PER_PROCESS` allows; at most one line a minute.",
        ),
        _warning(
            "library_logged",
            "library",
            "error",
            means="A library logged a warning or worse; its text is left out.",
        ),
    ),
    "Calls": (
        _info("call_begun", *_CALL, "source", means="A call began."),
        _info(
            "call_ended",
            *_CALL,
            "status",
            "hangup_cause",
            "answered",
            "seconds",
            means="A call ended.",
        ),
        _warning(
            "speech_not_queued",
            "dropped_ms",
            "dropped_text_bytes",
            means="A response was longer than the queue of speech to send; its end was dropped.",
        ),
        _warning(
            "speech_dropped",
            "dropped_ms",
            means="A caller's client read too slowly; the oldest speech was dropped.",
        ),
        _warning(
            "frames_dropped",
            "frames",
            means="A watcher read too slowly; events were dropped, and the gap was reported to it.",
        ),
        LogLine(
            "sandbox_answer_failed",
            Level.ERROR,
            ("error",),
            "A sandbox call's agent had no answer, because of a defect; the call continues.",
        ),
    ),
    "Recordings": (
        _warning(
            "recording_failed",
            "call_id",
            "reason",
            means="A call's recording did not begin, or ended early; the call continues. `reason`"
            " is also in its `call.audit`.",
        ),
        _info(
            "recording_removed",
            "call_id",
            means="A recording was removed: because of `RINGLINE_RECORDINGS_MAX_GB`, because its "
            "workspace keeps none of its age, or with its workspace.",
        ),
        _warning(
            "recordings_not_removed",
            "reason",
            means="Old recordings of a workspace could not be removed; it is tried again in an "
            "hour.",
        ),
        _warning(
            "recordings_not_surveyed",
            "reason",
            means="The recordings of earlier runs could not be looked through at the start.",
        ),
    ),
    "Credentials": (
        _info(
            "credential_refused",
            "kind",
            "key_id",
            means="A credential was refused: an unknown key, token or ticket, one of an expired"
            " key, or a key of the wrong kind.",
        ),
        _info("signed_in", "user_id", "id", "how", means="A person signed in to the console."),
        _info(
            "sign_in_refused",
            "user_id",
            "how",
            means="Somebody tried to sign in as a member: by a spent link, or a wrong password.",
        ),
        _info("key_revoked", "id", "connections", means="A key was revoked."),
        _info("workspace_deleted", "id", means="A workspace was deleted, over `/v1`."),
        _info("workspace_purged", "id", means="Nothing of a deleted workspace is left."),
        _info("key_expired", "id", "connections", means="A key in use expired."),
        _info(
            "tokens_expired",
            "connections",
            means="Session tokens expired, and closed what they had opened.",
        ),
        _info("member_removed", "id", "connections", means="A member was removed from their team."),
    ),
    "Database": (
        _warning(
            "database_away",
            "waiting",
            means="The database is unavailable: new calls are refused, live ones continue, and"
            " their entries wait. Once per outage.",
        ),
        _info("database_back", "waiting", means="The outage is over. Once per outage."),
        _warning(
            "embedded_database_died",
            "exit_status",
            means="The embedded database's process ended; it is being restarted.",
        ),
        _error(
            "embedded_database_not_started",
            "reason",
            means="It failed to start; the server retries.",
        ),
        _info("embedded_database_restarted", "pid", means="It is running again."),
        _error(
            "database_owned_by_another",
            means="Another server took ownership of the database during an outage; this one waits.",
        ),
        _debug("ownership_lost", means="The connection that owns the database broke."),
        _debug(
            "ownership_not_regained",
            "sqlstate",
            means="An attempt to regain ownership of the database failed; the server retries.",
        ),
        _debug("ownership_regained", means="This server owns the database again."),
        _warning(
            "statements_not_cancelled",
            "error",
            means="Statements that keep others waiting could not be cancelled; the server retries.",
        ),
        _info(
            "migration_collided",
            "sqlstate",
            "attempt",
            means="Another program changed the database during a migration, which is retried.",
        ),
        _warning(
            "transaction_split",
            "logs",
            "reason",
            means="A transaction of the journal failed; its logs are now written one by one.",
        ),
        _error(
            "entry_refused",
            "reason",
            "sqlstate",
            "entries",
            means="The database refused a call's entry; the call ends with `internal_error`.",
        ),
        _error(
            "usage_lost",
            "call_id",
            "outcome",
            means="What a voice used could not be written to the ledger; `call_id` is null for a "
            "turn in the playground.",
        ),
        _error(
            "journal_lost_entries",
            "entries",
            means="The server ended before these entries were written.",
        ),
        _error(
            "sweep_not_written",
            "outcome",
            means="The end of a crashed server's call could not be written.",
        ),
        _warning(
            "log_rebuilt",
            "workspace_id",
            means="A workspace's log has a new epoch; its listeners must start over.",
        ),
        _warning(
            "events_gone",
            "workspace_id",
            means="Events that listeners had not received yet are no longer in the log.",
        ),
    ),
    "RPC": (
        _warning(
            "answer_not_remembered",
            "error",
            means="An answer could not be stored under its idempotency key; once the key expires,"
            " a repeated request runs again.",
        ),
        _warning(
            "claim_not_given_up",
            "error",
            means="A refused request's idempotency key could not be released; it will expire.",
        ),
    ),
    "Local voice": (
        _warning(
            "voice_worker_lost",
            "module",
            means="A recognition or speech process died; it is replaced and its work repeated.",
        ),
        _warning(
            "voice_worker_stays_root",
            "module",
            "reason",
            means="A recognition or speech process could not switch to another account.",
        ),
        _warning(
            "voice_phrases_ignored",
            "count",
            means="Phrases contain words that can only be typed, not recognised.",
        ),
        _warning(
            "model_without_price",
            "model",
            means="The price list has no row for a model: its sessions cost 0 (PRICES_FILE). Once.",
        ),
        _warning("voice_not_recognized", "error", means="A caller's turn was not recognised."),
        _warning("voice_not_spoken", "error", means="A response was not spoken to the end."),
    ),
    "Voices of endpoints": (
        _warning(
            "voice_endpoint_failed",
            "model",
            "stage",
            "cause",
            means="A request of a `cascade/*` voice failed; it may be repeated once.",
        ),
    ),
    "Receivers of agents": (
        _warning(
            "turn_failed",
            "call_id",
            "agent_id",
            "cause",
            "status",
            "failures",
            means="An agent's `webhook_url` did not answer a BYOM turn; the caller hears the"
            " fallback line. `failures` counts those in a row.",
        ),
        _warning(
            "turn_action_ignored",
            "call_id",
            "agent_id",
            "action",
            means="An answer to a BYOM turn has a second action, or an invalid one; it is ignored.",
        ),
        _warning(
            "tool_failed",
            "call_id",
            "agent_id",
            "cause",
            "status",
            means="An agent's `webhook_url` gave no result of a tool; the model is told so.",
        ),
        _error(
            "tool_run_failed",
            "call_id",
            "error",
            means="A defect has lost the result of an agent's tool; the model is told so.",
        ),
    ),
    "Messages": (
        _warning(
            "message_provider_away",
            "provider",
            "message_id",
            means="The provider could not be reached; the message is handed over later.",
        ),
        _warning(
            "message_provider_failed",
            "provider",
            "http_status",
            means="A provider of messages answered with a status that is neither a success nor a"
            " refusal; the message is handed over later.",
        ),
        _warning(
            "message_id_missing",
            "provider",
            "message_id",
            means="A provider took a message without an id that can be kept: its receipts will"
            " not be known.",
        ),
        _warning(
            "message_id_taken",
            "provider",
            "message_id",
            means="A provider took a message under the id of another one: its receipts will not be"
            " known.",
        ),
        _warning(
            "message_model_away",
            "model",
            means="An agent's model could not answer a message; it is asked again later.",
        ),
        _warning(
            "message_not_answered",
            "agent_id",
            means="An agent's settings do not let its model answer a message; it is left to"
            " people.",
        ),
    ),
    "Providers of voices": (
        _error(
            "signing_secret_unreadable",
            "workspace_id",
            "environment",
            means="The secret that signs a workspace's webhooks, or an endpoint's, cannot be"
            " decrypted: it was stored under another `RINGLINE_ENCRYPTION_KEY`. What is owed"
            " waits; rotating the secret makes a new one.",
        ),
        _error(
            "provider_key_unreadable",
            "provider",
            "workspace_id",
            "environment",
            means="A workspace's own key of a provider cannot be decrypted: it was stored under"
            " another `RINGLINE_ENCRYPTION_KEY`. The provider's models do not exist for the"
            " workspace until it sets the key again.",
        ),
        _warning(
            "upstream_lost",
            "model",
            "cause",
            means="A model's provider could not be reached, or its connection ended.",
        ),
        _warning(
            "upstream_frame_dropped",
            "model",
            "kind",
            means="A frame of a model's provider could not be read.",
        ),
        _info(
            "upstream_resumed",
            "model",
            "reason",
            means="A session continues on another connection to a model: `rollover`, "
            "`reconnect` or `fallback`.",
        ),
    ),
    "Defects": (
        _error("attempt_failed", "error", means="A webhook's attempt failed; it is made later."),
        _error(
            "attempts_refused",
            "error",
            "sqlstate",
            "entries",
            means="Attempts of webhooks could not be written; they are made again.",
        ),
        _error("background_work_failed", "error", means="A background task ended."),
        _error(
            "deliveries_failed",
            "error",
            means="What is owed to webhooks could not be claimed; the server retries.",
        ),
        _error(
            "bus_subscriber_failed", "error", means="A subscriber failed to process a publication."
        ),
        _error("call_failed", "call_id", "error", means="The call ends with `internal_error`."),
        _error("presence_failed", "error", means="A socket was not told who is present."),
        _error("command_failed", "error", means="A command of a call WebSocket broke."),
        _error(
            "close_failed",
            "id",
            "error",
            means="A connection whose credential ended was not closed.",
        ),
        _error(
            "credential_lookup_failed",
            "error",
            means="Changed credentials could not be looked up; the server retries.",
        ),
        _error(
            "database_question_failed",
            "error",
            means="The journal could not check whether the database is back; it retries.",
        ),
        _error(
            "dialect_failed",
            "event_type",
            "error",
            means="An event could not be encoded, and was not sent.",
        ),
        _error("join_failed", "error", means="A join on an events socket failed."),
        _error(
            "journal_callback_failed",
            "error",
            means="The callback of a committed entry failed.",
        ),
        _error("listener_failed", "error", means="A listener failed to process an event."),
        _error(
            "mending_failed",
            "error",
            means="A gap could not be read from the log; the hub retries.",
        ),
        _error(
            "outbox_write_failed", "error", means="Frames could not be written to a connection."
        ),
        _error("wake_failed", "error", means="What was due on a stream could not be done."),
        _error(
            "ownership_failed",
            "error",
            means="An attempt to regain ownership of the database hit a bug; the server retries.",
        ),
        _error(
            "ownership_loss_not_reported",
            "error",
            means="Connections were not closed when ownership of the database was lost.",
        ),
        _error("download_failed", "path", "error", means="A file could not be read to its end."),
        _error("recording_broken", "error", means="A call's recording ended early."),
        _error(
            "recording_not_opened",
            "call_id",
            "error",
            means="A recording that was asked for could not be opened.",
        ),
        _error(
            "recording_not_noted",
            "error",
            means="The durations of recordings could not be stored in their calls.",
        ),
        _error("request_failed", "path", "error", means="A request was answered with 500."),
        _error(
            "rpc_failed",
            "error",
            "sqlstate",
            means="An RPC request was answered with `internal_error`.",
        ),
        _error("server_failed", "error", means="The server stops; `server_ended` follows."),
        _error("session_failed", "error", means="A realtime voice session was closed."),
        _error("socket_failed", "error", means="An events socket was closed."),
        _error("stream_failed", "error", means="A live stream was closed."),
        _error("sweep_failed", "error", means="The heads of the logs could not be compared."),
        _error(
            "transaction_failed",
            "error",
            means="A transaction of the journal broke; its entries are looked up and retried.",
        ),
        _error(
            "timer_failed",
            "kind",
            "error",
            means="What a timer is for could not be done; it is tried again in an hour.",
        ),
        _error("voice_failed", "error", means="The voice of a call failed."),
    ),
}
