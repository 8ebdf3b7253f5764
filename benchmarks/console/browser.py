"""A console in a real browser, and what is measured in its page.

Chromium runs headless, driven over its DevTools protocol by Playwright. What the page notes of
itself is added by the protocol, so the console's policy holds as it does for people.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page, Request, sync_playwright

WAIT_MS = 60_000
#: A page that has been open for so long has asked for what it needs at first.
QUIET_MS = 2_000
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: Without these it asks hosts of its maker, in a network that may refuse it.
_FLAGS = (
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: Requests that load the console itself; all others are its reads.
_FILES = frozenset({"document", "script", "stylesheet", "font", "image", "manifest"})

#: The page notes when its first row is there to be seen, and while it is watched, how long each
#: frame took.
_NOTES = """
window.noted = { row: 0, frames: null, seen: {} };
const rows = '[role=table][aria-label="Calls now"] [role=row][aria-rowindex="2"]';
const painted = (then) => requestAnimationFrame(() => setTimeout(then));
const look = () => {
  if (document.querySelector(rows)) painted(() => { noted.row = performance.now(); });
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
let last = 0;
const count = (now) => {
  if (last) noted.frames?.push(now - last);
  last = now;
  requestAnimationFrame(count);
};
requestAnimationFrame(count);
"""
#: Note when a text comes to be seen on the page, as the time of day in milliseconds.
_SEE = """
(text) => {
  const seen = () => document.querySelector("main")?.textContent.includes(text);
  const look = () => {
    if (!seen()) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => { noted.seen[text] = Date.now(); }));
  };
  const watch = new MutationObserver(look);
  watch.observe(document, { childList: true, subtree: true, characterData: true });
  look();
}
"""


@dataclass(frozen=True, slots=True)
class Smoothness:
    """How a page ran for a while: the length of its frames in ms, and the main thread's share."""

    frames_ms: list[float]
    busy: float

    def over(self, ms: float) -> float:
        """Return which part of the frames took longer, in percent."""
        late = sum(frame > ms for frame in self.frames_ms)
        return 100 * late / max(1, len(self.frames_ms))


@dataclass(slots=True)
class Loaded:
    """What a page has asked for: its files' addresses, and how many other requests."""

    files: list[str] = field(default_factory=list[str])
    reads: int = 0


class Console:
    """One tab, signed in."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable")
        self.frames = 0  # of the events socket
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, _: object) -> None:
        self.frames += 1

    def sign_in(self, link: str) -> None:
        """Follow a one-time link to the board."""
        self.page.goto(link)
        self.page.get_by_role("heading", level=1, name="Board").wait_for(timeout=WAIT_MS)

    def slow_down(self, times: float) -> None:
        """Run the page's code so many times as slowly."""
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": times})

    def load(self, path: str = "/console/live/board") -> Loaded:
        """Load a page anew; return what it asked for until it was quiet."""
        return self._noting(lambda: self.page.goto(f"{self.base_url}{path}"))

    def go(self, path: str) -> Loaded:
        """Go to another page, as a link does; return what it asked for until it was quiet."""
        return self._noting(lambda: self._evaluate(f"history.pushState(null, '', {path!r})"))

    def _noting(self, step: Callable[[], object]) -> Loaded:
        loaded = Loaded()

        def note(request: Request) -> None:
            if request.resource_type in _FILES or "/assets/" in request.url:
                loaded.files.append(request.url)
            else:
                loaded.reads += 1

        def note_socket(_: object) -> None:
            loaded.reads += 1

        self.page.on("request", note)
        self.page.on("websocket", note_socket)
        step()
        self.page.wait_for_timeout(QUIET_MS)
        self.page.remove_listener("request", note)
        self.page.remove_listener("websocket", note_socket)
        return loaded

    def first_row_ms(self) -> tuple[float, float]:
        """Load the board; return when its first row was painted, and when a key moved to it."""
        self.page.goto(f"{self.base_url}/console/live/board")
        self._until("noted.row > 0")
        self.page.keyboard.press("j")
        self._until("document.activeElement?.getAttribute('role') === 'row'")
        row, now = self._evaluate("[noted.row, performance.now()]")
        return row, now

    def watch(self, seconds: float) -> Smoothness:
        """Let the page run; return how it did."""
        self._evaluate("noted.frames = []")
        busy, begun = self._task_s(), time.monotonic()
        self.page.wait_for_timeout(seconds * 1_000)
        took = time.monotonic() - begun
        frames: list[float] = self._evaluate("[noted.frames, noted.frames = null][0]")
        return Smoothness(frames, 100 * (self._task_s() - busy) / took)

    def await_text(self, text: str) -> None:
        """Note when a text comes to be seen."""
        self._evaluate(f"({_SEE})({json.dumps(text)})")

    def seen(self) -> dict[str, float]:
        """Return when the texts were seen, in milliseconds of the time of day."""
        return self._evaluate("noted.seen")

    def heap_mb(self) -> float:
        """Return what the page's objects take once the garbage is gone."""
        self._devtools.send("HeapProfiler.collectGarbage")
        return self._metrics()["JSHeapUsedSize"] / 1e6

    def current_s(self) -> float:
        """Wait until the feed is connected; return how long that took."""
        begun = time.monotonic()
        status = "document.querySelector('[role=status][aria-label=Connection]')"
        self._until(f"{status}?.textContent.startsWith('Connected')")
        return time.monotonic() - begun

    def _until(self, condition: str) -> None:
        """Wait until a script says so."""
        look = f"const look = () => ({condition}) ? done() : requestAnimationFrame(look); look();"
        self._evaluate(f"new Promise((done) => {{ {look} }})")

    def _evaluate(self, script: str) -> Any:
        """Return what a script evaluates to, by a door that the page's policy does not close."""
        told: dict[str, Any] = self._devtools.send(
            "Runtime.evaluate",
            {"expression": script, "returnByValue": True, "awaitPromise": True},
        )
        if "exceptionDetails" in told:
            raise SystemExit(f"a script in the page failed: {told['exceptionDetails']}")
        return told["result"].get("value")

    def _task_s(self) -> float:
        return self._metrics()["TaskDuration"]

    def _metrics(self) -> dict[str, float]:
        told: dict[str, Any] = self._devtools.send("Performance.getMetrics")
        return {one["name"]: one["value"] for one in told["metrics"]}


@contextmanager
def console(base_url: str) -> Generator[Console]:
    """Start a browser with one tab for the length of a block. SystemExit without a browser."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise SystemExit("There is no Chromium here (Debian's package is called chromium).")
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(_NOTES)
            yield Console(page, base_url)
        finally:
            browser.close()


def gzipped_kb(urls: list[str]) -> float:
    """Return how large the JS and CSS among these files are, compressed, in KB."""
    size = 0
    for url in dict.fromkeys(urls):
        if urlsplit(url).path.endswith((".js", ".css")):
            with urllib.request.urlopen(url) as answer:
                size += len(gzip.compress(answer.read(), 9))
    return size / 1_000
