"""Generators: processes that are ordered by lines on their input and answer by lines.

The first line is a JSON object of what they need. They answer with
their priority once they are ready; then each line is a
number of seconds to work for, and each answer a JSON object. Nothing waits for a generator
longer than it says, so a server that hangs costs a figure and not the run.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

#: How far a generator stands behind all others where there is no class for idle work.
BEHIND = 19
_READ_AT_ONCE = 65536


class Silent(Exception):
    """A generator gave no answer in time, or has ended."""


class Generator:
    """The parent's end of a generator."""

    def __init__(self, module: str, order: Mapping[str, object]) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._read = b""
        self.tell(json.dumps(order))

    def tell(self, line: str) -> None:
        """Send an order."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise Silent(f"{self._module} has ended") from None

    def hear(self, limit_s: float, meanwhile: Callable[[], None] = lambda: None) -> Any:
        """Wait for an answer, calling something every quarter of a second. Raises Silent."""
        assert self._process.stdout is not None
        ends_at = time.monotonic() + limit_s
        while b"\n" not in self._read:
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                raise Silent(f"{self._module} said nothing for {limit_s:.0f} s")
            meanwhile()
            if select.select([self._process.stdout], [], [], min(left_s, 0.25))[0]:
                data = os.read(self._process.stdout.fileno(), _READ_AT_ONCE)
                if not data:
                    raise Silent(f"{self._module} has ended")
                self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return json.loads(line)

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def order() -> dict[str, Any]:
    """Read what a generator is given first."""
    return json.loads(sys.stdin.readline())


async def obey(work: Callable[[float], Awaitable[object]], priority: str) -> None:
    """Say that a generator is ready, and work as often as it is told."""
    answer({"priority": priority})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer(await work(float(line)))


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def step_back() -> str:
    """Let every other process go first; return how.

    The scheduler's class for idle work takes its turn only when nothing else wants the core,
    so that a generator never delays the database that it shares the core with.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(BEHIND)
        return f"nice {BEHIND}"
    return "SCHED_IDLE"


def step_forward() -> str:
    """Go before other processes, as far as the system lets us; return how."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError):
        pass
    else:
        return "SCHED_RR"
    try:
        os.nice(-10)
    except OSError:
        return "no priority"
    return "nice -10"
