"""Visits of the console in a browser, and whatever a page should not have done meanwhile."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from tests.pages import ROOT
from tests.serving import Service

Theme: TypeAlias = Literal["light", "dark"]

#: A desktop and a phone.
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
LIMIT_MS = 60_000.0  # a bound for what must come, not an expectation of when
expect.set_options(timeout=LIMIT_MS)

#: Of npm, installed by `tools/console.py`.
_AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
  console.error(`the policy forbids ${violatedDirective} ${blockedURI} in ${sourceFile}`));
"""
#: What Chromium itself says of what the page expects and handles: no sign-in, or no longer; a
#: connection that is given up as it begins.
_EXPECTED = (
    "a status of 401",
    "WebSocket is closed before the connection is established",
    "sessionToken failed: signed out",
)


@dataclass
class Visit:
    """A browser with one profile: its pages share a sign-in."""

    base_url: str
    context: BrowserContext
    #: Errors on the console, policy violations, requests to another host.
    problems: list[str] = field(default_factory=list[str])
    #: What a test provokes: pieces of such problems that are none.
    provoked: list[str] = field(default_factory=lambda: [*_EXPECTED])
    #: Everything that was written to the console.
    said: list[str] = field(default_factory=list[str])

    async def open(self, path: str = "/") -> Page:
        """Open another tab at an address of the console."""
        page = await self.context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._check)
        page.on("response", self._note)
        await page.goto(f"{self.base_url}/console{path}")
        return page

    async def sign_in(self, link: str) -> Page:
        """Follow a one-time link, up to the first page."""
        page = await self.open(link.partition("/console")[2])
        await expect(connection(page)).to_contain_text("Connected")
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)
        if message.type in ("error", "warning"):
            self._judge(message.text)

    def _judge(self, text: str) -> None:
        if not any(piece in text for piece in self.provoked):
            self.problems.append(text)

    def _note(self, response: Response) -> None:
        """Name the address of an error, which Chromium's own words do not."""
        if response.status >= 400:
            self._judge(f"a status of {response.status}: {response.url}")

    def _check(self, request: Request) -> None:
        host = urlsplit(request.url).netloc
        if host and host != urlsplit(self.base_url).netloc:
            self.problems.append(f"a request to {request.url}")


def connection(page: Page) -> Locator:
    """Return where a page says how its connection is."""
    return page.get_by_role("status", name="Connection")


async def link_for(service: Service, email: str | None = None) -> str:
    """Make a one-time link, by default for the owner."""
    made = await service.admin.console_links.make(
        service.keys.workspace_id, email, life=timedelta(minutes=15)
    )
    return made.url_at(service.base_url)


@asynccontextmanager
async def visiting(
    chromium: Browser,
    base_url: str,
    *,
    size: str = "desktop",
    theme: Theme = "light",
    zone: str | None = None,
) -> AsyncIterator[Visit]:
    """Visit a server's console with a profile of its own; nothing may have gone wrong."""
    width, height = SIZES[size]
    context = await chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        timezone_id=zone,
        reduced_motion="reduce",  # a row that fades in has too little contrast for axe
        ignore_https_errors=True,  # a proxy of the tests has a certificate of its own
    )
    await context.add_init_script(_VIOLATIONS)
    visit = Visit(base_url, context)
    try:
        yield visit
    finally:
        await context.close()
    assert not visit.problems, visit.problems


async def faults_of(page: Page) -> list[str]:
    """Return what axe-core has against a page by WCAG 2.2 A and AA."""
    await page.evaluate(f"{_AXE.read_text('utf-8')}; undefined")
    options = json.dumps({"runOnly": {"type": "tag", "values": _WCAG}})
    found: dict[str, Any] = await page.evaluate(f"axe.run(document, {options})")
    return [
        f"{violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def overflow_of(page: Page) -> int:
    """Return by how many pixels a page scrolls sideways."""
    return await page.evaluate(
        "Math.max(...['html', 'main'].map((name) => document.querySelector(name))"
        ".map((element) => element.scrollWidth - element.clientWidth))"
    )


def read_routes() -> set[str]:
    """Return the paths of the console's table of pages, below the environment."""
    text = (ROOT / "console" / "src" / "routes.tsx").read_text("utf-8")
    return set(re.findall(r'\bpath: "([^"]+)"', text))
