"""Tabs of one browser: they share a sign-in, and nothing else."""

import json
import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.visits import connection, link_for, visiting
from tests.callers import calling
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)

#: What the console keeps in a browser: how it looks, and whether keys do anything.
KEPT = {"ringline.theme", "ringline.keys"}


async def sign_out(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("owner")).click()
    await page.get_by_role("menuitem", name="Sign out").click()


@on_shared_server
async def test_a_sign_out_ends_every_tab_and_one_comes_back_to_the_same_page(
    shared_service: Service, chromium: Browser
) -> None:
    async with visiting(chromium, shared_service.base_url) as visit:
        first = await visit.sign_in(await link_for(shared_service))
        second = await visit.open("/live/calls?direction=inbound")
        await expect(connection(second)).to_contain_text("Connected")
        await sign_out(first)
        for page in (first, second):
            await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert await visit.context.cookies() == []
        # The link of another sign-in, pasted into the page that was left.
        link = await link_for(shared_service)
        await second.evaluate(f"location.hash = {json.dumps(link.partition('#')[2])}")
        await expect(second.get_by_role("heading", level=1)).to_have_text("Calls")
        assert second.url.endswith("/console/live/calls?direction=inbound")


@on_shared_server
async def test_a_spent_link_says_so(shared_service: Service, chromium: Browser) -> None:
    link = await link_for(shared_service)
    async with visiting(chromium, shared_service.base_url) as visit:
        await sign_out(await visit.sign_in(link))
        page = await visit.open(link.partition("/console")[2])
        await expect(page.get_by_role("alert")).to_contain_text("was used already")
        assert "#" not in page.url


@on_shared_server
async def test_two_environments_side_by_side_never_mix(
    shared_service: Service, chromium: Browser
) -> None:
    async with (
        calling(shared_service) as live,
        calling(shared_service, shared_service.keys.test_key) as test,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await live.ask("this is the live one")
        await test.ask("this is the test one")
        pages = {
            "live": await visit.sign_in(await link_for(shared_service)),
            "test": await visit.open("/test/board"),
        }
        for environment, page in pages.items():
            table = page.get_by_role("table", name="Calls now")
            await expect(table.get_by_role("row")).to_have_count(2)  # the heads' and the call's
            await page.get_by_role("button", name="Show what is said").click()
            await expect(table).to_contain_text(f"this is the {environment} one")
            chosen = page.get_by_role("group", name="Environment").get_by_role(
                "button", pressed=True
            )
            await expect(chosen).to_have_text(environment.capitalize())
        await pages["live"].get_by_role("button", name="Test").click()
        await expect(pages["live"].get_by_role("table", name="Calls now")).to_be_visible()
        assert pages["live"].url.endswith("/console/test/board")


@on_shared_server
async def test_nothing_confidential_stays_in_the_browser(
    shared_service: Service, chromium: Browser
) -> None:
    """Neither in a storage, nor in an address, nor on the console."""
    link = await link_for(shared_service)
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("nobody else is to read this")
        tokens: list[str] = []
        visit.context.on("request", lambda request: tokens.append(request.url))
        page = await visit.sign_in(link)
        await page.get_by_role("button", name="Show what is said").click()
        await expect(page.get_by_role("table", name="Calls now")).to_contain_text("nobody else")
        (cookie,) = await visit.context.cookies(f"{shared_service.base_url}/console/api/me")
        assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
        kept = json.loads(
            await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        )
        assert set(kept[0]) <= KEPT
        assert kept[1] == {}
        secrets = [cookie.get("value", ""), link.partition("#")[2], "nobody else"]
        shown = [page.url, *visit.said, *(url for url in tokens if "/socket/" not in url)]
        assert [secret for secret in secrets if any(secret in text for text in shown)] == []
        assert await page.evaluate("document.cookie") == ""
