"""Startup checks of a database: version, schema and our role's privileges.

Row-level security applies neither to superusers nor to roles with BYPASSRLS, and an owner
can disable it; so the server refuses to run as such a role, or as a role that may become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from ringline.schema.names import (
    HEAD,
    MINIMUM_SERVER_VERSION,
    OWNERSHIP_LOCK,
    ROLES,
    SCHEMA,
    Roles,
    is_newer,
)
from ringline.storage.connections import SHARED_SESSIONS
from ringline.storage.database_errors import DatabaseRefused
from ringline.wire.database_url import DatabaseUrl

#: From PostgreSQL 16 on a membership may allow neither INHERIT nor SET: such a membership
#: (which the creator of a role gets) does not count.
_PRIVILEGES = """
    SELECT me.rolname AS name, me.rolsuper, me.rolbypassrls,
        EXISTS (
            SELECT FROM pg_catalog.pg_roles r
            WHERE (r.rolsuper OR r.rolbypassrls OR r.rolname IN ($2, $3) OR r.oid IN (
                SELECT c.relowner FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $4
            )) AND (pg_has_role(me.oid, r.oid, 'USAGE') OR pg_has_role(me.oid, r.oid, $5))
        ) AS too_much,
        EXISTS (
            SELECT FROM pg_catalog.pg_roles r
            WHERE r.rolname = $1 AND pg_has_role(me.oid, r.oid, 'USAGE')
        ) AS enough
    FROM pg_catalog.pg_roles me WHERE me.rolname = session_user
"""

#: Whether every role of the cluster may connect to the database: PUBLIC is grantee 0.
OPEN_TO_ALL = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_database d,
            pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
        WHERE d.datname = pg_catalog.current_database()
            AND a.grantee = 0 AND a.privilege_type = 'CONNECT'
    )
"""


#: What `doctor` asks a usable database. `pg_locks` shows the lock's number in two halves.
_CONDITION = f"""
    SELECT clock_timestamp() AS clock, ({OPEN_TO_ALL}) AS open_to_all,
        EXISTS (
            SELECT FROM pg_catalog.pg_locks l
            JOIN pg_catalog.pg_database d ON d.oid = l.database
            WHERE d.datname = pg_catalog.current_database() AND l.locktype = 'advisory'
                AND l.classid = {OWNERSHIP_LOCK >> 32} AND l.objid = {OWNERSHIP_LOCK & 0xFFFFFFFF}
                AND l.objsubid = 1 AND l.granted
        ) AS owned
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a usable database: above all, whether a server owns it."""

    version: int  # of PostgreSQL
    clock: datetime
    open_to_all: bool  # every role of the cluster may connect
    owned: bool  # by a server


async def examine(connection: asyncpg.Connection[Any]) -> Condition:
    """Return the condition of a database. Raises the driver's errors."""
    row = await connection.fetchrow(_CONDITION)
    if row is None:
        raise AssertionError("the statement returns a row")
    return Condition(connection.get_server_version().major, **dict(row))


async def check_fitness(connection: asyncpg.Connection[Any], roles: Roles = ROLES) -> None:
    """Raise DatabaseRefused unless the server may use this database as this role."""
    version = connection.get_server_version().major
    if version < MINIMUM_SERVER_VERSION:
        raise DatabaseRefused(
            f"The database is PostgreSQL {version}; {MINIMUM_SERVER_VERSION} or later is needed."
        )
    membership = "SET" if version >= 16 else "MEMBER"
    role = await connection.fetchrow(
        _PRIVILEGES, roles.app, roles.owner, roles.lookup, SCHEMA, membership
    )
    if role is None:
        raise AssertionError("a session has a role")
    if role["rolsuper"] or role["rolbypassrls"]:
        kind = "a superuser" if role["rolsuper"] else "a role with BYPASSRLS"
        raise DatabaseRefused(
            f"The server refuses to run as {kind} ({role['name']}), because row-level security "
            "does not apply to it; let it log in as an ordinary role, and name that role to "
            "`ringline migrate`."
        )
    if role["too_much"]:
        raise DatabaseRefused(
            f"The server refuses to run as {role['name']}, because it owns the tables or may "
            "become a role that row-level security does not apply to; let it log in as an "
            "ordinary role."
        )
    if not role["enough"]:
        raise DatabaseRefused(
            f"The role {role['name']} has no access to the tables yet; run `ringline migrate`."
        )
    await _check_schema(connection)


async def _check_schema(connection: asyncpg.Connection[Any]) -> None:
    try:
        found = await connection.fetchval(f"SELECT version_num FROM {SCHEMA}.alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        found = None
    if found is None:
        raise DatabaseRefused("The database has no tables yet; run `ringline migrate`.")
    if is_newer(found):
        raise DatabaseRefused(
            f"The database is at version {found}, but this program needs {HEAD}: a newer Ringline "
            "has migrated it; run that version."
        )
    if found != HEAD:
        raise DatabaseRefused(
            f"The database is at version {found}, but this program needs {HEAD}; "
            "run `ringline migrate` of the same version as the server."
        )


async def refuse_shared_session(
    first: asyncpg.Connection[Any], second: asyncpg.Connection[Any], *, url: str
) -> None:
    """Refuse a pooler in transaction mode. Raises DatabaseRefused.

    Behind one, two connections share a session or one connection moves between sessions.
    Both show in the id of the process that serves a statement; whatever else the pooler
    reports about a session may be made up.
    """
    seen = [
        [await connection.fetchval("SELECT pg_backend_pid()") for connection in (first, second)]
        for _ in range(3)
    ]
    if len(set(seen[0])) == 1 or any(pair != seen[0] for pair in seen):
        raise DatabaseRefused(SHARED_SESSIONS.format(address=DatabaseUrl.read(url).address))
