"""`ringline dev` as a process of its own, to be killed."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.faults.embedded import SEARCH

START_LIMIT_S = 60.0
LIMIT_S = 20.0


@dataclass
class DevServer:
    """A running server and its ready file."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]

    async def kill(self) -> None:
        """SIGKILL; return when nothing of the server is left."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        await asyncio.to_thread(self.process.wait, LIMIT_S)
        await asyncio.to_thread(psutil.wait_procs, family, LIMIT_S)


@asynccontextmanager
async def dev_server(directory: Path, port: int = 0) -> AsyncGenerator[DevServer]:
    """Run `ringline dev` with its data in a directory; kill what is left at the end."""
    ready_file = directory / "ready.json"
    ready_file.unlink(missing_ok=True)
    arguments = ["--port", str(port), "--data-dir", str(directory / "data")]
    with (directory / "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ringline", "dev", *arguments, "--ready-file", str(ready_file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PYTHONPATH": SEARCH, "PATH": os.environ["PATH"]},
        )
    server = DevServer(process, {})
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while not ready_file.exists():
                assert process.poll() is None, (directory / "output").read_text()
                await asyncio.sleep(0.05)
        server.ready = json.loads(ready_file.read_text())
        yield server
    finally:
        if process.poll() is None:
            await server.kill()
