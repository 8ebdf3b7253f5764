"""A server that cannot start: one sentence in its log and an exit code, no traceback."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.e2e.program import ringline
from tests.faults.disks import SmallDisk, unwritable
from tests.faults.processes import refusal, server_process
from tests.refusals import reason

SECRETS = {
    "RINGLINE_SIGNING_SECRET": "a secret of the tests alone: thirty-two",
    "RINGLINE_ENCRYPTION_KEY": "another secret of the tests: thirty-two",
}


async def sentence(parent: Path, mode: str = "dev", **chosen: Any) -> str:
    """Start a server that must fail to start; return its only sentence."""
    code, said = await refusal(parent, mode, **chosen)
    assert code == 1, said
    return reason(said)


async def refused(parent: Path, dsn: str) -> str:
    """Start a server on a database that it must refuse."""
    settings: dict[str, Any] = {"RINGLINE_DATABASE_URL": dsn, **SECRETS}
    return await sentence(parent, "serve", **settings)


async def test_a_taken_port(parent: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await sentence(parent, port=port)
        assert said == (
            f"Port {port} of 127.0.0.1 cannot be used: address already in use. "
            "Choose another with --port."
        )
    async with server_process(parent, port=port):  # and nothing of the first try is left
        pass


async def test_a_data_directory_of_another_version(parent: Path) -> None:
    cluster = parent / "data" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    assert "was created by PostgreSQL 17" in await sentence(parent)


async def test_a_second_server_on_the_data_directory(parent: Path) -> None:
    async with server_process(parent) as first:
        said = await sentence(parent)
        assert str(first.process.pid) in said
        assert await first.end() == 0


async def test_a_second_server_on_the_database(parent: Path, database: TestDatabase) -> None:
    settings: dict[str, Any] = {"RINGLINE_DATABASE_URL": database.app_dsn, **SECRETS}
    async with server_process(parent, "serve", **settings) as first:
        said = await refused(parent, database.app_dsn)
        assert said.startswith("Another Ringline server uses this database")
        found = await asyncio.to_thread(ringline, "doctor", "--json", RINGLINE_PORT="0", **settings)
        told = [one for one in json.loads(found.stdout)["findings"] if one["check"] == "database"]
        assert [one["state"] for one in told] == ["bad"]
        assert "another Ringline server is using it" in told[0]["found"]
        assert await first.end() == 0


async def test_a_database_that_cannot_be_reached(parent: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    said = await refused(parent, f"postgresql://ringline:hush@127.0.0.1:{port}/ringline")
    assert said == (
        f"The database at 127.0.0.1:{port} cannot be reached: nothing listens there; is it running?"
    )


async def test_a_database_that_does_not_answer(parent: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        said = await refused(parent, f"postgresql://ringline:hush@127.0.0.1:{port}/ringline")
    assert said == (
        f"The database at 127.0.0.1:{port} cannot be reached: it does not answer; is it running?"
    )


@pytest.mark.parametrize("url", ["postgresql://[::1/ringline", "sqlite:///ringline", "ringline"])
async def test_what_is_no_url(parent: Path, url: str) -> None:
    assert "URL" in await refused(parent, url)


async def test_a_superuser(parent: Path, database: TestDatabase) -> None:
    said = await refused(parent, database.dsn("postgres"))
    assert said.startswith("The server refuses to run as a superuser (postgres)")


async def test_a_role_that_is_not_there(parent: Path, database: TestDatabase) -> None:
    assert "refuses" in await refused(parent, database.dsn("stranger"))


async def test_a_database_without_tables(parent: Path, empty_database: TestDatabase) -> None:
    said = await refused(parent, empty_database.app_dsn)
    assert said == "The database has no tables yet; run `ringline migrate`."


@pytest.mark.parametrize("missing", ["RINGLINE_DATABASE_URL", *SECRETS])
async def test_a_missing_setting(parent: Path, missing: str) -> None:
    given = {"RINGLINE_DATABASE_URL": "postgresql://127.0.0.1:1/ringline", **SECRETS}
    del given[missing]
    said = await sentence(parent, "serve", **given)
    assert missing in said
    assert not any(name in said for name in given)


async def test_a_full_disk(small_disk: SmallDisk) -> None:
    """Whichever step of a first start runs out of space, the sentence names the path.

    From the first private file and the lock by the cluster, its database and the tables to
    the first rows; the next start goes on where it can.
    """
    parent, data_dir = small_disk.path.parent, small_disk.path / "data"
    for megabytes in (0, 0.004, 0.03, 34, 38, 1):
        small_disk.leave(megabytes)
        said = await sentence(parent, data_dir=data_dir)
        assert "full" in said or "no space left" in said
        assert str(data_dir) in said, megabytes
        small_disk.make_room()
    async with server_process(parent, data_dir=data_dir) as server:
        assert await server.end() == 0


async def test_a_directory_that_cannot_be_written(parent: Path) -> None:
    with unwritable(parent / "data"):
        said = await sentence(parent)
    assert str(parent / "data") in said
