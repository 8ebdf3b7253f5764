"""Migrations: create the roles and bring the schema to this program's version.

A migration is one transaction, roles included, so that it succeeds or fails as a whole. It
runs as a superuser or as a role with CREATEROLE. The latter becomes a member of the owner
for the transaction only, so that the same role can migrate and then serve without owning
the tables. Several databases of one cluster may share the roles; two migrations that create
them at the same time collide, and the second one retries.

By default PostgreSQL lets every role of a cluster connect to every database. A migration
revokes that for its own database, so that another installation's login cannot connect even
if both installations share their roles.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringline import schema
from ringline.schema.names import HEAD, MINIMUM_SERVER_VERSION, ROLES, SCHEMA, Roles, is_newer
from ringline.storage.connections import connect, refuse_unreachable
from ringline.storage.database_errors import DISK_FULL, DatabaseFull
from ringline.storage.fitness import OPEN_TO_ALL

_log = structlog.get_logger()

_ATTEMPTS = 6
_CONNECT_TIMEOUT_S = 10.0
_MIGRATION_LOCK = int.from_bytes(b"migrate!", "big")
#: Unique violation and "tuple concurrently updated" in the catalogue, role exists, deadlock.
_COLLISIONS = frozenset({"23505", "XX000", "42710", "40P01", "40001"})
_NO_SCHEMA = frozenset({"42P01", "3F000", "42501"})
_SCHEMA_OWNER = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = $1"


class MigrationError(Exception):
    """The database cannot be migrated; the text is a sentence for the operator."""


async def schema_version(dsn: str) -> str | None:
    """Return the version of the schema, or None if there is none that we may read.

    The server needs `schema.names.HEAD`. Raises OSError or asyncpg's errors if the database
    cannot be reached.
    """
    version, _ = await _find_schema(dsn)
    return version


async def is_current(dsn: str, roles: Roles = ROLES) -> bool:
    """Return whether a migration for these roles is unnecessary. Raises as above."""
    return await _find_schema(dsn) == (HEAD, roles.owner)


async def _find_schema(dsn: str) -> tuple[str | None, str | None]:
    """Return the version of the schema and its owner; None if they are missing."""
    connection = await connect(dsn, timeout_s=_CONNECT_TIMEOUT_S)
    try:
        row = await connection.fetchrow(
            f"SELECT version_num, ({_SCHEMA_OWNER}) AS owner FROM {SCHEMA}.alembic_version", SCHEMA
        )
    except asyncpg.PostgresError as error:
        if error.sqlstate not in _NO_SCHEMA:
            raise
        row = None
    finally:
        await connection.close()
    return (None, None) if row is None else (row["version_num"], row["owner"])


async def migrate(
    dsn: str, app_login_role: str, *, create_login: bool = False, roles: Roles = ROLES
) -> str:
    """Migrate a database and let a login role use it as the application.

    With `create_login` the login role is created if it is missing (without a password: for
    the embedded database). Other roles of the cluster cannot connect afterwards; if the
    migrating role is not allowed to revoke that, returns a sentence that says so, else "".
    Idempotent. Raises MigrationError, DatabaseRefused.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _migrate_once(dsn, app_login_role, create_login=create_login, roles=roles)
        except DBAPIError as error:
            sqlstate = _sqlstate(error)
            if sqlstate == DISK_FULL:
                raise DatabaseFull from None
            if sqlstate not in _COLLISIONS or attempt == _ATTEMPTS:
                raise MigrationError(_sentence(sqlstate)) from None
            _log.info("migration_collided", sqlstate=sqlstate, attempt=attempt)
            await asyncio.sleep(0.05 * attempt)
    raise AssertionError("the last attempt returns or raises")


async def _migrate_once(dsn: str, app_login_role: str, *, create_login: bool, roles: Roles) -> str:
    async with refuse_unreachable(dsn):
        raw = await connect(dsn, timeout_s=_CONNECT_TIMEOUT_S)

    async def creator() -> asyncpg.Connection:
        return raw

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(
                _migrate, app_login_role, create_login=create_login, roles=roles
            )
    finally:
        await engine.dispose()
        if not raw.is_closed():
            await raw.close(timeout=_CONNECT_TIMEOUT_S)


def _migrate(
    connection: sa.Connection, app_login_role: str, *, create_login: bool, roles: Roles
) -> str:
    run = connection.exec_driver_sql
    version = int(run("SHOW server_version_num").scalar_one()) // 10000
    if version < MINIMUM_SERVER_VERSION:
        raise MigrationError(
            f"The database is PostgreSQL {version}; {MINIMUM_SERVER_VERSION} or later is needed."
        )
    run(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    run(f"SET LOCAL search_path = {SCHEMA}, pg_catalog")
    _check_owner(connection, roles)
    _make_roles(connection, roles, login=app_login_role if create_login else None)
    if _role(connection, app_login_role) is None:
        raise MigrationError(
            f"The server's login role {app_login_role} does not exist; create it first."
        )
    borrowed = [
        role for role in (roles.owner, roles.lookup) if _borrow(connection, role, roles=roles)
    ]
    if run("SELECT to_regnamespace($1)", (SCHEMA,)).scalar_one() is None:
        run(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {roles.owner}")
    run(f"SET LOCAL ROLE {roles.owner}")
    _check_version(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.attributes.update(connection=connection, roles=roles)
    command.upgrade(config, HEAD)
    run("RESET ROLE")
    for role in borrowed:
        run(f"REVOKE {role} FROM CURRENT_USER")
    member = run("SELECT pg_has_role($1, $2, 'USAGE')", (app_login_role, roles.app)).scalar_one()
    if not member:
        run(f"GRANT {roles.app} TO {_quoted(connection, app_login_role)}")
    return _close_to_others(connection, app_login_role)


def _check_owner(connection: sa.Connection, roles: Roles) -> None:
    owner = connection.exec_driver_sql(_SCHEMA_OWNER, (SCHEMA,)).scalar_one_or_none()
    if owner not in (None, roles.owner):
        raise MigrationError(
            f"The tables in this database belong to {owner}, not to {roles.owner}: set "
            "RINGLINE_DATABASE_ROLE_PREFIX to its value at the first migration."
        )


def _check_version(connection: sa.Connection) -> None:
    """Refuse a schema that a newer program has migrated: there is no way back."""
    run = connection.exec_driver_sql
    table = f"{SCHEMA}.alembic_version"
    if run("SELECT to_regclass($1)", (table,)).scalar_one() is None:
        return
    found = run(f"SELECT version_num FROM {table}").scalar_one_or_none()
    if found is not None and is_newer(found):
        raise MigrationError(
            f"The database is at version {found}, but this program knows none after {HEAD}: "
            "a newer Ringline has migrated it; run that version."
        )


def _close_to_others(connection: sa.Connection, login: str) -> str:
    """Grant CONNECT to the server's login only; return a sentence on failure."""
    run = connection.exec_driver_sql
    name, me = run("SELECT current_database(), current_user").one()
    # To the login itself: another installation's login may be in the same group.
    grant = f"GRANT CONNECT ON DATABASE {_quoted(connection, name)} TO "
    revoke = f"REVOKE CONNECT ON DATABASE {_quoted(connection, name)} FROM PUBLIC"
    if not run(OPEN_TO_ALL).scalar_one() and _may_connect(connection, login):
        return ""
    try:
        # If we may not do this, PostgreSQL raises an error or, if we hold any other privilege
        # on the database, only warns and does nothing: so we check the result afterwards.
        with connection.begin_nested():
            run(f"{grant}{_quoted(connection, login)}")
            run(revoke)
            if not _may_connect(connection, me):
                run(f"{grant}{_quoted(connection, me)}")
    except DBAPIError as error:
        if _sqlstate(error) != "42501":
            raise
    if not run(OPEN_TO_ALL).scalar_one():
        return ""
    users = ", ".join(_quoted(connection, role) for role in dict.fromkeys((login, me)))
    return (
        f"Every role of this PostgreSQL cluster may connect to the database, and {me} is not "
        f"allowed to change that; let the database's owner run: {grant}{users}; {revoke};"
    )


def _may_connect(connection: sa.Connection, role: str) -> bool:
    statement = "SELECT has_database_privilege($1, current_database(), 'CONNECT')"
    return bool(connection.exec_driver_sql(statement, (role,)).scalar_one())


def _make_roles(connection: sa.Connection, roles: Roles, *, login: str | None) -> None:
    kinds = dict.fromkeys((roles.owner, roles.app, roles.lookup), "NOLOGIN")
    if login is not None:
        kinds[login] = "LOGIN"
    missing = [role for role in kinds if _role(connection, role) is None]
    if not missing:
        return
    me = connection.exec_driver_sql(
        "SELECT rolname, rolsuper OR rolcreaterole AS may FROM pg_roles"
        " WHERE rolname = current_user"
    ).one()
    if not me.may:
        raise MigrationError(
            f"The role {me.rolname} may not create roles: give it CREATEROLE, or let an "
            f"administrator create {', '.join(missing)}."
        )
    for role in missing:
        connection.exec_driver_sql(f"CREATE ROLE {_quoted(connection, role)} {kinds[role]}")


def _borrow(connection: sa.Connection, role: str, *, roles: Roles) -> bool:
    """Let the transaction act as a role; return whether that took a grant."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
    except DBAPIError as error:
        if _sqlstate(error) != "42501":
            raise
    else:
        connection.exec_driver_sql("RESET ROLE")
        return False
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"GRANT {role} TO CURRENT_USER")
    except DBAPIError as error:
        if _sqlstate(error) != "42501":
            raise
        raise MigrationError(
            f"The migrating role is not a member of {role} and may not become one; let an "
            f"administrator run: GRANT {roles.owner}, {roles.lookup} TO that role."
        ) from None
    return True


def _role(connection: sa.Connection, name: str) -> object | None:
    statement = "SELECT oid FROM pg_roles WHERE rolname = $1"
    return connection.exec_driver_sql(statement, (name,)).scalar_one_or_none()


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _sentence(sqlstate: str) -> str:
    match sqlstate:
        case "42501":
            return (
                "The migrating role lacks a privilege: it must be a superuser, or have CREATEROLE "
                "and CREATE on the database."
            )
        case "":
            return "The connection to the database was lost during the migration; run it again."
        case _:
            return f"The migration failed (SQLSTATE {sqlstate})."
