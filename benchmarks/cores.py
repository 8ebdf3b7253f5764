"""Who runs on which core: the measured server alone on one, everything else elsewhere.

Otherwise the server, PostgreSQL and the client take the same core from each other at times
and a rate says little. Where the system cannot pin (macOS) or has one core, nothing is done.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

import psutil


@contextlib.contextmanager
def apart(
    servers: Iterable[psutil.Process], others: Iterable[psutil.Process] = ()
) -> Generator[Callable[[], None]]:
    """Give servers the first core and all else, PostgreSQL and this process, the rest.

    `others` are processes that run already and are not the servers' children. Yield what does so
    again, for processes that the servers have started since.
    """
    mine = _cores()
    if len(mine) < 2:
        yield lambda: None
        return
    first, rest = {mine[0]}, set(mine[1:])
    asked, beside = tuple(servers), tuple(others)

    def place() -> None:
        for server in asked:
            _pin(server.pid, first)
            for child in server.children(recursive=True):
                _pin(child.pid, rest)
        for other in beside:
            _pin(other.pid, rest)

    place()
    _pin(os.getpid(), rest)
    try:
        yield place
    finally:
        _pin(os.getpid(), set(mine))


@contextlib.contextmanager
def together(servers: Iterable[psutil.Process]) -> Generator[Callable[[], None]]:
    """Give servers and all that they started the first core, and all else the others.

    Yield what does so again, for processes that the servers have started since.
    """
    mine = _cores()
    if len(mine) < 2:
        yield lambda: None
        return
    asked = tuple(servers)

    def place() -> None:
        for server in asked:
            for one in (server, *server.children(recursive=True)):
                _pin(one.pid, {mine[0]})

    place()
    _pin(os.getpid(), set(mine[1:]))
    try:
        yield place
    finally:
        _pin(os.getpid(), set(mine))


def how() -> str:
    """Say in a report how the cores are shared out."""
    if len(_cores()) < 2:
        return "Server, PostgreSQL and client share the machine."
    return "The server has one core to itself, PostgreSQL and the client share the others."


def delayed_s(pid: int) -> float:
    """Return how long a process was ready to run but others had its core (Linux; else 0)."""
    if sys.platform != "linux":
        return 0.0
    waits = [
        int(task.joinpath("schedstat").read_text().split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    return sum(waits) / 1e9


def _cores() -> list[int]:
    pinnable = hasattr(os, "sched_getaffinity")
    return sorted(os.sched_getaffinity(0)) if pinnable else []


def _pin(pid: int, cores: set[int]) -> None:
    """Pin a process with all of its threads; those it starts later inherit it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
