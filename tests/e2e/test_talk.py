"""`examples/talk.py` and its page: the backend by itself, and in a browser with a microphone."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.database import TestDatabase
from tests.e2e.browser import browsing
from tests.pages import ROOT
from tests.serving import Service, serving

SPEECH = ROOT / "examples" / "demo-call.wav"


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, warm=True) as service:
        yield service


@pytest.fixture
async def page_url(service: Service) -> AsyncIterator[str]:
    """Run the example beside a server; give the address that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "talk.py"),
        env={
            "URL": service.base_url,
            "SECRET_KEY": service.keys.secret_key,
            "AGENT_ID": service.agent_id,
            "PORT": "0",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        found = re.search(rb"http://\S+", await process.stdout.readline())
        assert found is not None
        yield found[0].decode() + "/"
    finally:
        process.terminate()
        await process.communicate()


async def test_the_backend_keeps_the_key(service: Service, page_url: str) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(page_url) as answer:
            assert answer.content_type == "text/html"
            assert service.keys.secret_key not in await answer.text()
        async with http.post(f"{page_url}ticket") as answer:
            ticket = await answer.json()
        assert set(ticket) == {"socket", "client_secret"}
        assert ticket["socket"] == f"{service.ws_url}/v3/realtime"
        async with http.post(f"{page_url}elsewhere") as answer:
            assert answer.status == 404


async def test_somebody_talks_in_a_browser(page_url: str) -> None:
    async with browsing(page_url, SPEECH) as page:
        await page.evaluate("document.getElementById('talk').click()")
        lines = "[...document.querySelectorAll('#said p')]"
        said = f"{lines}.map((line) => line.className + ': ' + line.textContent)"
        heard = "you: what are your opening hours"
        await page.until(f"{said}.some((line) => line === {heard!r})")
        await page.until(f"{said}.at(-1).startsWith('agent: ') && {said}.length > 2")
        assert await page.evaluate(f"{said}.filter((line) => line.startsWith('trouble'))") == []
        await page.evaluate("document.getElementById('talk').click()")
        await page.until("document.getElementById('talk').textContent === 'Start'")
