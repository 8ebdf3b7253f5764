"""The program as its users run it: in processes of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

SOURCES = Path(__file__).parents[2] / "src"
LIMIT_S = 60


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


def start(output: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a command that stays; both of its outputs go to a file."""
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "ringline", *map(str, arguments)],
            env=environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


@dataclass(frozen=True)
class Dev:
    """A running `ringline dev`."""

    ready_file: Path
    output: Path

    @property
    def ring(self) -> dict[str, str]:
        return json.loads(self.ready_file.read_text())


@contextmanager
def dev(data_dir: Path) -> Iterator[Dev]:
    """Run `ringline dev` for the length of a block; it must end well."""
    ready_file = data_dir.parent / "ready.json"
    ready_file.unlink(missing_ok=True)
    output = data_dir.parent / "dev.log"
    place = ("--port", 0, "--data-dir", data_dir)
    process = start(output, "dev", *place, "--ready-file", ready_file)
    try:
        until(lambda: ready_file.exists() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield Dev(ready_file, output)
        assert process.poll() is None, "the server ended by itself"
    finally:
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


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """Give a directory that PostgreSQL's account can reach, too, where we are root."""
    path = Path(tempfile.mkdtemp(prefix="ringline-e2e-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


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
