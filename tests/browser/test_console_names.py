"""The accessible names that screen readers and other tests rely on: one table, page by page."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.external_calls import register
from tests.browser.visits import connection, link_for, visiting
from tests.callers import Caller, calling, make_call
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)

WAITING = "+442079460155"

#: On every page: roles and names, each there once.
EVERYWHERE = (
    ("navigation", "Console"),
    ("main", None),
    ("link", "Skip to the page"),
    ("status", "Connection"),
    ("group", "Environment"),
    ("button", "Live"),
    ("button", "Test"),
    ("button", "Search"),
)
#: By page.
NAMES = {
    "/board": (
        ("table", "Calls now"),
        ("row", "Web caller local/attendant"),
        ("list", "Waiting"),
        ("button", f"Accept {WAITING}"),
        ("list", "Team"),
        ("list", "Just ended"),
        ("group", "Figures"),
    ),
    "/calls": (("table", "Calls"), ("search", "Filter calls")),
    "/calls/:uuid": (
        ("log", "Transcript"),
        ("article", "Caller, 0:00"),
        ("region", "Turn gap"),
        ("navigation", "About this call"),
        ("link", "Events"),
        ("link", "People"),
        ("link", "Facts"),
        ("link", "Audit"),
        ("timer", "Time on the line"),
        ("button", "Pause agent"),
        ("button", "End call"),
    ),
    "/settings/profile": (
        ("group", "Theme"),
        ("group", "Times"),
        ("textbox", "Name"),
    ),
}
TERMS = ["On the line", "Waiting", "Answered today", "Turn gap, p95"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(shared_service: Service) -> AsyncIterator[Caller]:
    """Provide a call that goes on, beside one that waits, one that has ended, and an operator."""
    await link_for(shared_service)  # makes the owner
    rpc = Rpc(shared_service)
    (owner,) = await rpc.run("list_users", fields=["id"])
    line = {"sipUsername": "ada", "sipPassword": "x", "userId": owner["id"]}
    made = await rpc.run("create_sip_user", input=line, fields=["id"])
    status = {"sipUserId": made["id"], "status": "available"}
    await rpc.run("set_operator_status", input=status, fields=["id"])
    await make_call(shared_service, "hello")
    await register(shared_service, fromNumber=WAITING, status="queued")
    async with calling(shared_service) as caller:
        await caller.ask("what are your opening hours")
        yield caller


async def check(page: Page, role: str, name: str | None) -> None:
    named = {} if name is None else {"name": name, "exact": True}
    await expect(page.get_by_role(role, **named)).to_have_count(1)  # type: ignore[arg-type]


@on_shared_server
@pytest.mark.parametrize("path", NAMES)
async def test_a_page_has_its_names(
    shared_service: Service, chromium: Browser, caller: Caller, *, path: str
) -> None:
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.sign_in(await link_for(shared_service))
        await page.goto(visit.base_url + "/console/live" + path.replace(":uuid", caller.uuid))
        await expect(connection(page)).to_contain_text("Connected")
        await expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for role, name in (*EVERYWHERE, *NAMES[path]):
            await check(page, role, name)
        live = page.get_by_role("button", name="Live", exact=True)
        await expect(live).to_have_attribute("aria-pressed", "true")
        if path == "/board":
            figures = page.get_by_role("group", name="Figures")
            await expect(figures.get_by_role("term")).to_have_text(TERMS)
            row = page.get_by_role("row", name="Web caller local/attendant")
            await expect(row.get_by_role("button", name="Show what is said")).to_have_count(1)
        if path == "/calls/:uuid":
            await expect(page.get_by_role("img", name="Line: ")).to_have_count(1)
        await page.get_by_role("button", name="Search", exact=True).click()
        dialog = page.get_by_role("dialog", name="Search")
        await expect(dialog.get_by_role("combobox", name="Search")).to_be_focused()


@on_shared_server
async def test_the_sign_in_page_has_its_names(shared_service: Service, chromium: Browser) -> None:
    async with visiting(chromium, shared_service.base_url) as visit:
        page = await visit.open("/sign-in")
        await page.get_by_role("textbox", name="Email", exact=True).fill("ada@example.com")
        await page.get_by_role("textbox", name="Password", exact=True).fill("a wrong password")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page.get_by_role("alert")).to_be_visible()
