"""Rows for requests: snapshots for reading, transactions that write and publish.

A request's transaction ends with the same step as the journal's: once everything else is
written, it advances the log's counter and appends its events, so that commit order is offset
order for every writer (architecture, "The path of an event").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import UUID

from ringline.domain.events import Event, StoredEvent
from ringline.domain.log import Scope
from ringline.domain.records import Record, StoredCall
from ringline.ports import (
    Check,
    Clock,
    Portions,
    QueryTooSlow,
    Rows,
    StoreUnavailable,
    Transaction,
)
from ringline.storage.call_rows import lock_call, write_rows
from ringline.storage.database import Connection, Database, begin_statement, was_closed
from ringline.storage.database_errors import TimedOut, translate, translated
from ringline.storage.event_log import append
from ringline.storage.portions import fetch_portions

Result = TypeVar("Result")

_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresRecords:
    """The port `Records` over a database."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def read(self, scope: Scope, check: Check | None = None) -> AbstractAsyncContextManager[Rows]:
        """Open a read-only snapshot; run the check after it was read."""
        return _Snapshot(self._database, scope, check=check)

    async def write(
        self,
        scope: Scope,
        work: Callable[[Transaction], Awaitable[Result]],
        *,
        check: Check | None = None,
    ) -> tuple[Result, Sequence[StoredEvent]]:
        """Run work as one transaction, retrying on a collision; check before the commit.

        The check may query the database in the lane `CREDENTIALS`, whose connections are
        reserved: it cannot deadlock with the connection that is held here.
        """

        async def run(connection: Connection) -> tuple[Result, Sequence[StoredEvent]]:
            transaction = _Transaction(connection, scope)
            result = await work(transaction)
            stored = await append(connection, scope, published=transaction.events, now=self._now())
            if check is not None:
                await check()
            return result, stored

        try:
            return await self._database.run(scope, run)
        except StoreUnavailable as away:
            raise _meaning(away) from None


class _Rows:
    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        # Errors are translated here, so that callers see the port's errors only.
        try:
            return await self._connection.fetch(text, *values)
        except Exception as error:
            raise _meaning(error, self._connection) from None

    async def fetch_within(
        self, text: str, values: Sequence[object], *, most_bytes: int, portion: int
    ) -> Portions:
        try:
            return await fetch_portions(
                self._connection, text, values=values, most_bytes=most_bytes, portion=portion
            )
        except Exception as error:
            raise _meaning(error, self._connection) from None


class _Snapshot:
    """A snapshot for reading; every list request opens one, so it must be fast."""

    __slots__ = ("_check", "_connection", "_database", "_scope")

    def __init__(self, database: Database, scope: Scope, *, check: Check | None) -> None:
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
        self.events: list[Event] = []

    @property
    def scope(self) -> Scope:
        return self._scope

    async def lock_call(self, call_id: UUID) -> StoredCall | None:
        with translated():
            return await lock_call(self._connection, call_id)

    async def save(self, records: Sequence[Record]) -> None:
        with translated():
            await write_rows(self._connection, self._scope, server_id=None, records=records)

    def append(self, *events: Event) -> None:
        self.events += events


def _meaning(error: BaseException, connection: Connection | None = None) -> BaseException:
    """Return the port's error for a request: QueryTooSlow if its statement was slow."""
    if connection is not None and was_closed(connection, error):
        return StoreUnavailable()
    meaning = (translate(error) if isinstance(error, Exception) else None) or error
    return QueryTooSlow() if isinstance(meaning, TimedOut) else meaning
