"""The embedded PostgreSQL when processes are killed, left behind or compete."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import asyncpg
import psutil
import pytest
import uvloop

from ringline.storage.binaries import find_binaries
from ringline.storage.data_directory import DataDirectory
from ringline.storage.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    open_cluster,
    running_cluster,
)
from ringline.storage.leftovers import leftovers
from tests.faults.embedded import (
    LIMIT_S,
    StartOwner,
    ask,
    finish,
    first_line,
    only_linux,
    reaped,
    running,
    server_pid,
    until,
)

# Its life


async def test_a_new_directory_gets_a_cluster_that_the_next_start_finds(parent: Path) -> None:
    async with running(parent / "new" / "data") as postgres:
        await ask(postgres.bootstrap_dsn, "CREATE TABLE t AS SELECT 42 AS n")
        settings = {
            name: await ask(postgres.bootstrap_dsn, f"SHOW {name}")
            for name in ("data_checksums", "fsync", "listen_addresses", "server_encoding")
        }
        assert settings == {
            "data_checksums": "on",
            "fsync": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }
        assert (
            await ask(postgres.bootstrap_dsn, "SELECT upper('ä') || ('Z' < 'a')::text") == "Ätrue"
        )
    created = (parent / "new" / "data" / "postgres" / "PG_VERSION").stat().st_mtime_ns
    async with running(parent / "new" / "data") as postgres:
        assert await ask(postgres.dsn("postgres", "postgres"), "SELECT n FROM t") == 42
    assert (parent / "new" / "data" / "postgres" / "PG_VERSION").stat().st_mtime_ns == created


async def test_stopping_leaves_no_process_and_no_lock(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir)
    await postgres.start()
    pid = server_pid(postgres)
    busy = await asyncpg.connect(postgres.bootstrap_dsn)  # a client does not hold it up
    await postgres.stop()
    assert postgres.pid is None
    assert leftovers(DataDirectory.at(data_dir)) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    busy.terminate()
    async with running(data_dir):
        pass


async def test_an_interrupted_setup_is_begun_again(parent: Path) -> None:
    half = parent / "data" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with running(parent / "data") as postgres:
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1
    assert not half.exists()


async def test_a_cancelled_start_leaves_nothing(data_dir: Path) -> None:
    for pause_s in (0.0, 0.005, 0.02, 0.03):
        start = asyncio.create_task(EmbeddedPostgres(data_dir).start())
        await asyncio.sleep(pause_s)
        if start.cancel():
            with pytest.raises(asyncio.CancelledError):
                await start
            assert leftovers(DataDirectory.at(data_dir)) == []
    async with running(data_dir) as postgres:
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1


def test_a_thread_cannot_start_it(data_dir: Path) -> None:
    seen: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(EmbeddedPostgres(data_dir).start())
        except AssertionError as error:
            seen.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [str(error) for error in seen] == [
        "children are started from the main thread: they die with it"
    ]


# Deaths


def run_plain(main: Coroutine[object, object, None]) -> None:
    asyncio.run(main)


def run_uvloop(main: Coroutine[object, object, None]) -> None:
    uvloop.run(main)


@pytest.mark.parametrize("run", [run_plain, run_uvloop])
def test_a_killed_server_comes_back_with_what_was_committed(
    data_dir: Path, run: Callable[[Coroutine[object, object, None]], None]
) -> None:
    async def scenario() -> None:
        deaths: list[int] = []
        async with running(data_dir, on_death=deaths.append) as postgres:
            await ask(postgres.bootstrap_dsn, "CREATE TABLE t AS SELECT 7 AS n")
            for round_ in range(1, 4):
                pid = server_pid(postgres)
                os.kill(pid, signal.SIGKILL)
                await until(lambda: len(deaths) == round_)  # noqa: B023
                assert postgres.pid != pid
                async with asyncio.timeout(LIMIT_S):
                    await postgres.ready.wait()
                assert await ask(postgres.bootstrap_dsn, "SELECT n FROM t") == 7
            assert deaths == [-signal.SIGKILL] * 3
        assert leftovers(DataDirectory.at(data_dir)) == []

    run(scenario())


async def test_a_busy_query_of_a_killed_server_does_not_hold_up_the_next(data_dir: Path) -> None:
    async with running(data_dir) as postgres:
        busy = await asyncpg.connect(postgres.bootstrap_dsn)
        query = asyncio.create_task(busy.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
        await asyncio.sleep(0.05)
        pid = server_pid(postgres)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await query
        await until(lambda: postgres.pid not in {None, pid})
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1
        busy.terminate()


async def test_stopping_while_it_is_down_leaves_nothing(data_dir: Path) -> None:
    for pause_s in (0.0, 0.06, 0.1):  # in the pause before the new start, and in the start
        async with running(data_dir) as postgres:
            os.kill(server_pid(postgres), signal.SIGKILL)
            await until(lambda: postgres.pid is None)
            await asyncio.sleep(pause_s)
        assert leftovers(DataDirectory.at(data_dir)) == []


@only_linux
async def test_an_owner_that_is_killed_leaves_no_process(
    data_dir: Path, start_owner: StartOwner
) -> None:
    owner = start_owner(data_dir)
    assert first_line(owner).startswith("ready ")
    assert leftovers(DataDirectory.at(data_dir))
    reaped(owner)
    await until(lambda: not leftovers(DataDirectory.at(data_dir)))
    async with running(data_dir) as postgres:
        assert await ask(postgres.bootstrap_dsn, "SELECT count(*) FROM kept") == 1


@only_linux
async def test_an_owner_that_is_killed_while_it_sets_up_leaves_no_process(
    parent: Path, start_owner: StartOwner
) -> None:
    def processes() -> list[int]:
        return [
            process.pid
            for process in psutil.process_iter(["cmdline", "cwd"])
            if str(parent / "data" / "postgres.new") in str(process.info)
        ]

    owner = start_owner(parent / "data")
    await until(processes)
    reaped(owner)
    await until(lambda: not processes())
    async with running(parent / "data") as postgres:
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1


async def test_an_owner_that_is_killed_can_be_followed_at_once(
    data_dir: Path, start_owner: StartOwner
) -> None:
    for _ in range(2):
        owner = start_owner(data_dir)
        assert first_line(owner).startswith("ready ")
        reaped(owner)
    async with running(data_dir) as postgres:
        assert await ask(postgres.bootstrap_dsn, "SELECT count(*) FROM kept") == 2


ELSEWHERE = "import asyncio, asyncpg, sys; sys.platform = 'darwin'"


async def test_without_linuxs_means_it_is_kept_up_and_followed_all_the_same(
    data_dir: Path, start_owner: StartOwner
) -> None:
    owner = start_owner(data_dir, prelude=ELSEWHERE)
    first = int(first_line(owner).removeprefix("ready "))
    os.kill(first, signal.SIGKILL)
    directory = DataDirectory.at(data_dir)
    await until(lambda: (found := directory.postmaster()) and found.ready and found.pid != first)
    assert running_cluster(data_dir) is not None
    reaped(owner)
    left = directory.postmaster()
    assert left
    os.kill(left.pid, 0)  # nothing ended it
    owner = start_owner(data_dir, prelude=ELSEWHERE)
    second = int(first_line(owner).removeprefix("ready "))
    assert left.pid not in leftovers(directory)
    assert second in leftovers(directory)
    assert finish(owner) == 0
    assert leftovers(directory) == []


async def test_a_server_left_behind_is_stopped_and_no_other(data_dir: Path, parent: Path) -> None:
    other = Path(shutil.copytree(data_dir, parent / "other"))
    async with running(other) as bystander:
        async with running(data_dir) as postgres:
            cluster = postgres.address.socket_dir
        owner = os.stat(cluster)
        left = subprocess.Popen(  # as where no parent-death signal exists
            [
                find_binaries().program("postgres"),
                "-D",
                cluster,
                "-c",
                "listen_addresses=",
                "-c",
                f"unix_socket_directories={cluster}",
            ],
            user=owner.st_uid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            stderr=subprocess.DEVNULL,
        )
        before = server_pid(bystander)
        directory = DataDirectory.at(data_dir)
        await until(lambda: (found := directory.postmaster()) and found.ready)
        async with running(data_dir) as postgres:
            assert left.wait(LIMIT_S) is not None
            assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1
        assert server_pid(bystander) == before
        assert await ask(bystander.bootstrap_dsn, "SELECT 1") == 1


@pytest.mark.parametrize("lines", [1, 8])  # it crashed as it started, or later
async def test_a_stranger_with_an_old_servers_id_is_left_alone(data_dir: Path, lines: int) -> None:
    cluster = data_dir / "postgres"
    async with running(data_dir):  # from here on the cluster belongs to its account
        pass
    owner = cluster.stat().st_uid if os.geteuid() == 0 else None
    stranger = subprocess.Popen(["/bin/sleep", "600"], user=owner)
    written = (stranger.pid, cluster, 1700000000, 5432, cluster, "", "  1234567  98304", "ready")
    (cluster / "postmaster.pid").write_text("".join(f"{line}\n" for line in written[:lines]))
    try:
        async with running(data_dir) as postgres:
            assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


# Several processes


async def test_a_second_server_is_refused_at_once(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    assert first_line(owner).startswith("ready ")
    with pytest.raises(EmbeddedError) as refused:
        await EmbeddedPostgres(data_dir).start()
    assert str(refused.value) == f"Another server is using {data_dir} (process {owner.pid})."
    assert finish(owner) == 0


async def test_a_command_beside_a_server_connects_to_it(
    data_dir: Path, start_owner: StartOwner
) -> None:
    assert running_cluster(data_dir) is None
    owner = start_owner(data_dir)
    pid = int(first_line(owner).removeprefix("ready "))
    found = running_cluster(data_dir)
    async with open_cluster(data_dir) as address:
        assert address == found
        assert await ask(address.bootstrap_dsn, "SELECT count(*) FROM kept") == 1
    os.kill(pid, 0)  # the server's database goes on
    assert finish(owner) == 0
    assert running_cluster(data_dir) is None


async def test_a_command_waits_for_a_server_that_is_starting(
    data_dir: Path, start_owner: StartOwner
) -> None:
    owner = start_owner(data_dir)
    await until((data_dir / "lock").exists)
    async with open_cluster(data_dir) as address:
        assert await ask(address.bootstrap_dsn, "SELECT 1") == 1
    assert first_line(owner).startswith("ready ")
    assert finish(owner) == 0


async def test_commands_without_a_server_take_turns(data_dir: Path) -> None:
    inside = 0

    async def command() -> None:
        nonlocal inside
        async with open_cluster(data_dir) as address:
            inside += 1
            assert inside == 1
            assert await ask(address.bootstrap_dsn, "SELECT 1") == 1
            inside -= 1

    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as commands:
        for _ in range(3):
            commands.create_task(command())
    assert leftovers(DataDirectory.at(data_dir)) == []


async def test_a_server_waits_for_a_command_to_end(data_dir: Path, start_owner: StartOwner) -> None:
    command = start_owner(data_dir, "command")
    assert first_line(command).startswith("ready ")
    postgres = EmbeddedPostgres(data_dir)
    start = asyncio.create_task(postgres.start())
    await asyncio.sleep(0.1)
    assert not start.done()
    assert await asyncio.to_thread(finish, command) == 0
    await start
    assert await ask(postgres.bootstrap_dsn, "SELECT count(*) FROM kept") == 1
    await postgres.stop()
