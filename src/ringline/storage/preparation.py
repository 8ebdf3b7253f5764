"""Preparation of the database, external or embedded in a data directory.

The embedded database is started, created and migrated here, for a server or a command. An
external one is only migrated when the operator asks for it. Errors are sentences for the
operator (`DATABASE_PROBLEMS`), and name the disk that is full.
"""

import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog

from ringline.schema.names import ROLES, Roles
from ringline.storage.binaries import check_reach, check_version, choose_account, find_binaries
from ringline.storage.child import Account
from ringline.storage.connections import connect, login_role, refuse_unreachable
from ringline.storage.data_directory import (
    DATABASE,
    SUPERUSER,
    Address,
    DataDirectory,
    EmbeddedError,
)
from ringline.storage.database_errors import DatabaseFull, DatabaseRefused, DiskFull
from ringline.storage.embedded import EmbeddedPostgres, open_cluster
from ringline.storage.failures import disk_full
from ringline.storage.migrate import MigrationError, is_current, migrate
from ringline.storage.stores import Stores

_log = structlog.get_logger(__name__)

#: How long the embedded database may take to answer after it has reported that it is ready.
_EMBEDDED_ANSWERS_S = 60.0

#: Why a database cannot be used; the text of each is a sentence for the operator.
DATABASE_PROBLEMS = (DatabaseRefused, EmbeddedError, MigrationError)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseConfig:
    """Which database a server uses, and which one is migrated."""

    #: Where the embedded database is kept.
    data_dir: Path
    #: The server's URL; None means the embedded database.
    url: str | None = field(repr=False)
    #: The URL for migrations, with a role that may migrate; None means the embedded database.
    migration_url: str | None = field(repr=False)
    roles: Roles = ROLES


@asynccontextmanager
async def open_stores(config: DatabaseConfig, command_id: UUID) -> AsyncGenerator[Stores]:
    """Open the database for a command, with or without a running server.

    An embedded database that is not running runs until the command is done. Raises
    DATABASE_PROBLEMS.
    """
    with _naming_full_disk(config):
        async with _open_for_command(config) as url:
            stores = await Stores.open(
                url, command_id, claim=False, pool_size=1, roles=config.roles
            )
            try:
                yield stores
            finally:
                await stores.close()


@asynccontextmanager
async def _open_for_command(config: DatabaseConfig) -> AsyncGenerator[str]:
    if config.url is not None:
        yield config.url
        return
    async with open_cluster(config.data_dir) as address:
        yield await _prepare_embedded(address, config.roles)


@asynccontextmanager
async def run_database(
    config: DatabaseConfig, *, migrates: bool, on_death: Callable[[], None]
) -> AsyncGenerator[str]:
    """Prepare the database for a server; yield the URL that the server connects to.

    The embedded one runs as long as the block; when it dies, `on_death` is called and it is
    restarted. An external one is migrated first if the server `migrates`. Raises
    DATABASE_PROBLEMS.
    """
    with _naming_full_disk(config):
        if config.url is not None:
            if migrates and (sentence := await migrate_database(config)):
                _log.warning("database_open_to_all", reason=sentence)
            yield config.url
            return
        cluster = EmbeddedPostgres(config.data_dir, on_death=lambda status: on_death())
        await cluster.start()
        try:
            yield await _prepare_embedded(cluster.address, config.roles)
        finally:
            await cluster.stop()


async def migrate_database(config: DatabaseConfig) -> str:
    """Migrate the database to this version, and grant the server's role access to it.

    Returns a sentence if every role of its cluster may connect to it and we are not allowed
    to change that, else "". Raises DATABASE_PROBLEMS.
    """
    if config.migration_url is None:
        with _naming_full_disk(config):
            async with open_cluster(config.data_dir) as address:
                await _prepare_embedded(address, config.roles)
        return ""
    login = login_role(config.url or config.migration_url)
    return await migrate(config.migration_url, login, roles=config.roles)


async def _prepare_embedded(address: Address, roles: Roles) -> str:
    """Create and migrate the embedded database; return its URL for the server."""
    owner_dsn = address.dsn(SUPERUSER, DATABASE)
    async with refuse_unreachable(address.bootstrap_dsn):
        connection = await connect(address.bootstrap_dsn, timeout_s=_EMBEDDED_ANSWERS_S)
        try:
            exists = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(exists, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        if not await is_current(owner_dsn, roles):
            await migrate(owner_dsn, roles.server, create_login=True, roles=roles)
    return address.dsn(roles.server, DATABASE)


@contextmanager
def _naming_full_disk(config: DatabaseConfig) -> Generator[None]:
    """Name the disk in the error for a full disk, which the database does not do."""
    try:
        yield
    except (DatabaseFull, DiskFull):
        if config.url is not None:
            raise DatabaseFull from None
        raise EmbeddedError(disk_full(DataDirectory.at(config.data_dir).root)) from None


def make_data_dir(path: Path) -> Path:
    """Create a missing data directory; return its resolved path. Raises OSError."""
    directory = DataDirectory.at(path)
    directory.make()
    return directory.root


def check_data_dir(path: Path) -> bool:
    """Return whether a data directory contains a database yet.

    Raises EmbeddedError if that database has another version, or if PostgreSQL's programs or
    an account for it are missing or cannot reach the directory.
    """
    directory = DataDirectory.at(path)
    find_binaries()
    if directory.root.is_dir():
        check_reach(directory)
    if not directory.cluster.is_dir():
        return False
    check_version(directory)
    return True


def unprivileged_account(data_dir: Path) -> Account | None:
    """Choose the account for a process of ours that must not run as root.

    If we are root, it is PostgreSQL's account; None means our own. Raises EmbeddedError if
    there is no such account.
    """
    return choose_account(DataDirectory.at(data_dir)) if os.geteuid() == 0 else None
