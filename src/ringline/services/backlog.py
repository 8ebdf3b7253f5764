"""The backlog: entries that are waiting to be written, with their order and bounds.

Each log has its own queue, because order matters only within a log and a locked log must not
hold up the others. An entry stays in its queue until it is settled: written, refused or
replaced. So nothing has to be put back after a failed transaction.

Bounds (architecture, "The path of an event"): an entry waits up to 5 minutes; a workspace may
queue 10,000 entries and 16 MiB, a process 64 MiB. A tenth of the entries and an eighth of the
bytes are reserved for the last entries of calls. At the bound the incoming entry is rejected
and its call ends. Entries already queued are still written when the database is back, even if
their call has ended because they had waited too long.

A call is *broken* once one of its entries was refused or rejected. After that only its last
entry is accepted, so that its record has no gap before the end.

Pure: the time is an argument, in seconds of any monotonic clock.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias
from uuid import UUID

from ringline.domain import limits
from ringline.domain.log import Scope
from ringline.domain.records import Entry
from ringline.ports import Violation
from ringline.services.turns import TurnKey, merge_partials, partial_of
from ringline.services.weights import weight_of

_RECORD_BYTES = 400
_BROKEN_CALLS = 4096  # broken calls that are remembered; the oldest is dropped


@dataclass(frozen=True, slots=True)
class Written:
    """An entry is committed; the offsets of its durable events."""

    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The database rejects an entry for good: its call ends with `internal_error`."""

    why: Violation
    sqlstate: str = ""


@dataclass(frozen=True, slots=True)
class StorageLost:
    """The backlog is full or too old: the entry's call ends with `storage_lost`."""


Outcome: TypeAlias = Written | Refused | StorageLost

#: A callback for what became of an entry.
OnOutcome: TypeAlias = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be queued, and how much of it is reserved for last entries."""

    age_s: float = 300.0
    entries: int = limits.JOURNAL_WORKSPACE_ENTRIES.most  # per workspace
    entries_for_last: int = 1_000
    workspace_size: int = limits.JOURNAL_WORKSPACE_BYTES.most
    workspace_size_for_last: int = 2 << 20
    size: int = limits.JOURNAL_BYTES.most  # per process, in bytes
    size_for_last: int = 8 << 20


class State(Enum):
    """How far an entry has got."""

    QUEUED = auto()
    IN_FLIGHT = auto()  # in a running transaction
    IN_DOUBT = auto()  # in a transaction that may or may not have been committed
    SETTLED = auto()  # written, refused or replaced


@dataclass(slots=True, eq=False)
class PendingEntry:
    """An entry on its way to the log; only its methods change its state.

    An entry in doubt stays in doubt until it is settled, even while it is retried: a failed
    retry says nothing about the earlier transaction.
    """

    entry: Entry
    on_outcome: OnOutcome | None
    last: bool  # the last entry of its call
    since: float
    size: int
    durable: bool = field(init=False)
    offsets: tuple[int, ...] | None = None
    state: State = State.QUEUED

    def __post_init__(self) -> None:
        self.durable = bool(self.entry.records) or bool(self.entry.durable)

    @property
    def settled(self) -> bool:
        """Return whether it is written, refused or replaced."""
        return self.state is State.SETTLED

    @property
    def in_doubt(self) -> bool:
        """Return whether an earlier transaction may have written it."""
        return self.state is State.IN_DOUBT

    def begin(self) -> None:
        """Note that a transaction with it begins."""
        if self.state is State.QUEUED:
            self.state = State.IN_FLIGHT

    def doubt(self) -> None:
        """Note that its transaction may have been committed."""
        if self.durable and not self.settled:
            self.state = State.IN_DOUBT

    def requeue(self) -> None:
        """Note that its transaction was not committed."""
        if self.state is State.IN_FLIGHT:
            self.state = State.QUEUED

    def settle(self) -> None:
        """Note that it was written, refused or replaced."""
        self.state = State.SETTLED

    @property
    def call_id(self) -> UUID | None:
        """Return the call that the entry belongs to, or None."""
        return self.entry.call_id


@dataclass(slots=True, eq=False)
class LogQueue:
    """The queue of one log, in order. A partial is queued only behind another entry."""

    scope: Scope
    pending: deque[PendingEntry] = field(default_factory=deque[PendingEntry])
    offset: int = 0  # of the last durable event that this process wrote
    isolated: bool = False  # it is being written in transactions of its own
    partials: dict[TurnKey, PendingEntry] = field(default_factory=dict[TurnKey, PendingEntry])


def size_of(entry: Entry) -> int:
    """Estimate the bytes that an entry takes in memory."""
    return _RECORD_BYTES * len(entry.records) + sum(weight_of(event) for event in entry.events)


class Backlog:
    """The queues of all logs of a process."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._queues: dict[Scope, LogQueue] = {}
        self._busy: dict[Scope, LogQueue] = {}  # those that are not empty
        self._entries: dict[UUID, int] = {}  # by workspace
        self._sizes: Counter[UUID] = Counter()  # in bytes, by workspace
        self._broken: OrderedDict[UUID, Outcome] = OrderedDict()
        self.count = 0
        self.size = 0

    def queue(self, scope: Scope) -> LogQueue:
        """Return the queue of a log."""
        queue = self._queues.get(scope)
        if queue is None:
            queue = self._queues[scope] = LogQueue(scope)
        return queue

    def enqueue(
        self,
        entry: Entry,
        on_outcome: OnOutcome | None,
        *,
        now: float,
        last: bool = False,
        coalesce: bool = False,
    ) -> PendingEntry | Outcome:
        """Enqueue an entry, or return why it is rejected.

        With `coalesce` a partial replaces an older one of its turn that is still queued.
        """
        pending = PendingEntry(entry, on_outcome, last, now, size_of(entry))
        if pending.call_id is not None and pending.call_id in self._broken and not last:
            return self._broken[pending.call_id]
        queue = self.queue(entry.scope)
        older = self._replaced(queue, pending) if coalesce else None
        if not self._has_room(queue, pending, now=now):
            if pending.call_id is not None and pending.durable:
                self._break(pending.call_id, StorageLost())
            return StorageLost()
        if older is not None:
            self._merge(queue, older, newer=pending)
        queue.pending.append(pending)
        self._busy[queue.scope] = queue
        self._account(pending, 1)
        if coalesce and (key := _partial_key(pending)) is not None:
            queue.partials[key] = pending
        return pending

    def next_batch(self, limit: int) -> list[list[PendingEntry]]:
        """Return the entries of the next transaction: the first ones of each free queue.

        The partials behind an entry go with it.
        """
        free = [queue for queue in self._busy.values() if not queue.isolated]
        share = max(1, limit // len(free)) if free else 0
        return [list(_first(queue.pending, share)) for queue in free]

    def settle(self, pending: PendingEntry) -> None:
        """Settle an entry and remove it from its queue."""
        if pending.settled:
            return
        pending.settle()
        queue = self.queue(pending.entry.scope)
        if pending.offsets:
            queue.offset = max(queue.offset, pending.offsets[-1])
        if queue.pending[0] is pending:
            queue.pending.popleft()
        else:
            queue.pending.remove(pending)
        if not queue.pending:
            del self._busy[queue.scope]
            queue.partials.clear()
        self._account(pending, -1)

    def refuse(self, pending: PendingEntry, refusal: Refused) -> list[PendingEntry]:
        """Settle a refused entry and the rest of its call's queue, except its last entry."""
        refused = [pending]
        if pending.call_id is not None:
            self._break(pending.call_id, refusal)
            refused += [
                other
                for other in self.queue(pending.entry.scope).pending
                if other.call_id == pending.call_id and not other.last and other is not pending
            ]
        for entry in refused:
            self.settle(entry)
        return refused

    def overdue(self, now: float) -> list[OnOutcome]:
        """Return the callbacks of entries that have waited too long, each once."""
        callbacks: list[OnOutcome] = []
        for queue in self._busy.values():
            if now - queue.pending[0].since < self._bounds.age_s:
                continue
            for pending in queue.pending:
                if pending.call_id is not None and not pending.last:
                    self._break(pending.call_id, StorageLost())
                if pending.on_outcome is not None and now - pending.since >= self._bounds.age_s:
                    callbacks.append(pending.on_outcome)
                    pending.on_outcome = None
        return callbacks

    def all_pending(self) -> Iterator[PendingEntry]:
        """Return every queued entry."""
        return (pending for queue in self._busy.values() for pending in queue.pending)

    def _has_room(self, queue: LogQueue, pending: PendingEntry, *, now: float) -> bool:
        bounds = self._bounds
        workspace = queue.scope.workspace_id
        entries = self._entries.get(workspace, 0) + 1
        size = self.size + pending.size
        workspace_size = self._sizes[workspace] + pending.size
        if pending.last:
            return (
                entries <= bounds.entries
                and size <= bounds.size
                and workspace_size <= bounds.workspace_size
            )
        return (
            entries <= bounds.entries - bounds.entries_for_last
            and size <= bounds.size - bounds.size_for_last
            and workspace_size <= bounds.workspace_size - bounds.workspace_size_for_last
            and not (queue.pending and now - queue.pending[0].since >= bounds.age_s)
        )

    def _account(self, pending: PendingEntry, sign: int) -> None:
        workspace = pending.entry.scope.workspace_id
        self.count += sign
        self.size += sign * pending.size
        self._sizes[workspace] += sign * pending.size
        entries = self._entries.get(workspace, 0) + sign
        if entries:
            self._entries[workspace] = entries
        else:
            del self._entries[workspace]
            del self._sizes[workspace]

    def _break(self, call_id: UUID, why: Outcome) -> None:
        self._broken.setdefault(call_id, why)
        if len(self._broken) > _BROKEN_CALLS:
            self._broken.popitem(last=False)

    @staticmethod
    def _replaced(queue: LogQueue, pending: PendingEntry) -> PendingEntry | None:
        key = _partial_key(pending)
        older = queue.partials.get(key) if key is not None else None
        return older if older is not None and older.state is State.QUEUED else None

    def _merge(self, queue: LogQueue, older: PendingEntry, *, newer: PendingEntry) -> None:
        event = merge_partials(older.entry.events[0], newer.entry.events[0])
        newer.entry = Entry(queue.scope, (event,), (), newer.entry.call_id)
        newer.size = size_of(newer.entry)
        self.settle(older)


def _partial_key(pending: PendingEntry) -> TurnKey | None:
    """Return the turn of an entry that is exactly one partial, or None."""
    if pending.durable or len(pending.entry.events) != 1:
        return None
    return partial_of(pending.entry.events[0])


def _first(pending: Iterable[PendingEntry], count: int) -> Iterator[PendingEntry]:
    for number, entry in enumerate(pending):
        if number >= count and entry.durable:
            return
        yield entry
