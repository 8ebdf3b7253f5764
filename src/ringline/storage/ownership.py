"""Who owns the database: one server, by an advisory lock on a connection of its own.

The same connection listens for keys that were revoked and members that were removed. It
is probed, because a line that is cut in the middle of nowhere says nothing by itself. When
it is lost, the lock is too: nothing is written until it has been taken again, on a new
connection. Notifications may have been missed meanwhile, so whoever watches them is told
to check all as soon as the new connection listens. That is before the lock is ours again:
a former session that hangs keeps the lock, but no revocation waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any, Self, TypeAlias
from uuid import UUID

import asyncpg
import structlog

from ringline.schema.names import KEYS_CHANNEL, OWNERSHIP_LOCK
from ringline.storage.database_errors import DatabaseRefused

_log = structlog.get_logger()

Connect: TypeAlias = "Callable[[str], Awaitable[asyncpg.Connection[Any]]]"
Changed: TypeAlias = Callable[[UUID | None, bool], None]

_PROBE_EVERY_S = 0.25
#: Every so many probes the database is told that we are alive: 2 s, of the 5 s that a call's
#: end may be wrong by after a crash.
_PROBES_PER_BEAT = 8
_PROBE_ANSWER_S = 0.25
#: After a busy moment of our own the answer may be there, only unread: one more look.
_PROBE_GRACE_S = 0.05
_BACKOFF_FIRST_S = 0.02
_BACKOFF_LAST_S = 1.0
_LOCK_EVERY_S = 0.1
#: How long a session that waits for the lock may be silent.
_LOCK_ANSWER_S = 0.5
#: How long a start waits for a server that is just going.
_LOCK_PATIENCE_S = 2.0

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

#: A session of ours that the database has not yet noticed to be gone still holds the lock.
_END_FORMER_SELF = """
    SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE application_name = current_setting('application_name')
        AND usename = current_user AND pid <> pg_backend_pid()
"""


#: A disk that is slow for a moment must not look like a database that is gone.
_BEATS_DO_NOT_WAIT = "SET synchronous_commit = off"


class Ownership:
    """The claim of this process to a database, kept alive by a task."""

    def __init__(self, connect: Connect, lost: Callable[[], Awaitable[None]], beat: str) -> None:
        self._connect = connect
        self._tell_lost = lost
        self._beat = beat
        self._watchers: set[Changed] = set()
        self._held = asyncio.Event()
        self._is_heard = False
        self._slipped = asyncio.Event()
        self._gone = asyncio.Event()
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def take(cls, connect: Connect, lost: Callable[[], Awaitable[None]], beat: str) -> Self:
        """Take a database; `lost` is called whenever it slips away.

        `beat` is the statement that tells the database that this server lives. Raises
        DatabaseRefused if another server holds it, and the driver's errors.
        """
        ownership = cls(connect, lost, beat)
        connection = await ownership._open()
        for _ in range(round(_LOCK_PATIENCE_S / _LOCK_EVERY_S)):
            if await _lock(connection):
                break
            await asyncio.sleep(_LOCK_EVERY_S)
        else:
            await connection.close(timeout=_PROBE_ANSWER_S)
            raise DatabaseRefused(
                "Another Ringline server uses this database; one at a time may. "
                "Stop it, or give this one a database of its own."
            )
        ownership._is_heard = True
        ownership._held.set()
        ownership._task = asyncio.create_task(ownership._keep(connection), name="ownership")
        return ownership

    @property
    def is_held(self) -> bool:
        """Tell whether the database is ours, as far as we know."""
        return self._held.is_set()

    @property
    def is_heard(self) -> bool:
        """Tell whether the database answers and revocations are heard, as far as we know."""
        return self._is_heard

    async def held(self) -> None:
        """Wait until the database is ours."""
        await self._held.wait()

    async def slipped(self) -> None:
        """Wait until the database is no longer ours, however short the loss."""
        await self._slipped.wait()

    def watch(self, changed: Changed) -> Callable[[], None]:
        """Call back with every id that was revoked, None to check all; return what ends it.

        The first call is None, at once: what happened before was not heard.
        """
        self._watchers.add(changed)
        changed(None, False)
        return lambda: self._watchers.discard(changed)

    async def close(self) -> None:
        """Give the database up."""
        self._held.clear()
        self._is_heard = False
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        connection = self._connection
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=_PROBE_ANSWER_S)
            except _LOST:
                connection.terminate()

    async def _keep(self, connection: asyncpg.Connection[Any]) -> None:
        while True:
            await self._until_lost(connection)
            self._held.clear()
            self._slipped.set()
            connection.terminate()
            _log.debug("ownership_lost")  # the journal reports the outage
            await self._went_silent()
            connection = await self._regain()
            self._slipped.clear()
            self._held.set()
            _log.debug("ownership_regained")

    async def _went_silent(self) -> None:
        self._is_heard = False
        try:
            await self._tell_lost()
        except Exception as error:  # whatever it is, the database must be regained
            _log.error("ownership_loss_not_reported", error=type(error).__name__)

    async def _until_lost(self, connection: asyncpg.Connection[Any]) -> None:
        for number in count():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), _PROBE_EVERY_S)
                return
            statement = "SELECT 1" if number % _PROBES_PER_BEAT else self._beat
            probe = asyncio.ensure_future(connection.execute(statement))
            try:
                done, _ = await asyncio.wait({probe}, timeout=_PROBE_ANSWER_S)
                if not done:
                    done, _ = await asyncio.wait({probe}, timeout=_PROBE_GRACE_S)
                if not done:
                    return
                await probe
            except asyncpg.ReadOnlySQLTransactionError:
                pass  # a beat that was heard, though not noted
            except _LOST:
                return
            finally:
                probe.cancel()

    async def _regain(self) -> asyncpg.Connection[Any]:
        backoff_s = _BACKOFF_FIRST_S
        while True:
            try:
                connection = await self._open()
                self._is_heard = True
                self._tell(None, False)
                await self._wait_for_lock(connection)
            except _LOST as error:
                _log.debug("ownership_not_regained", sqlstate=getattr(error, "sqlstate", None))
            except Exception as error:  # a defect: try again rather than be away for good
                _log.error("ownership_failed", error=type(error).__name__)
            else:
                return connection
            if self._connection is not None:
                self._connection.terminate()
            if self._is_heard:
                await self._went_silent()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _BACKOFF_LAST_S)

    async def _open(self) -> asyncpg.Connection[Any]:
        connection = await self._connect("session")
        self._connection, self._gone = connection, asyncio.Event()
        connection.add_termination_listener(self._went)
        await connection.add_listener(KEYS_CHANNEL, self._heard)
        await connection.execute(_BEATS_DO_NOT_WAIT)
        return connection

    async def _wait_for_lock(self, connection: asyncpg.Connection[Any]) -> None:
        await connection.execute(_END_FORMER_SELF, timeout=_LOCK_ANSWER_S)
        said = False
        while not await _lock(connection, _LOCK_ANSWER_S):
            if not said:
                _log.error("database_owned_by_another")
                said = True
            await asyncio.sleep(_LOCK_EVERY_S)

    def _went(self, connection: object) -> None:
        if connection is self._connection:
            self._gone.set()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        revoked, _, end_calls = str(payload).partition(" ")
        self._tell(UUID(revoked), end_calls == "1")

    def _tell(self, revoked: UUID | None, end_calls: bool) -> None:
        for changed in tuple(self._watchers):
            changed(revoked, end_calls)


async def _lock(connection: asyncpg.Connection[Any], timeout_s: float | None = None) -> bool:
    taken = await connection.fetchval(
        "SELECT pg_try_advisory_lock($1)", OWNERSHIP_LOCK, timeout=timeout_s
    )
    return bool(taken)
