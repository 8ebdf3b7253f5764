"""The console's Board: what waits, what one does about it, and nothing moves under a reader."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.external_calls import finish, register
from tests.browser.visits import link_for, overflow_of, visiting
from tests.callers import calling
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)


def rows_of(page: Page) -> Locator:
    """Return the rows of the table, without its heads."""
    return page.get_by_role("table", name="Calls now").locator(
        '[role="row"]:not([aria-rowindex="1"])'
    )


@on_shared_server
async def test_one_accepts_the_longest_wait(shared_service: Service, chromium: Browser) -> None:
    name = "<b>Priya</b> 😀 ראמאן " + "with a very long name " * 8
    number = "+442079460111"
    await Rpc(shared_service).run(
        "create_contact", input={"fullName": name, "phoneE164": number}, fields=["id"]
    )
    uuid = await register(shared_service, fromNumber=number, status="queued")
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        waiting = page.get_by_role("list", name="Waiting")
        await expect(waiting.get_by_role("button", name=f"Accept {name.strip()}")).to_be_visible()
        assert await overflow_of(page) == 0
        await expect(rows_of(page)).to_have_accessible_name(f"{name.strip()} Nobody yet")
        await page.keyboard.press("a")
        await expect(waiting).to_have_count(0)
        people = page.get_by_role("button", name="With people")
        await expect(people).to_have_text("With people1")
        await people.click()
        await expect(rows_of(page)).to_have_count(1)
        assert page.url.endswith("/live/board?show=person")
        await page.reload()
        await expect(people).to_have_attribute("aria-pressed", "true")
        await expect(rows_of(page)).to_have_count(1)
    await finish(shared_service, uuid)


@on_shared_server
async def test_a_new_call_waits_while_one_reads(shared_service: Service, chromium: Browser) -> None:
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("what are your opening hours")
        page = await visit.sign_in(await link_for(shared_service))
        await expect(rows_of(page)).to_have_count(1)
        await page.keyboard.press("j")
        await page.keyboard.press("Space")
        await expect(page.get_by_role("list", name="What is said")).to_contain_text("opening hours")
        uuid = await register(shared_service, fromNumber="+442079460122")
        pill = page.get_by_role("button", name="1 new call")
        await expect(pill).to_be_visible()
        await expect(rows_of(page)).to_have_count(1)
        await expect(rows_of(page)).to_be_focused()
        await page.keyboard.press(".")
        await expect(rows_of(page)).to_have_count(2)
        await expect(pill).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("list", name="What is said")).to_have_count(0)
        await finish(shared_service, uuid)


@on_shared_server
async def test_an_agent_is_paused_and_resumed(shared_service: Service, chromium: Browser) -> None:
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("what are your opening hours")
        page = await visit.sign_in(await link_for(shared_service))
        await expect(rows_of(page)).to_have_count(1)
        await page.get_by_role("button", name="Show what is said").click()
        await page.get_by_role("button", name="Pause agent").click()
        question = page.get_by_role("alertdialog", name="Pause the agent?")
        await expect(question).to_contain_text("hears silence")
        await question.get_by_role("button", name="Pause agent").click()
        resume = page.get_by_role("button", name="Resume agent")
        await expect(resume).to_be_enabled()
        await resume.click()
        await expect(page.get_by_role("button", name="Pause agent")).to_be_enabled()


@on_shared_server
async def test_one_walks_through_a_full_board(shared_service: Service, chromium: Browser) -> None:
    uuids = [
        await register(shared_service, fromNumber=f"+4420794601{number:02}") for number in range(30)
    ]
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        figures = page.get_by_role("group", name="Figures")
        await expect(figures.get_by_role("term")).to_have_text(
            ["On the line", "Waiting", "Answered today", "Turn gap, p95"]
        )
        await expect(figures).to_contain_text("30")
        table = page.get_by_role("table", name="Calls now")
        await expect(table).to_have_attribute("aria-rowcount", "31")
        for key in ("j", "End"):
            await page.keyboard.press(key)
        await expect(page.locator('[aria-rowindex="31"]')).to_be_focused()
    await finish(shared_service, *uuids)
