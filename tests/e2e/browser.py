"""A headless Chromium, controlled over the DevTools protocol.

Its microphone plays a file.
"""

import asyncio
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.programs import find_program

_ADDRESS = re.compile(rb"DevTools listening on (ws://\S+)")
LIMIT_S = 60.0


class Page:
    """A page in the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def command(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command of the DevTools protocol; return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async for message in self._socket:
            answer = message.json()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
        raise AssertionError("the browser has gone")

    async def evaluate(self, script: str) -> Any:
        """Return what a script evaluates to; a click of it counts as a person's."""
        result = await self.command(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until a script evaluates to something true."""
        look = f"const look = () => ({condition}) ? done(true) : setTimeout(look, 50); look();"
        async with asyncio.timeout(LIMIT_S):
            await self.evaluate(f"new Promise((done) => {{ {look} }})")


@asynccontextmanager
async def browsing(
    url: str, microphone: Path | None = None, *, flags: Sequence[str] = ()
) -> AsyncIterator[Page]:
    """Open a page for the length of a block; somebody says there what is in a WAV file."""
    program = find_program("chromium")
    profile = tempfile.mkdtemp(prefix="ringline-browser-")
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        *([f"--use-file-for-fake-audio-capture={microphone}%noloop"] if microphone else []),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        *flags,
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S), aiohttp.ClientSession() as http:
            address = await _address(process)
            port = address.split("/")[2]
            async with http.get(f"http://{port}/json/list") as answer:
                (page,) = [one for one in await answer.json() if one["type"] == "page"]
            async with http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                opened = Page(socket)
                await opened.command("Page.navigate", url=url)
                await opened.until(
                    f"location.href === {url!r} && document.readyState === 'complete'"
                )
                yield opened
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _ADDRESS.search(line):
            return found[1].decode()
    raise AssertionError("the browser did not start")
