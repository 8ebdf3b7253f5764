"""A board whose server is killed and started again: every event, in order, once."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from ringline.domain.credentials import FirstKeys
from tests.browser.visits import connection, visiting
from tests.e2e.program import reachable_directory
from tests.faults.processes import ServerProcess, server_process
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server

CALLS = 20
#: What Chromium and the SDK write to the console while there is no server.
AWAY = ("ERR_CONNECTION", "sessionToken failed")


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


def rpc_of(server: ServerProcess, http: aiohttp.ClientSession) -> Rpc:
    """Return a client of a server in another process."""
    keys = FirstKeys(*(server.ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    return Rpc(Service(server.base_url, http, keys, None))  # type: ignore[arg-type]


async def report(rpc: Rpc, number: int) -> None:
    """Report a call of another system: it outlives the server."""
    call = {
        "callUuid": f"call-{number}",
        "direction": "inbound",
        "status": "answered",
        "fromNumber": number_of(number),
        "toNumber": "+442079460000",
    }
    await rpc.run("create_call", fields=["callUuid"], input=call)


def number_of(number: int) -> str:
    return f"+4420794601{number:02d}"


async def end(rpc: Rpc, number: int) -> None:
    """Report that a call has ended."""
    filter_ = {"callUuid": {"eq": f"call-{number}"}}
    (call,) = await rpc.run("list_calls", fields=["id"], filter=filter_)
    ended = {"status": "completed", "endedAt": datetime.now(UTC).isoformat()}
    await rpc.run("update_call", identity=call["id"], fields=["id"], input=ended)


async def until_the_board_is_the_log(page: Page, rpc: Rpc) -> None:
    """Wait until the board has the log's last position; then its rows are the open calls."""
    events = (await rpc.run("list_events", input={"after": 0, "limit": 1000}))["events"]
    last = f"{events[-1]['offset']:,}".replace(",", "\u2009")
    await expect(page.locator("header .mono")).to_have_text(last)
    open_calls = await rpc.run(
        "list_calls",
        fields=["fromNumber"],
        filter={"endedAt": {"isNil": True}},
        sort="-startedAt",
    )
    rows = page.get_by_role("table", name="Calls now").get_by_role("row")
    await expect(rows).to_have_count(1 + len(open_calls))
    shown = [(await row.inner_text()).split("\n")[0] for row in (await rows.all())[1:]]
    assert shown == [call["fromNumber"] for call in open_calls]


@pytest.mark.timeout(240)
@on_shared_server
async def test_after_a_kill_the_board_is_the_log(directory: Path, chromium: Browser) -> None:
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        async with server_process(directory) as server:
            rpc = rpc_of(server, http)
            base_url, port = server.base_url, urlsplit(server.base_url).port or 0
            for number in range(CALLS):
                await report(rpc, number)
            visit = await stack.enter_async_context(visiting(chromium, base_url))
            visit.provoked += AWAY
            page = await visit.sign_in(server.ready["console_url"])
            await page.set_viewport_size({"width": 1440, "height": 3000})  # all rows are drawn
            await until_the_board_is_the_log(page, rpc)
            await server.kill()
        await expect(connection(page)).to_contain_text("Resuming")
        async with server_process(directory, port=port) as server:
            rpc = rpc_of(server, http)
            for number in range(0, CALLS, 2):
                await end(rpc, number)
            for number in range(CALLS, CALLS + 5):
                await report(rpc, number)
            await expect(connection(page)).to_contain_text("Connected")
            await until_the_board_is_the_log(page, rpc)
