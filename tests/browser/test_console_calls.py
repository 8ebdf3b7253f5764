"""The console's list of calls: found, opened, come back to, counted and taken away as a file."""

import csv
import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Browser, expect

from ringline.domain.ids import Prefix, format_id
from tests.browser.external_calls import finish, register
from tests.browser.visits import link_for, visiting
from tests.callers import make_call
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)


@on_shared_server
async def test_a_call_is_found_and_its_row_come_back_to(
    shared_service: Service, chromium: Browser
) -> None:
    ended = [
        await register(shared_service, fromNumber=f"+44131496{number:04}", direction="inbound")
        for number in range(120)
    ]
    await finish(shared_service, *ended)
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        await page.get_by_role("link", name="Calls").click()
        search = page.get_by_role("search", name="Filter calls")
        await search.get_by_role("searchbox", name="Number").fill("+44131496")
        await expect(page).to_have_url(
            f"{shared_service.base_url}/console/live/calls?number=%2B44131496"
        )
        await search.get_by_role("button", name="Count").click()
        await expect(search.get_by_role("status")).to_have_text("120 calls")
        await expect(page.get_by_role("row", name="+441314960119")).to_be_visible()
        await page.get_by_role("heading", level=1).focus()
        row = page.locator('[role="row"]:focus')
        await page.keyboard.press("j")
        for last, more in ((51, 1), (101, 1), (121, 0)):  # a page has 50 calls
            await page.keyboard.press("End")
            await expect(row).to_have_attribute("aria-rowindex", str(last))
            await expect(page.locator(f'[aria-rowindex="{last + 1}"]')).to_have_count(more)
        await expect(row).to_have_accessible_name("+441314960000 Nobody")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("+441314960000")
        await page.keyboard.press("Escape")
        await expect(row).to_have_accessible_name("+441314960000 Nobody")


@on_shared_server
async def test_the_search_finds_a_call_by_name_number_and_id(
    shared_service: Service, chromium: Browser
) -> None:
    contact = {"fullName": "Zoë Quill", "phoneE164": "+442079460188"}
    await Rpc(shared_service).run("create_contact", input=contact, fields=["id"])
    uuid = await register(shared_service, fromNumber=contact["phoneE164"])
    (call,) = await Rpc(shared_service).run(
        "list_calls", fields=["id"], filter={"callUuid": {"eq": uuid}}
    )
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        for text in ("zoë qu", "+44 20 7946-0188", format_id(Prefix.CALL, UUID(call["id"]))):
            await page.keyboard.press("Control+k")
            search = page.get_by_role("dialog", name="Search")
            await search.get_by_role("combobox", name="Search").fill(text)
            await search.get_by_role("option", name="Zoë Quill → Nobody yet").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Zoë Quill")
            assert page.url.endswith(f"/live/calls/{uuid}")
    await finish(shared_service, uuid)


@on_shared_server
async def test_times_and_days_are_those_of_utc_if_one_likes(
    shared_service: Service, chromium: Browser
) -> None:
    uuid = await register(shared_service, fromNumber="+442079460177")
    await finish(shared_service, uuid)
    (call,) = await Rpc(shared_service).run(
        "list_calls", fields=["startedAt"], filter={"callUuid": {"eq": uuid}}
    )
    day, time = call["startedAt"][:10], call["startedAt"][11:19]
    async with visiting(chromium, shared_service.base_url, zone="Pacific/Kiritimati") as visit:
        page = await visit.sign_in(await link_for(shared_service))
        calls = await visit.open("/live/calls?number=%2B442079460177")
        began = calls.get_by_role("row", name="+442079460177").locator("time").first
        await expect(began).not_to_contain_text(time)
        await expect(began).to_have_attribute("title", re.compile(f"{day} {time} UTC$"))
        await page.goto(f"{shared_service.base_url}/console/live/settings/profile")
        times = page.get_by_role("group", name="Times")
        await expect(times.get_by_role("button", pressed=True)).to_have_text(
            "Here (Pacific/Kiritimati)"
        )
        await times.get_by_role("button", name="UTC").click()
        await expect(began).to_contain_text(time)  # in the other tab, at once
        await calls.get_by_role("search").get_by_label("From").fill(day)
        await expect(calls).to_have_url(re.compile(f"from={day}"))
        await expect(began).to_contain_text(time)


@on_shared_server
async def test_new_calls_wait_and_a_file_holds_the_rest(
    shared_service: Service, chromium: Browser, tmp_path: Path
) -> None:
    await make_call(shared_service, "hello", "bye")
    async with visiting(chromium, shared_service.base_url) as visit:
        await visit.sign_in(await link_for(shared_service))
        page = await visit.open("/live/calls?direction=outbound")
        await expect(page.get_by_text("No call is like that.")).to_be_visible()
        uuid = await register(
            shared_service, fromNumber="=cmd|x", toNumber="+442079460133", direction="outbound"
        )
        await register(shared_service, fromNumber="+442079460134")
        await page.get_by_role("button", name="1 new call").click()
        table = page.get_by_role("table", name="Calls")
        await expect(table.get_by_role("row")).to_have_count(2)
        async with page.expect_download() as download:
            await page.get_by_role("button", name="CSV").click()
        file = tmp_path / "calls.csv"
        await (await download.value).save_as(file)
        with file.open(newline="", encoding="utf-8") as lines:
            (found,) = csv.DictReader(lines)
        assert (found["call_uuid"], found["from"]) == (uuid, "'=cmd|x")
        assert found["direction"] == "outbound"
        (call,) = await Rpc(shared_service).run(
            "list_calls", fields=["startedAt"], filter={"callUuid": {"eq": uuid}}
        )
        assert found["started_at"] == call["startedAt"]
