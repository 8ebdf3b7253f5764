"""What a page asks the server for when it opens: a handful of requests, and none per row."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.external_calls import finish, register
from tests.browser.visits import connection, link_for, read_routes, visiting
from tests.callers import Caller, calling, make_call
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)

MOST_REQUESTS = 10
CALLS, QUEUED = 40, 3
NAME = "Priya Raman"


def number_of(call: int) -> str:
    return f"+4420794602{call:02}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ended(shared_service: Service) -> AsyncIterator[Caller]:
    """Provide a call that has ended, beside many that go on, with numbers and contacts."""
    rpc = Rpc(shared_service)
    contact = {"fullName": NAME, "phoneE164": number_of(CALLS - 1)}
    await rpc.run("create_contact", input=contact, fields=["id"])
    caller = await make_call(shared_service, "hello", "bye")
    uuids = [
        await register(
            shared_service,
            fromNumber=number_of(call),
            status="queued" if call < QUEUED else "answered",
        )
        for call in range(CALLS)
    ]
    yield caller
    await finish(shared_service, *uuids)


async def opened(page: Page, url: str) -> list[str]:
    """Open a page; return the requests of it that are not for the console's own files."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    await page.goto(url)
    await expect(connection(page)).to_contain_text("Connected")
    await page.wait_for_load_state("networkidle")
    return [url for url in asked if "/console/api/" in url or "/socket" in url]


@on_shared_server
async def test_a_page_opens_with_a_handful_of_requests(
    shared_service: Service, chromium: Browser, ended: Caller
) -> None:
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("what are your opening hours")
        await (await visit.sign_in(await link_for(shared_service))).close()
        counts: dict[str, int] = {}
        for route in read_routes():
            for uuid in (caller.uuid, ended.uuid) if ":uuid" in route else ("",):
                path = route.replace(":uuid", uuid)
                page = await visit.context.new_page()
                asked = await opened(page, f"{shared_service.base_url}/console/live{path}")
                counts[path] = len(asked)
                if path in ("/board", "/calls"):
                    table = page.get_by_role("table", name="Calls")
                    await expect(table).to_contain_text(NAME)  # of a contact, with its call
                await page.close()
        assert min(counts.values()) > 0, counts
        assert max(counts.values()) <= MOST_REQUESTS, counts
