"""The journal: a process's only writer of the logs (architecture, "One event's way").

Entries submitted since the last commit are written in one transaction, in order. After the
commit their events are published on the bus, and then the submitters' callbacks run. So
nobody learns of an event that could still be lost.

When a transaction fails, the reason decides what happens next:

- *The database is down.* The transaction is in doubt: it may have been committed. The journal
  waits for the database, looks the events up by id, and writes those that are missing; no
  event is lost, duplicated or reordered. Meanwhile `accepting` is false.
- *A log is locked, or an entry is refused.* Each log of the transaction is retried on its own,
  concurrently. A locked log is retried until it is free. A refused one is split by call and
  then by entry until the bad entry is found. Only that entry and the rest of its call's queue
  are refused; other calls are not affected.

Partial transcripts are not written. A partial waits for the entries queued before it in its
log, and is published at once if there are none. While a log is held up, only the latest
partial of each turn is kept.

`backlog.py` holds the queue and its bounds; `transactions.py` carries out one transaction and
resolves one whose reply was lost.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from itertools import count

import structlog

from ringline.domain.log import Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.records import Entry
from ringline.ports import Bus, EntryRefused, EventLog, LogBusy, StoreUnavailable
from ringline.services.backlog import (
    Backlog,
    Bounds,
    LogQueue,
    OnOutcome,
    Outcome,
    PendingEntry,
    Refused,
    StorageLost,
    Written,
)
from ringline.services.reachability import Reachability
from ringline.services.transactions import Transactions

_log = structlog.get_logger()

#: Entries in one transaction. It is less than an outbox holds, so that writing a backlog
#: after an outage does not overflow the outboxes of listeners.
_BATCH = 50
_CONCURRENT_LOGS = 4  # logs that are written on their own at the same time
_BUSY_BACKOFF_S = (0.25, 0.5, 1.0, 2.0)
_AGE_CHECK_S = 1.0


class Journal:
    """Writes entries to the logs, and publishes their events once they are committed.

    Start it on the event loop; close it after everything that submits to it.
    """

    def __init__(self, log_store: EventLog, bus: Bus, *, bounds: Bounds | None = None) -> None:
        self._store = log_store
        self._bus = bus
        self._backlog = Backlog(bounds or Bounds())
        self._transactions = Transactions(log_store, self._finish)
        self._work = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._slots = asyncio.Semaphore(_CONCURRENT_LOGS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._database = Reachability()
        self._closed = False
        self._age_check: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start writing."""
        self._spawn(self._run())

    @property
    def accepting(self) -> bool:
        """Return whether new calls may begin: the database is up and nothing is closing."""
        return self._database.is_up and not self._closed

    @property
    def pending(self) -> int:
        """Return how many entries are queued."""
        return self._backlog.count

    def submit(
        self, entry: Entry, on_outcome: OnOutcome | None = None, *, last: bool = False
    ) -> None:
        """Enqueue an entry of a call; never blocks or raises.

        `on_outcome` is called once, on the event loop: with `Written` after the commit and
        the publication, `Refused` if the call must end with `internal_error`, or
        `StorageLost` if it must end with `storage_lost` (an entry that was queued may then
        still be written). After one of the last two only a `last` entry of the call is
        accepted; space is reserved for it. An entry with only ephemeral events has nothing
        to commit: `on_outcome` is called at once, and beyond the bound the entry is dropped.
        """
        if self._closed:
            self._call_back_soon(on_outcome, StorageLost())
            return
        queue = self._backlog.queue(entry.scope)
        if not entry.records and not entry.durable:
            self._call_back_soon(on_outcome, Written(()))
            on_outcome = None
            if not queue.pending:
                self._publish(queue, [(entry, ())])
                return
        # Coalesce only while the log is held up: otherwise every partial should be seen.
        held_up = not self._database.is_up or queue.isolated
        result = self._enqueue(entry, on_outcome, last=last, coalesce=held_up)
        if not isinstance(result, PendingEntry):
            self._call_back_soon(on_outcome, result)

    def store_unavailable(self) -> None:
        """Note that the database went away; it is probed before the next write."""
        if self._database.lost():
            _log.warning("database_away", waiting=self._backlog.count)
        self._work.set()
        self._arm_age_check()

    async def close(self, grace_s: float = 5.0) -> int:
        """Write the backlog within the grace period; return how many entries are lost.

        Nothing is accepted from here on.
        """
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._age_check is not None:
            self._age_check.cancel()
        lost = list(self._backlog.all_pending())
        for pending in lost:
            self._backlog.settle(pending)
            self._call_back_soon(pending.on_outcome, StorageLost())
        if lost:
            _log.error("journal_lost_entries", entries=len(lost))
        return len(lost)

    # -- accepting ------------------------------------------------------------------------

    def _enqueue(
        self,
        entry: Entry,
        on_outcome: OnOutcome | None,
        *,
        last: bool = False,
        coalesce: bool = False,
    ) -> PendingEntry | Outcome:
        now = asyncio.get_running_loop().time()
        result = self._backlog.enqueue(entry, on_outcome, now=now, last=last, coalesce=coalesce)
        if isinstance(result, PendingEntry):
            self._work.set()
            self._empty.clear()
        return result

    # -- writing --------------------------------------------------------------------------

    async def _run(self) -> None:
        """Write batches as entries arrive, until cancelled."""
        while True:
            await self._work.wait()
            if self._database.must_probe:
                await self._probe()
                continue
            batch = self._backlog.next_batch(_BATCH)
            if not batch:
                self._work.clear()
                continue
            await self._write_batch(batch)

    async def _probe(self) -> None:
        """Wait for the database, backing off after repeated failures."""
        await asyncio.sleep(self._database.backoff_s)
        probe = self._database.probe()
        try:
            await self._store.available()
        except Exception as error:
            _log.error("database_question_failed", error=type(error).__name__)
            self._database.failed()
            return
        # With nothing to write, no write can prove that the database is back.
        if self._database.answered(probe) and not self._backlog.count:
            self._note_back()

    async def _write_batch(self, batch: list[list[PendingEntry]]) -> None:
        """Write the entries of several logs in one transaction; if it fails, log by log."""
        try:
            await self._commit([pending for part in batch for pending in part])
        except StoreUnavailable:
            return  # the entries are still queued; `_run` probes first
        except (LogBusy, EntryRefused) as error:
            _log.warning("transaction_split", logs=len(batch), reason=_reason(error))
            for part in batch:
                # Some may have turned out to be written by an earlier transaction.
                remaining = [pending for pending in part if not pending.settled]
                if remaining:
                    queue = self._backlog.queue(remaining[0].entry.scope)
                    queue.isolated = True
                    self._spawn(self._write_alone(queue, remaining))
            self._arm_age_check()

    async def _write_alone(self, queue: LogQueue, entries: list[PendingEntry]) -> None:
        """Write entries of one log on their own, and find those that must be refused."""
        try:
            await self._narrow_down(entries)
        except StoreUnavailable:
            pass  # the entries are still queued
        finally:
            queue.isolated = False
            self._work.set()

    async def _narrow_down(self, entries: list[PendingEntry]) -> None:
        entries = [pending for pending in entries if not pending.settled]
        if not entries:
            return
        try:
            await self._commit_retrying(entries)
        except EntryRefused as error:
            if len(entries) == 1:
                self._refuse(entries[0], Refused(error.violation, error.sqlstate))
                return
            for part in _split(entries):
                await self._narrow_down(part)

    async def _commit_retrying(self, entries: list[PendingEntry]) -> None:
        """Write entries of one log, backing off and retrying while it is locked."""
        for attempt in count():
            try:
                async with self._slots:
                    await self._commit(entries)
            except LogBusy:
                await asyncio.sleep(_BUSY_BACKOFF_S[min(attempt, len(_BUSY_BACKOFF_S) - 1)])
            else:
                return

    async def _commit(self, entries: Sequence[PendingEntry]) -> None:
        """Write entries in one transaction.

        Raises StoreUnavailable, LogBusy, EntryRefused.
        """
        if self._database.must_probe:  # lost while this task was waiting for a slot
            raise StoreUnavailable
        try:
            await self._transactions.write(entries)
        except StoreUnavailable:
            self._database.failed()
            self.store_unavailable()
            raise
        self._note_back()

    # -- publishing --------------------------------------------------------------------

    def _finish(self, entries: Sequence[PendingEntry]) -> None:
        """Publish committed entries, settle them, then run their callbacks.

        Publishing comes first, so that a callback never precedes its own events on the bus.
        """
        by_log: dict[Scope, list[tuple[Entry, tuple[int, ...]]]] = {}
        for pending in entries:
            by_log.setdefault(pending.entry.scope, []).append(
                (pending.entry, pending.offsets or ())
            )
        for scope, written in by_log.items():
            self._publish(self._backlog.queue(scope), written)
        for pending in entries:
            self._backlog.settle(pending)
        for pending in entries:
            self._call_back(pending.on_outcome, Written(pending.offsets or ()))
        self._note_empty()

    def _publish(self, queue: LogQueue, written: Iterable[tuple[Entry, tuple[int, ...]]]) -> None:
        events: list[Published] = []
        for entry, offsets in written:
            following = iter(offsets)
            for event in entry.events:
                # A partial carries the offset of the durable event it follows.
                offset = next(following) if event.data.durable else queue.offset
                queue.offset = max(queue.offset, offset)
                events.append(Published(offset, event))
        self._bus.publish(Publication(queue.scope, tuple(events)))

    def _refuse(self, pending: PendingEntry, refusal: Refused) -> None:
        refused = self._backlog.refuse(pending, refusal)
        _log.error(
            "entry_refused",
            reason=refusal.why,
            sqlstate=refusal.sqlstate or None,
            entries=len(refused),
        )
        for entry in refused:
            self._call_back(entry.on_outcome, refusal)
        self._note_empty()

    def _call_back_soon(self, on_outcome: OnOutcome | None, outcome: Outcome) -> None:
        """Call back in the loop's next turn, so that `submit` never re-enters its caller."""
        if on_outcome is not None:
            asyncio.get_running_loop().call_soon(self._call_back, on_outcome, outcome)

    def _call_back(self, on_outcome: OnOutcome | None, outcome: Outcome) -> None:
        if on_outcome is None:
            return
        try:
            on_outcome(outcome)
        except Exception as error:
            _log.error("journal_callback_failed", error=type(error).__name__)

    # -- state ----------------------------------------------------------------------------

    def _note_back(self) -> None:
        if self._database.written():
            _log.info("database_back", waiting=self._backlog.count)

    def _note_empty(self) -> None:
        if not self._backlog.count:
            self._empty.set()

    def _arm_age_check(self) -> None:
        """Check every second for overdue entries, while anything is held up."""
        if self._age_check is None:
            self._age_check = asyncio.get_running_loop().call_later(_AGE_CHECK_S, self._check_age)

    def _check_age(self) -> None:
        self._age_check = None
        for callback in self._backlog.overdue(asyncio.get_running_loop().time()):
            self._call_back(callback, StorageLost())
        if self._backlog.count:
            self._arm_age_check()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _split(entries: list[PendingEntry]) -> list[list[PendingEntry]]:
    """Split entries by call, or one call's into single entries; each call keeps its order."""
    calls: dict[object, list[PendingEntry]] = {}
    for pending in entries:
        calls.setdefault(pending.call_id or pending, []).append(pending)
    return list(calls.values()) if len(calls) > 1 else [[pending] for pending in entries]


def _reason(error: Exception) -> str:
    return error.violation if isinstance(error, EntryRefused) else type(error).__name__
