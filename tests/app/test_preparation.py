"""Preparation of an external database for a server, a command and a migration."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ringline.schema.names import HEAD, ROLES
from ringline.storage.database_errors import DatabaseFull, DatabaseRefused, DiskFull
from ringline.storage.migrate import schema_version
from ringline.storage.preparation import (
    DatabaseConfig,
    migrate_database,
    open_stores,
    run_database,
)
from tests.database import ME, OTHER, TestDatabase

NOWHERE = Path("/nowhere")


def config_of(database: TestDatabase) -> DatabaseConfig:
    """Return what the settings of a server on a given database come to."""
    return DatabaseConfig(
        data_dir=NOWHERE, url=database.app_dsn, migration_url=database.dsn("postgres")
    )


def unheard() -> None:
    raise AssertionError("a given database is not ours to watch")


def test_urls_are_not_shown() -> None:
    url = "postgresql://me:hunter2@db/d"
    shown = repr(DatabaseConfig(data_dir=NOWHERE, url=url, migration_url=url))
    assert "hunter2" not in shown
    assert "/nowhere" in shown


async def test_a_server_connects_to_what_it_was_given(database: TestDatabase) -> None:
    config = config_of(database)
    async with run_database(config, migrates=False, on_death=unheard) as url:
        assert url == database.app_dsn


async def test_a_server_that_migrates_does_so_before_it_connects(
    empty_database: TestDatabase,
) -> None:
    config, dsn = config_of(empty_database), empty_database.dsn("postgres")
    async with run_database(config, migrates=False, on_death=unheard):
        assert await schema_version(dsn) is None
    async with run_database(config, migrates=True, on_death=unheard):
        assert await schema_version(dsn) == HEAD


async def test_what_a_migration_may_not_close_is_logged(empty_database: TestDatabase) -> None:
    await migrate_database(config_of(empty_database))
    name, role = empty_database.name, f"migrates_{empty_database.name}"
    async with empty_database.connection() as superuser:
        await superuser.execute(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")
        await superuser.execute(f"CREATE ROLE {role} LOGIN CREATEROLE")
        await superuser.execute(f"GRANT {ROLES.owner}, {ROLES.lookup}, {ROLES.app} TO {role}")
    config = DatabaseConfig(
        data_dir=NOWHERE,
        url=empty_database.app_dsn,
        migration_url=empty_database.dsn(role),
    )
    try:
        with capture_logs() as told:
            async with run_database(config, migrates=True, on_death=unheard):
                assert [line["event"] for line in told] == ["database_open_to_all"]
        assert "let the database's owner run: GRANT CONNECT" in told[0]["reason"]
    finally:
        async with empty_database.connection() as superuser:
            await superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_migration_can_be_repeated(empty_database: TestDatabase) -> None:
    config = config_of(empty_database)
    assert await migrate_database(config) == ""
    assert await migrate_database(config) == ""
    assert await schema_version(empty_database.dsn("postgres")) == HEAD


async def test_a_command_opens_the_database_beside_a_server(database: TestDatabase) -> None:
    async with database.stores(ME), open_stores(config_of(database), OTHER) as stores:
        assert (await stores.database.examine()).owned
        assert await stores.workspaces.list_workspaces() == []


async def test_a_command_is_refused_what_a_server_would_be(empty_database: TestDatabase) -> None:
    with pytest.raises(DatabaseRefused, match="no tables yet"):
        async with open_stores(config_of(empty_database), OTHER):
            raise AssertionError("there is nothing to open")


@pytest.mark.parametrize("error", [DiskFull, DatabaseFull])
async def test_a_full_disk_of_a_given_database_is_a_sentence(
    database: TestDatabase, error: type[Exception]
) -> None:
    config = config_of(database)
    with pytest.raises(DatabaseFull, match="The disk of the database is full"):
        async with run_database(config, migrates=False, on_death=unheard):
            raise error
    with pytest.raises(DatabaseFull):
        async with open_stores(config, OTHER):
            raise error
