"""A terminal, used like somebody who pastes lines from a page."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.e2e.program import until

_DONE = "-- done, with"


def _runs_in(group: int, process: psutil.Process) -> bool:
    try:
        own = os.getpgid(process.pid) == group
        return own and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


class Shell:
    """A shell that lines are pasted into, one block after the other.

    What it shows is in `shown`. Ends with a block; so does what still runs in it.
    """

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.shown = ""
        self._process = subprocess.Popen(
            ["bash"],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()
        self.run("set -o pipefail")

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        until(self._is_empty)  # servers in the background may take longer than the shell
        self._process.stdin.close()
        self._reading.join()

    def paste(self, block: str) -> None:
        """Paste lines and do not wait: what they start stays."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{block}\n")
        self._process.stdin.flush()

    def run(self, block: str) -> str:
        """Paste lines and wait until they are done, well; return what they have shown."""
        shown, status = self.attempt(block)
        assert status == 0, f"{block}\n{shown}"
        return shown

    def attempt(self, block: str) -> tuple[str, int]:
        """Paste lines and wait until they are done; return what they showed, and their status."""
        before = len(self.shown)
        self.paste(f'{block}\necho "{_DONE} $?"')
        self._wait(lambda: _DONE in self.shown[before:] and self.shown.endswith("\n"))
        shown, _, status = self.shown[before:].rpartition(_DONE)
        return shown, int(status)

    def shows(self, text: str) -> None:
        """Wait until it shows a text."""
        self._wait(lambda: text in self.shown)

    def _is_empty(self) -> bool:
        """Return whether everything that was started has ended, reaped or not."""
        return not any(_runs_in(self._process.pid, process) for process in psutil.process_iter())

    def _wait(self, condition: Callable[[], bool]) -> None:
        try:
            until(condition)
        except AssertionError:
            raise AssertionError(f"it shows no more than this:\n{self.shown}") from None

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.shown += line
