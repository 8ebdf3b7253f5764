"""The lock of a data directory, and the process that holds it.

The process that runs the embedded database holds `DIR/lock` (flock) for as long as it runs.
The file's text names the process, and says whether it is a server or a command that runs
the database for its own duration. Other processes connect to a server's database, but wait
for a command to finish, so that no database stops while another process is using it.
"""

import asyncio
import fcntl
import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ringline.storage.data_directory import PORT, Address, DataDirectory, EmbeddedError

LOCK_WAIT_S = 10.0
_POLL_S = 0.02


class ServerRunning(EmbeddedError):
    """A running server owns the data directory."""


class Owner(StrEnum):
    """The kinds of processes that run the database: for long, or for one command."""

    SERVER = "server"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a data directory."""

    owner: Owner
    pid: int


class Lock:
    """The lock of a data directory. The kernel releases it when its holder dies."""

    def __init__(self, directory: DataDirectory) -> None:
        self._root = directory.root
        self._path = directory.root / "lock"
        self._fd: int | None = None

    async def take(self, owner: Owner) -> None:
        """Acquire the lock, waiting up to 10 s for a command or a dying process.

        Raises ServerRunning at once if a live server holds it, and EmbeddedError after 10 s.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOCK_WAIT_S
        while not self._try_acquire(owner):
            holder = self._read_holder()
            pid = f" (process {holder.pid})" if holder else ""
            if holder and holder.owner is Owner.SERVER and is_alive(holder.pid):
                raise ServerRunning(f"Another server is using {self._root}{pid}.")
            if loop.time() > deadline:
                raise EmbeddedError(f"Another ringline command is using {self._root}{pid}.")
            await asyncio.sleep(_POLL_S)

    def release(self) -> None:
        """Release the lock if we hold it."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def holder(self) -> Holder | None:
        """Return the live process that holds the lock, or None."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._read_holder()
            return holder if holder and is_alive(holder.pid) else None
        finally:
            os.close(fd)
        return None

    def _try_acquire(self, owner: Owner) -> bool:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        try:
            os.ftruncate(fd, 0)
            os.write(fd, f"{owner} {os.getpid()}\n".encode())
        except OSError:  # the disk is full
            os.close(fd)
            raise
        self._fd = fd
        return True

    def _read_holder(self) -> Holder | None:
        # The text may still name a dead process, until the next holder has written its own.
        try:
            owner, pid = self._path.read_text("ascii").split()
            return Holder(Owner(owner), int(pid))
        except (FileNotFoundError, ValueError):
            return None


def running_cluster(data_dir: Path) -> Address | None:
    """Return the cluster's address if a server runs it and it is ready, else None."""
    directory = DataDirectory.at(data_dir)
    holder = Lock(directory).holder()
    if holder is None or holder.owner is not Owner.SERVER:
        return None
    postmaster = directory.postmaster()
    if postmaster is None or not postmaster.ready:
        return None
    return Address(postmaster.socket_dir) if _answers(postmaster.socket_dir) else None


def _answers(socket_dir: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(f"{socket_dir}/.s.PGSQL.{PORT}")
        except BlockingIOError:  # its backlog is full, so it is running
            return True
        except OSError:
            return False
    return True


def is_alive(pid: int) -> bool:
    """Return whether a process has this id, no matter whose it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
