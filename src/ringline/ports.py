"""What Ringline needs from the world, as Protocols of at most seven methods.

Each method tells its duty, its ordering and its failures. Adapters live in `storage/`,
`bus/` and `voices/`, known to `app.py` alone, and in `legs/`, each known to its door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.audio import Chunk
from ringline.domain.credentials import Key, Ticket
from ringline.domain.events import Event, StoredEvent
from ringline.domain.leg import LegOrder, LegSignal
from ringline.domain.log import Environment, FromBeginning, Position, Scope
from ringline.domain.publication import Publication
from ringline.domain.records import (
    CallRow,
    Entry,
    ParticipantRow,
    QueueEntryRow,
    Record,
    TurnRow,
)
from ringline.domain.routes import PartyId
from ringline.domain.topics import ALL_EVENTS, Topic
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.domain.voice import VoiceCapabilities, VoiceOpening, VoiceOrder, VoiceSignal

Result = TypeVar("Result")

#: The time of day, in UTC.
Clock: TypeAlias = Callable[[], datetime]

#: Raises unless whoever asked still may.
Check: TypeAlias = Callable[[], Awaitable[None]]

#: Make a new row id (UUIDv7).
NewId: TypeAlias = Callable[[], UUID]


class VoiceListener(Protocol):
    """Who hears what a voice reports; the bridge is one. No method blocks or raises.

    A voice reports from the event loop's thread, in order: a response's chunks and texts
    come between its `ResponseStarted` and its `ResponseDone`.
    """

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Take a signal."""
        ...

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Take speech at the voice's output rate, as fast as it is made."""
        ...

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Take the text that belongs to the speech following it."""
        ...


class Voice(Protocol):
    """One conversation with one speaking model, opened by an `OpenVoice`.

    `send_audio` and `send` never block and never raise: what fails is reported as
    `VoiceFailed`. After `close` nothing is reported any more.
    """

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Tell rates and abilities; constant for the life of the conversation."""
        ...

    def send_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio at the input rate; late audio is dropped after 10 s."""
        ...

    def send(self, order: VoiceOrder) -> None:
        """Take an order; orders are carried out in the order they are given."""
        ...

    async def close(self) -> None:
        """End the conversation and free what it holds."""
        ...


class VoiceUnavailable(Exception):
    """A voice cannot be opened now; `message` is for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


#: Open a voice for a conversation; raises VoiceUnavailable. The listener must exist before.
OpenVoice: TypeAlias = Callable[[VoiceOpening, VoiceListener], Awaitable[Voice]]


class LegListener(Protocol):
    """Who hears what a leg reports; the bridge is one. No method blocks or raises."""

    def on_leg_signal(self, signal: LegSignal) -> None:
        """Take a signal."""
        ...

    def on_leg_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio at the leg's rate."""
        ...


#: Convert PCM16 mono audio, piece by piece; whole samples, some of which come later.
Resampler: TypeAlias = Callable[[bytes], bytes]

#: Make a resampler for one speaker, from a rate to another, both in Hz.
NewResampler: TypeAlias = Callable[[int, int], Resampler]

#: Take what a party of a call says: a recorder, a detector. Never blocks or raises.
Tap: TypeAlias = Callable[[PartyId, Chunk], None]


class Leg(Protocol):
    """One line into a call. No method blocks or raises.

    `Left` or `LegFailed` is reported at most once; after `HangUp` nothing is reported.
    """

    @property
    def input_hz(self) -> int:
        """Tell the rate of what is said on the line; constant."""
        ...

    @property
    def output_hz(self) -> int:
        """Tell the rate of what the line plays; constant."""
        ...

    def play(self, chunk: Chunk) -> None:
        """Send speech at the output rate; a leg that does not read loses the oldest first."""
        ...

    def flush(self) -> float | None:
        """Throw away speech that has not been played.

        Returns how much that was, in milliseconds, or None where the line cannot know.
        """
        ...

    def send(self, order: LegOrder) -> None:
        """Take an order or a piece of news, in order with the speech."""
        ...


class StoreUnavailable(Unavailable):
    """The database does not answer; what was being committed may or may not be."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.STORE_UNAVAILABLE)


class LogBusy(Unavailable):
    """A log's lock was not to be had within a second; its entries must wait alone."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.LOG_BUSY)


class Violation(StrEnum):
    """Why the database will never take something."""

    ALREADY_EXISTS = "already_exists"
    REFERENCE = "reference"  # it names what is not there, or others still name it
    BAD_VALUE = "bad_value"  # no column takes it
    NOT_OURS = "not_ours"  # the call has ended, or another process runs it
    NO_LOG = "no_log"
    OTHER = "other"  # a right, a rule of the tables, a defect


class EntryRefused(Exception):
    """The database will never take these entries.

    `constraint` is the name of the one that was violated, if it was one. `sqlstate` is for
    the log alone, and empty where no statement failed.
    """

    def __init__(self, why: Violation, sqlstate: str = "", constraint: str = "") -> None:
        super().__init__(why.value, sqlstate)
        self.why = why
        self.sqlstate = sqlstate
        self.constraint = constraint


class AlreadyExists(EntryRefused):
    """Something of these entries is there already: an event's id, or another key."""

    def __init__(self, sqlstate: str = "", constraint: str = "") -> None:
        super().__init__(Violation.ALREADY_EXISTS, sqlstate, constraint)


class QueryTooSlow(Unavailable):
    """A statement of a request ran over its time; nothing of its transaction is kept."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.QUERY_TOO_SLOW)


@dataclass(frozen=True, slots=True)
class LogHead:
    """How far a log goes: its epoch, its newest offset, its oldest kept offset."""

    epoch: str
    newest: int
    oldest: int

    def resume_after(self, position: Position | FromBeginning) -> int | None:
        """Return the offset of a position, or None if the log cannot be resumed after it.

        It cannot after a position of another epoch, after one ahead of the log, and where
        not every event after it is still kept.
        """
        match position:
            case FromBeginning():
                offset = 0
            case Position(epoch, offset):
                if epoch != self.epoch:
                    return None
        return offset if self.oldest - 1 <= offset <= self.newest else None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events of a log, in order; `complete` if none follows them."""

    events: Sequence[StoredEvent]
    complete: bool


class EventLog(Protocol):
    """The rows of the logs: the journal writes them, followers read them."""

    async def available(self) -> None:
        """Wait until the database answers and this process owns it."""
        ...

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        """Write entries in one transaction; return the offsets of each one's durable events.

        Rows come first, then the counters of all logs in ascending order with their
        events. Raises StoreUnavailable, LogBusy or EntryRefused; after StoreUnavailable ask `find`.
        """
        ...

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the offsets of those events that are in the log.

        Raises StoreUnavailable.
        """
        ...

    async def page(
        self, scope: Scope, after: int, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        """Return the events of a topic behind an offset, ascending.

        At most `limit` of them, and fewer where they are large (`limits.FOLLOWED_BYTES`), but
        one at least where there is one. Raises StoreUnavailable.
        """
        ...

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        """Return the heads of logs, in one query. Raises StoreUnavailable."""
        ...


#: A row as the database gives it: its values by index and by name.
Row: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Portions:
    """The first rows of a statement, and the bytes of their texts.

    Not `complete`: the last row went over the bytes, and others follow it.
    """

    rows: Sequence[Row]
    size: int
    complete: bool


class Rows(Protocol):
    """Statements in the workspace and environment of one log."""

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Row]:
        """Run a statement and return its rows.

        Raises StoreUnavailable, LogBusy, QueryTooSlow, or EntryRefused, after which the
        transaction is over.
        """
        ...

    async def fetch_within(
        self, text: str, values: Sequence[object], most_bytes: int, portion: int
    ) -> Portions:
        """Run a statement that may return much, and stop when it returned so much.

        Rows come in portions, so that no more than one of them is in memory beyond what
        may be there. Raises like `fetch`.
        """
        ...


class Transaction(Rows, Protocol):
    """A request's transaction: its rows, and the events that tell of them.

    The events come last, with their log's counter, so that commit order is offset order;
    the work need not care.
    """

    @property
    def scope(self) -> Scope:
        """Return the log that the transaction is in."""
        ...

    async def lock_call(self, call_id: UUID) -> StoredCall | None:
        """Return a call and keep others from moving it until the end."""
        ...

    async def save(self, records: Sequence[Record]) -> None:
        """Write rows of calls that live elsewhere. Raises EntryRefused."""
        ...

    def append(self, *events: Event) -> None:
        """Append events to the log when the transaction commits."""
        ...


class Records(Protocol):
    """The rows of a workspace's environment, for requests."""

    def read(self, scope: Scope, check: Check | None = None) -> AbstractAsyncContextManager[Rows]:
        """Read in one snapshot, in which nothing can be written.

        The check comes when it has been read. Raises what the check raises, and StoreUnavailable.
        """
        ...

    async def write(
        self,
        scope: Scope,
        work: Callable[[Transaction], Awaitable[Result]],
        check: Check | None = None,
    ) -> tuple[Result, Sequence[StoredEvent]]:
        """Run work as one transaction, again where it met another one.

        Returns what the work returned, and the events it told with their offsets. The check
        comes last before the commit, when every lock is had. What the work or the check
        raises ends the transaction without a trace. Raises StoreUnavailable (also where the
        answer to COMMIT was lost), LogBusy, QueryTooSlow, EntryRefused.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it is stored, with who takes part and its last wait in a queue.

    `runs` tells whether a process runs it; else it lives elsewhere and is only recorded.
    """

    row: CallRow
    participants: tuple[ParticipantRow, ...]
    entry: QueueEntryRow | None
    runs: bool


class CallStore(Protocol):
    """Calls as they are stored; written by the journal alone."""

    async def get_call(self, scope: Scope, call_id: UUID) -> CallRow | None:
        """Return a call. Raises StoreUnavailable."""
        ...

    async def turns(self, scope: Scope, call_id: UUID) -> list[TurnRow]:
        """Return a call's finished turns in the order they were said.

        Raises StoreUnavailable.
        """
        ...

    async def abandoned(self) -> list[AbandonedCall]:
        """Return the open calls whose process is dead, of all logs.

        Raises StoreUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class AbandonedCall:
    """An open call without a process: what is needed to end its record."""

    scope: Scope
    call: CallRow
    participants: tuple[ParticipantRow, ...]
    turns: tuple[TurnRow, ...]
    #: When its process was last known alive, to within 5 s.
    lost_at: datetime


class CredentialStore(Protocol):
    """Keys, and the members of teams, looked up before a workspace is known."""

    async def find_key(self, key_hash: bytes) -> Key | None:
        """Find a key by its hash, dead or alive. Raises StoreUnavailable."""
        ...

    async def get_keys(self, key_ids: Sequence[UUID]) -> list[Key]:
        """Return keys by id, to check again those that are in use.

        Raises StoreUnavailable.
        """
        ...

    async def get_token_key(self, key_id: UUID, user_id: UUID | None) -> Key | None:
        """Return the key behind a token; with a member, if they are in its workspace's team.

        Raises StoreUnavailable.
        """
        ...

    async def current_members(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these are members of a team. Raises StoreUnavailable."""
        ...

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        """Note when keys were last used. Raises StoreUnavailable."""
        ...

    async def watch_revocations(self, changed: Callable[[UUID | None, bool], None]) -> None:
        """Call back, until cancelled, with each key or member that may be gone.

        For a key it is also told whether its calls end. None instead of an id means that
        notifications may have been missed: check all.
        """
        ...


class TicketStore(Protocol):
    """Tickets, taken before a workspace is known."""

    async def put_ticket(self, ticket_hash: bytes, ticket: Ticket, now: datetime) -> bool:
        """Keep a ticket if its key is alive, and tell whether it is.

        Raises StoreUnavailable.
        """
        ...

    async def find_ticket(self, ticket_hash: bytes) -> Ticket | None:
        """Look at a ticket without taking it. Raises StoreUnavailable."""
        ...

    async def take_ticket(self, ticket_hash: bytes, now: datetime) -> Ticket | None:
        """Delete a ticket and return it if it and its key are alive; atomic.

        Of two racing takers one gets it. Raises StoreUnavailable; the ticket may then be spent.
        """
        ...


class WorkspaceStore(Protocol):
    """Workspaces, their keys and their agents."""

    async def create_workspace(self, workspace: NewWorkspace) -> None:
        """Write a workspace with its logs, its agents and its keys.

        Raises StoreUnavailable.
        """
        ...

    async def create_key(self, key: Key, key_hash: bytes) -> None:
        """Keep a key. Raises StoreUnavailable, EntryRefused for an unknown workspace."""
        ...

    async def list_keys(self, workspace_id: UUID) -> list[Key]:
        """Return a workspace's keys, oldest first. Raises StoreUnavailable."""
        ...

    async def revoke_key(self, key_id: UUID, now: datetime, end_calls: bool) -> bool:
        """Revoke a key, whoever's it is; False if there is none. Idempotent."""
        ...

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent | None:
        """Find an agent. Raises StoreUnavailable."""
        ...

    async def first_agent(self, scope: Scope) -> Agent | None:
        """Return the agent made first: the `Attendant` of a new workspace.

        Raises StoreUnavailable.
        """
        ...

    async def list_workspaces(self, most: int | None = None) -> list[WorkspaceRow]:
        """Return the oldest workspaces, or all, oldest first. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as it is listed."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace as it begins: an agent and a queue per environment, and its first keys."""

    id: UUID
    name: str
    created_at: datetime
    agents: Mapping[Environment, Agent]
    queues: Mapping[Environment, UUID]
    keys: Sequence[tuple[Key, bytes]]
    epochs: Mapping[Environment, str]


@dataclass(frozen=True, slots=True)
class AllLogs:
    """Every log: what a subscriber names that knows none yet."""


ALL_LOGS = AllLogs()

#: What takes publications, on the event loop; it must not block.
Subscriber: TypeAlias = Callable[[Publication], None]

#: End a subscription at once; harmless to call again.
Unsubscribe: TypeAlias = Callable[[], None]


class Bus(Protocol):
    """What carries published events to the hubs of all processes; a hint, never the truth.

    It may lose, double or reorder; the hub mends it from the log.
    """

    def publish(self, publication: Publication) -> None:
        """Send to every subscriber, this process included; never blocks, never raises."""
        ...

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        """Call back for the publications of a log, or of all logs.

        Of all logs it carries at least what this process publishes; more does no harm.
        """
        ...

    async def close(self) -> None:
        """Send nothing more."""
        ...
