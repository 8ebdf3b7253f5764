"""Rows for requests: snapshots to read in, and transactions that write and tell.

A request's transaction takes the same last step as the journal's: its events are appended
with their log's counter when everything else is written, so that commit order is offset
order whoever writes (architecture, "The path of an event").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

from ringline.domain.events import Event, StoredEvent
from ringline.domain.log import Scope
from ringline.domain.records import Record
from ringline.ports import (
    Check,
    Portions,
    QueryTooSlow,
    Rows,
    StoreAway,
    StoredCall,
    Transaction,
)
from ringline.storage.call_rows import lock_call, write_rows
from ringline.storage.database import Connection, Database, begin_statement, was_cut
from ringline.storage.database_errors import TimedOut, translate, translated
from ringline.storage.event_log import append
from ringline.storage.portions import fetch_portions

Result = TypeVar("Result")

_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresRecords:
    """The port `Records` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, scope: Scope, check: Check | None = None) -> AbstractAsyncContextManager[Rows]:
        """Read in one snapshot, in which nothing can be written; check when it was read."""
        return _Snapshot(self._database, scope, check)

    async def write(
        self,
        scope: Scope,
        work: Callable[[Transaction], Awaitable[Result]],
        check: Check | None = None,
    ) -> tuple[Result, Sequence[StoredEvent]]:
        """Run work as one transaction, again where it met another one; check before the end.

        The check may ask the database on a connection of the lane `CREDENTIALS`, which workspaces
        leave free: it does not wait for the one that is held here.
        """

        async def run(connection: Connection) -> tuple[Result, Sequence[StoredEvent]]:
            transaction = _Transaction(connection, scope)
            result = await work(transaction)
            told = await append(connection, scope, transaction.told)
            if check is not None:
                await check()
            return result, told

        try:
            return await self._database.run(scope, run)
        except StoreAway as away:
            raise _meaning(away) from None


class _Rows:
    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        # Errors are translated here, so that whoever runs statements sees ours alone.
        try:
            return await self._connection.fetch(text, *values)
        except Exception as error:
            raise _meaning(error, self._connection) from None

    async def fetch_within(
        self, text: str, values: Sequence[object], most_bytes: int, portion: int
    ) -> Portions:
        try:
            return await fetch_portions(
                self._connection, text, values, most_bytes=most_bytes, portion=portion
            )
        except Exception as error:
            raise _meaning(error, self._connection) from None


class _Snapshot:
    """A snapshot that is read: every list is one, so it is written for speed."""

    __slots__ = ("_check", "_connection", "_database", "_scope")

    def __init__(self, database: Database, scope: Scope, check: Check | None) -> None:
        self._database = database
        self._scope = scope
        self._check = check

    async def __aenter__(self) -> Rows:
        try:
            self._connection = connection = await self._database.borrow(self._scope.workspace_id)
        except Exception as error:
            raise _meaning(error) from None
        try:
            await connection.execute(begin_statement(self._scope, _SNAPSHOT))
        except BaseException as error:
            meaning = _meaning(error, connection)
            await self._database.give_back(connection, error)
            raise meaning from None
        return _Rows(connection)

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> None:
        connection = self._connection
        if error is not None:
            await self._database.give_back(connection, error)
            return
        try:
            await connection.execute("COMMIT")
        except BaseException as late:
            meaning = _meaning(late, connection)
            await self._database.give_back(connection, late)
            raise meaning from None
        await self._database.give_back(connection)
        if self._check is not None:
            await self._check()


class _Transaction(_Rows):
    def __init__(self, connection: Connection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self.told: list[Event] = []

    @property
    def scope(self) -> Scope:
        return self._scope

    async def lock_call(self, call_id: UUID) -> StoredCall | None:
        with translated():
            return await lock_call(self._connection, call_id)

    async def keep(self, records: Sequence[Record]) -> None:
        with translated():
            await write_rows(self._connection, self._scope, None, records)

    def tell(self, *events: Event) -> None:
        self.told += events


def _meaning(error: BaseException, connection: Connection | None = None) -> BaseException:
    """Return what an error means to a request, which a slow statement of its own ends."""
    if connection is not None and was_cut(connection, error):
        return StoreAway()
    meaning = (translate(error) if isinstance(error, Exception) else None) or error
    return QueryTooSlow() if isinstance(meaning, TimedOut) else meaning
