"""The database for the adapters: pooled connections, transactions in one log.

Every transaction is limited to one workspace and environment, which are set for its
duration only; row-level security does the rest. A connection returns to the pool only after
the server has acknowledged its COMMIT or ROLLBACK. After a cancellation, a timeout or a
network error it is closed, so that no half-done transaction leaks into the next workspace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from ringline.domain import limits
from ringline.domain.log import Scope
from ringline.ports import StoreUnavailable
from ringline.schema.names import ENVIRONMENT_SETTING, ROLES, WORKSPACE_SETTING, Roles
from ringline.storage.connections import connect, refuse_unreachable
from ringline.storage.database_errors import Collided, away, refusal_of, translate
from ringline.storage.fitness import Condition, check_fitness, examine, refuse_shared_session
from ringline.storage.listening import listen
from ringline.storage.loans import LoanLimits, Loans
from ringline.storage.ownership import Notified, Ownership
from ringline.storage.pool import INTERNAL, Borrower, Pool

Connection: TypeAlias = "asyncpg.Connection[Any]"
Result = TypeVar("Result")

POOL_SIZE = limits.DATABASE_CONNECTIONS.most

_CONNECT_TIMEOUT_S = 5.0
_ROLLBACK_TIMEOUT_S = 1.0
_CANCEL_TIMEOUT_S = 1.0
_STATEMENT_TIMEOUT_S = limits.STATEMENT_S.most
_LOCK_TIMEOUT_S = 1
#: The server cancels a statement whose client has disconnected. Not supported on Windows.
_DETECT_DISCONNECT = "SELECT set_config('client_connection_check_interval', '50ms', false)"
_BEAT = "SELECT ringline.stay_alive('{}')"
_CANCEL = "SELECT pg_cancel_backend(pid) FROM unnest($1::int[]) AS overdue (pid)"
#: How many times a transaction that collides with another one is attempted.
_ATTEMPTS = 4


class Database:
    """A connection pool with the application role, and ownership of the database.

    Open it with `Database.open`, close it with `close`.
    """

    def __init__(
        self,
        dsn: str,
        server_id: UUID,
        *,
        pool_size: int = POOL_SIZE,
        loan_limits: LoanLimits | None = None,
    ) -> None:
        self._dsn = dsn
        self._server_id = server_id
        self._pool: Pool[Connection] = Pool(
            self._connect_pooled, pool_size, wait_s=limits.DATABASE_WAIT_S.most
        )
        self._loans: Loans[Connection] = Loans(self._pool, self._cancel, loan_limits=loan_limits)
        self._ownership: Ownership | None = None

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        server_id: UUID,
        claim: bool,
        pool_size: int = POOL_SIZE,
        roles: Roles = ROLES,
        loan_limits: LoanLimits | None = None,
    ) -> Self:
        """Check a database and open it; with `claim`, as the one server that owns it.

        Raises DatabaseRefused if it cannot be reached, its schema or our role is unsuitable,
        or another server owns it.
        """
        database = cls(dsn, server_id, pool_size=pool_size, loan_limits=loan_limits)
        async with refuse_unreachable(dsn):
            connection = await database.connect("check")
            try:
                await database._refuse_pooler(connection)
                await check_fitness(connection, roles)
            finally:
                await connection.close(timeout=_CONNECT_TIMEOUT_S)
            if claim:
                database._ownership = await Ownership.take(
                    database.connect, database._break_off, beat=_BEAT.format(server_id)
                )
        return database

    async def _refuse_pooler(self, connection: Connection) -> None:
        other = await self.connect("check")
        try:
            await refuse_shared_session(connection, other, url=self._dsn)
        finally:
            await other.close(timeout=_CONNECT_TIMEOUT_S)

    async def close(self) -> None:
        """Release the database and close all connections, terminating the slow ones."""
        if self._ownership is not None:
            await self._ownership.close()
        await self._pool.close(_CONNECT_TIMEOUT_S)
        await self._loans.close()

    @property
    def server_id(self) -> UUID:
        """Return the id of this process, as the rows of its calls carry it."""
        return self._server_id

    @property
    def is_owned(self) -> bool:
        """Return whether we may write calls: we own the database or never claimed it."""
        return self._ownership is None or self._ownership.is_held

    @property
    def is_exclusive(self) -> bool:
        """Return whether we are the one server of the database."""
        return self._ownership is not None and self._ownership.is_held

    @property
    def _answers(self) -> bool:
        """Return whether the database answers, even while we do not own it."""
        return self._ownership is None or self._ownership.is_listening

    async def available(self) -> None:
        """Wait until the database answers and, if we claimed it, we own it."""
        if self._ownership is not None:
            await self._ownership.held()

    async def lost(self) -> None:
        """Wait until we lose the ownership, however briefly.

        Never returns if we did not claim the database.
        """
        if self._ownership is None:
            await asyncio.Event().wait()
        else:
            await self._ownership.lost()

    async def watch(self, channel: str, notified: Notified) -> None:
        """Call back with a channel's notifications until cancelled.

        None instead of a payload means that some may have been missed; it comes at once too.
        """
        if self._ownership is None:
            await listen(self.connect, channel, notified=notified)
            return
        stop = self._ownership.watch(channel, notified)
        try:
            await asyncio.Event().wait()
        finally:
            stop()

    @asynccontextmanager
    async def transaction(
        self, scope: Scope, borrower: Borrower | None = None
    ) -> AsyncGenerator[Connection]:
        """Run statements as one transaction in a log's workspace and environment.

        It borrows as that workspace unless another borrower is given. Raises StoreUnavailable (also
        if the acknowledgement of COMMIT was lost), LogBusy, EntryRefused.
        """
        async with self._borrowed(
            scope.workspace_id if borrower is None else borrower
        ) as connection:
            await connection.execute(begin_statement(scope))
            yield connection
            if await connection.execute("COMMIT") != "COMMIT":
                raise refusal_of("25P02")  # the block swallowed a statement's error

    async def run(
        self,
        scope: Scope,
        work: Callable[[Connection], Awaitable[Result]],
        *,
        borrower: Borrower | None = None,
    ) -> Result:
        """Run work as a transaction, retrying on a collision. Raises like `transaction`."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._run_once(scope, work, borrower=borrower)
            except Collided:
                continue
        return await self._run_once(scope, work, borrower=borrower)

    async def _run_once(
        self,
        scope: Scope,
        work: Callable[[Connection], Awaitable[Result]],
        *,
        borrower: Borrower | None,
    ) -> Result:
        async with self.transaction(scope, borrower) as connection:
            return await work(connection)

    async def look_up(
        self, borrower: Borrower, text: str, *arguments: object, owned: bool = False
    ) -> list[Any]:
        """Call a lookup function, outside any workspace. Raises like `transaction`.

        Credentials can be looked up even while another session holds the ownership lock.
        Functions that modify calls or tickets must require ownership with `owned`.
        """
        async with self._borrowed(borrower, owned=owned) as connection:
            return await connection.fetch(text, *arguments)

    async def examine(self) -> Condition:
        """Return the condition of the database, for `doctor`. Raises like `transaction`."""
        async with self._borrowed(INTERNAL, owned=False) as connection:
            return await examine(connection)

    async def connect(
        self, purpose: str, command_timeout_s: float | None = _STATEMENT_TIMEOUT_S + _LOCK_TIMEOUT_S
    ) -> asyncpg.Connection[Any]:
        """Open a connection outside the pool, whose purpose `pg_stat_activity` shows."""
        return await connect(
            self._dsn,
            timeout_s=_CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            server_settings={
                "application_name": f"ringline {purpose} {self._server_id}",
                "statement_timeout": f"{_STATEMENT_TIMEOUT_S}s",
                "lock_timeout": f"{_LOCK_TIMEOUT_S}s",
                "idle_in_transaction_session_timeout": f"{2 * _STATEMENT_TIMEOUT_S}s",
                "search_path": "pg_catalog",
                "jit": "off",
                # One process per statement, or one tenant's expensive read takes every core.
                "max_parallel_workers_per_gather": "0",
            },
        )

    async def _connect_pooled(self) -> Connection:
        try:
            # A timer per statement costs as much as a short statement; `Loans` limits instead.
            connection = await self.connect("pool", command_timeout_s=None)
        except asyncpg.PostgresError as error:  # whatever the error, the database is unusable now
            raise away(error.sqlstate or "") from None
        try:
            await connection.execute(_DETECT_DISCONNECT)
        except asyncpg.PostgresError:
            pass  # unsupported: abandoned statements run until their timeout
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _cancel(self, overdue: Sequence[Connection]) -> None:
        """Cancel the statements that are running on connections."""
        pids = [loaned.get_server_pid() for loaned in overdue if not loaned.is_closed()]
        async with self._borrowed(INTERNAL, owned=False) as connection:
            await connection.fetch(_CANCEL, pids, timeout=_CANCEL_TIMEOUT_S)

    async def _break_off(self) -> None:
        """Fail everything that waits for a database that does not answer any more."""
        self._pool.expire()
        self._loans.break_off()

    def _borrowed(self, borrower: Borrower, *, owned: bool = True) -> _Borrowed:
        return _Borrowed(self, borrower, owned=owned)

    async def borrow(self, borrower: Borrower, *, owned: bool = True) -> Connection:
        """Borrow a connection, which must be given back.

        Raises StoreUnavailable and driver errors.
        """
        if not (self.is_owned if owned else self._answers):
            raise StoreUnavailable
        return await self._loans.borrow(borrower)

    async def give_back(self, connection: Connection, error: BaseException | None = None) -> None:
        """Give a connection back; it is reused only if no transaction is left open in it."""
        clean = False
        try:
            if error is None:
                clean = not (connection.is_closed() or connection.is_in_transaction())
            elif isinstance(error, Exception) and _may_be_reusable(error):
                clean = await _rolled_back(connection)
        finally:
            self._loans.give_back(connection, clean=clean)


class _Borrowed:
    """A connection for a block; the driver's errors leave it as the port's.

    A class, because a generator's context costs as much as half a short statement.
    """

    __slots__ = ("_borrower", "_connection", "_database", "_owned")

    def __init__(self, database: Database, borrower: Borrower, *, owned: bool) -> None:
        self._database = database
        self._borrower = borrower
        self._owned = owned

    async def __aenter__(self) -> Connection:
        try:
            connection = await self._database.borrow(self._borrower, owned=self._owned)
        except Exception as error:
            _raise_translated(error)
            raise
        self._connection = connection
        return connection

    async def __aexit__(self, _: object, error: BaseException | None, trace: object) -> None:
        connection = self._connection
        if error is None:
            await self._database.give_back(connection)
            return
        closed = was_closed(connection, error)
        await self._database.give_back(connection, error)
        if closed:
            raise StoreUnavailable from None
        if isinstance(error, Exception):
            _raise_translated(error)


def _raise_translated(error: Exception) -> None:
    meaning = translate(error)
    if meaning is not None:
        raise meaning from None


def switch(connection: Connection, scope: Scope) -> Awaitable[str]:
    """Switch a transaction to another log, for work that spans several."""
    return connection.execute(f"SELECT {_settings(scope)}")


def begin_statement(scope: Scope, mode: str = "") -> str:
    """Return the statement that begins a transaction in a log, in a `mode` for BEGIN."""
    return f"BEGIN {mode}; SELECT {_settings(scope)}"


def _settings(scope: Scope) -> str:
    # A UUID and a member of an enumeration: their text needs no quoting.
    return (
        f"set_config('{WORKSPACE_SETTING}', '{scope.workspace_id}', true), "
        f"set_config('{ENVIRONMENT_SETTING}', '{scope.environment.value}', true)"
    )


def was_closed(connection: Connection, error: BaseException) -> bool:
    """Return whether an error means that we closed the connection during a statement.

    The driver then raises an AttributeError, since it has discarded its protocol object.
    """
    return isinstance(error, AttributeError) and connection.is_closed()


def _may_be_reusable(error: Exception) -> bool:
    """Return whether a ROLLBACK may work: not after a timeout or a network error."""
    lost = (
        StoreUnavailable,
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    )
    return not isinstance(error, lost) or isinstance(error, asyncpg.DataError)


async def _rolled_back(connection: Connection) -> bool:
    if connection.is_closed():
        return False
    if not connection.is_in_transaction():
        return True
    try:
        await connection.execute("ROLLBACK", timeout=_ROLLBACK_TIMEOUT_S)
    except Exception:  # on a connection closed meanwhile the driver may raise anything
        return False
    return not connection.is_in_transaction()
