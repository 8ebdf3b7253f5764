"""Helpers for tests of the embedded PostgreSQL."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from ringline.storage.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
)
from tests.places import open_directory, quick_place

OWNER = Path(__file__).with_name("embedded_owner.py")
SOURCE = Path(__file__).parents[2] / "src"
SEARCH = ":".join([os.fspath(SOURCE), *(entry for entry in sys.path if "site-packages" in entry)])
SHORT = 16  # characters of a path
LIMIT_S = 20.0  # how long anything here is waited for before the test has failed

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another account, a mount")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc or Linux's prctl")


def made_directory() -> contextlib.AbstractContextManager[Path]:
    """A directory whose path leaves room for that of a socket, unlike pytest's own."""
    place = quick_place()
    return open_directory(place=place if len(place) <= SHORT else "/tmp")


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, on_death: Callable[[int], None] | None = None
) -> AsyncGenerator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir, on_death=on_death)
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def server_pid(postgres: EmbeddedPostgres) -> int:
    assert postgres.pid is not None
    return postgres.pid


class StartOwner(Protocol):
    """Start `embedded_owner.py`, and kill it at the end of the test if it still runs."""

    def __call__(
        self,
        data_dir: Path,
        owner: str = "server",
        *,
        python: str = sys.executable,
        uid: int | None = None,
        path: str = "",
        prelude: str = "",
    ) -> subprocess.Popen[str]: ...


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str]) -> int:
    assert process.stdin
    process.stdin.close()
    return process.wait(LIMIT_S)


def reaped(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(LIMIT_S)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


async def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedError) as refused:
        await EmbeddedPostgres(data_dir).start()
    return str(refused.value)
