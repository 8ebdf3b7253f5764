"""The demo's browser console: built beside the call where a checkout's is not current.

The build runs at the lowest priority, so the call starts as soon as without it; the server, which
was started before, serves the files once they are there.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ringline.cli.console_build import is_current
from ringline.cli.installation import checkout


class ConsoleBuild:
    """A build that may still run; None stands for a console that needs none."""

    def __init__(self, process: asyncio.subprocess.Process | None, log: Path) -> None:
        self._process = process
        self._log = log

    async def line(self, link: str) -> str:
        """Wait for the build; return the line that says where the console is, or why not."""
        if self._process is not None and await self._process.wait() != 0:
            return f"The browser console could not be built; see {self._log}."
        return f"Watch it in a browser; this link signs you in once: {link}"


@asynccontextmanager
async def console_beside(log: Path, *, wanted: bool) -> AsyncGenerator[ConsoleBuild]:
    """Have the console built for the length of the context, if that is needed."""
    root = checkout()
    process = None
    if wanted and root is not None and not is_current(root):
        process = await _start(root, log)
    try:
        yield ConsoleBuild(process, log)
    finally:
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            await process.wait()


async def _start(root: Path, log: Path) -> asyncio.subprocess.Process:
    command = ("nice", "-n", "19", sys.executable, os.fspath(root / "tools" / "console.py"))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            "build",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # npm starts processes of its own
        )
