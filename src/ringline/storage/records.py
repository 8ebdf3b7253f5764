"""Rows for requests: snapshots to read in, and transactions that write and tell.

A request's transaction takes the same last step as the journal's: its events are appended
with their log's counter when everything else is written, so that commit order is offset
order whoever writes (architecture, "One event's way").
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from uuid import UUID

from ringline.domain.events import Event, StoredEvent
from ringline.domain.log import LogKey
from ringline.domain.records import Record
from ringline.ports import QueryTooSlow, Rows, StoreAway, StoredCall, Transaction
from ringline.storage.call_rows import lock_call, write_rows
from ringline.storage.database import Connection, Database
from ringline.storage.database_errors import TIMED_OUT, translated
from ringline.storage.event_log import append

Result = TypeVar("Result")

_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresRecords:
    """The port `Records` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def read(self, log: LogKey) -> AsyncGenerator[Rows]:
        """Read in one snapshot, in which nothing can be written."""
        with _timed():
            async with self._database.transaction(log, _SNAPSHOT) as connection:
                yield _Rows(connection)

    async def write(
        self, log: LogKey, work: Callable[[Transaction], Awaitable[Result]]
    ) -> tuple[Result, Sequence[StoredEvent]]:
        """Run work as one transaction, again where it met another one."""

        async def run(connection: Connection) -> tuple[Result, Sequence[StoredEvent]]:
            transaction = _Transaction(connection, log)
            result = await work(transaction)
            return result, await append(connection, log, transaction.told)

        with _timed():
            return await self._database.run(log, run)


class _Rows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        # Errors are translated here, so that whoever runs statements sees ours alone.
        with translated():
            return await self._connection.fetch(text, *values)


class _Transaction(_Rows):
    def __init__(self, connection: Connection, log: LogKey) -> None:
        super().__init__(connection)
        self._log = log
        self.told: list[Event] = []

    @property
    def log(self) -> LogKey:
        return self._log

    async def lock_call(self, call: UUID | str) -> StoredCall | None:
        with translated():
            return await lock_call(self._connection, call)

    async def keep(self, records: Sequence[Record]) -> None:
        with translated():
            await write_rows(self._connection, self._log, None, records)

    def tell(self, *events: Event) -> None:
        self.told += events


@contextmanager
def _timed() -> Generator[None]:
    """Tell a statement that ran over its time from a database that is away."""
    try:
        yield
    except StoreAway as away:
        if away.args == (TIMED_OUT,):
            raise QueryTooSlow from None
        raise
