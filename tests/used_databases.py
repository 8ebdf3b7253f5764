"""Reuse of test databases: they are emptied if only their rows have changed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import asyncpg

from ringline.schema.tables import metadata
from tests.database import TestDatabase

#: A digest of everything in the catalogue that a test could have changed. Copies of one
#: template have the same object ids.
_SHAPE = """
    SELECT md5(string_agg(thing, E'\\n' ORDER BY thing)) FROM (
        SELECT concat_ws(' ', c.oid, relname, relkind, relowner, relrowsecurity,
            relforcerowsecurity, relacl, reloptions) AS thing
        FROM pg_class c WHERE relnamespace = 'ringline'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, attisdropped, attacl)
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE relnamespace = 'ringline'::regnamespace AND attnum > 0
        UNION ALL
        SELECT concat_ws(' ', t.oid, tgrelid, tgname, tgenabled, tgfoid) FROM pg_trigger t
        UNION ALL
        SELECT concat_ws(' ', p.oid, proname, proowner, proacl, proconfig, prosrc)
        FROM pg_proc p WHERE pronamespace IN ('ringline'::regnamespace, 'public'::regnamespace)
        UNION ALL
        SELECT concat_ws(' ', p.oid, polname, polrelid, polroles) FROM pg_policy p
        UNION ALL
        SELECT concat_ws(' ', c.oid, conname, conrelid, convalidated) FROM pg_constraint c
        UNION ALL
        SELECT concat_ws(' ', nspname, nspowner, nspacl) FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%temp\\_%'
        UNION ALL
        SELECT concat_ws(' ', setrole, setconfig) FROM pg_db_role_setting
        UNION ALL
        SELECT concat_ws(' ', datconnlimit, datallowconn, datacl) FROM pg_database
        WHERE datname = current_database()
        UNION ALL
        SELECT version_num FROM ringline.alembic_version
    ) things
"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = "SET session_replication_role = replica;" + "".join(
    f"DELETE FROM ringline.{table.name};" for table in metadata.sorted_tables
)

_migrated: list[str] = []


async def remember(superuser: asyncpg.Connection[Any]) -> None:
    """Record the catalogue of a database that no test has used yet."""
    _migrated[:] = [await superuser.fetchval(_SHAPE)]


async def empty(superuser: asyncpg.Connection[Any]) -> bool:
    """Empty a database; return False if more than its rows has changed."""
    try:
        shape = await superuser.fetchval(_SHAPE)
    except (asyncpg.PostgresError, asyncpg.InterfaceError):  # schema or connection are gone
        return False
    if shape not in _migrated:
        return False
    await superuser.fetch(_OTHERS)
    await superuser.execute(_EMPTY)
    return True


class Sweeper:
    """Empties databases, on connections that outlast a test's loop.

    A new connection reads much of the catalogue first: that took longer than emptying.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connections: dict[str, asyncpg.Connection[Any]] = {}

    async def empty(self, database: TestDatabase) -> bool:
        """Empty a database; return False if more than its rows has changed."""
        sweeping = asyncio.run_coroutine_threadsafe(self._empty(database), self._loop)
        return await asyncio.wrap_future(sweeping)

    def close(self) -> None:
        """Close the connections."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _empty(self, database: TestDatabase) -> bool:
        connection = self._connections.pop(database.name, None)
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(database.dsn("postgres"))
        if await empty(connection):
            self._connections[database.name] = connection
            return True
        await connection.close()
        return False

    async def _close(self) -> None:
        for connection in self._connections.values():
            await connection.close()
