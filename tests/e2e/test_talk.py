"""`examples/talk.py` and its page, as "Talk in a browser" says: by hand, and in a browser."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.browser import browsing
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, ROOT, blocks_of

PAGE = DOCS / "howto" / "talk-in-a-browser.md"
SPEECH = ROOT / "examples" / "demo-call.wav"


REFUSED = (
    ("POST", "elsewhere"),
    ("POST", ""),
    ("GET", "ticket"),
    ("GET", "talk.py"),
    ("GET", "examples/"),
    ("GET", "../talk.py"),
)


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """Carry the page out: a server, and the example beside it."""
    with reachable_directory() as place:
        (place / "examples").symlink_to(ROOT / "examples")
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
            "PORT": "0",
        }
        with Shell(place, variables) as terminal:
            for block in blocks_of(PAGE, "sh"):
                terminal.run(block.code)
            (stays,) = blocks_of(PAGE, "sh stays")
            terminal.paste(f"{stays.code.strip()} &")
            terminal.shows("Open http")
            yield terminal


@pytest.fixture
def page_url(shell: Shell) -> str:
    found = re.search(r"Open (http://\S+)", shell.shown)
    assert found is not None
    return found[1] + "/"


async def test_the_backend_keeps_the_key(shell: Shell, page_url: str) -> None:
    key = shell.run("echo $SECRET_KEY").strip()
    assert key.startswith("sk_")
    async with aiohttp.ClientSession() as http:
        for path, kind in (("", "html"), ("voice.js", "javascript")):
            async with http.get(page_url + path) as answer:
                assert answer.content_type.endswith(kind)
                assert key not in await answer.text()
        async with http.post(f"{page_url}ticket") as answer:
            ticket = await answer.json()
        assert set(ticket) == {"id", "client_secret", "expires_at", "ws_url"}
        for method, path in REFUSED:
            async with http.request(method, page_url + path) as answer:
                assert answer.status == 404


async def test_somebody_talks_in_a_browser(page_url: str) -> None:
    async with browsing(page_url, SPEECH) as page:
        button, said = "document.querySelector('button')", "document.querySelector('pre')"
        await page.evaluate(f"{button}.click()")
        # A busy machine loses pieces of what the browser hears, and with them any of its words.
        await page.until(f"/user: .*\\w/.test({said}.textContent)")
        await page.until(f"{said}.textContent.trim().split('\\n').at(-1).startsWith('agent: ')")
        typed = "document.querySelector('input')"
        await page.until(f"!{typed}.disabled")
        await page.evaluate(f"{typed}.value = 'Hello?'; {typed}.dispatchEvent(new Event('change'))")
        await page.until(f"{said}.textContent.includes('user: Hello?')")
        await page.evaluate(f"{button}.click()")
        await page.until(f"{button}.textContent === 'Talk'")
        assert "lost" not in await page.evaluate(f"{said}.textContent")


async def test_somebody_without_a_microphone_types(page_url: str) -> None:
    async with browsing(page_url) as page:
        await page.evaluate(
            "navigator.mediaDevices.getUserMedia = async () => {"
            " throw new DOMException('no', 'NotFoundError'); };"
        )
        await page.evaluate("document.querySelector('button').click()")
        said = "document.querySelector('pre').textContent"
        await page.until(f"{said} === 'there is no such microphone'")
        await page.until("!document.querySelector('input').disabled")
        await page.evaluate(
            "const input = document.querySelector('input');"
            " input.value = 'What are your opening hours?';"
            " input.dispatchEvent(new Event('change'))"
        )
        await page.until(f"{said}.includes('user: What are your opening hours?')")
        await page.until(f"{said}.split('user: What')[1]?.includes('agent: ')")
