"""One transaction of the journal, and whether it was written.

An answer to COMMIT can be lost, and the transaction may even end after the connection is
gone. So what was in a failed transaction is *in doubt* until it is found in the log by the
ids of its events, or written by a later transaction: event ids are made before the write
and unique in their log, so a second copy is refused as already there: look again.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from ringline.domain.log import Scope
from ringline.ports import AlreadyThere, EntryRefused, EventLog, LogBusy, StoreAway, Violation
from ringline.services.backlog import Waiting

_log = structlog.get_logger()

#: Attempts at one transaction, where what was in doubt turns out to be written meanwhile.
_ATTEMPTS = 5


class Transactions:
    """Writes entries, each once; `finish` takes those that are committed, with their offsets."""

    def __init__(
        self,
        log_store: EventLog,
        finish: Callable[[Sequence[Waiting]], None],
    ) -> None:
        self._store = log_store
        self._finish = finish

    async def write(self, entries: Sequence[Waiting]) -> None:
        """Write entries in one transaction; those that turn out to be written are finished.

        Raises StoreAway (what was tried is then in doubt), LogBusy, EntryRefused.
        """
        for waiting in entries:
            waiting.begin()
        try:
            for attempt in range(_ATTEMPTS):
                await self._look_up(entries)
                try:
                    await self._commit([waiting for waiting in entries if not waiting.settled])
                except AlreadyThere:
                    if attempt + 1 == _ATTEMPTS or not _in_doubt(entries):
                        raise
                else:
                    break
        except (StoreAway, LogBusy, EntryRefused):
            raise
        except Exception as error:  # a defect: whatever it broke is looked up and tried again
            _log.error("transaction_failed", error=type(error).__name__)
            _doubt(entries)
            raise StoreAway from None
        finally:
            for waiting in entries:
                waiting.requeue()

    async def _commit(self, entries: Sequence[Waiting]) -> None:
        durable = [waiting for waiting in entries if waiting.durable]
        offsets: list[tuple[int, ...]] = []
        try:
            if durable:
                offsets = await self._store.commit([waiting.entry for waiting in durable])
            for waiting, its in zip(durable, offsets, strict=True):
                waiting.offsets = its
        except (LogBusy, EntryRefused):
            raise
        except StoreAway:
            _doubt(durable)
            raise
        except Exception as error:
            _doubt(durable)  # nobody can say where it happened
            _log.error("transaction_failed", error=type(error).__name__)
            raise EntryRefused(Violation.OTHER) from None
        self._finish(entries)

    async def _look_up(self, entries: Iterable[Waiting]) -> None:
        """Find out which entries in doubt were written; those are finished."""
        doubtful: dict[Scope, list[Waiting]] = {}
        for waiting in entries:
            if waiting.in_doubt:
                doubtful.setdefault(waiting.entry.scope, []).append(waiting)
        for scope, some in doubtful.items():
            wanted = [event.id for waiting in some for event in waiting.entry.durable]
            found = await self._store.find(scope, wanted)
            written: list[Waiting] = []
            for waiting in some:
                ids = [event.id for event in waiting.entry.durable]
                if all(event_id in found for event_id in ids):
                    waiting.offsets = tuple(found[event_id] for event_id in ids)
                    written.append(waiting)
            self._finish(written)


def _doubt(entries: Iterable[Waiting]) -> None:
    for waiting in entries:
        waiting.doubt()


def _in_doubt(entries: Iterable[Waiting]) -> bool:
    """Return whether any entry may have been written by an earlier transaction."""
    return any(waiting.in_doubt for waiting in entries)
