"""Migrations: from empty, repeated, concurrent, by various roles."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringline import schema
from ringline.domain.log import Environment, Scope
from ringline.schema.names import HEAD, ROLES
from ringline.schema.tables import metadata
from ringline.storage import migrate as migrate_module
from ringline.storage.data_directory import Address
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.migrate import MigrationError, migrate, schema_version
from ringline.storage.stores import Stores
from tests.conftest import run_as_superuser
from tests.database import ME, TestDatabase, first_entry, make_log

_numbers = itertools.count(1)


@pytest.fixture
async def role(database: TestDatabase) -> AsyncIterator[str]:
    """Provide a login role without privileges, dropped after the test."""
    name = f"somebody_{next(_numbers)}"
    await run_as_superuser(database.cluster, f"CREATE ROLE {name} LOGIN")
    yield name
    for dsn in (database.dsn("postgres"), database.cluster.bootstrap_dsn):
        connection = await asyncpg.connect(dsn)
        await connection.execute(f"DROP OWNED BY {name}")
        await connection.close()
    await run_as_superuser(database.cluster, f"DROP ROLE {name}")


async def test_an_empty_database_is_migrated_and_works(empty_database: TestDatabase) -> None:
    assert await schema_version(empty_database.app_dsn) is None
    await migrate(empty_database.dsn("postgres"), ROLES.server, create_login=True)
    assert await schema_version(empty_database.app_dsn) == HEAD
    async with empty_database.stores() as stores:
        assert await stores.log.commit([first_entry(await make_log(stores))]) == [(1,)]


async def test_migrating_again_changes_nothing(database: TestDatabase) -> None:
    async with database.stores() as stores:
        scope = await make_log(stores)
        await stores.log.commit([first_entry(scope)])
        await migrate(database.dsn("postgres"), ROLES.server, create_login=True)
        assert await stores.log.commit([first_entry(scope)]) == [(2,)]


async def test_a_workspace_from_before_queues_gets_its_own(
    empty_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = empty_database.dsn("postgres")
    monkeypatch.setattr(migrate_module, "HEAD", "0001")
    await migrate(dsn, ROLES.server, create_login=True)
    workspace = UUID(int=7)
    async with empty_database.connection() as superuser:
        await superuser.execute(
            "INSERT INTO ringline.workspaces (id, name, created_at) VALUES ($1, 'Old', now())",
            workspace,
        )
        for environment in Environment:
            await superuser.execute(
                "INSERT INTO ringline.logs (workspace_id, environment, epoch)"
                " VALUES ($1, $2, 'aaaaaaaa')",
                workspace,
                environment.value,
            )
    monkeypatch.undo()
    await migrate(dsn, ROLES.server)
    async with empty_database.stores() as stores:
        for environment in Environment:
            scope = Scope(workspace, environment)
            async with stores.database.transaction(scope) as connection:
                names = await connection.fetch("SELECT queue_name FROM ringline.queues")
            assert [row["queue_name"] for row in names] == ["default"]
    async with empty_database.connection() as superuser:
        forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'ringline.logs'::regclass"
        assert await superuser.fetchval(forced)


async def test_workspaces_whose_agents_record_go_on_recording(
    empty_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = empty_database.dsn("postgres")
    monkeypatch.setattr(migrate_module, "HEAD", "0016")
    await migrate(dsn, ROLES.server, create_login=True)
    async with empty_database.connection() as superuser:
        for number, records in ((1, True), (2, False)):
            await superuser.execute(
                "INSERT INTO ringline.workspaces (id, name, created_at) VALUES ($1, 'Old', now())",
                UUID(int=number),
            )
            for agent in (1, 2):  # of one name: it was no key
                await superuser.execute(
                    "INSERT INTO ringline.agents (workspace_id, environment, id, display_name,"
                    " model, recording_enabled) VALUES ($1, 'test', $2, 'Twin', 'mock/echo', $3)",
                    UUID(int=number),
                    UUID(int=agent),
                    records and agent == 2,
                )
    monkeypatch.undo()
    await migrate(dsn, ROLES.server)
    async with empty_database.connection() as superuser:
        rows = await superuser.fetch(
            "SELECT recording_enabled, tier, retention_days FROM ringline.workspaces ORDER BY id"
        )
        assert [tuple(row) for row in rows] == [(True, "scale", 30), (False, "scale", 30)]
        unforced = await superuser.fetch(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        )
        assert unforced == []


async def test_migrations_at_once_wait_for_each_other(empty_database: TestDatabase) -> None:
    dsn = empty_database.dsn("postgres")
    await asyncio.gather(*(migrate(dsn, ROLES.server) for _ in range(3)))
    assert await schema_version(dsn) == HEAD


def test_the_version_expected_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_the_migrations_make_the_tables_of_the_metadata(database: TestDatabase) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        options = {"include_schemas": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [
            difference
            for difference in compare_metadata(context, metadata)
            if not (difference[0] == "remove_table" and difference[1].name == "alembic_version")
        ]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database.dsn("postgres"))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_checks_are_those_of_the_metadata(database: TestDatabase) -> None:
    expected: dict[str, set[str]] = {}
    for table in metadata.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, sa.CheckConstraint):
                words = str(constraint.sqltext).split("'")[1::2]
                expected[str(constraint.name)] = set(words)
    async with database.connection() as superuser:
        rows = await superuser.fetch(
            "SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint"
            " WHERE contype = 'c' AND connamespace = 'ringline'::regnamespace"
        )
    assert {row["conname"]: set(row["text"].split("'")[1::2]) for row in rows} == expected


async def test_a_role_that_may_create_roles_migrates_and_then_serves(
    empty_database: TestDatabase, role: str
) -> None:
    cluster, name = empty_database.cluster, empty_database.name
    await run_as_superuser(cluster, f"ALTER ROLE {role} CREATEROLE")
    await run_as_superuser(cluster, f"GRANT CREATE ON DATABASE {name} TO {role}")
    async with empty_database.connection() as superuser:
        # As one who made these roles himself has them (before 16: without the options).
        sixteen = superuser.get_server_version().major >= 16
        admin = "ADMIN TRUE, SET FALSE, INHERIT FALSE"
        for granted in (ROLES.owner, ROLES.lookup, ROLES.app) if sixteen else ():
            await superuser.execute(f"GRANT {granted} TO {role} WITH {admin}")
    await migrate(empty_database.dsn(role), role)
    stores = await Stores.open(empty_database.dsn(role), ME, claim=True)
    assert await stores.log.commit([first_entry(await make_log(stores))]) == [(1,)]
    await stores.close()
    async with empty_database.connection(role) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"SET ROLE {ROLES.owner}")
    await run_as_superuser(cluster, f"REVOKE CREATE ON DATABASE {name} FROM {role}")


async def test_a_role_without_privileges_learns_what_it_lacks(
    empty_database: TestDatabase, role: str
) -> None:
    with pytest.raises(MigrationError, match="not a member of ringline_owner"):
        await migrate(empty_database.dsn(role), ROLES.server)
    with pytest.raises(MigrationError, match="may not create roles"):
        await migrate(empty_database.dsn(role), "somebody new", create_login=True)
    with pytest.raises(MigrationError, match="server's login role nobody_here does not exist"):
        await migrate(empty_database.dsn("postgres"), "nobody_here")
    assert await schema_version(empty_database.dsn("postgres")) is None


async def test_a_missing_database_is_refused(cluster: Address) -> None:
    missing = "There is no database nowhere at "
    with pytest.raises(DatabaseRefused, match=missing):
        await migrate(cluster.dsn("postgres", "nowhere"), ROLES.server)
    with pytest.raises(DatabaseRefused, match="cannot be reached"):
        await migrate("postgresql://postgres@/x?host=/nowhere", ROLES.server)
    with pytest.raises(DatabaseRefused, match=missing):
        await Stores.open(cluster.dsn(ROLES.server, "nowhere"), ME, claim=True)
    with pytest.raises(DatabaseRefused, match="cannot be reached"):
        await Stores.open("postgresql://postgres@/x?host=/nowhere", ME, claim=True)


async def test_the_server_refuses_roles_that_row_level_security_does_not_bind(
    database: TestDatabase, role: str
) -> None:
    async def refusal(of: str) -> str:
        with pytest.raises(DatabaseRefused) as refused:
            await Stores.open(database.dsn(of), ME, claim=True)
        return str(refused.value)

    run = database.cluster
    assert "superuser" in await refusal("postgres")
    assert "has no access to the tables yet" in await refusal(role)
    await run_as_superuser(run, f"GRANT {ROLES.app} TO {role}")
    await run_as_superuser(run, f"ALTER ROLE {role} BYPASSRLS")
    assert "BYPASSRLS" in await refusal(role)
    await run_as_superuser(run, f"ALTER ROLE {role} NOBYPASSRLS")
    for unbound in (ROLES.owner, ROLES.lookup, "postgres"):
        await run_as_superuser(run, f"GRANT {unbound} TO {role}")
        assert "owns the tables or may become" in await refusal(role)
        await run_as_superuser(run, f"REVOKE {unbound} FROM {role}")
    async with database.connection() as superuser:
        await superuser.execute(f"ALTER TABLE ringline.agents OWNER TO {role}")
        assert "owns the tables" in await refusal(role)
        await superuser.execute(f"ALTER TABLE ringline.agents OWNER TO {ROLES.owner}")
    await (await Stores.open(database.dsn(role), ME, claim=True)).close()


async def test_the_server_refuses_another_schema(
    database: TestDatabase, empty_database: TestDatabase
) -> None:
    with pytest.raises(DatabaseRefused, match="has no tables yet; run `ringline migrate`"):
        await Stores.open(empty_database.app_dsn, ME, claim=True)
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.alembic_version SET version_num = '9999'")
    newer = "a newer Ringline has migrated it; run that version"
    with pytest.raises(
        DatabaseRefused, match=f"at version 9999, but this program needs {HEAD}: {newer}"
    ):
        await Stores.open(database.app_dsn, ME, claim=True)
    with pytest.raises(
        MigrationError, match=f"at version 9999, .* knows none after {HEAD}: {newer}"
    ):
        await migrate(database.dsn("postgres"), ROLES.server)
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.alembic_version SET version_num = '0000'")
    with pytest.raises(DatabaseRefused, match="run `ringline migrate` of the same version"):
        await Stores.open(database.app_dsn, ME, claim=True)
