"""Ownership of the database: an advisory lock on a dedicated connection.

The same connection listens for what triggers notify of: revoked keys, removed members,
changed keys of providers, due webhooks and timers. It is probed, because a
connection that is cut somewhere in the network does not report it. Losing the connection
means losing the lock: nothing is written until a new connection has acquired it again.
Notifications may have been missed meanwhile, so watchers are told to check everything as
soon as the new connection listens. That comes before the lock is ours again: a former
session that hangs keeps the lock, but must not delay revocations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any, Self, TypeAlias

import asyncpg
import structlog

from ringline.schema.names import (
    KEYS_CHANNEL,
    OWNERSHIP_LOCK,
    PROVIDER_KEYS_CHANNEL,
    TIMERS_CHANNEL,
    WEBHOOKS_CHANNEL,
)
from ringline.storage.database_errors import DatabaseRefused

_log = structlog.get_logger()

Connect: TypeAlias = "Callable[[str], Awaitable[asyncpg.Connection[Any]]]"
#: Called with a notification's payload, or None if notifications may have been missed.
Notified: TypeAlias = Callable[[str | None], None]

_CHANNELS = (KEYS_CHANNEL, PROVIDER_KEYS_CHANNEL, TIMERS_CHANNEL, WEBHOOKS_CHANNEL)

_PROBE_EVERY_S = 0.25
#: One probe in so many records that we are alive: every 2 s, of the 5 s that a call's end
#: may be off by after a crash.
_PROBES_PER_BEAT = 8
_PROBE_ANSWER_S = 0.25
#: After a busy moment of ours the answer may have arrived, only unread: look once more.
_PROBE_GRACE_S = 0.05
_BACKOFF_FIRST_S = 0.02
_BACKOFF_LAST_S = 1.0
_LOCK_EVERY_S = 0.1
#: How long the database may take to answer an attempt to acquire the lock.
_LOCK_ANSWER_S = 0.5
#: How long a starting server waits for another one that is shutting down.
_LOCK_PATIENCE_S = 2.0

_CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

#: A former session of ours holds the lock until the database notices that it is gone.
_END_FORMER_SELF = """
    SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE application_name = current_setting('application_name')
        AND usename = current_user AND pid <> pg_backend_pid()
"""


#: A disk that is slow for a moment must not look like a lost database.
_BEATS_DO_NOT_WAIT = "SET synchronous_commit = off"


class Ownership:
    """This process's ownership of a database, kept alive by a task."""

    def __init__(
        self, connect: Connect, on_loss: Callable[[], Awaitable[None]], *, beat: str
    ) -> None:
        self._connect = connect
        self._on_loss = on_loss
        self._beat = beat
        self._watchers: dict[str, set[Notified]] = {channel: set() for channel in _CHANNELS}
        self._held = asyncio.Event()
        self._is_listening = False
        self._lost = asyncio.Event()
        self._closed = asyncio.Event()
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def take(
        cls, connect: Connect, on_loss: Callable[[], Awaitable[None]], *, beat: str
    ) -> Self:
        """Acquire a database; `on_loss` is called whenever the ownership is lost.

        `beat` is the statement that records that this server is alive. Raises
        DatabaseRefused if another server owns the database, and the driver's errors.
        """
        ownership = cls(connect, on_loss, beat=beat)
        connection = await ownership._open()
        for _ in range(round(_LOCK_PATIENCE_S / _LOCK_EVERY_S)):
            if await _lock(connection):
                break
            await asyncio.sleep(_LOCK_EVERY_S)
        else:
            await connection.close(timeout=_PROBE_ANSWER_S)
            raise DatabaseRefused(
                "Another Ringline server uses this database, and only one may at a time. "
                "Stop it, or give this server a database of its own."
            )
        ownership._is_listening = True
        ownership._held.set()
        ownership._task = asyncio.create_task(ownership._maintain(connection), name="ownership")
        return ownership

    @property
    def is_held(self) -> bool:
        """Return whether we own the database, as far as we know."""
        return self._held.is_set()

    @property
    def is_listening(self) -> bool:
        """Return whether the database answers and notifies us, as far as we know."""
        return self._is_listening

    async def held(self) -> None:
        """Wait until we own the database."""
        await self._held.wait()

    async def lost(self) -> None:
        """Wait until we lose the database, however briefly."""
        await self._lost.wait()

    def watch(self, channel: str, notified: Notified) -> Callable[[], None]:
        """Call back with a channel's notifications, None to check all; return the unsubscriber.

        The first call comes at once, with None: earlier notifications were not observed.
        """
        watchers = self._watchers[channel]
        watchers.add(notified)
        notified(None)
        return lambda: watchers.discard(notified)

    async def close(self) -> None:
        """Release the database."""
        self._held.clear()
        self._is_listening = False
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        connection = self._connection
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=_PROBE_ANSWER_S)
            except _CONNECTION_ERRORS:
                connection.terminate()

    async def _maintain(self, connection: asyncpg.Connection[Any]) -> None:
        while True:
            await self._wait_until_lost(connection)
            self._held.clear()
            self._lost.set()
            connection.terminate()
            _log.debug("ownership_lost")  # the journal reports the outage
            await self._stop_listening()
            connection = await self._regain()
            self._lost.clear()
            self._held.set()
            _log.debug("ownership_regained")

    async def _stop_listening(self) -> None:
        self._is_listening = False
        try:
            await self._on_loss()
        except Exception as error:  # whatever it is, we must regain the database
            _log.error("ownership_loss_not_reported", error=type(error).__name__)

    async def _wait_until_lost(self, connection: asyncpg.Connection[Any]) -> None:
        for number in count():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _PROBE_EVERY_S)
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
                pass  # the database answers, although it could not record the beat
            except _CONNECTION_ERRORS:
                return
            finally:
                probe.cancel()

    async def _regain(self) -> asyncpg.Connection[Any]:
        backoff_s = _BACKOFF_FIRST_S
        while True:
            try:
                connection = await self._open()
                self._is_listening = True
                for channel in _CHANNELS:
                    self._notify(channel, None)
                await self._wait_for_lock(connection)
            except _CONNECTION_ERRORS as error:
                _log.debug("ownership_not_regained", sqlstate=getattr(error, "sqlstate", None))
            except Exception as error:  # a defect: retry rather than stay without a database
                _log.error("ownership_failed", error=type(error).__name__)
            else:
                return connection
            if self._connection is not None:
                self._connection.terminate()
            if self._is_listening:
                await self._stop_listening()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _BACKOFF_LAST_S)

    async def _open(self) -> asyncpg.Connection[Any]:
        connection = await self._connect("session")
        self._connection, self._closed = connection, asyncio.Event()
        connection.add_termination_listener(self._on_termination)
        for channel in _CHANNELS:
            await connection.add_listener(channel, self._on_notification)
        await connection.execute(_BEATS_DO_NOT_WAIT)
        return connection

    async def _wait_for_lock(self, connection: asyncpg.Connection[Any]) -> None:
        await connection.execute(_END_FORMER_SELF, timeout=_LOCK_ANSWER_S)
        logged = False
        while not await _lock(connection, _LOCK_ANSWER_S):
            if not logged:
                _log.error("database_owned_by_another")
                logged = True
            await asyncio.sleep(_LOCK_EVERY_S)

    def _on_termination(self, connection: object) -> None:
        if connection is self._connection:
            self._closed.set()

    def _on_notification(
        self, _connection: object, _pid: int, channel: str, payload: object
    ) -> None:
        self._notify(channel, str(payload))

    def _notify(self, channel: str, payload: str | None) -> None:
        for notified in tuple(self._watchers[channel]):
            notified(payload)


async def _lock(connection: asyncpg.Connection[Any], timeout_s: float | None = None) -> bool:
    acquired = await connection.fetchval(
        "SELECT pg_try_advisory_lock($1)", OWNERSHIP_LOCK, timeout=timeout_s
    )
    return bool(acquired)
