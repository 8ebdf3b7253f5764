"""The program as users run it: in its own processes."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.places import open_directory

SOURCES = Path(__file__).parents[2] / "src"
LIMIT_S = 60
STALE = "left by an earlier server"


def environment(**variables: str) -> dict[str, str]:
    """Give this environment without the settings that somebody may have made."""
    inherited = {name: value for name, value in os.environ.items() if "RINGLINE" not in name}
    return {**inherited, "PYTHONPATH": str(SOURCES), "COLUMNS": "200", **variables}


def ringline(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ringline", *map(str, arguments)],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def dry_benchmark(*arguments: object, limit_s: float) -> subprocess.CompletedProcess[str]:
    """Try a benchmark out to its end: everything once, hardly any load, nothing written."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--dry", *map(str, arguments)],
        cwd=SOURCES.parent,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
    )


def start(output: Path, *arguments: object, **variables: str) -> subprocess.Popen[bytes]:
    """Start a command that stays; both of its outputs go to a file."""
    return start_typed(output, subprocess.DEVNULL, *arguments, **variables)


def start_typed(
    output: Path, typed: int, /, *arguments: object, **variables: str
) -> subprocess.Popen[bytes]:
    """Start a command that stays and reads what is typed; its outputs go to a file."""
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "ringline", *map(str, arguments)],
            env=environment(PYTHONUNBUFFERED="1", **variables),
            stdin=typed,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def in_terminal(
    output: Path, *arguments: object, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a terminal; what it shows is in `output` when the block ends.

    The block ends when the command has.
    """
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "ringline", *map(str, arguments)],
            env=environment(TERM="xterm-256color", **variables),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    reading = threading.Thread(target=_read_terminal, args=(ours, output))
    reading.start()
    try:
        yield process
        process.wait(LIMIT_S)
    finally:
        end(process)
        reading.join()
        os.close(ours)


def _read_terminal(terminal: int, output: Path) -> None:
    with output.open("wb", buffering=0) as file:
        while True:
            try:
                shown = os.read(terminal, 65_536)
            except OSError:  # EIO: Linux says so of a terminal that nobody writes to any more
                return
            if not shown:
                return
            file.write(shown)


@dataclass(frozen=True)
class Dev:
    """A running `ringline dev`."""

    ready_file: Path
    output: Path

    @property
    def ring(self) -> dict[str, str]:
        return json.loads(self.ready_file.read_text())


def is_ready(file: Path) -> bool:
    """Tell whether a ready file is there that was not there before."""
    try:
        return file.read_text() != STALE
    except FileNotFoundError:
        return False


@contextmanager
def in_file(output: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the length of a block; both of its outputs go to a file."""
    process = start(output, *arguments)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def dev(data_dir: Path, *, terminal: bool = False) -> Iterator[Dev]:
    """Run `ringline dev` for the length of a block; it must end well."""
    ready_file = data_dir.parent / "ready.json"
    ready_file.write_text(STALE)
    output = data_dir.parent / "dev.log"
    place = ("--port", 0, "--data-dir", data_dir)
    arguments = ("dev", *place, "--ready-file", ready_file)
    with (in_terminal if terminal else in_file)(output, *arguments) as process:
        until(lambda: is_ready(ready_file) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield Dev(ready_file, output)
        assert process.poll() is None, "the server ended by itself"
        end(process)
    assert process.returncode == 0


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process we started, if it has not ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reachable_directory() -> AbstractContextManager[Path]:
    """Give a directory that PostgreSQL's account can reach, too, where we are root."""
    return open_directory("ringline-e2e-")


def mint_status(ring: Mapping[str, str], key: str) -> int:
    """Ask for a session token; return the answer's status."""
    request = urllib.request.Request(
        f"{ring['base_url']}/api/realtime/session", method="POST", headers={"x-api-key": key}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Wait for something to come true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Return the processes that have a data directory among their arguments."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if any(str(data_dir) in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
