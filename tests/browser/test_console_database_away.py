"""A console whose database goes away: it says so, keeps what it shows, and comes back by itself."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.browser.boards import until_the_board_is_the_log, until_the_page_is_the_log
from tests.browser.external_calls import register
from tests.browser.servers import service_at
from tests.browser.visits import connection, visiting
from tests.e2e.program import reachable_directory
from tests.faults.people import calling
from tests.faults.processes import Outage, server_process
from tests.rpc_calls import Rpc
from tests.serving import on_shared_server

AWAY = "The database is away. Calls go on; changes must wait."


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@pytest.mark.timeout(240)
@on_shared_server
async def test_the_console_outlives_its_database(directory: Path, chromium: Browser) -> None:
    async with aiohttp.ClientSession() as http, server_process(directory) as server:
        assert server.data_dir is not None
        outage, service = Outage(server.data_dir), service_at(server, http)
        rpc = Rpc(service)
        async with (
            calling(server.api(http), model="mock/echo") as caller,
            visiting(chromium, server.base_url) as visit,
        ):
            visit.provoked.append("a status of 503")
            await caller.ask("before the outage")
            board = await visit.sign_in(server.ready["console_url"])
            await until_the_board_is_the_log(board, rpc)
            call = await visit.open(f"/live/calls/{caller.call_uuid}")
            await until_the_page_is_the_log(call, rpc, caller.call_uuid)

            outage.begin()
            for page in (board, call):
                await expect(page.get_by_role("alert")).to_have_text(AWAY)
            await expect(connection(board)).to_have_text("Connected")
            rows = board.get_by_role("table", name="Calls now").get_by_role("row")
            await expect(rows).to_have_count(2)
            await caller.ask("during the outage")
            late = await visit.open("/live/board")
            await expect(late.get_by_role("alert")).to_have_text(
                "Who is signed in could not be read. The service is not available now. "
                "Trying again…"
            )

            outage.end()
            for page in (board, call, late):
                await expect(page.get_by_role("alert")).to_have_count(0)
            for page in (board, late):
                await until_the_board_is_the_log(page, rpc)
            await until_the_page_is_the_log(call, rpc, caller.call_uuid)
            transcript = call.get_by_role("log", name="Transcript")
            await expect(transcript.get_by_role("article").filter(has_text="during")).to_have_count(
                2
            )
            await register(service, fromNumber="+442079460155")
            await until_the_board_is_the_log(board, rpc)
