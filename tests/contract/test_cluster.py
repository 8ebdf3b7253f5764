"""Several installations in one PostgreSQL cluster share roles, but not rows."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from ringline.schema.names import HEAD, ROLES, Roles
from ringline.storage.data_directory import Address
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.migrate import MigrationError, is_current, migrate, schema_version
from ringline.storage.stores import Stores
from tests.conftest import run_as_superuser
from tests.database import ME, TestDatabase, first_entry, make_log

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Installation:
    """A database, and the role that its server logs in as."""

    database: TestDatabase
    roles: Roles
    login: str

    @property
    def dsn(self) -> str:
        return self.database.dsn(self.login)

    async def fill(self) -> None:
        stores = await Stores.open(self.dsn, ME, claim=True, roles=self.roles)
        await stores.log.commit([first_entry(await make_log(stores))])
        await stores.close()


@dataclass(frozen=True)
class Landlord:
    """Creates installations in the tests' cluster."""

    cluster: Address
    made: list[Installation]

    async def let(self, roles: Roles) -> Installation:
        number = next(_numbers)
        database = TestDatabase(self.cluster, f"let_{number}")
        installation = Installation(database, roles, f"tenant_{number}")
        await run_as_superuser(self.cluster, f"CREATE DATABASE {database.name}")
        self.made.append(installation)
        told = await migrate(
            database.dsn("postgres"), installation.login, create_login=True, roles=roles
        )
        assert told == ""
        await installation.fill()
        return installation

    async def end(self) -> None:
        for one in self.made:
            await run_as_superuser(self.cluster, f"DROP DATABASE {one.database.name} WITH (FORCE)")
        names = {one.login for one in self.made}
        for roles in {one.roles for one in self.made} - {ROLES}:
            names |= {roles.owner, roles.app, roles.lookup}
        await run_as_superuser(self.cluster, f"DROP ROLE {', '.join(sorted(names))}")


@pytest.fixture
async def landlord(cluster: Address) -> AsyncIterator[Landlord]:
    landlord = Landlord(cluster, [])
    yield landlord
    await landlord.end()


async def test_installations_with_prefixes_of_their_own_know_nothing_of_each_other(
    landlord: Landlord,
) -> None:
    north, south = [await landlord.let(Roles(prefix)) for prefix in ("north", "south")]
    for mine, other in ((north, south), (south, north)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(other.database.dsn(mine.login))
        # Even where somebody lets the login in, it reads nothing and runs nothing.
        grant = f"GRANT CONNECT ON DATABASE {other.database.name} TO {mine.login}"
        await run_as_superuser(landlord.cluster, grant)
        async with other.database.connection(mine.login) as stranger:
            for statement in (
                "SELECT id FROM ringline.keys",
                "SELECT * FROM ringline.find_key('')",
                "SELECT version_num FROM ringline.alembic_version",
                f"SET ROLE {other.roles.app}",
                f"SET ROLE {other.roles.owner}",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await stranger.fetch(statement)
        with pytest.raises(DatabaseRefused, match="has no access to the tables yet"):
            await Stores.open(other.database.dsn(mine.login), ME, claim=False, roles=other.roles)


async def test_installations_with_the_same_roles_stay_in_their_own_database(
    landlord: Landlord,
) -> None:
    first, second = [await landlord.let(ROLES) for _ in range(2)]
    for mine, other in ((first, second), (second, first)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(other.database.dsn(mine.login))
        await mine.fill()
    grant = f"GRANT CONNECT ON DATABASE {first.database.name} TO {second.login}"
    await run_as_superuser(landlord.cluster, grant)
    async with first.database.connection(second.login) as let_in:
        assert await let_in.fetch("SELECT id FROM ringline.keys") == []
    # A migration for another login lets that one in besides, and keeps the first.
    await migrate(first.database.dsn("postgres"), ROLES.server, create_login=True)
    async with first.database.connection(ROLES.server):
        await first.fill()


async def test_another_prefix_than_at_the_first_migration_is_refused(
    landlord: Landlord,
) -> None:
    north = await landlord.let(Roles("north"))
    dsn = north.database.dsn("postgres")
    assert await is_current(dsn, north.roles)
    assert not await is_current(dsn)
    with pytest.raises(MigrationError, match="belong to north_owner, not to ringline_owner: set "):
        await migrate(dsn, north.login)
    with pytest.raises(DatabaseRefused, match="has no access to the tables yet"):
        await Stores.open(north.dsn, ME, claim=True)
    await migrate(dsn, north.login, roles=north.roles)
    assert await schema_version(dsn) == HEAD
    await north.fill()


async def test_a_database_that_stays_open_to_all_is_reported(empty_database: TestDatabase) -> None:
    cluster, name = empty_database.cluster, empty_database.name
    role = "migrates_others"
    await run_as_superuser(cluster, f"CREATE ROLE {role} LOGIN")
    try:
        await run_as_superuser(cluster, f"GRANT CREATE ON DATABASE {name} TO {role}")
        await run_as_superuser(cluster, f"GRANT {ROLES.owner}, {ROLES.lookup} TO {role}")
        told = await migrate(empty_database.dsn(role), ROLES.server)
        assert told.startswith("Every role of this PostgreSQL cluster may connect to the database")
        async with empty_database.stores() as stores:
            assert (await stores.database.examine()).open_to_all
        # What it tells to run is what closes it.
        for statement in told.split(" run: ")[1].rstrip(";").split("; "):
            await run_as_superuser(cluster, statement)
        async with empty_database.stores() as stores:
            assert not (await stores.database.examine()).open_to_all
        assert await migrate(empty_database.dsn(role), ROLES.server) == "", "it still may connect"
    finally:
        async with empty_database.connection() as superuser:
            await superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
