"""Data directories and their owners, for tests of the embedded PostgreSQL."""

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringline.storage.child import Account
from ringline.storage.embedded import (
    EmbeddedPostgres,
)
from tests.faults.disks import small_disk as small_disk
from tests.faults.embedded import (
    OWNER,
    SEARCH,
    StartOwner,
    made_directory,
    reaped,
)


@pytest.fixture
def parent() -> Iterator[Path]:
    with made_directory() as path:
        yield path


@pytest.fixture(scope="session")
def stopped_cluster() -> Iterator[Path]:
    """A data directory with a stopped cluster, to be copied."""

    async def make(path: Path) -> None:
        postgres = EmbeddedPostgres(path)
        await postgres.start()
        await postgres.stop()

    with made_directory() as path:
        asyncio.run(make(path / "data"))
        yield path / "data"


@pytest.fixture
def data_dir(parent: Path, stopped_cluster: Path) -> Path:
    return Path(shutil.copytree(stopped_cluster, parent / "data"))


@pytest.fixture
def start_owner() -> Iterator[StartOwner]:
    started: list[subprocess.Popen[str]] = []

    def start(
        data_dir: Path,
        owner: str = "server",
        *,
        python: str = sys.executable,
        uid: int | None = None,
        path: str = "",
        prelude: str = "",
    ) -> subprocess.Popen[str]:
        program = f"{prelude}\nimport runpy; runpy.run_path({str(OWNER)!r}, run_name='__main__')"
        process = subprocess.Popen(
            [python, "-B", "-c", program, os.fspath(data_dir), owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": f"{path}:{SEARCH}", "PATH": os.environ["PATH"]},
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
        started.append(process)
        return process

    yield start
    for process in started:
        reaped(process)


@pytest.fixture(scope="session")
def nobody() -> tuple[str, Account]:
    """The account `nobody`, and an interpreter with our packages that it can run."""
    entry = pwd.getpwnam("nobody")
    version = "{}.{}".format(*sys.version_info)
    for python in (sys.executable, f"/usr/bin/python{version}"):
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [python, "-B", "-c", "import asyncpg, ringline.storage.embedded"],
                env={"PYTHONPATH": SEARCH},
                user=entry.pw_uid,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return python, Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    pytest.skip("no interpreter that the account nobody can run")
