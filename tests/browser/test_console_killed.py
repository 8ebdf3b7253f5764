"""A board whose server is killed while calls talk, and started again: the log, in order, once."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.boards import (
    TALL,
    read_log,
    until_the_board_is_the_log,
    until_the_page_is_the_log,
)
from tests.browser.external_calls import register
from tests.browser.servers import service_at
from tests.browser.visits import connection, visiting
from tests.e2e.program import reachable_directory
from tests.faults.people import Caller, calling
from tests.faults.processes import ServerProcess, server_process
from tests.rpc_calls import Rpc
from tests.serving import on_shared_server

CALLS = 20
#: How many of the calls that ended last the board lists.
JUST_ENDED = 5
#: A call of another system: it outlives the server.
ELSEWHERE = "+442079460199"
#: What Chromium and the SDK write to the console while there is no server.
AWAY = ("ERR_CONNECTION", "sessionToken failed")


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


async def talk(caller: Caller) -> None:
    """Say something, and have the agent talk on for longer than the test takes."""
    await caller.ask("Hello there")
    await caller.send("text.input", text="/long 20000")
    await caller.send("response.create")
    await caller.hear("audio.delta")


async def place_calls(
    stack: AsyncExitStack, server: ServerProcess, http: aiohttp.ClientSession
) -> list[str]:
    """Have people talk to the test voice; return the uuids of their calls."""
    callers: list[Caller] = []
    for number in range(CALLS):
        who = {"subject": f"caller-{number:02d}"}
        call = calling(server.api(http), model="mock/echo", leash=who)
        callers.append(await stack.enter_async_context(call))
    await asyncio.gather(*(talk(caller) for caller in callers))
    return [caller.call_uuid for caller in callers]


async def just_ended(page: Page) -> list[str]:
    """Return the uuids of the calls that the board says have just ended."""
    links = page.get_by_role("list", name="Just ended").get_by_role("link")
    await expect(links).to_have_count(JUST_ENDED)
    hrefs = [await link.get_attribute("href") or "" for link in await links.all()]
    return [href.rpartition("/")[2] for href in hrefs]


@pytest.mark.timeout(240)
@on_shared_server
async def test_after_a_kill_the_board_is_the_log(directory: Path, chromium: Browser) -> None:
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        async with server_process(directory) as server:
            rpc = Rpc(service_at(server, http))
            port = urlsplit(server.base_url).port or 0
            await register(rpc.service, fromNumber=ELSEWHERE, status="answered")
            uuids = await place_calls(stack, server, http)
            visit = await stack.enter_async_context(visiting(chromium, server.base_url))
            visit.provoked += AWAY
            board = await visit.sign_in(server.ready["console_url"])
            await board.set_viewport_size(TALL)
            await until_the_board_is_the_log(board, rpc)
            uuid = uuids[0]
            call = await visit.open(f"/live/calls/{uuid}")
            await until_the_page_is_the_log(call, rpc, uuid)
            await server.kill()
        for page in (board, call):
            await expect(connection(page)).to_contain_text("Resuming")
        async with server_process(directory, port=port) as server:
            rpc = Rpc(service_at(server, http))
            await until_the_board_is_the_log(board, rpc)
            ends = [event for event in await read_log(rpc) if event["type"] == "call.ended"]
            assert {event["callUuid"] for event in ends} == set(uuids)
            assert {event["data"]["hangupCause"] for event in ends} == {"server_lost"}
            last = [event["callUuid"] for event in reversed(ends)][:JUST_ENDED]
            assert await just_ended(board) == last
            await until_the_page_is_the_log(call, rpc, uuid)
            await expect(call.get_by_role("main")).to_contain_text("the server was lost")
            await register(rpc.service, fromNumber="+442079460188")
            await until_the_board_is_the_log(board, rpc)
            for page in (board, call):
                await expect(connection(page)).to_contain_text("Connected")
