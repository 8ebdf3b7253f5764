"""The page of a call: what was said, what was heard, and what happened, by its accessible names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry
from tests.browser.visits import link_for, overflow_of, visiting
from tests.callers import calling
from tests.database import OTHER, TestDatabase
from tests.payload_examples import CALL, ENDED_ROW, ROW, STORED
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)

#: What a caller may type to do harm, or to break a layout.
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "\u202ereversed\u202c שלום עולם مرحبا بالعالم",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 60,
    "x" * 30_000,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(shared_service: Service, shared_database: TestDatabase) -> AsyncIterator[Service]:
    """Provide a server whose log holds the call that the reference of payloads tells."""
    scope = Scope(shared_service.keys.workspace_id, Environment.LIVE)
    *before, last = [
        stored.event for stored in STORED if stored.event.call and stored.event.data.durable
    ]
    async with shared_database.stores(OTHER, claim=False) as stores:
        await stores.log.commit(
            [
                Entry(scope, tuple(before), (ROW,), CALL),
                Entry(scope, (last,), (ENDED_ROW,), CALL),
            ]
        )
    yield shared_service


@asynccontextmanager
async def reading(
    chromium: Browser, service: Service, uuid: str, *, size: str = "desktop"
) -> AsyncIterator[Page]:
    """Sign in, and open the page of a call."""
    async with visiting(chromium, service.base_url, size=size) as visit:
        page = await visit.sign_in(await link_for(service))
        await page.goto(f"{service.base_url}/console/live/calls/{uuid}")
        yield page


@on_shared_server
async def test_it_says_what_was_heard_and_what_was_not(told: Service, chromium: Browser) -> None:
    async with reading(chromium, told, ROW.uuid) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
        await expect(page.get_by_role("timer", name="Time on the line")).to_have_text("0:41")
        transcript = page.get_by_role("log", name="Transcript")
        asked = transcript.get_by_role("article", name="Caller, 0:04")
        await expect(asked).to_contain_text("When do you open?")
        answer = transcript.get_by_role("article", name="local/attendant, 0:06")
        await expect(answer).to_contain_text("We open at nine")
        await expect(answer.get_by_role("deletion")).to_contain_text("and close at six.")
        await expect(answer).to_contain_text("840 ms")
        unclear = transcript.get_by_role("article", name="Caller, 0:08")
        await expect(unclear).to_contain_text("not understood")
        for happened in ("Interrupted.", "A person has the call.", "On hold.", "Transferred to"):
            await expect(transcript).to_contain_text(happened)
        gap = page.get_by_role("region", name="Turn gap").get_by_role("button")
        await expect(gap).to_contain_text("voice 838 ms, gateway 2 ms")
        await expect(page.get_by_role("img", name="Line: ")).to_be_visible()


@on_shared_server
async def test_a_turn_and_a_tab_have_addresses(told: Service, chromium: Browser) -> None:
    async with reading(chromium, told, ROW.uuid) as page:
        answer = page.get_by_role("article", name="local/attendant, 0:06")
        await answer.get_by_role("link", name="0:06").click()
        await expect(answer).to_have_attribute("aria-current", "true")
        about = page.get_by_role("navigation", name="About this call")
        await about.get_by_role("link", name="Facts", exact=True).click()
        facts = page.get_by_role("region", name="About this call, in full")
        await expect(facts).to_contain_text(format_id(Prefix.CALL, CALL))
        await expect(facts).to_contain_text("transferred")
        await page.reload()
        await expect(answer).to_have_attribute("aria-current", "true")
        await expect(facts).to_contain_text(str(CALL))
        await page.keyboard.press("]")
        following = page.get_by_role("article", name="Caller, 0:08")
        await expect(following).to_have_attribute("aria-current", "true")
        await about.get_by_role("link", name="Events", exact=True).click()
        await facts.get_by_role("button", name="call.barge_in").click()
        await expect(facts).to_contain_text('"spokenText": "We open at nine"')


@on_shared_server
async def test_shift_and_an_arrow_seek_from_anywhere(told: Service, chromium: Browser) -> None:
    async with reading(chromium, told, ROW.uuid) as page:
        position = page.get_by_role("slider", name="Position in the call")
        asked = page.get_by_role("article", name="Caller, 0:04")
        await asked.get_by_role("link", name="0:04").click()
        await expect(position).to_have_attribute("aria-valuetext", "0:04")
        for key, time in (("Right", "0:09"), ("Right", "0:14"), ("Left", "0:09")):
            await page.keyboard.press(f"Shift+Arrow{key}")
            await expect(position).to_have_attribute("aria-valuetext", time)
        following = page.get_by_role("article", name="Caller, 0:08")
        await expect(following).to_have_attribute("aria-current", "true")


@on_shared_server
async def test_a_call_may_have_any_name(shared_service: Service, chromium: Browser) -> None:
    name = "100% of a/b?c#d \u202e'<i>"
    ends = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}
    await Rpc(shared_service).run("create_call", fields=["id"], input={"callUuid": name, **ends})
    async with reading(chromium, shared_service, quote(name, safe="")) as page:
        about = page.get_by_role("navigation", name="About this call")
        await about.get_by_role("link", name="Facts", exact=True).click()
        facts = page.get_by_role("region", name="About this call, in full")
        await expect(facts.get_by_text(name, exact=True)).to_be_visible()
        await page.reload()
        await expect(facts.get_by_text(name, exact=True)).to_be_visible()


@on_shared_server
async def test_the_transcript_is_saved_as_text(told: Service, chromium: Browser) -> None:
    async with reading(chromium, told, ROW.uuid) as page:
        await page.get_by_role("button", name="Download transcript").click()
        async with page.expect_download() as saving:
            await page.get_by_role("menuitem", name="Text").click()
        saved = await saving.value
        assert saved.suggested_filename == "transcript-order-7.txt"
        text = (await saved.path()).read_text("utf-8")
        assert "0:04  Caller: When do you open?" in text
        assert "We open at nine [not heard: and close at six.]" in text


@on_shared_server
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_whatever_a_caller_says_is_text(
    shared_service: Service, chromium: Browser, size: str
) -> None:
    async with calling(shared_service) as caller:
        await caller.say(*HOSTILE)
        async with reading(chromium, shared_service, caller.uuid, size=size) as page:
            turns = page.get_by_role("article")
            await expect(turns).to_have_count(len(HOSTILE))
            await turns.last.get_by_role("button", name="Show all").click()
            for place, text in enumerate(HOSTILE):
                assert text in await turns.nth(place).inner_text()
            assert await overflow_of(page) == 0


@on_shared_server
async def test_it_follows_the_end_until_one_scrolls_away(
    shared_service: Service, chromium: Browser
) -> None:
    async with calling(shared_service) as caller:
        await caller.say(*(f"turn {number}" for number in range(40)))
        async with reading(chromium, shared_service, caller.uuid) as page:
            await expect(page.get_by_role("article").last).to_be_in_viewport()
            await caller.say("the next")
            await expect(page.get_by_text("the next", exact=True)).to_be_in_viewport()
            transcript = page.get_by_role("log", name="Transcript")
            await transcript.evaluate("log => log.scrollTo(0, 0)")
            await expect(page.get_by_text("turn 0", exact=True)).to_be_in_viewport()
            await caller.say("one more", "and another")
            pill = page.get_by_role("button", name="2 new turns")
            await expect(pill).to_be_visible()
            await expect(page.get_by_text("turn 0", exact=True)).to_be_in_viewport()
            await page.keyboard.press(".")
            await expect(page.get_by_text("and another", exact=True)).to_be_in_viewport()
            await expect(pill).to_be_hidden()
            marked = page.locator("article[aria-current]")
            for _ in range(2):
                await page.keyboard.press("[")
                await expect(marked).to_have_count(1)
            await caller.say("behind the marked one")
            await expect(page.get_by_role("button", name="1 new turn")).to_be_visible()
            await page.keyboard.press(".")
            await expect(marked).to_have_count(0)
            await expect(page.get_by_text("behind the marked one", exact=True)).to_be_in_viewport()


@on_shared_server
async def test_the_agent_is_paused_and_resumes(shared_service: Service, chromium: Browser) -> None:
    async with (
        calling(shared_service) as caller,
        reading(chromium, shared_service, caller.uuid) as page,
    ):
        await page.get_by_role("button", name="Pause agent").click()
        question = page.get_by_role("alertdialog", name="Pause the agent?")
        await expect(question).to_contain_text("hears silence")
        await question.get_by_role("button", name="Pause agent").click()
        await page.get_by_role("button", name="Resume agent").click()
        await expect(page.get_by_role("button", name="Pause agent")).to_be_enabled()
        about = page.get_by_role("navigation", name="About this call")
        await about.get_by_role("link", name="Audit", exact=True).click()
        entries = page.get_by_role("region", name="About this call, in full")
        await expect(entries).to_contain_text("owner@localhost resumed the agent")
        await expect(entries).to_contain_text("owner@localhost paused the agent")


@on_shared_server
async def test_unknown_and_foreign_calls_are_one_and_the_same(
    shared_service: Service, chromium: Browser
) -> None:
    async with calling(shared_service, shared_service.keys.test_key) as foreign:
        for uuid in ("nobody", foreign.uuid, "%E0%A4%A"):
            async with reading(chromium, shared_service, uuid) as page:
                await expect(page.get_by_role("main")).to_contain_text("No such call here.")
