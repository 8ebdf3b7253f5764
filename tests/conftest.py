"""One PostgreSQL cluster per run; one database per test, copied from a template."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from ringline.schema.names import ROLES
from ringline.storage.data_directory import Address
from ringline.storage.embedded import EmbeddedPostgres
from ringline.storage.migrate import migrate
from ringline.storage.stores import Stores
from tests import log_lines
from tests.database import TestDatabase
from tests.places import open_directory
from tests.serving import Service, serving
from tests.used_databases import Sweeper, remember

#: A slow machine must not fail a test, so hypothesis gets no deadline for its examples.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

TEMPLATE = "migrated"

#: The socket directory of another PostgreSQL (port 5432, superuser postgres, trust) to test
#: against, e.g. the oldest supported version. Popped, since a server would refuse the setting.
OTHER_CLUSTER = os.environ.pop("RINGLINE_TEST_POSTGRES", "")

_numbers = itertools.count(1)

#: Emptied databases of earlier tests, whose schema is unchanged. Creating a database takes
#: longer than most tests.
_used: list[str] = []


async def run_as_superuser(cluster: Address, statement: str) -> None:
    connection = await asyncpg.connect(cluster.bootstrap_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def make_template(cluster: Address) -> None:
    await run_as_superuser(cluster, f"DROP DATABASE IF EXISTS {TEMPLATE}")
    await run_as_superuser(cluster, f"CREATE DATABASE {TEMPLATE}")
    await migrate(cluster.dsn("postgres", TEMPLATE), ROLES.server, create_login=True)


#: Folders whose tests run one after another: they start their own servers, load the machine
#: and kill processes. They take longest, so they start first.
ONE_AFTER_ANOTHER = ("tests/e2e/", "tests/faults/")


#: These would make one of the folders take longest by far, and disturb no other test of it.
BESIDE_THEM = ("tests/e2e/test_benchmarks.py",)


class Scheduling(LoadScopeScheduling):
    """Runs the tests of a file in one process, and so those of `ONE_AFTER_ANOTHER`'s folders."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in BESIDE_THEM:
            return path
        return next((folder for folder in ONE_AFTER_ANOTHER if path.startswith(folder)), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Choose which worker process runs which tests."""
    config.option.loadscopereorder = False  # it would take the files with the most tests first
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let worker processes begin with what takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(ONE_AFTER_ANOTHER))


# A shell that runs the suite in the background makes it ignore Ctrl-C, and with it every program
# that a test starts and then interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

structlog.configure(processors=[log_lines.note, *structlog.get_config()["processors"]])


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Restore the log configuration; fail on log lines that no table lists."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    problems, log_lines.problems[:] = list(log_lines.problems), []
    assert not problems


@pytest.fixture(scope="session")
def cluster() -> Iterator[Address]:
    """Provide the run's cluster: embedded, or one that the environment names."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        if OTHER_CLUSTER:
            runner.run(make_template(Address(OTHER_CLUSTER)))
            yield Address(OTHER_CLUSTER)
            return
        with open_directory("ringline-tests-") as directory:
            postgres = EmbeddedPostgres(directory / "data")
            runner.run(postgres.start())
            try:
                runner.run(make_template(postgres.address))
                yield postgres.address
            finally:
                runner.run(postgres.stop())


@pytest.fixture
async def empty_database(cluster: Address) -> AsyncIterator[TestDatabase]:
    """Provide a database without tables, in a cluster that has the roles."""
    name = await _create(cluster, "template1")
    yield TestDatabase(cluster, name)
    await run_as_superuser(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sweeper(cluster: Address) -> Iterator[Sweeper]:
    """Provide what empties the databases of tests that are over."""
    sweeper = Sweeper()
    yield sweeper
    sweeper.close()


@pytest.fixture
async def database(cluster: Address, sweeper: Sweeper) -> AsyncIterator[TestDatabase]:
    """Provide an empty migrated database, reusing an earlier test's if possible."""
    async with _lent(cluster, sweeper) as database:
        yield database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_database(cluster: Address, sweeper: Sweeper) -> AsyncIterator[TestDatabase]:
    """Provide the database of a server that a module's tests share (`tests/serving.py`)."""
    async with _lent(cluster, sweeper) as database:
        yield database


@asynccontextmanager
async def _lent(cluster: Address, sweeper: Sweeper) -> AsyncIterator[TestDatabase]:
    if _used:
        database = TestDatabase(cluster, _used.pop())
    else:
        database = TestDatabase(cluster, await _create(cluster, TEMPLATE))
        async with database.connection() as superuser:
            await remember(superuser)
    yield database
    if await sweeper.empty(database):
        _used.append(database.name)
    else:
        await run_as_superuser(cluster, f"DROP DATABASE {database.name} WITH (FORCE)")


async def _create(cluster: Address, template: str) -> str:
    name = f"test_{next(_numbers)}"
    await run_as_superuser(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


@pytest.fixture
async def stores(database: TestDatabase) -> AsyncIterator[Stores]:
    """Provide the adapters of a server that owns its database."""
    async with database.stores() as stores:
        yield stores


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    """Provide a running server with one workspace."""
    async with serving(database) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_service(shared_database: TestDatabase) -> AsyncIterator[Service]:
    """Provide a running server with one workspace to a module's tests `on_shared_server`."""
    async with serving(
        shared_database, rate_v1_per_minute=0, rate_rpc_per_second=0, rate_mint_per_second=0
    ) as service:
        yield service
