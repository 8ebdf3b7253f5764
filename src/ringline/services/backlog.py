"""What waits to be written: the journal's queue, its order and its bounds.

Every log has a queue of its own, because order matters within a log alone and a locked log
must not hold up the others. An entry stays in its queue until it is settled: written,
refused or replaced; so a failed transaction puts nothing back.

Bounds (architecture, "The path of an event"): an entry waits for up to 5 minutes, a workspace
has room for 10,000 and for 16 MiB, a process for 64 MiB. A tenth of the entries and an eighth
of the bytes are for the calls' last entries alone. At the bound the incoming entry is not
taken and its call is told to end; what had been taken is still written when the database is
back, even where its call was told so because it had waited for too long.

A call of which an entry was refused or not taken is *broken*: of what it still submits only
last entries are taken, so that its story has no hole before its end.

Pure: the time is an argument, in seconds of any clock that never goes back.
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
_BROKEN_CALLS = 4096  # broken calls remembered; the oldest is forgotten


@dataclass(frozen=True, slots=True)
class Written:
    """An entry is committed; the offsets of its durable events."""

    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The database will never take an entry: its call ends with `internal_error`."""

    why: Violation
    sqlstate: str = ""


@dataclass(frozen=True, slots=True)
class StorageLost:
    """The journal's bound is reached: the entry's call ends with `storage_lost`."""


Outcome: TypeAlias = Written | Refused | StorageLost
Told: TypeAlias = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait, and how much of it is kept free for calls' last entries."""

    age_s: float = 300.0
    entries: int = limits.JOURNAL_WORKSPACE_ENTRIES.most  # of a workspace
    entries_for_last: int = 1_000
    workspace_size: int = limits.JOURNAL_WORKSPACE_BYTES.most
    workspace_size_for_last: int = 2 << 20
    size: int = limits.JOURNAL_BYTES.most  # of the process, in bytes
    size_for_last: int = 8 << 20


class State(Enum):
    """Where an entry is on its way to the log."""

    QUEUED = auto()
    IN_FLIGHT = auto()  # in a transaction now
    IN_DOUBT = auto()  # was in a transaction whose end is not known
    SETTLED = auto()


@dataclass(slots=True, eq=False)
class Waiting:
    """An entry under way to the log; its methods alone move its state.

    An entry in doubt stays in doubt until it is settled, even while it is tried again.
    """

    entry: Entry
    told: Told | None
    last: bool  # of its call
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
        """Go into a transaction."""
        if self.state is State.QUEUED:
            self.state = State.IN_FLIGHT

    def doubt(self) -> None:
        """Come out of a transaction that may have been committed."""
        if self.durable and not self.settled:
            self.state = State.IN_DOUBT

    def requeue(self) -> None:
        """Come out of a transaction that was not committed."""
        if self.state is State.IN_FLIGHT:
            self.state = State.QUEUED

    def settle(self) -> None:
        """Be written, refused or replaced."""
        self.state = State.SETTLED

    @property
    def owner(self) -> UUID | None:
        """Return the call this is part of, None if there is none."""
        return self.entry.call_id


@dataclass(slots=True, eq=False)
class LogQueue:
    """What waits for one log, in order. It begins with a durable entry, if any."""

    scope: Scope
    waiting: deque[Waiting] = field(default_factory=deque[Waiting])
    offset: int = 0  # of the last durable event that this process wrote
    apart: bool = False  # is being written alone
    partials: dict[TurnKey, Waiting] = field(default_factory=dict[TurnKey, Waiting])


def size_of(entry: Entry) -> int:
    """Estimate the bytes that an entry takes in memory."""
    return _RECORD_BYTES * len(entry.records) + sum(weight_of(event) for event in entry.events)


class Backlog:
    """All lanes of a process."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._queues: dict[Scope, LogQueue] = {}
        self._busy: dict[Scope, LogQueue] = {}  # those in which something waits
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

    def put(
        self,
        entry: Entry,
        told: Told | None,
        now: float,
        *,
        last: bool = False,
        coalesce: bool = False,
    ) -> Waiting | Outcome:
        """Take an entry, or tell why it is not taken.

        With `coalesce` a partial replaces an older one of its turn that still waits.
        """
        waiting = Waiting(entry, told, last, now, size_of(entry))
        if waiting.owner is not None and waiting.owner in self._broken and not last:
            return self._broken[waiting.owner]
        queue = self.queue(entry.scope)
        older = self._replaced(queue, waiting) if coalesce else None
        if not self._has_room(queue, waiting, now):
            if waiting.owner is not None and waiting.durable:
                self._break(waiting.owner, StorageLost())
            return StorageLost()
        if older is not None:
            self._merge(queue, older, waiting)
        queue.waiting.append(waiting)
        self._busy[queue.scope] = queue
        self._account(waiting, 1)
        if coalesce and (key := _partial_key(waiting)) is not None:
            queue.partials[key] = waiting
        return waiting

    def take(self, limit: int) -> list[list[Waiting]]:
        """Return what the next transaction writes: of every queue that is free, its first ones.

        The partials that follow an entry go with it.
        """
        free = [queue for queue in self._busy.values() if not queue.apart]
        share = max(1, limit // len(free)) if free else 0
        return [list(_first(queue.waiting, share)) for queue in free]

    def settle(self, waiting: Waiting) -> None:
        """Take an entry out of its queue."""
        if waiting.settled:
            return
        waiting.settle()
        queue = self.queue(waiting.entry.scope)
        if waiting.offsets:
            queue.offset = max(queue.offset, waiting.offsets[-1])
        if queue.waiting[0] is waiting:
            queue.waiting.popleft()
        else:
            queue.waiting.remove(waiting)
        if not queue.waiting:
            del self._busy[queue.scope]
            queue.partials.clear()
        self._account(waiting, -1)

    def refuse(self, waiting: Waiting, refusal: Refused) -> list[Waiting]:
        """Settle a refused entry and what else waits of its call but its last entries."""
        gone = [waiting]
        if waiting.owner is not None:
            self._break(waiting.owner, refusal)
            gone += [
                other
                for other in self.queue(waiting.entry.scope).waiting
                if other.owner == waiting.owner and not other.last and other is not waiting
            ]
        for each in gone:
            self.settle(each)
        return gone

    def overdue(self, now: float) -> list[Told]:
        """Return, once, whom to tell that an entry has waited for too long."""
        told: list[Told] = []
        for queue in self._busy.values():
            if now - queue.waiting[0].since < self._bounds.age_s:
                continue
            for waiting in queue.waiting:
                if waiting.owner is not None and not waiting.last:
                    self._break(waiting.owner, StorageLost())
                if waiting.told is not None and now - waiting.since >= self._bounds.age_s:
                    told.append(waiting.told)
                    waiting.told = None
        return told

    def everything(self) -> Iterator[Waiting]:
        """Return all that waits."""
        return (waiting for queue in self._busy.values() for waiting in queue.waiting)

    def _has_room(self, queue: LogQueue, waiting: Waiting, now: float) -> bool:
        bounds = self._bounds
        workspace = queue.scope.workspace_id
        entries = self._entries.get(workspace, 0) + 1
        size, own_size = self.size + waiting.size, self._sizes[workspace] + waiting.size
        if waiting.last:
            return (
                entries <= bounds.entries
                and size <= bounds.size
                and own_size <= bounds.workspace_size
            )
        return (
            entries <= bounds.entries - bounds.entries_for_last
            and size <= bounds.size - bounds.size_for_last
            and own_size <= bounds.workspace_size - bounds.workspace_size_for_last
            and not (queue.waiting and now - queue.waiting[0].since >= bounds.age_s)
        )

    def _account(self, waiting: Waiting, sign: int) -> None:
        workspace = waiting.entry.scope.workspace_id
        self.count += sign
        self.size += sign * waiting.size
        self._sizes[workspace] += sign * waiting.size
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
    def _replaced(queue: LogQueue, waiting: Waiting) -> Waiting | None:
        key = _partial_key(waiting)
        older = queue.partials.get(key) if key is not None else None
        return older if older is not None and older.state is State.QUEUED else None

    def _merge(self, queue: LogQueue, older: Waiting, newer: Waiting) -> None:
        event = merge_partials(older.entry.events[0], newer.entry.events[0])
        newer.entry = Entry(queue.scope, (event,), (), newer.entry.call_id)
        newer.size = size_of(newer.entry)
        self.settle(older)


def _partial_key(waiting: Waiting) -> TurnKey | None:
    """Tell the turn of an entry that is one partial and nothing else."""
    if waiting.durable or len(waiting.entry.events) != 1:
        return None
    return partial_of(waiting.entry.events[0])


def _first(waiting: Iterable[Waiting], count: int) -> Iterator[Waiting]:
    for number, each in enumerate(waiting):
        if number >= count and each.durable:
            return
        yield each
