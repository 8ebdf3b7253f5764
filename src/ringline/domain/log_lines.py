"""The table of log lines: what a server writes to its log, at which level, with which fields.

A line is what an operator reads; events, in this project, are what clients receive. Every
call of a logger in the source is a row here with exactly its level and fields, which a test
checks; `docs/reference/logs.md` is made from `LOG_LINES`. An outage has one name, whatever
number of modules notice it; the steps of its repair have names of their own, at debug.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a line is, as `RINGLINE_LOG_LEVEL` spells it."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its `event`, its level, every field it has beside the common ones."""

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
    "answered": "whether the call was ever answered",
    "attempt": "which attempt failed, from 1",
    "base_url": "the address that clients reach the server at",
    "call_id": "the call",
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
    "id": "the key or the member",
    "key_id": "the key, where one is known",
    "kind": "`key`, `token`, `ticket`, `expired` or `wrong_kind`",
    "library": "the name of the library's logger",
    "logs": "how many workspaces' logs were in the transaction",
    "module": "the worker's program; null for all of them",
    "names": "the names of the variables",
    "open": "how many connections are open",
    "outcome": "what became of the entry: `Refused` or `StorageLost`",
    "path": "the path of the request, without its query",
    "pid": "the process id of the database",
    "reason": "a sentence, or the kind of error",
    "refused": "how many connections were refused since the last such line",
    "seconds": "how long the call lasted",
    "source": "where the call came from",
    "sqlstate": "PostgreSQL's code for the error, where it gave one",
    "status": "the call's last status",
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
            "The server did not start, or ended unasked; `reason` says what to do.",
        ),
        _warning(
            "service_links_ignored",
            "names",
            means="Kubernetes set these variables for a service whose name begins with `ringline`;"
            " they are no settings.",
        ),
        _warning(
            "database_open_to_all",
            "reason",
            means="Every role of the database's cluster may connect to the database.",
        ),
        _warning(
            "connections_refused",
            "refused",
            "open",
            means="Connections were closed on arrival; at most one line a minute.",
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
            means="A voice spoke more in one response than may wait to be sent.",
        ),
        _warning(
            "speech_dropped",
            "dropped_ms",
            means="A caller's client read too slowly; the oldest speech was dropped.",
        ),
        _warning(
            "frames_dropped",
            "frames",
            means="A watcher read too slowly; events were dropped, and it was told.",
        ),
    ),
    "Credentials": (
        _info(
            "credential_refused",
            "kind",
            "key_id",
            means="A credential was refused: no key, no token or no ticket that is known, one of a"
            " key that has expired, or a key of a kind that this door does not take.",
        ),
        _info("key_revoked", "id", "connections", means="A key was revoked."),
        _info("key_expired", "id", "connections", means="A key in use expired."),
        _info("member_removed", "id", "connections", means="A member was removed from their team."),
    ),
    "Database": (
        _warning(
            "database_away",
            "waiting",
            means="The database is away: new calls are refused, live ones go on, and what they"
            " write waits. Once an outage.",
        ),
        _info("database_back", "waiting", means="The outage is over. Once an outage."),
        _warning(
            "embedded_database_died",
            "exit_status",
            means="The embedded database's process ended; it is started again.",
        ),
        _error(
            "embedded_database_not_started",
            "reason",
            means="It does not start; it is tried again.",
        ),
        _info("embedded_database_restarted", "pid", means="It runs again."),
        _error(
            "database_owned_by_another",
            means="Another server took the database during an outage; this one waits for it.",
        ),
        _debug("ownership_lost", means="The connection that owns the database broke."),
        _debug(
            "ownership_not_regained",
            "sqlstate",
            means="An attempt to own the database again failed; another one follows.",
        ),
        _debug("ownership_regained", means="This server owns the database again."),
        _warning(
            "statements_not_cancelled",
            "error",
            means="Statements that keep others waiting could not be cancelled; tried again.",
        ),
        _info(
            "migration_collided",
            "sqlstate",
            "attempt",
            means="Another program changed the database during a migration; it is tried again.",
        ),
        _warning(
            "transaction_split",
            "logs",
            "reason",
            means="A transaction of the journal failed, and its logs are written one by one.",
        ),
        _error(
            "entry_refused",
            "reason",
            "sqlstate",
            "entries",
            means="The database refused an entry of a call, which ends with `internal_error`.",
        ),
        _error(
            "journal_lost_entries",
            "entries",
            means="The server ended before these entries were written.",
        ),
        _error(
            "sweep_not_written",
            "outcome",
            means="The end of a call of a server that crashed could not be written.",
        ),
        _warning(
            "log_rebuilt",
            "workspace_id",
            means="A workspace's log has a new epoch; its listeners are told to begin again.",
        ),
        _warning(
            "events_gone",
            "workspace_id",
            means="Events that listeners had yet to receive are gone from the log.",
        ),
    ),
    "RPC": (
        _warning(
            "answer_not_remembered",
            "error",
            means="An answer could not be kept under its idempotency key; once that has run out, a"
            " request that is sent again is carried out again.",
        ),
        _warning(
            "claim_not_given_up",
            "error",
            means="An idempotency key of a refused request could not be freed; it runs out.",
        ),
    ),
    "Local voice": (
        _warning(
            "voice_worker_lost",
            "module",
            means="A process that hears or speaks died; it is replaced and its work done again.",
        ),
        _warning(
            "voice_worker_stays_root",
            "module",
            "reason",
            means="A process that hears or speaks could not become another account.",
        ),
        _warning(
            "voice_phrases_ignored",
            "count",
            means="Phrases have words that cannot be heard, only typed.",
        ),
        _warning("voice_not_recognized", "error", means="A caller's turn was not recognised."),
        _warning("voice_not_spoken", "error", means="A response was not spoken to its end."),
    ),
    "Defects": (
        _error("background_work_failed", "error", means="Work beside the server ended."),
        _error("bus_subscriber_failed", "error", means="A publication was not taken."),
        _error("call_failed", "call_id", "error", means="The call ends with `internal_error`."),
        _error("close_failed", "id", "error", means="A connection of a dead key was not closed."),
        _error(
            "credential_lookup_failed",
            "error",
            means="Credentials that changed were not looked up; tried again.",
        ),
        _error(
            "database_question_failed",
            "error",
            means="The journal could not ask whether the database is back; tried again.",
        ),
        _error("dialect_failed", "event_type", "error", means="An event was not shown."),
        _error("join_failed", "error", means="A channel of an events socket was not joined."),
        _error(
            "journal_callback_failed",
            "error",
            means="Whoever wrote an entry did not take the news of its commit.",
        ),
        _error("listener_failed", "error", means="A listener did not take an event."),
        _error("mending_failed", "error", means="A gap was not read from the log; tried again."),
        _error("outbox_write_failed", "error", means="A connection did not take its frames."),
        _error(
            "ownership_failed",
            "error",
            means="An attempt to own the database again met a defect; another one follows.",
        ),
        _error(
            "ownership_loss_not_reported",
            "error",
            means="Connections were not closed when the database was lost.",
        ),
        _error("request_failed", "path", "error", means="A request was answered 500."),
        _error(
            "rpc_failed",
            "error",
            "sqlstate",
            means="A request of RPC was answered `internal_error`.",
        ),
        _error("server_failed", "error", means="The server ends; `server_ended` follows."),
        _error("session_failed", "error", means="A session of realtime voice was closed."),
        _error("socket_failed", "error", means="An events socket was closed."),
        _error("stream_failed", "error", means="A stream of a call was closed."),
        _error("sweep_failed", "error", means="The heads of the logs were not compared."),
        _error(
            "transaction_failed",
            "error",
            means="A transaction of the journal broke; what was in it is looked up and tried"
            " again.",
        ),
        _error("voice_failed", "error", means="The local voice of a call failed."),
    ),
}
