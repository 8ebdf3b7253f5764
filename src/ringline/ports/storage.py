"""The database: its errors, the logs, rows for requests, and stored things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.audit import AuditEntry
from ringline.domain.credentials import Key, Ticket
from ringline.domain.events import Event, StoredEvent
from ringline.domain.log import FromBeginning, Position, Scope
from ringline.domain.providers import SealedKey
from ringline.domain.records import (
    AbandonedCall,
    CallRow,
    Entry,
    Record,
    StoredCall,
    TurnRow,
)
from ringline.domain.topics import ALL_EVENTS, Topic
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.domain.workspaces import NewWorkspace, WorkspaceRow

Result = TypeVar("Result")

#: The time of day, in UTC.
Clock: TypeAlias = Callable[[], datetime]

#: Check that the caller is still authorised; raise if not.
Check: TypeAlias = Callable[[], Awaitable[None]]

#: Make a new row id (UUIDv7).
NewId: TypeAlias = Callable[[], UUID]


class StoreUnavailable(Unavailable):
    """The database does not answer; a commit under way may or may not have happened."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.STORE_UNAVAILABLE)


class LogBusy(Unavailable):
    """A log's lock was not free within a second; only that log's entries must wait."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.LOG_BUSY)


class Violation(StrEnum):
    """Why the database refuses a write for good."""

    ALREADY_EXISTS = "already_exists"
    REFERENCE = "reference"  # to a row that does not exist, or from rows that still do
    BAD_VALUE = "bad_value"  # no column can hold it
    NOT_OURS = "not_ours"  # the call has ended, or another process runs it
    NO_LOG = "no_log"
    OTHER = "other"  # missing privileges, another constraint, a defect


class EntryRefused(Exception):
    """The database refuses these entries for good.

    `constraint` names the violated constraint, if any. `sqlstate` is for logging only, and
    empty if no statement failed.
    """

    def __init__(self, violation: Violation, sqlstate: str = "", *, constraint: str = "") -> None:
        super().__init__(violation.value, sqlstate)
        self.violation = violation
        self.sqlstate = sqlstate
        self.constraint = constraint


class AlreadyExists(EntryRefused):
    """A row of these entries exists already: an event's id, or another unique key."""

    def __init__(self, sqlstate: str = "", constraint: str = "") -> None:
        super().__init__(Violation.ALREADY_EXISTS, sqlstate, constraint=constraint)


class QueryTooSlow(Unavailable):
    """A statement of a request timed out; its transaction was rolled back."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.QUERY_TOO_SLOW)


@dataclass(frozen=True, slots=True)
class LogHead:
    """The extent of a log: its epoch, its newest offset and its oldest retained one."""

    epoch: str
    newest: int
    oldest: int

    def resume_after(self, position: Position | FromBeginning) -> int | None:
        """Return the offset of a position, or None if the log cannot be resumed after it.

        A position is not resumable if it is of another epoch or ahead of the log, or if
        retention has removed an event after it.
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
    """Events of a log, in offset order; `complete` if no more follow."""

    events: Sequence[StoredEvent]
    complete: bool


class LogReader(Protocol):
    """The rows of the logs, for who only reads them."""

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the offsets of these events, of those that are in the log.

        Raises StoreUnavailable.
        """
        ...

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        """Return a page of a topic's events after an offset, ascending.

        A page has at most `limit` events, and fewer if they are large
        (`limits.FOLLOWED_BYTES`), but at least one if there is any. Raises StoreUnavailable.
        """
        ...

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        """Return the heads of logs, in one query. Raises StoreUnavailable."""
        ...


class EventLog(LogReader, Protocol):
    """The rows of the logs: the journal writes them, followers read them."""

    async def available(self) -> None:
        """Wait until the database answers and this process owns it."""
        ...

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        """Write entries in one transaction; return each entry's offsets.

        An entry's offsets are those of its durable events. Rows are written first, then the
        counters of all logs in ascending order, with their events. Raises StoreUnavailable,
        LogBusy or EntryRefused; after StoreUnavailable, `find` says what was committed.
        """
        ...


#: A row as the database returns it: values by index and by name.
Row: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Portions:
    """The first rows of a statement, and the size of their texts in bytes.

    If not `complete`, the last row exceeded the limit and more rows follow.
    """

    rows: Sequence[Row]
    size: int
    complete: bool


class Rows(Protocol):
    """Runs statements in the workspace and environment of one log."""

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Row]:
        """Run a statement and return its rows.

        Raises StoreUnavailable, LogBusy, QueryTooSlow or EntryRefused; any of them ends the
        transaction.
        """
        ...

    async def fetch_within(
        self, text: str, values: Sequence[object], *, most_bytes: int, portion: int
    ) -> Portions:
        """Run a statement whose result may be large; stop once it exceeds `most_bytes`.

        Rows are fetched in portions, so that memory exceeds the limit by one portion at
        most. Raises like `fetch`.
        """
        ...


class Transaction(Rows, Protocol):
    """A request's transaction: its rows, and the events that report the changes.

    Events are written last, with their log's counter, so that commit order is offset order
    without any care on the caller's part.
    """

    @property
    def scope(self) -> Scope:
        """Return the log that the transaction is in."""
        ...

    async def lock_call(self, call_id: UUID) -> StoredCall | None:
        """Return a call, locked until the transaction ends."""
        ...

    async def save(self, records: Sequence[Record]) -> None:
        """Write rows of external calls. Raises EntryRefused."""
        ...

    def append(self, *events: Event) -> None:
        """Append events to the log, as the last step of the transaction."""
        ...


class Records(Protocol):
    """The rows of a workspace's environment, for requests."""

    def read(self, scope: Scope, check: Check | None = None) -> AbstractAsyncContextManager[Rows]:
        """Open a read-only snapshot.

        The check runs after the reading. Raises what the check raises, and StoreUnavailable.
        """
        ...

    async def write(
        self,
        scope: Scope,
        work: Callable[[Transaction], Awaitable[Result]],
        *,
        check: Check | None = None,
    ) -> tuple[Result, Sequence[StoredEvent]]:
        """Run work in one transaction; retry it after a serialisation conflict.

        Returns what the work returned, and the events it appended with their offsets. The
        check runs last before the commit, with every lock held. If the work or the check
        raises, the transaction is rolled back. Raises StoreUnavailable (also if the answer
        to COMMIT was lost), LogBusy, QueryTooSlow, EntryRefused.
        """
        ...


class CallStore(Protocol):
    """Stored calls; only the journal writes them."""

    async def get_call(self, scope: Scope, call_id: UUID) -> CallRow | None:
        """Return a call. Raises StoreUnavailable."""
        ...

    async def turns(self, scope: Scope, call_id: UUID) -> list[TurnRow]:
        """Return a call's finished turns, in the order they were spoken.

        Raises StoreUnavailable.
        """
        ...

    async def abandoned(self) -> list[AbandonedCall]:
        """Return the open calls of dead processes, from all logs.

        Raises StoreUnavailable.
        """
        ...


class CredentialStore(Protocol):
    """Keys and team members, looked up before a workspace is known."""

    async def find_key(self, key_hash: bytes) -> Key | None:
        """Find a key by its hash, even a dead one. Raises StoreUnavailable."""
        ...

    async def get_keys(self, key_ids: Sequence[UUID]) -> list[Key]:
        """Return keys by id, to recheck those in use.

        Raises StoreUnavailable.
        """
        ...

    async def get_token_key(self, key_id: UUID, user_id: UUID | None) -> Key | None:
        """Return the key that a token was minted with.

        With a user, only if they are a member of the key's team. Raises StoreUnavailable.
        """
        ...

    async def current_members(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these users are still in a team. Raises StoreUnavailable."""
        ...

    async def touch_keys(self, used: Mapping[UUID, datetime]) -> None:
        """Record when keys were last used. Raises StoreUnavailable."""
        ...

    async def watch_revocations(self, changed: Callable[[UUID | None, bool], None]) -> None:
        """Call back, until cancelled, for each key or member that may be revoked.

        The flag says whether a revoked key ends its calls. None instead of an id means that
        notifications may have been missed: recheck all.
        """
        ...


class ProviderKeyStore(Protocol):
    """The keys of voices' providers that workspaces brought, encrypted."""

    async def find_provider_keys(self, scope: Scope) -> Sequence[SealedKey]:
        """Return a workspace's keys in an environment. Raises StoreUnavailable."""
        ...

    async def watch_provider_keys(self, changed: Callable[[Scope | None], None]) -> None:
        """Call back, until cancelled, with each environment whose keys changed.

        None means that notifications may have been missed. The first call comes at once,
        with None.
        """
        ...


class TicketStore(Protocol):
    """Tickets, redeemed before a workspace is known."""

    async def put_ticket(self, ticket_hash: bytes, ticket: Ticket, *, now: datetime) -> bool:
        """Store a ticket if its key is valid; return whether it is.

        Raises StoreUnavailable.
        """
        ...

    async def find_ticket(self, ticket_hash: bytes) -> Ticket | None:
        """Return a ticket without redeeming it. Raises StoreUnavailable."""
        ...

    async def drop_ticket(self, scope: Scope, call_id: UUID, *, now: datetime) -> bool:
        """Delete a log's ticket by its session's id; return whether it was still valid.

        Against a client that redeems it, one of the two wins. Raises StoreUnavailable.
        """
        ...

    async def take_ticket(
        self, ticket_hash: bytes, now: datetime, *, origins: Sequence[str] = ()
    ) -> Ticket | None:
        """Redeem a ticket: delete and return it, if it and its key are valid.

        It is atomic: of two racing clients one gets the ticket. Raises OriginNotAllowed if the
        workspace does not let these origins in, and the ticket stays; StoreUnavailable, after
        which the ticket may be spent.
        """
        ...


class WorkspaceStore(Protocol):
    """Workspaces, their keys and their agents."""

    async def create_workspace(
        self, workspace: NewWorkspace, deed: AuditEntry | None = None
    ) -> None:
        """Write a workspace with its logs, its agents and its keys, and the audited deed.

        Raises StoreUnavailable.
        """
        ...

    async def create_key(
        self, key: Key, key_hash: bytes, *, deed: AuditEntry | None = None
    ) -> None:
        """Store a key, and the audited deed.

        Raises StoreUnavailable, EntryRefused for an unknown workspace.
        """
        ...

    async def list_keys(self, workspace_id: UUID) -> list[Key]:
        """Return a workspace's keys, oldest first; of a rotated one, the latest row.

        Raises StoreUnavailable.
        """
        ...

    async def revoke_key(
        self,
        key_id: UUID,
        now: datetime,
        *,
        end_calls: bool,
        deed: Callable[[Key], AuditEntry | None] | None = None,
    ) -> bool:
        """Revoke a key of any workspace, by the id it is known by; False if there is none.

        Idempotent; it ends all the secrets that the key has had. `deed` makes the audit log's
        entry, if it was not revoked before. Raises StoreUnavailable.
        """
        ...

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent | None:
        """Find an agent. Raises StoreUnavailable."""
        ...

    async def first_agent(self, scope: Scope) -> Agent | None:
        """Return the oldest agent: the `Attendant` of a new workspace.

        Raises StoreUnavailable.
        """
        ...

    async def list_workspaces(self, most: int | None = None) -> list[WorkspaceRow]:
        """Return the workspaces, oldest first; at most `most` of them if given.

        Raises StoreUnavailable.
        """
        ...
