"""The demo's server: `ringline dev` as a child process, stopped with the demo."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ringline.app import DATABASE_PROBLEMS, check_data_dir, make_data_dir
from ringline.cli import tethered
from ringline.cli.files import KeyRing, read_key_ring
from ringline.cli.logs import reason_of_end
from ringline.cli.outcome import CommandProblem
from ringline.cli.terminal import say
from ringline.config import PREFIX, ROOTS_DATA, python_environment

_START_LIMIT_S = 180.0
_POLL_S = 0.02
_STOP_LIMIT_S = 20.0
_FULL_BYTES = 64 * 1024
#: The variables that the client commands read.
_NOT_THE_SERVERS = ("RINGLINE_URL", "RINGLINE_KEY")


def default_data_dir() -> Path:
    """Choose the demo's data directory: `.demo` here, if the database can reach it.

    As root the database runs under another account. If that account cannot enter the
    directory (a checkout below a private one), use one below /var/lib instead.
    """
    here = Path(".demo").resolve()
    try:
        make_data_dir(here)
        check_data_dir(here)
    except DATABASE_PROBLEMS as problem:
        if os.geteuid() != 0:
            raise CommandProblem(str(problem)) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise CommandProblem(f"{here} cannot be used: {reason}.") from None
    else:
        return here
    place = ROOTS_DATA / f"demo-{sha256(os.fsencode(here)).hexdigest()[:8]}"
    say(f"The database's account cannot reach {here}; the demo stores its data in {place}.")
    return place


@asynccontextmanager
async def demo_server(data_dir: Path, port: int) -> AsyncGenerator["DemoServer"]:
    """Run a server for the length of the context; `port` is tried first.

    Raises CommandProblem.
    """
    ready, log = data_dir / "ready.json", data_dir / "server.log"
    chosen = port if _is_free(port) else 0
    with _fresh_files(data_dir, ready, log=log) as output:
        # In its own session, so that Ctrl-C reaches only the demo, which then stops the server.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            tethered.__file__,
            str(os.getpid()),
            *(sys.executable, "-m", "ringline", "dev", "--port", str(chosen)),
            *("--data-dir", os.fspath(data_dir), "--ready-file", os.fspath(ready)),
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = DemoServer(process, ready, log=log)
    try:
        yield server
    finally:
        await server.stop()


class DemoServer:
    """A server that has been started and may not be ready yet."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Path, *, log: Path) -> None:
        self._process = process
        self._ready = ready
        self._log = log

    async def ready(self) -> KeyRing:
        """Wait until the server accepts requests; return its keys. Raises CommandProblem."""
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                while True:
                    ring = read_key_ring(self._ready)
                    if ring is not None:
                        return ring
                    if self._process.returncode is not None:
                        raise self.died()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise CommandProblem(f"The server did not start; see {self._log}.") from None

    async def ended(self) -> None:
        """Wait until the server has ended."""
        await self._process.wait()

    def died(self) -> CommandProblem:
        """Return why the server ended unexpectedly, in its own words if it logged any."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        if reason := reason_of_end(lines):
            return CommandProblem(reason)
        if (
            shutil.disk_usage(self._log.parent).free < _FULL_BYTES
        ):  # then it could not log the reason
            return CommandProblem(f"The disk of {self._log.parent} is full.")
        return CommandProblem(f"The server ended unexpectedly; see {self._log}.")

    async def stop(self) -> None:
        """Stop the server with SIGTERM, then with SIGKILL."""
        for number, wait_s in ((signal.SIGTERM, _STOP_LIMIT_S), (signal.SIGKILL, None)):
            if self._process.returncode is not None:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._process.wait()


def _environment() -> dict[str, str]:
    """Return the variables that a server reads: its settings, and those of libpq."""
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith((PREFIX, "PG")) and name not in _NOT_THE_SERVERS
    }
    return python_environment() | settings


def _fresh_files(data_dir: Path, ready: Path, *, log: Path) -> BinaryIO:
    """Make the data directory, remove an old ready file, and open an empty log."""
    make_data_dir(data_dir)
    for path in (ready, log):  # a new file has our mode, and is not a link
        path.unlink(missing_ok=True)
    return open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
