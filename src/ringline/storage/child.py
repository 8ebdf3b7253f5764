"""A child process that dies with its parent, and whose exit is noticed at once.

Dying with the parent: on Linux the child asks the kernel for SIGQUIT when its parent dies.
The kernel drops that request when the child changes its account, and it watches the
*thread* that forked, not the process. So the child asks after changing its account, and
children are only started from the main thread. Other systems guarantee nothing; the next
start stops leftover processes (`ringline.storage.leftovers`).

Noticing the exit: a pidfd in the event loop on Linux, a waiting thread elsewhere.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Loaded here, in the parent, so that a forked child need not import or load anything.
_libc: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform == "linux" else None
# A child inherits nothing from our environment: PG* variables and LD_PRELOAD would affect it.
# The locale keeps PostgreSQL's messages in English, so that we can find why a start failed.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

KILL_AFTER_S = 5.0  # between SIGQUIT and SIGKILL


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that a child runs as."""

    name: str
    uid: int
    gid: int


class Child:
    """A running child. `exited` resolves to the exit status once the child is reaped."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        if not self._watch_pidfd():
            threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id; it may be reused once `exited` is done."""
        return self._process.pid

    async def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the child to exit; return its exit status, or None after the timeout."""
        # asyncio.wait leaves `exited` alone when the waiter is cancelled.
        await asyncio.wait({self.exited}, timeout=timeout_s)
        return self.exited.result() if self.exited.done() else None

    async def end(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send signals one after another until the child exits, waiting after each.

        Each signal comes with the seconds to wait for it. SIGQUIT and then SIGKILL always
        come last. When cancelled, it sends SIGQUIT at once and does not wait.
        """
        try:
            for number, wait_s in (*signals, (signal.SIGQUIT, KILL_AFTER_S)):
                self._send(number)
                if await self.wait(wait_s) is not None:
                    return
            self._send(signal.SIGKILL)
            await self.wait()
        except asyncio.CancelledError:
            self._send(signal.SIGQUIT)
            raise

    def _send(self, number: signal.Signals) -> None:
        if not self.exited.done():
            self._process.send_signal(number)  # Popen signals no process that it has reaped

    def _watch_pidfd(self) -> bool:
        if sys.platform != "linux":
            return False
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:  # an old kernel, or a sandbox that forbids it
            return False
        self._loop.add_reader(pidfd, self._reap, pidfd)
        return True

    def _reap(self, pidfd: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        self._settle(self._process.wait())

    def _wait(self) -> None:
        status = self._process.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, status)

    def _settle(self, status: int) -> None:
        if not self.exited.done():
            self.exited.set_result(status)


def start_child(argv: Sequence[str], *, output: int, account: Account | None) -> Child:
    """Start a program in its own session; send its output to a file descriptor.

    It runs as `account`, or as ours if that is None. Raises OSError if it cannot start.
    """
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("children are started from the main thread: they die with it")
    # preexec_fn is safe here although threads are running: between fork and exec it calls two
    # libc functions that were resolved beforehand, and takes no lock of Python or malloc that
    # another thread might have held (CPython keeps its collector off meanwhile). A wrapper
    # program that calls prctl for us would cost more than the whole start, and the account
    # may not be able to reach our interpreter.
    return Child(
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            preexec_fn=_death_signal_request(os.getpid()),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    )


def runs_as(account: Account, argv: Sequence[str]) -> bool:
    """Return whether a short command succeeds as an account."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_ENVIRONMENT,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            timeout=10,
            check=False,
        )
    except (PermissionError, FileNotFoundError):
        return False
    return done.returncode == 0


def _death_signal_request(parent: int) -> Callable[[], None] | None:
    if _libc is None:
        return None
    prctl = _libc.prctl

    def request_signal() -> None:  # runs in the child, after it has changed its account
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT))
        if os.getppid() != parent:  # the parent died before the request
            os._exit(1)

    return request_signal
