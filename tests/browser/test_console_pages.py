"""Every page of the console, light and dark, on a desktop and a phone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.visits import (
    SIZES,
    Theme,
    connection,
    faults_of,
    link_for,
    overflow_of,
    read_routes,
    visiting,
)
from tests.callers import Caller, calling, make_call
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(300)

#: The table's paths with their headings; a call's heading is who calls.
PAGES = {
    "/board": "Board",
    "/calls": "Calls",
    "/calls/:uuid": "Web caller",
    "/settings/profile": "Profile",
}
#: Pages of people who have not signed in.
STRANGERS = {"/sign-in": "Sign in", "/join#inv_x": "Join a workspace"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(shared_service: Service) -> AsyncIterator[Caller]:
    """Provide a call that goes on, beside one that has ended."""
    await make_call(shared_service, "hello", "bye")
    async with calling(shared_service) as caller:
        await caller.ask("what are your opening hours")
        yield caller


def test_every_page_of_the_table_is_visited() -> None:
    assert set(PAGES) == read_routes()


@on_shared_server
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_page_is_clean(
    shared_service: Service, chromium: Browser, caller: Caller, *, size: str, theme: Theme
) -> None:
    """No violation of the policy or of WCAG 2.2 A and AA, no error, no other host."""
    base_url = shared_service.base_url
    async with visiting(chromium, base_url, size=size, theme=theme) as visit:
        faults: dict[str, list[str]] = {}
        for path, title in STRANGERS.items():
            page = await visit.open(path)
            await expect(page.get_by_role("heading", level=1)).to_have_text(title)
            await page.wait_for_load_state("networkidle")
            faults[path] = await faults_of(page)
        page = await visit.sign_in(await link_for(shared_service))
        for path, title in PAGES.items():
            address = path.replace(":uuid", caller.uuid)
            await page.goto(f"{base_url}/console/live{address}")
            await expect(page.get_by_role("heading", level=1)).to_have_text(title)
            await expect(connection(page)).to_contain_text("Connected")
            await page.wait_for_load_state("networkidle")
            faults[path] = await faults_of(page)
            assert await overflow_of(page) == 0, path
        assert {path: found for path, found in faults.items() if found} == {}
