"""A cable that was pulled, and for too long: the board says so, and reads the calls anew."""

import dataclasses

import pytest
from playwright.async_api import Browser, expect

from ringline.web.limits import SocketLimits, WebLimits
from tests.browser.boards import offset_shown, until_the_board_is_the_log
from tests.browser.external_calls import finish, register
from tests.browser.visits import connection, link_for, visiting
from tests.database import TestDatabase
from tests.e2e.line import line_to
from tests.rpc_calls import Rpc
from tests.serving import on_shared_server, serving

#: Fewer events than happen while the cable is pulled; by default it is 10,000.
FEW = WebLimits(sockets=SocketLimits(replay_events=4))
#: What Chromium and the SDK write to the console meanwhile.
AWAY = ("ERR_", "sessionToken failed", "sessionToken gave nothing", "no connection within")


@pytest.mark.timeout(120)
@on_shared_server
async def test_a_position_that_is_too_old_reads_the_calls_anew(
    shared_database: TestDatabase, chromium: Browser
) -> None:
    async with serving(shared_database, limits=FEW) as service, line_to(service) as (line, url):
        rpc = Rpc(service)
        gone = [await register(service, fromNumber=f"+4420794601{n:02d}") for n in range(3)]
        async with visiting(chromium, url) as visit:
            visit.provoked += AWAY
            page = await visit.sign_in(await link_for(dataclasses.replace(service, base_url=url)))
            await until_the_board_is_the_log(page, rpc)
            before = await offset_shown(page).inner_text()
            line.pulled = True
            await finish(service, *gone[:2])
            for n in range(3, 6):
                await register(service, fromNumber=f"+4420794601{n:02d}")
            # Nobody tells the page: it finds out because its heartbeat has no answer.
            await expect(connection(page)).to_contain_text("Resuming since")
            await expect(page.get_by_role("table").get_by_role("row")).to_have_count(1 + 3)
            line.cut()
            line.up = True
            await expect(connection(page)).to_have_text(
                "Connected. Too long away to replay: read anew"
            )
            await until_the_board_is_the_log(page, rpc)
            assert await offset_shown(page).inner_text() != before
            await register(service, fromNumber="+442079460199")
            await until_the_board_is_the_log(page, rpc)
