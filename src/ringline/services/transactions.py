"""The journal's transactions, and how a lost COMMIT is resolved.

The reply to a COMMIT can be lost, and the server may even commit after the connection broke.
So the entries of a failed transaction are *in doubt*: they may have been written. Event ids
are generated before the write and are unique within a log, so the log can be searched for
them before each retry. If the lost transaction commits between that lookup and the retry,
the retry fails with AlreadyExists, and another lookup finds the entries.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from ringline.domain.log import Scope
from ringline.ports import (
    AlreadyExists,
    EntryRefused,
    EventLog,
    LogBusy,
    StoreUnavailable,
    Violation,
)
from ringline.services.backlog import PendingEntry

_log = structlog.get_logger()

#: How often one transaction is tried while lost ones keep committing underneath it.
_ATTEMPTS = 5


class Transactions:
    """Writes entries exactly once; calls `finish` with those committed, offsets set."""

    def __init__(
        self,
        log_store: EventLog,
        finish: Callable[[Sequence[PendingEntry]], None],
    ) -> None:
        self._store = log_store
        self._finish = finish

    async def write(self, entries: Sequence[PendingEntry]) -> None:
        """Write entries in one transaction, except those that were written before.

        Raises StoreUnavailable (the entries are then in doubt), LogBusy, EntryRefused.
        """
        for pending in entries:
            pending.begin()
        try:
            for attempt in range(_ATTEMPTS):
                await self._look_up(entries)
                try:
                    await self._commit([pending for pending in entries if not pending.settled])
                except AlreadyExists:
                    # With entries in doubt this may be our own lost transaction, committed
                    # since the lookup. Without any it is a real duplicate.
                    if attempt + 1 == _ATTEMPTS or not _any_in_doubt(entries):
                        raise
                else:
                    break
        except (StoreUnavailable, LogBusy, EntryRefused):
            raise
        except Exception as error:  # a defect: nothing is known, so look up and retry
            _log.error("transaction_failed", error=type(error).__name__)
            _doubt(entries)
            raise StoreUnavailable from None
        finally:
            for pending in entries:
                pending.requeue()

    async def _commit(self, entries: Sequence[PendingEntry]) -> None:
        durable = [pending for pending in entries if pending.durable]
        offsets: list[tuple[int, ...]] = []
        try:
            if durable:
                offsets = await self._store.commit([pending.entry for pending in durable])
            for pending, written in zip(durable, offsets, strict=True):
                pending.offsets = written
        except (LogBusy, EntryRefused):
            raise
        except StoreUnavailable:
            _doubt(durable)
            raise
        except Exception as error:
            # It may have happened before or after the COMMIT. Refusing makes the journal
            # narrow it down to one entry instead of retrying the same defect forever.
            _doubt(durable)
            _log.error("transaction_failed", error=type(error).__name__)
            raise EntryRefused(Violation.OTHER) from None
        self._finish(entries)

    async def _look_up(self, entries: Iterable[PendingEntry]) -> None:
        """Find out which entries in doubt were written, and finish those."""
        doubtful: dict[Scope, list[PendingEntry]] = {}
        for pending in entries:
            if pending.in_doubt:
                doubtful.setdefault(pending.entry.scope, []).append(pending)
        for scope, in_doubt in doubtful.items():
            wanted = [event.id for pending in in_doubt for event in pending.entry.durable]
            if not wanted:
                continue
            found = await self._store.find(scope, wanted)
            written: list[PendingEntry] = []
            for pending in in_doubt:
                ids = [event.id for event in pending.entry.durable]
                # One without events cannot be found, but may be written again.
                if ids and all(event_id in found for event_id in ids):
                    pending.offsets = tuple(found[event_id] for event_id in ids)
                    written.append(pending)
            self._finish(written)


def _doubt(entries: Iterable[PendingEntry]) -> None:
    for pending in entries:
        pending.doubt()


def _any_in_doubt(entries: Iterable[PendingEntry]) -> bool:
    """Return whether any entry may have been written by an earlier transaction."""
    return any(pending.in_doubt for pending in entries)
