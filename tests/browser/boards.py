"""What the console shows of calls, beside what the server says of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.browser.visits import LIMIT_MS
from tests.rpc_calls import Rpc

#: More calls than a test makes fit a window of this size, so that all rows are drawn.
TALL: ViewportSize = {"width": 1440, "height": 3000}


def offset_shown(page: Page) -> Locator:
    """Return where a page says how far the log was followed."""
    return page.locator("header .mono")


async def read_log(rpc: Rpc) -> list[dict[str, Any]]:
    """Read the log, which is short."""
    page = await rpc.run("list_events", input={"after": 0, "limit": 1000})
    return page["events"]


def name_of(number: str) -> str:
    """Return what the console calls a caller of whom it knows a number alone."""
    return "Web caller" if number == "web:anonymous" else number.removeprefix("web:")


async def until_the_board_is_the_log(page: Page, rpc: Rpc) -> None:
    """Wait until the board has the log's last position; then its rows are the open calls."""

    async def is_at_the_end() -> bool:
        last = (await read_log(rpc))[-1]["offset"]
        shown = await offset_shown(page).all_inner_texts()
        return shown == [f"{last:,}".replace(",", "\u2009")]

    await _until(is_at_the_end)
    open_calls = await rpc.run(
        "list_calls",
        fields=["fromNumber"],
        filter={"endedAt": {"isNil": True}},
        sort="-startedAt",
    )
    rows = page.get_by_role("table", name="Calls now").get_by_role("row")
    await expect(rows).to_have_count(1 + len(open_calls))
    shown = [(await row.inner_text()).split("\n")[0] for row in (await rows.all())[1:]]
    assert shown == [name_of(call["fromNumber"]) for call in open_calls]


async def until_the_page_is_the_log(page: Page, rpc: Rpc, uuid: str) -> None:
    """Wait until the page of a call lists the events of the log, in order, once."""
    listed = page.locator("ol > li > button > :first-child")

    async def is_the_same() -> bool:
        offsets = [row["offset"] for row in await read_log(rpc) if row["callUuid"] == uuid]
        return await listed.all_inner_texts() == [str(offset) for offset in offsets]

    await _until(is_the_same)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that both the page and the log may still change."""
    async with asyncio.timeout(LIMIT_MS / 1000):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
