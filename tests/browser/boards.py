"""What the console shows of calls, beside what the server says of them."""

from typing import Any

from playwright.async_api import Locator, Page, ViewportSize, expect

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
    last = (await read_log(rpc))[-1]["offset"]
    await expect(offset_shown(page)).to_have_text(f"{last:,}".replace(",", "\u2009"))
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
    """Wait until the page of a call lists its last event; then it lists them all, once."""
    offsets = [str(event["offset"]) for event in await read_log(rpc) if event["callUuid"] == uuid]
    listed = page.locator("ol > li > button > :first-child")
    await expect(listed).to_have_text(offsets)
