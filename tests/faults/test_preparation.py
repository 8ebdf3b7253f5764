"""Preparation of the embedded database for a server and for commands."""

import os
import signal
from pathlib import Path

import pytest

from ringline.storage.data_directory import DataDirectory, EmbeddedError
from ringline.storage.database_errors import DiskFull
from ringline.storage.embedded import running_cluster
from ringline.storage.preparation import (
    DatabaseConfig,
    check_data_dir,
    make_data_dir,
    migrate_database,
    open_stores,
    run_database,
)
from ringline.storage.stores import Stores
from tests.database import ME, OTHER
from tests.faults.embedded import until


def embedded(data_dir: Path) -> DatabaseConfig:
    return DatabaseConfig(data_dir=data_dir, url=None, migration_url=None)


async def test_a_server_and_a_command_share_the_embedded_database(parent: Path) -> None:
    data_dir = make_data_dir(parent / "data")
    assert not check_data_dir(data_dir), "there is no database yet"
    deaths: list[None] = []

    async with run_database(
        embedded(data_dir), migrates=False, on_death=lambda: deaths.append(None)
    ) as url:
        assert running_cluster(data_dir) is not None
        stores = await Stores.open(url, ME, claim=True)
        async with open_stores(embedded(data_dir), OTHER) as beside:
            assert (await beside.database.examine()).owned
        await stores.close()
        postmaster = DataDirectory.at(data_dir).postmaster()
        assert postmaster is not None
        os.kill(postmaster.pid, signal.SIGKILL)
        await until(lambda: deaths)

    assert check_data_dir(data_dir)
    assert running_cluster(data_dir) is None, "it ran as long as the block"


async def test_a_command_runs_the_embedded_database_for_itself(parent: Path) -> None:
    config = embedded(parent / "data")
    assert await migrate_database(config) == ""
    async with open_stores(config, OTHER) as stores:
        assert not (await stores.database.examine()).owned
        assert DataDirectory.at(config.data_dir).postmaster() is not None
    assert DataDirectory.at(config.data_dir).postmaster() is None


async def test_a_full_disk_is_named(parent: Path) -> None:
    config = embedded(parent / "data")
    with pytest.raises(EmbeddedError, match=f"The disk of the data directory {parent}/data is"):
        async with run_database(config, migrates=False, on_death=lambda: None):
            raise DiskFull
    with pytest.raises(EmbeddedError, match="is full"):
        async with open_stores(config, OTHER):
            raise DiskFull
    assert DataDirectory.at(config.data_dir).postmaster() is None
