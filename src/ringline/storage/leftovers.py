"""PostgreSQL processes that an earlier owner of a data directory left running.

Only the holder of the lock starts a server in a data directory. So any PostgreSQL process
that works there right after we took the lock, or after our own server died, is a leftover:
of a ringline process that was killed on a system that does not end its children, or of a
postmaster that was killed. Only such processes are stopped.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from ringline.storage.data_directory import DataDirectory, EmbeddedError
from ringline.storage.lock import is_alive

_WAIT_S = 10.0
_POLL_S = 0.005


def leftovers(directory: DataDirectory) -> list[int]:
    """Return the ids of the PostgreSQL processes in a data directory's cluster."""
    if sys.platform == "linux":
        return [pid for pid in _processes_named("postgres") if _works_in(pid, directory.cluster)]
    # Only the postmaster can be found; if it was killed, its children exit by themselves.
    postmaster = directory.postmaster()
    return [postmaster.pid] if postmaster and _serves(postmaster.pid, directory.cluster) else []


async def clear_leftovers(directory: DataDirectory) -> None:
    """Stop leftovers in a data directory that we have locked and run no server in.

    Sends SIGQUIT, and SIGKILL after 5 s. Raises EmbeddedError if a process outlives both.
    """
    loop = asyncio.get_running_loop()
    begun, signalled = loop.time(), dict[int, signal.Signals]()
    while pids := leftovers(directory):
        waited = loop.time() - begun
        if waited > _WAIT_S:
            raise EmbeddedError(
                f"A leftover PostgreSQL process in {directory.cluster} ({pids[0]}) does not exit."
            )
        wanted = signal.SIGQUIT if waited < _WAIT_S / 2 else signal.SIGKILL
        for pid in pids:
            if signalled.get(pid) is not wanted:
                signalled[pid] = wanted
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, wanted)
        await asyncio.sleep(_POLL_S)
    _remove_stale_pid_file(directory)


def _remove_stale_pid_file(directory: DataDirectory) -> None:
    # A postmaster.pid left by a crash may name an id that another process has by now
    # (containers number from 1 again); PostgreSQL would take that process for a live server.
    # It still checks the shared memory block, which guards against surviving children.
    with contextlib.suppress(FileNotFoundError, ValueError):
        if is_alive(int(directory.postmaster_file.read_bytes().split(b"\n")[0])):
            directory.postmaster_file.unlink()


def _works_in(pid: int, cluster: Path) -> bool:
    # Every process of a cluster has the data directory as its working directory.
    try:
        return os.readlink(f"/proc/{pid}/cwd") == os.fspath(cluster)
    except OSError:
        return False


def _serves(pid: int, cluster: Path) -> bool:
    # Without /proc: we start a server with its cluster among the arguments.
    shown = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        check=False,
        env={},
    )
    return f"/bin/postgres -D {cluster} " in os.fsdecode(shown.stdout)


def _processes_named(name: str) -> list[int]:
    found: list[int] = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has exited meanwhile
            if Path("/proc", entry, "comm").read_bytes().strip() == name.encode():
                found.append(int(entry))
    return found
