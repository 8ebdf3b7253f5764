"""A server is not affected by the environment and descriptors that it inherits."""

import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
import pytest

from ringline.storage.data_directory import Address
from tests.database import TestDatabase
from tests.faults.processes import COMMAND, server_process
from tests.foreign import LIBPQ, LINKS

#: Closed standard input and output, SIGHUP ignored, and a umask that excludes the owner.
SHUT = ["/bin/sh", "-c", 'trap \'\' HUP; umask 0777; exec "$0" "$@" <&- >&-', *COMMAND]


async def test_a_server_in_foreign_surroundings(parent: Path) -> None:
    foreign: dict[str, Any] = LIBPQ | LINKS
    async with (
        server_process(parent, program=SHUT, **foreign) as server,
        aiohttp.ClientSession() as http,
    ):
        process = psutil.Process(server.process.pid)
        streams = [Path(f"/proc/{process.pid}/fd/{number}").resolve() for number in (0, 1)]
        assert streams == [Path("/dev/null")] * 2
        server.process.send_signal(signal.SIGHUP)
        for path in ("healthz", "readyz"):  # the second answer comes after the signal was seen
            async with http.get(f"{server.base_url}/{path}") as answer:
                assert answer.status == 200
        assert (parent / "data" / "dev-keys.json").stat().st_mode & 0o777 == 0o600
        (warning,) = [json.loads(line) for line in server.said.splitlines()[:1]]
        assert warning["event"] == "service_links_ignored"
        assert warning["names"] == sorted(LINKS)
        assert "stopping" not in server.said
        assert await server.end() == 0
        assert server.said.count("service_links") == 1


async def test_variables_of_libpq_do_not_reach_the_embedded_database(
    cluster: Address, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LIBPQ.items():
        monkeypatch.setenv(name, value)
    connection = await asyncpg.connect(cluster.dsn("postgres", database.name))
    assert await connection.fetchval("SELECT current_database()") == database.name
    await connection.close()
