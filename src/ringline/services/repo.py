"""Reads and writes for requests: one transaction each; its events are published after it.

A transaction that has started runs to its end even if its request is cancelled; otherwise
it would be unknown whether its events were published. If the process dies between the commit
and publishing, the hub finds the events in the log.

A request may wait for a connection or a lock longer than its credential lives. So the
credential is checked again before a read is answered and before a write is committed:
`for_caller` returns the repo that does this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ringline.domain.log import Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import Bus, Check, Records, Rows, Transaction

Result = TypeVar("Result")


@dataclass(slots=True)
class _Running:
    """Shared by the repos of all callers: the running transactions, and whether it is closed."""

    writing: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    is_closed: bool = False


class Repo:
    """Reads snapshots and writes transactions for requests."""

    __slots__ = ("_bus", "_check", "_records", "_running")

    def __init__(self, records: Records, bus: Bus) -> None:
        self._records = records
        self._bus = bus
        self._check: Check | None = None
        self._running = _Running()

    def for_caller(self, check: Check) -> "Repo":
        """Return this repo for one caller; every read and write ends with `check`.

        Its methods also raise what the check raises.
        """
        repo = Repo.__new__(Repo)
        repo._records = self._records
        repo._bus = self._bus
        repo._running = self._running
        repo._check = check
        return repo

    def read(self, scope: Scope) -> AbstractAsyncContextManager[Rows]:
        """Read in one read-only snapshot. Raises Unavailable."""
        return self._records.read(scope, self._check)

    async def write(self, scope: Scope, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Run work as one transaction, publish its events, and return its result.

        Raises what the work raises, Unavailable (it may have been committed), EntryRefused.
        """
        if self._running.is_closed:
            raise Unavailable(UnavailableReason.STOPPING)
        task = asyncio.create_task(self._write(scope, work))
        self._running.writing.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Start no more transactions, and wait for the running ones.

        A statement's time-out bounds the wait.
        """
        self._running.is_closed = True
        await asyncio.gather(*self._running.writing, return_exceptions=True)

    async def _write(
        self, scope: Scope, work: Callable[[Transaction], Awaitable[Result]]
    ) -> Result:
        result, stored_events = await self._records.write(scope, work, check=self._check)
        if stored_events:
            events = tuple(Published(stored.offset, stored.event) for stored in stored_events)
            self._bus.publish(Publication(scope, events))
        return result

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.writing.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the request may have been cancelled
