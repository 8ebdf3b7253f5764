"""The database as the adapters use it: a pool of connections, and transactions in a log.

Every transaction belongs to one workspace and environment, set for its length only; row-
level security does the rest. A connection goes back to the pool after a COMMIT or ROLLBACK
that the server has answered and in no other case: after a cancellation, a time-out or a
broken line it is closed, so that no half-done transaction meets the next workspace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from ringline.domain.log import LogKey
from ringline.ports import EntryRefused, StoreAway
from ringline.schema.names import ENVIRONMENT_SETTING, ROLES, WORKSPACE_SETTING, Roles
from ringline.storage.database_errors import Collided, translated
from ringline.storage.fitness import OPEN_TO_ALL, check_fitness, refuse_unreachable
from ringline.storage.ownership import Ownership
from ringline.storage.pool import Pool

Connection: TypeAlias = "asyncpg.Connection[Any]"
Result = TypeVar("Result")

POOL_SIZE = 10

_CONNECT_TIMEOUT_S = 5.0
_ACQUIRE_TIMEOUT_S = 5.0
_ROLLBACK_TIMEOUT_S = 1.0
_STATEMENT_TIMEOUT_S = 10
_LOCK_TIMEOUT_S = 1
#: A connection that is lent for longer is given up; its statements end long before.
_LONGEST_LOAN_S = 60.0
_LOOK_AFTER_S = 5.0
#: How often a transaction that met another one is tried.
_ATTEMPTS = 4


class Database:
    """A pool of connections as the application role, and the claim to own the database.

    Open it with `Database.open`, close it with `close`.
    """

    def __init__(self, dsn: str, server_id: UUID, pool_size: int = POOL_SIZE) -> None:
        self._dsn = dsn
        self._server_id = server_id
        self._pool: Pool[Connection] = Pool(self._connect_pooled, pool_size, _ACQUIRE_TIMEOUT_S)
        self._ownership: Ownership | None = None
        #: What is lent out, and since when.
        self._borrowed_now: dict[Connection, float] = {}
        self._looking_after: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        server_id: UUID,
        claim: bool,
        pool_size: int = POOL_SIZE,
        roles: Roles = ROLES,
    ) -> Self:
        """Check a database and open it; with `claim` as the one server that owns it.

        Raises DatabaseRefused where it cannot be reached, its schema or our role does not
        fit, or another server owns it.
        """
        database = cls(dsn, server_id, pool_size)
        async with refuse_unreachable():
            connection = await database.connect("check")
            try:
                await check_fitness(connection, roles)
            finally:
                await connection.close(timeout=_CONNECT_TIMEOUT_S)
            if claim:
                database._ownership = await Ownership.take(database.connect, database._break_off)
        return database

    async def close(self) -> None:
        """Give the database up and close all connections, at once if they do not end."""
        if self._ownership is not None:
            await self._ownership.close()
        await self._pool.close(_CONNECT_TIMEOUT_S)
        for connection in tuple(self._borrowed_now):
            connection.terminate()
        if self._looking_after is not None:
            self._looking_after.cancel()

    @property
    def server_id(self) -> UUID:
        """Return the id of this process, as calls carry it."""
        return self._server_id

    @property
    def is_owned(self) -> bool:
        """Tell whether this process may write calls: it owns the database, or never claimed."""
        return self._ownership is None or self._ownership.is_held

    async def available(self) -> None:
        """Wait until the database answers and, if it was claimed, is ours."""
        if self._ownership is not None:
            await self._ownership.held()

    async def lost(self) -> None:
        """Wait until the database is no longer ours, however short the loss.

        Never returns where nothing was claimed.
        """
        if self._ownership is None:
            await asyncio.Event().wait()
        else:
            await self._ownership.slipped()

    def watch_revocations(self, changed: Callable[[UUID | None, bool], None]) -> Callable[[], None]:
        """Call back with what was revoked; return what ends it. Needs a claimed database."""
        if self._ownership is None:
            raise AssertionError("only the server that claimed the database hears of revocations")
        return self._ownership.watch(changed)

    @asynccontextmanager
    async def transaction(self, log: LogKey) -> AsyncGenerator[Connection]:
        """Run statements as one transaction in a log's workspace and environment.

        Raises StoreAway (also where the answer to COMMIT was lost), LogBusy, EntryRefused.
        """
        async with self._borrowed() as connection:
            await connection.execute(begin(log))
            yield connection
            if await connection.execute("COMMIT") != "COMMIT":
                raise EntryRefused("25P02")  # an error was swallowed on the way

    async def run(self, log: LogKey, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run work as a transaction, again if it met another one. Raises like `transaction`."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._run_once(log, work)
            except Collided:
                continue
        return await self._run_once(log, work)

    async def _run_once(
        self, log: LogKey, work: Callable[[Connection], Awaitable[Result]]
    ) -> Result:
        async with self.transaction(log) as connection:
            return await work(connection)

    async def look_up(self, text: str, *arguments: object) -> list[Any]:
        """Call a lookup function, outside of any workspace. Raises like `transaction`."""
        async with self._borrowed() as connection:
            return await connection.fetch(text, *arguments)

    async def is_open_to_all(self) -> bool:
        """Tell whether every role of the cluster may connect. Raises like `transaction`."""
        return bool((await self.look_up(OPEN_TO_ALL))[0][0])

    async def connect(
        self, purpose: str, command_timeout_s: float | None = _STATEMENT_TIMEOUT_S + _LOCK_TIMEOUT_S
    ) -> asyncpg.Connection[Any]:
        """Make a connection apart from the pool, named for the database's own lists."""
        return await asyncpg.connect(
            self._dsn,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            server_settings={
                "application_name": f"ringline {purpose} {self._server_id}",
                "statement_timeout": f"{_STATEMENT_TIMEOUT_S}s",
                "lock_timeout": f"{_LOCK_TIMEOUT_S}s",
                "idle_in_transaction_session_timeout": f"{2 * _STATEMENT_TIMEOUT_S}s",
                "search_path": "pg_catalog",
                "jit": "off",
            },
        )

    async def _connect_pooled(self) -> Connection:
        try:
            # A timer per statement costs as much as a short one; `_look_after` stands in.
            return await self.connect("pool", command_timeout_s=None)
        except asyncpg.PostgresError as error:  # whatever it says, it does not let us in
            raise StoreAway(error.sqlstate or "") from None

    async def _break_off(self) -> None:
        """Let nobody wait for a database that is gone, or has stopped to answer."""
        self._pool.expire()
        for connection in tuple(self._borrowed_now):
            connection.terminate()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[Connection]:
        with translated():
            connection = await self.borrow()
            try:
                yield connection
            except BaseException as error:
                await self.give_back(connection, error)
                raise
            else:
                await self.give_back(connection)

    async def borrow(self) -> Connection:
        """Take a connection, which must be given back. Raises StoreAway, and the driver's."""
        if not self.is_owned:
            raise StoreAway
        connection = await self._pool.acquire()
        self._borrowed_now[connection] = time.monotonic()
        if self._looking_after is None:
            self._look_after()
        return connection

    async def give_back(self, connection: Connection, error: BaseException | None = None) -> None:
        """Give a connection back; it lives on only if no transaction is left open in it."""
        clean = False
        try:
            if error is None:
                clean = not connection.is_in_transaction()
            elif isinstance(error, Exception) and _may_go_on(error):
                clean = await _rolled_back(connection)
        finally:
            self._borrowed_now.pop(connection, None)
            if not clean:
                connection.terminate()
            self._pool.release(connection)

    def _look_after(self) -> None:
        """Close what is lent for too long: its server ends statements, or is silent."""
        self._looking_after = None
        longest = time.monotonic() - _LONGEST_LOAN_S
        for connection, since in tuple(self._borrowed_now.items()):
            if since < longest:
                connection.terminate()
        if self._borrowed_now:
            loop = asyncio.get_running_loop()
            self._looking_after = loop.call_later(_LOOK_AFTER_S, self._look_after)


def switch(connection: Connection, log: LogKey) -> Awaitable[str]:
    """Move a transaction on to another log, for work that spans several."""
    return connection.execute(f"SELECT {_settings(log)}")


def begin(log: LogKey, mode: str = "") -> str:
    """Return what begins a transaction in a log; `mode` is what stands behind BEGIN."""
    return f"BEGIN {mode}; SELECT {_settings(log)}"


def _settings(log: LogKey) -> str:
    # A UUID and a word of an enumeration: their text needs no quoting.
    return (
        f"set_config('{WORKSPACE_SETTING}', '{log.workspace_id}', true), "
        f"set_config('{ENVIRONMENT_SETTING}', '{log.environment.value}', true)"
    )


def _may_go_on(error: Exception) -> bool:
    """Tell whether a connection is worth a ROLLBACK: not after a time-out or a broken line."""
    lost = (StoreAway, OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return not isinstance(error, lost) or isinstance(error, asyncpg.DataError)


async def _rolled_back(connection: Connection) -> bool:
    if connection.is_closed():
        return False
    if not connection.is_in_transaction():
        return True
    try:
        await connection.execute("ROLLBACK", timeout=_ROLLBACK_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return not connection.is_in_transaction()
