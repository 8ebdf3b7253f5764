"""The journal: a process's one writer of the logs (architecture, "The path of an event").

What has come in since the last commit becomes one transaction, in order. After the commit
its events go to the bus, and then whoever asked is told: told means committed.

When a transaction fails, its reason decides:

- *The database is away.* What was under way is in doubt: it may have been written. The
  journal waits until the database answers, looks up by event id what is there, and writes
  the rest; nothing is lost, doubled or reordered meanwhile. `accepting` is false.
- *A log is locked, or something cannot be written.* Each log of the transaction is tried
  alone, beside the others: a locked one again and again, one that is refused call by call
  and then entry by entry, until the bad one is found. It alone is refused, with what its
  call had waiting; the journal's other users never notice.

A partial transcript is not written. It waits for what stands before it in its log, and is
published at once where nothing does; while a log waits, the latest of each turn is kept.

What waits, its bounds and what happens at them: `backlog.py`. How one transaction is
carried out, and looked up when its answer was lost: `transactions.py`.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from itertools import count

import structlog

from ringline.domain.log import Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.records import Entry
from ringline.ports import Bus, EntryRefused, EventLog, LogBusy, StoreAway
from ringline.services.backlog import (
    Backlog,
    Bounds,
    LogQueue,
    Outcome,
    Refused,
    StorageLost,
    Told,
    Waiting,
    Written,
)
from ringline.services.reachability import Reachability
from ringline.services.transactions import Transactions

_log = structlog.get_logger()

#: Entries in one transaction: fewer than a listener's buffer has slots, so that a backlog
#: which is written at last does not run over those who read it.
_BATCH = 50
_APART = 4  # logs that are tried alone at the same time
_BUSY_WAIT_S = (0.25, 0.5, 1.0, 2.0)
_BOUND_CHECK_S = 1.0


class Journal:
    """Writes entries to the logs, and tells of them when they are committed.

    Start it on the event loop, close it last among what submits to it.
    """

    def __init__(self, log_store: EventLog, bus: Bus, bounds: Bounds | None = None) -> None:
        self._store = log_store
        self._bus = bus
        self._backlog = Backlog(bounds or Bounds())
        self._transactions = Transactions(log_store, self._finish)
        self._work = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._slots = asyncio.Semaphore(_APART)
        self._tasks: set[asyncio.Task[None]] = set()
        self._database = Reachability()
        self._closed = False
        self._bound_check: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to write."""
        self._spawn(self._write_on())

    @property
    def accepting(self) -> bool:
        """Tell whether new calls may begin: the database is there, nothing is closing."""
        return self._database.is_here and not self._closed

    @property
    def waiting(self) -> int:
        """Return how many entries wait."""
        return self._backlog.count

    def submit(self, entry: Entry, told: Told | None = None, *, last: bool = False) -> None:
        """Take an entry of a call; never blocks, never raises.

        `told` is called once on the event loop: `Written` after the commit and after the
        bus has it, `Refused` if the call must end with `internal_error`, `StorageLost` if
        it must end with `storage_lost` (an entry that had been taken may then still be
        written). After one of these two only entries with `last` are taken of the call;
        room is kept free for them. An entry of ephemeral events alone has nothing to commit:
        `told` is called at once, and beyond the bound the entry is dropped.
        """
        if self._closed:
            self._tell(told, StorageLost())
            return
        queue = self._backlog.queue(entry.scope)
        if not entry.records and not entry.durable:
            self._tell(told, Written(()))
            told = None
            if not queue.waiting:
                self._publish(queue, [(entry, ())])
                return
        taken = self._put(
            entry, told, last=last, coalesce=not self._database.is_here or queue.apart
        )
        if not isinstance(taken, Waiting):
            self._tell(told, taken)

    def store_away(self) -> None:
        """Take the news that the database went away; it is asked before the next write."""
        if self._database.lost():
            _log.warning("database_away", waiting=self._backlog.count)
        self._work.set()
        self._watch_bound()

    async def close(self, grace_s: float = 5.0) -> int:
        """Write what waits, for as long as the grace lasts; return how many entries are lost.

        Nothing is taken from here on.
        """
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._bound_check is not None:
            self._bound_check.cancel()
        lost = list(self._backlog.everything())
        for waiting in lost:
            self._backlog.settle(waiting)
            self._tell(waiting.told, StorageLost())
        if lost:
            _log.error("journal_lost_entries", entries=len(lost))
        return len(lost)

    # -- taking ---------------------------------------------------------------------------

    def _put(
        self,
        entry: Entry,
        told: Told | None,
        *,
        last: bool = False,
        coalesce: bool = False,
    ) -> Waiting | Outcome:
        now = asyncio.get_running_loop().time()
        taken = self._backlog.put(entry, told, now, last=last, coalesce=coalesce)
        if isinstance(taken, Waiting):
            self._work.set()
            self._empty.clear()
        return taken

    # -- writing --------------------------------------------------------------------------

    async def _write_on(self) -> None:
        """Write what comes in, until cancelled."""
        while True:
            await self._work.wait()
            if self._database.must_ask:
                await self._ask()
                continue
            batch = self._backlog.take(_BATCH)
            if not batch:
                self._work.clear()
                continue
            await self._write_together(batch)

    async def _ask(self) -> None:
        """Wait for the database, backing off after repeated failures."""
        await asyncio.sleep(self._database.wait_s)
        question = self._database.ask()
        try:
            await self._store.available()
        except Exception as error:
            _log.error("database_question_failed", error=type(error).__name__)
            self._database.failed()
            return
        if self._database.answered(question) and not self._backlog.count:
            self._note_back()

    async def _write_together(self, batch: list[list[Waiting]]) -> None:
        """Write the first entries of several logs in one transaction, or each log apart."""
        try:
            await self._commit([waiting for part in batch for waiting in part])
        except StoreAway:
            return
        except (LogBusy, EntryRefused) as error:
            _log.warning("transaction_split", logs=len(batch), reason=_reason(error))
            for part in batch:
                remaining = [waiting for waiting in part if not waiting.settled]
                if remaining:
                    queue = self._backlog.queue(remaining[0].entry.scope)
                    queue.apart = True
                    self._spawn(self._write_apart(queue, remaining))
            self._watch_bound()

    async def _write_apart(self, queue: LogQueue, entries: list[Waiting]) -> None:
        """Write entries of one log beside the others, and find those it will never take."""
        try:
            await self._narrow(entries)
        except StoreAway:
            pass  # they wait in their queue
        finally:
            queue.apart = False
            self._work.set()

    async def _narrow(self, entries: list[Waiting]) -> None:
        entries = [waiting for waiting in entries if not waiting.settled]
        if not entries:
            return
        try:
            await self._commit_patiently(entries)
        except EntryRefused as error:
            if len(entries) == 1:
                self._refuse(entries[0], Refused(error.why, error.sqlstate))
                return
            for part in _parts(entries):
                await self._narrow(part)

    async def _commit_patiently(self, entries: list[Waiting]) -> None:
        """Write entries of one log, again and again while it is locked."""
        for attempt in count():
            try:
                async with self._slots:
                    await self._commit(entries)
            except LogBusy:
                await asyncio.sleep(_BUSY_WAIT_S[min(attempt, len(_BUSY_WAIT_S) - 1)])
            else:
                return

    async def _commit(self, entries: Sequence[Waiting]) -> None:
        """Write entries in one transaction. Raises StoreAway, LogBusy, EntryRefused."""
        if self._database.must_ask:
            raise StoreAway
        try:
            await self._transactions.write(entries)
        except StoreAway:
            self._database.failed()
            self.store_away()
            raise
        self._note_back()

    # -- publishing --------------------------------------------------------------------

    def _finish(self, entries: Sequence[Waiting]) -> None:
        """Settle what is committed; then the bus, then those who asked."""
        by_log: dict[Scope, list[tuple[Entry, tuple[int, ...]]]] = {}
        for waiting in entries:
            by_log.setdefault(waiting.entry.scope, []).append(
                (waiting.entry, waiting.offsets or ())
            )
        for scope, written in by_log.items():
            self._publish(self._backlog.queue(scope), written)
        for waiting in entries:
            self._backlog.settle(waiting)
        for waiting in entries:
            self._tell_now(waiting.told, Written(waiting.offsets or ()))
        self._note_empty()

    def _publish(self, queue: LogQueue, written: Iterable[tuple[Entry, tuple[int, ...]]]) -> None:
        events: list[Published] = []
        for entry, offsets in written:
            following = iter(offsets)
            for event in entry.events:
                offset = next(following) if event.data.durable else queue.offset
                queue.offset = max(queue.offset, offset)
                events.append(Published(offset, event))
        self._bus.publish(Publication(queue.scope, tuple(events)))

    def _refuse(self, waiting: Waiting, refusal: Refused) -> None:
        gone = self._backlog.refuse(waiting, refusal)
        _log.error(
            "entry_refused",
            reason=refusal.why,
            sqlstate=refusal.sqlstate or None,
            entries=len(gone),
        )
        for each in gone:
            self._tell_now(each.told, refusal)
        self._note_empty()

    def _tell(self, told: Told | None, outcome: Outcome) -> None:
        """Tell in the loop's next turn, so that nobody is called back from his own call."""
        if told is not None:
            asyncio.get_running_loop().call_soon(self._tell_now, told, outcome)

    def _tell_now(self, told: Told | None, outcome: Outcome) -> None:
        if told is None:
            return
        try:
            told(outcome)
        except Exception as error:
            _log.error("journal_callback_failed", error=type(error).__name__)

    # -- state ----------------------------------------------------------------------------

    def _note_back(self) -> None:
        if self._database.written():
            _log.info("database_back", waiting=self._backlog.count)

    def _note_empty(self) -> None:
        if not self._backlog.count:
            self._empty.set()

    def _watch_bound(self) -> None:
        """Look every second at who has waited for too long, while anything is held up."""
        if self._bound_check is None:
            self._bound_check = asyncio.get_running_loop().call_later(
                _BOUND_CHECK_S, self._check_bound
            )

    def _check_bound(self) -> None:
        self._bound_check = None
        for told in self._backlog.overdue(asyncio.get_running_loop().time()):
            self._tell_now(told, StorageLost())
        if self._backlog.count:
            self._watch_bound()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _parts(entries: list[Waiting]) -> list[list[Waiting]]:
    """Divide entries by call, or one call's into single ones; order is kept within a call."""
    calls: dict[object, list[Waiting]] = {}
    for waiting in entries:
        calls.setdefault(waiting.owner or waiting, []).append(waiting)
    return list(calls.values()) if len(calls) > 1 else [[waiting] for waiting in entries]


def _reason(error: Exception) -> str:
    return error.why if isinstance(error, EntryRefused) else type(error).__name__
