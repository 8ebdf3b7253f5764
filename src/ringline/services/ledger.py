"""What requests write: one transaction each, and the news of it afterwards.

A transaction that has begun is carried to its end even where the request that wanted it is
gone: else nobody could say whether its events were told. If the process dies between the
commit and the telling, the hub finds the events in the log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from ringline.domain.log import LogKey
from ringline.ports import Bus, Publication, Published, Records, Rows, StoreAway, Transaction

Result = TypeVar("Result")


class Ledger:
    """Reads snapshots and writes transactions for requests."""

    def __init__(self, records: Records, bus: Bus) -> None:
        self._records = records
        self._bus = bus
        self._writing: set[asyncio.Task[Any]] = set()
        self._closed = False

    def read(self, log: LogKey) -> AbstractAsyncContextManager[Rows]:
        """Read in one snapshot, in which nothing can be written. Raises StoreAway."""
        return self._records.read(log)

    async def write(self, log: LogKey, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Run work as one transaction, tell its events, and return its result.

        Raises what the work raises, and StoreAway (it may be written), LogBusy,
        QueryTooSlow, EntryRefused.
        """
        if self._closed:
            raise StoreAway
        task = asyncio.create_task(self._write(log, work))
        self._writing.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Begin nothing more, and wait for what is being written.

        A statement's time-out bounds the wait.
        """
        self._closed = True
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _write(self, log: LogKey, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        result, told = await self._records.write(log, work)
        if told:
            events = tuple(Published(stored.offset, stored.event) for stored in told)
            self._bus.publish(Publication(log, events))
        return result

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # it was told, or nobody is left to be told
