"""One PostgreSQL cluster per run; a database per test, copied from one that is migrated."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from ringline.schema.names import SERVER_ROLE
from ringline.storage.embedded import EmbeddedPostgres
from ringline.storage.migrate import migrate
from ringline.storage.stores import Stores
from tests.database import TestDatabase
from tests.serving import Service, serving

TEMPLATE = "migrated"

_numbers = itertools.count(1)


async def run_as_superuser(cluster: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(cluster.bootstrap_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedPostgres]:
    directory = Path(tempfile.mkdtemp(prefix="ringline-tests-"))
    directory.chmod(0o755)  # as root, PostgreSQL runs under another account
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        postgres = EmbeddedPostgres(directory / "data")
        runner.run(postgres.start())
        try:
            runner.run(run_as_superuser(postgres, f"CREATE DATABASE {TEMPLATE}"))
            runner.run(migrate(postgres.dsn("postgres", TEMPLATE), SERVER_ROLE, create_login=True))
            yield postgres
        finally:
            runner.run(postgres.stop())
    shutil.rmtree(directory)


@pytest.fixture
async def empty_database(cluster: EmbeddedPostgres) -> AsyncIterator[TestDatabase]:
    """Give a database without tables; the roles of the cluster are there."""
    async for database in _database(cluster, "template1"):
        yield database


@pytest.fixture
async def database(cluster: EmbeddedPostgres) -> AsyncIterator[TestDatabase]:
    """Give a migrated database."""
    async for database in _database(cluster, TEMPLATE):
        yield database


async def _database(cluster: EmbeddedPostgres, template: str) -> AsyncIterator[TestDatabase]:
    name = f"test_{next(_numbers)}"
    await run_as_superuser(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield TestDatabase(cluster, name)
    await run_as_superuser(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def stores(database: TestDatabase) -> AsyncIterator[Stores]:
    """Give the adapters of a server that owns its database."""
    async with database.stores() as stores:
        yield stores


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a running server with one workspace."""
    async with serving(database) as service:
        yield service
