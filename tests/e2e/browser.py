"""A headless Chromium, controlled over the DevTools protocol.

Its microphone plays a file.
"""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.programs import find_program
from tests.places import quick_place

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


@dataclass(frozen=True)
class Browser:
    """A running Chromium."""

    process: subprocess.Popen[bytes]
    profile: str

    @property
    def address(self) -> str:
        """Return the address of its DevTools; it is empty until they listen."""
        try:
            port, path = (Path(self.profile) / "DevToolsActivePort").read_text().split("\n")
        except (FileNotFoundError, ValueError):
            return ""
        return f"ws://127.0.0.1:{port}{path}"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


#: Those that run, by microphone and flags; starting one takes longer than most tests.
_running: dict[tuple[Path | None, tuple[str, ...]], Browser] = {}


def close_browsers() -> None:
    """Close the browsers that `browsing` has started."""
    while _running:
        _running.popitem()[1].close()


@asynccontextmanager
async def browsing(
    url: str, microphone: Path | None = None, *, flags: Sequence[str] = ()
) -> AsyncIterator[Page]:
    """Open a page for the length of a block; somebody says there what is in a WAV file.

    Each page is the only one of its profile: it knows nothing of those before.
    """
    browser = _running.get((microphone, tuple(flags)))
    if browser is None or browser.process.poll() is not None:
        browser = await asyncio.to_thread(_start, microphone, flags)
        _running[microphone, tuple(flags)] = browser
    devtools, _, _ = browser.address.partition("/devtools/")
    async with aiohttp.ClientSession() as http, http.ws_connect(browser.address) as control:
        whole = Page(control)
        profile = await whole.command("Target.createBrowserContext")
        target = await whole.command("Target.createTarget", url="about:blank", **profile)
        address = f"{devtools}/devtools/page/{target['targetId']}"
        try:
            async with asyncio.timeout(LIMIT_S), http.ws_connect(address, max_msg_size=0) as socket:
                opened = Page(socket)
                await opened.command("Page.navigate", url=url)
                await opened.until(
                    f"location.href === {url!r} && document.readyState === 'complete'"
                )
                yield opened
        finally:
            await whole.command("Target.disposeBrowserContext", **profile)


def _start(microphone: Path | None, flags: Sequence[str]) -> Browser:
    profile = tempfile.mkdtemp(prefix="ringline-browser-", dir=quick_place())
    process = subprocess.Popen(
        [
            find_program("chromium"),
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
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    browser, since = Browser(process, profile), time.monotonic()
    while not browser.address:
        assert process.poll() is None, "the browser has ended"
        assert time.monotonic() < since + LIMIT_S, "the browser did not start"
        time.sleep(0.02)
    return browser
