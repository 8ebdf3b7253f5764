"""Who runs on which core: the measured server alone on one, everything else elsewhere.

Otherwise the server, PostgreSQL and the client take the same core from each other at times
and a rate says little. Where the system cannot pin (macOS) or has one core, nothing is done.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from pathlib import Path

import psutil


@contextlib.contextmanager
def apart(servers: Iterable[psutil.Process]) -> Generator[None]:
    """Give servers the first core and all else, PostgreSQL and this process, the others."""
    mine = _cores()
    if len(mine) < 2:
        yield
        return
    first, *others = mine
    for server in servers:
        _pin(server.pid, {first})
        for child in server.children(recursive=True):
            _pin(child.pid, set(others))
    _pin(os.getpid(), set(others))
    try:
        yield
    finally:
        _pin(os.getpid(), set(mine))


def how() -> str:
    """Say in a report how the cores are shared out."""
    if len(_cores()) < 2:
        return "Server, PostgreSQL and client share the machine."
    return "The server has one core to itself, PostgreSQL and the client share the others."


def _cores() -> list[int]:
    pinnable = hasattr(os, "sched_getaffinity")
    return sorted(os.sched_getaffinity(0)) if pinnable else []


def _pin(pid: int, cores: set[int]) -> None:
    """Pin a process with all of its threads; those it starts later inherit it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
