"""A child process that dies with us, and whose end is seen at once.

Dying with us: on Linux the child asks the kernel for SIGQUIT at its parent's death. The
kernel forgets that wish when the child changes its account, and it means the *thread*
that forked, not the process. So the wish is made after the account was changed, and
children are started from the main thread alone. Elsewhere nothing is promised here; the
next start stops what was left (`ringline.storage.leftovers`).

Seeing the end: a pidfd in the event loop on Linux, a waiting thread elsewhere.
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
# Nothing of our own environment reaches a child: PG* variables and LD_PRELOAD would count.
# The locale keeps PostgreSQL's messages in English, which tell why a start failed.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

KILL_AFTER_S = 5.0  # between SIGQUIT and SIGKILL


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that a child runs under."""

    name: str
    uid: int
    gid: int


class Child:
    """A running child. `exited` is done, with the exit status, once it was reaped."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        if not self._watch_pidfd():
            threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id; another process may have it once `exited` is done."""
        return self._process.pid

    async def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the end: the exit status, or None if the child outlives the time."""
        # asyncio.wait leaves `exited` alone when the waiter is cancelled.
        await asyncio.wait({self.exited}, timeout=timeout_s)
        return self.exited.result() if self.exited.done() else None

    async def end(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn until the child ends; seconds to wait after each.

        The last resort is always SIGQUIT, then SIGKILL. Cancelled, it goes on to
        SIGQUIT at once and does not wait.
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
            self._process.send_signal(number)  # Popen knows whether it was reaped

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
    """Start a program in a session of its own, both outputs to a file descriptor.

    `account` is whom it runs as (None: as we do). Raises OSError if it cannot start.
    """
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("children are started from the main thread: they die with it")
    # preexec_fn is safe here although threads run: between fork and exec it calls two
    # functions of libc that were looked up before and takes no lock of Python's or malloc's
    # that another thread might have held (CPython keeps its collector off meanwhile). A
    # program in between that makes the wish for us would cost more than the whole start,
    # and the account may not be able to reach our interpreter.
    return Child(
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    )


def runs_as(account: Account, argv: Sequence[str]) -> bool:
    """Tell whether a short command succeeds as an account: the true test of its rights."""
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


def _die_with(parent: int) -> Callable[[], None] | None:
    if _libc is None:
        return None
    prctl = _libc.prctl

    def wish() -> None:  # runs in the child, after its account was changed
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT))
        if os.getppid() != parent:  # the parent died before the wish was made
            os._exit(1)

    return wish
