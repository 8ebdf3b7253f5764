"""Reuse of test databases: they are emptied if only their rows have changed."""

from __future__ import annotations

from typing import Any

import asyncpg

from ringline.schema.tables import metadata

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
    except asyncpg.PostgresError:  # the schema is gone
        return False
    if shape not in _migrated:
        return False
    await superuser.fetch(_OTHERS)
    await superuser.execute(_EMPTY)
    return True
