"""Pages that are open while the server gets a newer console, whose parts have other names."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from ringline.web.console_files import FOLDER, ConsoleFiles
from tests.browser.newer_builds import write_newer
from tests.browser.visits import Visit, connection, link_for, visiting
from tests.database import TestDatabase
from tests.serving import on_shared_server, serving

#: What Chromium and the SDK write to the console while the server is away, or a part is gone.
AWAY = ("ERR_", "sessionToken failed", "a status of 404", "dynamically imported module")
READY = "A newer console is ready."


@asynccontextmanager
async def two_pages(
    database: TestDatabase, chromium: Browser, stack: AsyncExitStack
) -> AsyncIterator[tuple[Visit, Page, Page]]:
    """Open the board twice; the server ends with the block, the pages with the stack."""
    async with serving(database) as service:
        visit = await stack.enter_async_context(visiting(chromium, service.base_url))
        visit.provoked += AWAY
        first = await visit.sign_in(await link_for(service))
        second = await visit.open("/live/board")
        await expect(connection(second)).to_contain_text("Connected")
        yield visit, first, second


async def open_in_rail(page: Page, title: str) -> None:
    rail = page.get_by_role("navigation", name="Console")
    await rail.get_by_role("link", name=title).click()


def loads_of(page: Page) -> list[str]:
    """Return a list that grows with each document that a page loads."""
    loads: list[str] = []
    page.on("domcontentloaded", lambda page: loads.append(urlsplit(page.url).path))
    return loads


@pytest.mark.timeout(120)
@on_shared_server
async def test_an_open_page_of_an_older_build_finds_every_page(
    shared_database: TestDatabase,
    chromium: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_newer(FOLDER, tmp_path)
    (broken,) = (tmp_path / "assets").glob("Profile-*.js")
    broken.unlink()
    async with AsyncExitStack() as stack:
        async with two_pages(shared_database, chromium, stack) as (visit, first, second):
            port = urlsplit(visit.base_url).port
        await expect(connection(first)).to_contain_text("Resuming")
        await open_in_rail(first, "Calls")  # nobody can send its code now
        await expect(first.get_by_role("main")).to_be_visible()
        loads = {page: loads_of(page) for page in (first, second)}

        newer = partial(ConsoleFiles, folder=tmp_path)
        monkeypatch.setattr("ringline.app.console.ConsoleFiles", newer)
        async with serving(shared_database, port=port):
            await expect(first.get_by_role("search", name="Filter calls")).to_be_visible()
            ready = second.get_by_role("status").filter(has_text=READY)
            await expect(ready).to_have_count(1)
            await open_in_rail(second, "Calls")  # its code has another name by now
            await expect(second.get_by_role("search", name="Filter calls")).to_be_visible()
            for page in (first, second):
                await expect(connection(page)).to_contain_text("Connected")
                await expect(page.get_by_text(READY)).to_have_count(0)
                assert loads[page] == ["/console/live/calls"]

            # What is gone from the newest build, too, is asked for once more, and no oftener.
            await open_in_rail(first, "Profile")
            await expect(first.get_by_role("alert")).to_contain_text(
                "This page could not be shown."
            )
            assert loads[first] == ["/console/live/calls", "/console/live/settings/profile"]
            await open_in_rail(first, "Board")
            await expect(first.get_by_role("group", name="Figures")).to_be_visible()
            assert len(loads[first]) == 2
