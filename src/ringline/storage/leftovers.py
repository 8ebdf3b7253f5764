"""What an earlier owner of a data directory left running in it.

Only the holder of the lock starts a server in a data directory. So whatever PostgreSQL
runs there when the lock was taken, or after our own server died, was left behind: by a
process that was killed where nothing ends its children, or by a postmaster that was
killed. It is told to quit, and nothing else is.
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
    """List the processes of PostgreSQL that work in a data directory's cluster."""
    if sys.platform == "linux":
        return [pid for pid in _processes_named("postgres") if _works_in(pid, directory.cluster)]
    # The children of a postmaster that was killed end by themselves; only it can be found.
    postmaster = directory.postmaster()
    return [postmaster.pid] if postmaster and _serves(postmaster.pid, directory.cluster) else []


async def clear_leftovers(directory: DataDirectory) -> None:
    """Stop PostgreSQL in a data directory whose lock we hold and where we run none.

    SIGQUIT, after 5 s SIGKILL; raises EmbeddedError if that does not help either.
    """
    loop = asyncio.get_running_loop()
    begun, told = loop.time(), dict[int, signal.Signals]()
    while pids := leftovers(directory):
        waited = loop.time() - begun
        if waited > _WAIT_S:
            raise EmbeddedError(
                f"A PostgreSQL server left in {directory.cluster} (process {pids[0]}) does not end."
            )
        wanted = signal.SIGQUIT if waited < _WAIT_S / 2 else signal.SIGKILL
        for pid in pids:
            if told.get(pid) is not wanted:
                told[pid] = wanted
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, wanted)
        await asyncio.sleep(_POLL_S)
    _forget_stranger(directory)


def _forget_stranger(directory: DataDirectory) -> None:
    # A postmaster.pid left by a crash may name a process id that a stranger has by now
    # (containers begin again at small ones); PostgreSQL would take it for a live server.
    # The block of shared memory that guards against survivors is checked all the same.
    with contextlib.suppress(FileNotFoundError, ValueError):
        if is_alive(int(directory.postmaster_file.read_bytes().split(b"\n")[0])):
            directory.postmaster_file.unlink()


def _works_in(pid: int, cluster: Path) -> bool:
    # Every process of a cluster keeps its data directory as its working directory.
    try:
        return os.readlink(f"/proc/{pid}/cwd") == os.fspath(cluster)
    except OSError:
        return False


def _serves(pid: int, cluster: Path) -> bool:
    # Without /proc: the arguments name the cluster, as we start it.
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
        with contextlib.suppress(OSError):  # it ended meanwhile
            if Path("/proc", entry, "comm").read_bytes().strip() == name.encode():
                found.append(int(entry))
    return found
