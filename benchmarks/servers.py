"""Servers to measure: real processes, each with a database of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ringline.schema.names import ROLES
from ringline.storage.data_directory import DATABASE, Address
from ringline.storage.lock import running_cluster

LIMIT_S = 60.0
POLL_S = 0.002

#: What would keep a benchmark from asking as often as it likes.
UNLIMITED = {
    "RINGLINE_RATE_MINT_PER_SECOND": "0",
    "RINGLINE_RATE_RPC_PER_SECOND": "0",
    "RINGLINE_MAX_SESSIONS_PER_PROCESS": "0",
    "RINGLINE_MAX_SESSIONS_PER_WORKSPACE": "0",
}

#: In the number of a clock that counts a process's time: to the nanosecond (Linux).
_SCHEDULER_CLOCK = 2


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time in seconds: the server's own process, PostgreSQL's, the voice's."""

    server: float
    database: float
    voice: float

    def since(self, before: Cpu) -> Cpu:
        return Cpu(
            self.server - before.server,
            self.database - before.database,
            self.voice - before.voice,
        )

    def shared_by(self, count: int) -> Cpu:
        """Return what one of so many requests has used."""
        return Cpu(self.server / count, self.database / count, self.voice / count)


class Server:
    """A server process that is ready."""

    def __init__(
        self, process: subprocess.Popen[bytes], ready: dict[str, str], data_dir: Path
    ) -> None:
        self.process = process
        self.ready = ready
        self.own = psutil.Process(process.pid)
        self._data_dir = data_dir

    @property
    def base_url(self) -> str:
        return self.ready["base_url"]

    @property
    def port(self) -> int:
        return int(self.base_url.rsplit(":", 1)[1])

    @property
    def address(self) -> Address:
        """Return where its database is reached."""
        found = running_cluster(self._data_dir)
        assert found is not None
        return found

    def cpu(self) -> Cpu:
        database, voice = self._children()
        return Cpu(
            seconds_of(self.own),
            sum(seconds_of(process) + _reaped(process) for process in database),
            sum(map(seconds_of, voice)),
        )

    def resident(self) -> tuple[float, float]:
        """Return the resident memory of the server and of the voice's workers, in MB."""
        _, voice = self._children()
        return _megabytes(self.own), sum(map(_megabytes, voice))

    def end(self) -> None:
        """End the server in good order: by its input where it reads one, else by SIGTERM."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        else:
            self.process.terminate()
        self.process.wait(LIMIT_S)

    def _children(self) -> tuple[list[psutil.Process], list[psutil.Process]]:
        database: list[psutil.Process] = []
        voice: list[psutil.Process] = []
        for child in self.own.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                (database if child.name().startswith("postgres") else voice).append(child)
        return database, voice


def seconds_of(process: psutil.Process) -> float:
    """Return the processor time of a process; 0 if it has ended."""
    try:
        if sys.platform == "linux":
            return time.clock_gettime(~process.pid << 3 | _SCHEDULER_CLOCK)
        times = process.cpu_times()
    except (OSError, psutil.NoSuchProcess):
        return 0.0
    return times.user + times.system


def _reaped(process: psutil.Process) -> float:
    """Return the processor time of children that have ended: of PostgreSQL's connections."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.children_user + times.children_system


def _megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


@contextlib.contextmanager
def directory() -> Generator[Path]:
    """Make a directory that PostgreSQL's account may enter."""
    path = Path(tempfile.mkdtemp(prefix="rl-bench-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def dev(
    data_dir: Path, settings: Mapping[str, str] = UNLIMITED, *, port: int = 0
) -> Generator[tuple[Server, float]]:
    """Run `ringline dev`, on any free port; yield it with the seconds it took to be ready."""
    program = ["-m", "ringline", "dev", "--port", str(port)]
    with _run(program, data_dir, stdin=subprocess.DEVNULL, settings=settings) as started:
        yield started


@contextlib.contextmanager
def bench(data_dir: Path, settings: Mapping[str, str] = UNLIMITED) -> Generator[Server]:
    """Run a server that also takes orders of events on its standard input, voiceless."""
    program = ["-m", "benchmarks.server"]
    with _run(program, data_dir, stdin=subprocess.PIPE, settings=settings) as (server, _):
        yield server


@contextlib.contextmanager
def relaying(data_dir: Path) -> Generator[Server]:
    """Run a server whose one voice relays frames and reports their ages when asked."""
    with _run(["-m", "benchmarks.relay_server"], data_dir, stdin=subprocess.PIPE) as (server, _):
        yield server


class Peer:
    """Another program on a server's database, which does the same in another way."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.own = psutil.Process(process.pid)
        self.port = port

    def cpu(self) -> float:
        """Return the processor time of it and of what it started, in seconds."""
        return sum(map(seconds_of, (self.own, *self.own.children(recursive=True))))


@contextlib.contextmanager
def peer(module: str, server: Server) -> Generator[Peer]:
    """Run a peer on a server's database, for the workspace of the server's key."""
    order = {
        "dsn": server.address.dsn(ROLES.server, DATABASE),
        "workspace_id": server.ready["workspace_id"],
        "key": server.ready["secret_key"],
        "signing_secret": server.ready["signing_secret"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        said = process.stdout.readline()
        if not said:
            raise SystemExit(f"{module} did not start.")
        yield Peer(process, int(said))
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        process.stdin.close()
        process.stdout.close()


@contextlib.contextmanager
def _run(
    program: list[str], data_dir: Path, *, stdin: int, settings: Mapping[str, str] = UNLIMITED
) -> Generator[tuple[Server, float]]:
    ready_file = data_dir.with_name(f"{data_dir.name}.ready")
    ready_file.unlink(missing_ok=True)
    if "--port" not in program:
        program = [*program, "--port", "0"]
    argv = [sys.executable, *program, "--data-dir", os.fspath(data_dir)]
    with data_dir.with_name(f"{data_dir.name}.log").open("wb") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [*argv, "--ready-file", os.fspath(ready_file)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **settings},
        )
    try:
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() - begun > LIMIT_S:
                raise SystemExit(f"The server did not start; see {log.name}.")
            time.sleep(POLL_S)
        server = Server(process, json.loads(ready_file.read_text()), data_dir)
        with urllib.request.urlopen(f"{server.base_url}/readyz") as answer:
            assert answer.status == 200
        try:
            yield server, time.monotonic() - begun
        finally:
            server.end()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(LIMIT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
