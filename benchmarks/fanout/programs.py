"""The benchmark's programs in C: built where they are needed, by the machine's compiler."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
LIMIT_S = 180.0


class Missing(Exception):
    """Something that is needed is not installed; the text says what, and how to install it."""


def build(name: str, place: Path) -> Path:
    """Build a program of this folder; return where it is. Raises Missing."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing(
            "The benchmark of the fan-out builds its clients with a C compiler, and there is no "
            "`cc` here: apt-get install gcc libc6-dev"
        )
    built = place / name
    source = HERE / f"{name}.c"
    subprocess.run([compiler, "-O2", "-o", str(built), str(source)], check=True)
    return built


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a connection says: its request, its first frames, and a heartbeat (generator.c).

    It counts as open when `ready` has come; empty: with the head of the answer.
    """

    request: bytes
    hello: bytes = b""
    ready: bytes = b""
    heartbeat: bytes = b""


def masked(text: str) -> bytes:
    """Write a client's text frame; its mask is zero, so the text stays as it is."""
    data = text.encode()
    if len(data) < 126:
        return bytes([0x81, 0x80 | len(data)]) + bytes(4) + data
    return b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data


class Line:
    """A process that answers a line with a line."""

    def __init__(self, command: Sequence[str], *, cwd: Path | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd
        )
        self.own = psutil.Process(self._process.pid)

    def hear(self) -> str:
        """Return its next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args!r} ended")
        return line.decode().strip()

    def ask(self, line: str) -> str:
        """Say a line; return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        """End the process in good order: its input ends."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # it has ended already
                    pipe.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Crowd:
    """Many subscribers, in one process of the generator."""

    def __init__(
        self, generator: Path, port: int, *, subscribers: Sequence[Subscriber], place: Path
    ) -> None:
        setup = place / "setup"
        with setup.open("wb") as file:
            for one in subscribers:
                for part in (one.request, one.hello, one.ready, one.heartbeat):
                    file.write(struct.pack("<I", len(part)) + part)
        self.count = len(subscribers)
        self._line = Line([str(generator), str(port), str(setup)])

    def ask(self, command: str) -> dict[str, Any]:
        """Return the answer to one of the generator's commands."""
        return json.loads(self._line.ask(command))

    def open(self, *, to_stall: int = 0) -> None:
        """Open all connections, so many percent of them for being stalled."""
        opened = self.ask(f"open {to_stall}")
        if opened["open"] != self.count:
            raise SystemExit(f"Of {self.count} connections {opened['open']} were opened.")

    def measure(self, seconds: float) -> dict[str, Any]:
        """Read for a time; return what came."""
        return self.ask(f"measure {seconds}")

    def close(self) -> None:
        """Close all connections."""
        self._line.end()
