"""The console without a mouse: every step is a key."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.visits import link_for, visiting
from tests.callers import calling
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server


@pytest.mark.timeout(120)
@on_shared_server
async def test_one_finds_a_call_reads_it_and_ends_it(
    shared_service: Service, chromium: Browser
) -> None:
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("what are your opening hours")
        page = await visit.sign_in(await link_for(shared_service))
        heading = page.get_by_role("heading", level=1)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        for key in ("g", "c"):
            await page.keyboard.press(key)
        await expect(heading).to_have_text("Calls")
        await expect(heading).to_be_focused()
        table = page.get_by_role("table", name="Calls")
        await expect(table.get_by_role("row")).to_have_count(2)
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        transcript = page.get_by_role("log", name="Transcript")
        await expect(transcript).to_contain_text("what are your opening hours")
        await expect(transcript).to_contain_text("I did not get that")
        await expect(heading).to_be_focused()
        await page.keyboard.press("e")
        question = page.get_by_role("alertdialog", name="End this call?")
        await expect(question).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(question).to_be_hidden()
        await page.keyboard.press("e")
        confirm = question.get_by_role("button", name="End call")
        while not await confirm.evaluate("button => button === document.activeElement"):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Download transcript")).to_be_visible()
        (ended,) = await Rpc(shared_service).run(
            "list_calls",
            fields=["hangupCause"],
            filter={"callUuid": {"eq": caller.uuid}},
        )
        assert ended == {"hangupCause": "api_hangup"}


@pytest.mark.timeout(120)
@on_shared_server
async def test_the_search_and_the_table_of_keys(shared_service: Service, chromium: Browser) -> None:
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
        await page.keyboard.press("Control+k")
        dialog = page.get_by_role("dialog", name="Search")
        await expect(dialog.get_by_role("combobox", name="Search")).to_be_focused()
        await page.keyboard.type("prof")
        await expect(dialog.get_by_role("option", selected=True)).to_have_text("Profile")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
        keys = page.get_by_role("checkbox", name="Keys without Ctrl")
        await keys.focus()
        await page.keyboard.press("Space")
        await expect(keys).not_to_be_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
