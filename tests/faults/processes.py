"""Servers in processes of their own, together with all processes that they start."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from ringline.client.http import Api
from ringline.domain.events import StoredEvent
from ringline.domain.log import Environment, Scope
from ringline.schema.names import ROLES
from ringline.storage.data_directory import DATABASE, SUPERUSER, Address
from ringline.storage.embedded import running_cluster
from ringline.storage.stores import Stores
from tests.faults.embedded import LIMIT_S, SEARCH
from tests.log_lines import problems_in

COMMAND = [sys.executable, "-m", "ringline"]
LOUD = [sys.executable, str(Path(__file__).with_name("loud_server.py"))]
START_LIMIT_S = 60.0


class NotStarted(Exception):
    """The server ended before it was ready: its exit code and output."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code}: {said}")
        self.code, self.said = code, said


@dataclass
class ServerProcess:
    """A server that is ready, and the file for its output."""

    process: subprocess.Popen[bytes]
    output: Path
    ready: dict[str, str]
    data_dir: Path | None

    @property
    def base_url(self) -> str:
        return self.ready["base_url"]

    @property
    def said(self) -> str:
        return self.output.read_text("utf-8", "replace")

    @property
    def scope(self) -> Scope:
        return Scope(UUID(self.ready["workspace_id"]), Environment.LIVE)

    def api(self, http: Any) -> Api:
        return Api(self.base_url, self.ready["secret_key"], http)

    def family(self) -> list[psutil.Process]:
        """Return the processes that the server has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    async def kill(self) -> None:
        """Kill the server; return when none of its processes is left."""
        family = self.family()
        self.process.kill()
        await self.wait()
        await nobody_left(family)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Stop the server; return its exit code when none of its processes is left."""
        family = self.family()
        self.process.send_signal(number)
        code = await self.wait()
        await nobody_left(family)
        assert problems_in(self.said) == []
        return code

    async def wait(self) -> int:
        return await asyncio.to_thread(self.process.wait, LIMIT_S)

    def dsn(self) -> str:
        """Return the URL of the embedded database, as the server's role."""
        return self._address().dsn(ROLES.server, DATABASE)

    def dsn_of_superuser(self) -> str:
        """Return the URL of the embedded database, as a role that sees all rows."""
        return self._address().dsn(SUPERUSER, DATABASE)

    def _address(self) -> Address:
        assert self.data_dir is not None
        address = running_cluster(self.data_dir)
        assert address is not None, "the embedded database runs"
        return address


async def nobody_left(family: list[psutil.Process]) -> None:
    """Wait until processes are gone; zombies that init must reap count as gone."""
    async with asyncio.timeout(LIMIT_S):
        while any(_lives(member) for member in family):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def server_process(
    parent: Path,
    mode: str = "dev",
    *,
    data_dir: Path | None = None,
    port: int = 0,
    program: list[str] = COMMAND,
    **environment: str,
) -> AsyncIterator[ServerProcess]:
    """Run a server; in `dev` mode with an embedded database in `parent/data`.

    At the end it is killed if it still runs. Raises NotStarted.
    """
    if mode == "dev":
        data_dir = data_dir or parent / "data"
    number = len(list(parent.glob("output-*")))
    output, ready_file = parent / f"output-{number}", parent / f"ready-{number}.json"
    arguments = [mode, "--port", str(port), "--ready-file", str(ready_file)]
    if data_dir is not None:
        arguments += ["--data-dir", str(data_dir)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={"PYTHONPATH": SEARCH, "PATH": os.environ["PATH"], **environment},
        )
    try:
        await _until_ready(process, ready_file, output)
        yield ServerProcess(process, output, json.loads(ready_file.read_text()), data_dir)
    finally:
        if process.poll() is None:
            family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            await asyncio.to_thread(process.wait, LIMIT_S)
            await nobody_left(family)


async def _until_ready(process: subprocess.Popen[bytes], ready_file: Path, output: Path) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while not ready_file.exists():
            code = process.poll()
            if code is not None:
                raise NotStarted(code, output.read_text("utf-8", "replace"))
            await asyncio.sleep(0.02)


async def refusal(parent: Path, mode: str = "dev", **chosen: Any) -> tuple[int, str]:
    """Start a server that must fail to start; return its exit code and output."""
    try:
        async with server_process(parent, mode, **chosen):
            raise AssertionError("the server started")
    except NotStarted as error:
        return error.code, error.said


async def read_log(dsn: str, scope: Scope) -> list[StoredEvent]:
    """Read a whole log from the database, and check that offsets are gapless from 1."""
    stores = await Stores.open(dsn, UUID(int=0), claim=False, pool_size=1)
    try:
        rows: list[StoredEvent] = []
        complete = False
        while not complete:
            page = await stores.log.page(scope, rows[-1].offset if rows else 0, limit=1000)
            rows += page.events
            complete = page.complete
    finally:
        await stores.close()
    assert [row.offset for row in rows] == list(range(1, len(rows) + 1))
    assert len({row.event.id for row in rows}) == len(rows)
    return rows


async def query(dsn: str, text: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(text, *values)
    finally:
        await connection.close()


class Outage:
    """Keeps a data directory's PostgreSQL down: killed, and unable to restart.

    Its cluster is moved aside before the kill, so that every new start fails.
    """

    def __init__(self, data_dir: Path) -> None:
        self._cluster = data_dir / "postgres"
        self._aside = data_dir / "postgres.aside"

    def begin(self) -> None:
        pid = int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        self._cluster.rename(self._aside)
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        if self._cluster.exists():  # whatever a failed start has left
            shutil.rmtree(self._cluster)
        self._aside.rename(self._cluster)
