"""A browser whose clock is off by an hour, or is set: the console goes by the server's."""

import re
import time
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.visits import link_for, visiting
from tests.callers import calling
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

pytestmark = pytest.mark.timeout(120)

HOUR_MS = 3_600_000
#: A clock that was corrected is right to the second; this is far below an hour and above any wait.
NEAR_S = 60.0
#: As if the machine's clock were off: `Date` is all that a page knows of it.
_OFF = """
globalThis.offByMs = %d;
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(new.target.now()); }
  static now() { return super.now() + globalThis.offByMs; }
};
"""


async def length_of(service: Service, uuid: str) -> float:
    """Return how long a call has been answered, in seconds, by the server."""
    (call,) = await Rpc(service).run(
        "list_calls", fields=["answeredAt"], filter={"callUuid": {"eq": uuid}}
    )
    answered = datetime.fromisoformat(call["answeredAt"])
    return (datetime.now(UTC) - answered).total_seconds()


async def shown_by(clock: Locator) -> float:
    """Return how many seconds a clock of the page shows."""
    *hours, minutes, seconds = (await clock.inner_text()).split(":")
    return int(seconds) + 60 * int(minutes) + 3600 * sum(map(int, hours))


async def is_right(clock: Locator, service: Service, uuid: str) -> bool:
    return abs(await shown_by(clock) - await length_of(service, uuid)) < NEAR_S


@on_shared_server
@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS], ids=["ahead", "behind"])
async def test_a_clock_that_is_off_shows_the_servers_time(
    shared_service: Service, chromium: Browser, off_ms: int
) -> None:
    async with (
        calling(shared_service) as caller,
        visiting(chromium, shared_service.base_url) as visit,
    ):
        await caller.ask("what are your opening hours")
        await visit.context.add_init_script(_OFF % off_ms)
        page = await visit.sign_in(await link_for(shared_service))
        off = await page.evaluate("Date.now()") - 1000 * time.time()
        assert abs(off - off_ms) < HOUR_MS / 2

        row = page.get_by_role("table", name="Calls now").locator('[aria-rowindex="2"]')
        assert await is_right(row.locator("time"), shared_service, caller.uuid)
        await expect(page.get_by_role("button", name="Worth a look")).to_have_text("Worth a look0")
        await expect(row.get_by_role("img")).to_have_accessible_name(re.compile(r"agent \d+ s"))

        await row.press("Enter")
        timer = page.get_by_role("timer", name="Time on the line")
        assert await is_right(timer, shared_service, caller.uuid)
        await expect(page.get_by_role("log").get_by_role("article").first).to_have_accessible_name(
            re.compile(r", 0:\d\d$")
        )
        await until_right_after_a_jump(page, timer, shared_service, caller.uuid)


async def until_right_after_a_jump(page: Page, timer: Locator, service: Service, uuid: str) -> None:
    """Set the browser's clock while nothing else is asked, and see that the page finds out."""
    await page.wait_for_load_state("networkidle")
    async with page.expect_response(re.compile("/console/api/hello$")):
        await page.evaluate(f"globalThis.offByMs += {2 * HOUR_MS}")
    await expect(timer).to_have_text(re.compile(r"^\d:\d\d$"))
    assert await is_right(timer, service, uuid)
