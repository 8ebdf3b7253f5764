"""Whether a database may be served from: its version, its schema, and what our role may.

Row-level security binds neither superusers nor roles with BYPASSRLS, and an owner can
switch it off; so the server does not run as one of them, nor as one who may become one.
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

#: From PostgreSQL 16 on a membership may carry neither rights nor SET ROLE: such a one
#: (who creates a role gets it) counts as none.
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

#: Whether any role of the cluster may connect to the database: PUBLIC is grantee 0.
OPEN_TO_ALL = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_database d,
            pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
        WHERE d.datname = pg_catalog.current_database()
            AND a.grantee = 0 AND a.privilege_type = 'CONNECT'
    )
"""


#: What a doctor asks of a database that a server could use. The lock stands in two halves.
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
    """How a database that a server could use is: whether another one does, above all."""

    version: int  # of PostgreSQL
    clock: datetime
    open_to_all: bool  # every role of the cluster may connect
    owned: bool  # by a server


async def examine(connection: asyncpg.Connection[Any]) -> Condition:
    """Tell how a database is. Raises the driver's errors."""
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
            f"The server does not run as {kind} ({role['name']}), whom no row-level security "
            "binds; let it log in as an ordinary role and name that one to `ringline migrate`."
        )
    if role["too_much"]:
        raise DatabaseRefused(
            f"The server does not run as {role['name']}, which owns the tables or may become a "
            "role that row-level security does not bind; let it log in as an ordinary role."
        )
    if not role["enough"]:
        raise DatabaseRefused(
            f"The role {role['name']} has not been let in yet; run `ringline migrate`."
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
            f"The database is at version {found}, this program needs {HEAD}: a newer Ringline "
            "has migrated it; run that one."
        )
    if found != HEAD:
        raise DatabaseRefused(
            f"The database is at version {found}, this program needs {HEAD}; "
            "run `ringline migrate` of the same version as the server."
        )


async def refuse_shared_session(
    first: asyncpg.Connection[Any], second: asyncpg.Connection[Any], url: str
) -> None:
    """Refuse a pooler in transaction mode: two connections meet in one session. DatabaseRefused.

    Or one connection wanders from session to session. Both are seen by the process that
    serves a statement; what the pooler says of itself is its own invention.
    """
    seen = [
        [await one.fetchval("SELECT pg_backend_pid()") for one in (first, second)] for _ in "123"
    ]
    if len(set(seen[0])) == 1 or any(pair != seen[0] for pair in seen):
        raise DatabaseRefused(SHARED_SESSIONS.format(address=DatabaseUrl.read(url).address))
