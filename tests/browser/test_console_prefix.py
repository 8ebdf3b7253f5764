"""The console below a path prefix, behind the proxy of the page "Run it in production"."""

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from playwright.async_api import Browser, expect

from tests.browser.visits import connection, link_for, visiting
from tests.callers import calling
from tests.database import TestDatabase
from tests.e2e.nginx import proxied
from tests.e2e.programs import find_program
from tests.serving import serving


@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_console_works_below_a_prefix(
    database: TestDatabase, chromium: Browser, tmp_path: Path
) -> None:
    nginx, port, own_port = find_program("nginx"), unused_port(), unused_port()
    here = f"http://127.0.0.1:{own_port}"
    async with (
        proxied(nginx, here, place=tmp_path, port=port) as public,
        serving(database, port=own_port, public_url=public, trusted_proxies="127.0.0.1") as service,
        calling(replace(service, base_url=here)) as caller,
        visiting(chromium, public) as visit,
    ):
        link = await link_for(service)
        assert link.startswith(f"{public}/console/sign-in#")
        page = await visit.sign_in(link)
        (cookie,) = await visit.context.cookies(f"{public}/console/api/me")
        assert (cookie.get("path"), cookie.get("secure")) == ("/ringline/console/api", True)
        await page.get_by_role("button", name="Show what is said").click()
        table = page.get_by_role("table", name="Calls now")
        await caller.ask("what are your opening hours")
        await expect(table).to_contain_text("what are your opening hours")  # by the socket
        await page.get_by_role("link", name="Open").click()
        transcript = page.get_by_role("log", name="Transcript")
        await expect(transcript).to_contain_text("what are your opening hours")
        assert page.url == f"{public}/console/live/calls/{caller.uuid}"
        await page.reload()
        await expect(transcript).to_contain_text("what are your opening hours")
        await expect(connection(page)).to_contain_text("Connected")
        direct = await visit.context.request.get(f"{here}/console")
        assert 'src="/console/assets/' in await direct.text()  # the same server without a prefix
