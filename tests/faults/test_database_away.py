"""PostgreSQL away under a running server: killed, frozen, out of space."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import psutil
import pytest

from ringline.client.http import ApiProblem
from tests.faults.embedded import LIMIT_S, only_linux
from tests.faults.people import CONFIG, calling, watching
from tests.faults.processes import Outage, ServerProcess, read_log, server_process

#: Far more than any refusal takes, far less than the time-outs of the database's driver.
REFUSED_WITHIN_S = 3.0


async def until_readiness(server: ServerProcess, http: aiohttp.ClientSession, status: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with http.get(f"{server.base_url}/readyz") as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(0.02)


async def refused_everywhere(
    server: ServerProcess, http: aiohttp.ClientSession, secret: str, waiting: object
) -> None:
    """A mint, an upgrade and a start each say that they are unavailable, at once."""
    api = server.api(http)
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(ApiProblem) as problem:
            await api.mint_ticket(CONFIG)
        assert problem.value.status == 503
        with pytest.raises(ApiProblem) as problem:
            await api.mint_session_token()
        assert problem.value.status == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await http.ws_connect(
                f"{server.base_url}/v3/realtime", protocols=(f"opper-ticket.{secret}",)
            )
        assert refusal.value.status == 503


async def test_a_killed_database_is_not_noticed_by_callers(parent: Path) -> None:
    async with aiohttp.ClientSession() as http, server_process(parent) as server:
        api = server.api(http)
        assert server.data_dir is not None
        outage = Outage(server.data_dir)
        async with (
            watching(api) as watcher,
            calling(api) as caller,
            calling(api, start=False) as late,
        ):
            before = await caller.ask()
            await watcher.until("call_transcript_completed", caller.call_uuid)
            unused = await api.mint_ticket(CONFIG)
            outage.begin()
            await until_readiness(server, http, 503)

            await refused_everywhere(server, http, unused.client_secret, late)
            async with asyncio.timeout(REFUSED_WITHIN_S):
                await late.send("session.start", config={})
                assert await late.farewell() == ("unavailable", 1011)
            told_before = dict(watcher.durable)
            assert await caller.ask() == before
            assert await caller.ask() == before
            assert watcher.durable == told_before

            outage.end()
            await until_readiness(server, http, 200)
            assert await caller.ask() == before
            await caller.socket.close()
            await watcher.until("call_ended", caller.call_uuid)
            names = watcher.names(caller.call_uuid)
            assert names.count("call_transcript_completed") == 8
            assert len(watcher.joins) == 1, "the socket stayed"
            await read_log(server.dsn(), server.log)

            async with calling(api) as new:  # and the ticket of before is not burned
                assert await new.ask() == before
            async with http.ws_connect(
                f"{api.url}/v3/realtime", protocols=(f"opper-ticket.{unused.client_secret}",)
            ):
                pass
        assert await server.end() == 0


@only_linux
async def test_a_frozen_database_hangs_nobody(parent: Path) -> None:
    async with aiohttp.ClientSession() as http, server_process(parent) as server:
        api = server.api(http)
        postgres = [member for member in server.family() if member.name().startswith("postgres")]
        async with watching(api) as watcher, calling(api) as caller:
            before = await caller.ask()
            for member in postgres:
                member.suspend()
            try:
                async with asyncio.timeout(REFUSED_WITHIN_S):  # while nobody knows of it yet
                    with pytest.raises(ApiProblem) as problem:
                        await api.mint_ticket(CONFIG)
                assert problem.value.status == 503
                await until_readiness(server, http, 503)
                assert await caller.ask() == before
            finally:
                for member in postgres:
                    member.resume()
            await until_readiness(server, http, 200)
            await caller.socket.close()
            await watcher.until("call_ended", caller.call_uuid)
            assert watcher.names(caller.call_uuid).count("call_transcript_completed") == 4
            await read_log(server.dsn(), server.log)
