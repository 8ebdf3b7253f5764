"""PostgreSQL away under a running server: killed, frozen, out of space."""

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from ringline.client.http import ApiProblem
from ringline.services.credentials import CACHE_S
from ringline.storage.data_directory import DATABASE, SUPERUSER
from ringline.storage.embedded import running_cluster
from tests.faults.disks import SmallDisk
from tests.faults.embedded import LIMIT_S, only_linux
from tests.faults.people import CONFIG, calling, watching
from tests.faults.processes import Outage, ServerProcess, query, read_log, server_process

#: Far longer than any refusal takes, far shorter than the database driver's timeouts.
REFUSED_WITHIN_S = 3.0


async def until_readiness(server: ServerProcess, http: aiohttp.ClientSession, status: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with http.get(f"{server.base_url}/readyz") as answer:
                if answer.status == status:
                    return
            await asyncio.sleep(0.02)


async def refused_everywhere(
    server: ServerProcess, http: aiohttp.ClientSession, secret: str
) -> None:
    """Check that a mint and an upgrade are refused as unavailable, at once."""
    api = server.api(http)
    await asyncio.sleep(CACHE_S)  # until then a key needs no database
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(ApiProblem) as problem:
            await api.mint_ticket(CONFIG)
        assert problem.value.status == 503
        with pytest.raises(ApiProblem) as problem:
            await api.mint_session_token()
        assert problem.value.status == 503
        for path, body in (
            ("/api/operator/access", {"email": "ada@example.com"}),
            ("/rpc/public/run", {"action": "list_contacts", "fields": ["id"]}),
        ):
            url = server.base_url + path
            async with http.post(url, json=body, headers=api.headers()) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        own_page = {"x-ringline-console": "1", "Origin": server.base_url}
        for path, body in (
            ("sign-in/link", {"token": "x"}),
            ("sign-in/password", {"email": "ada@example.com", "password": "x"}),
            ("invitations/show", {"token": "inv_x"}),
            ("invitations/accept", {"token": "inv_x", "password": "x"}),
        ):
            url = f"{server.base_url}/console/api/{path}"
            async with http.post(url, json=body, headers=own_page) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        cookie = {"Cookie": "ringline-console=x"}
        async with http.get(f"{server.base_url}/console/api/me", headers=cookie) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
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

            await refused_everywhere(server, http, unused.client_secret)
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
            await read_log(server.dsn(), server.scope)

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
            await read_log(server.dsn(), server.scope)


async def test_a_disk_that_fills_up_loses_nothing(small_disk: SmallDisk) -> None:
    parent, data_dir = small_disk.path.parent, small_disk.path / "data"
    async with (
        aiohttp.ClientSession() as http,
        server_process(parent, data_dir=data_dir) as server,
    ):
        api = server.api(http)
        async with watching(api) as watcher, calling(api) as caller:
            before = await caller.ask()
            small_disk.leave(0)
            await use_up_the_log(server)
            assert await caller.ask() == before
            await until_readiness(server, http, 503)
            assert await caller.ask() == before

            small_disk.make_room()
            await until_readiness(server, http, 200)
            await caller.socket.close()
            await watcher.until("call_ended", caller.call_uuid)
            assert watcher.names(caller.call_uuid).count("call_transcript_completed") == 6
            await read_log(server.dsn(), server.scope)
        assert "Traceback" not in server.said
        assert await server.end() == 0


async def use_up_the_log(server: ServerProcess) -> None:
    """Fill the write-ahead log that PostgreSQL has already allocated."""
    assert server.data_dir is not None
    address = running_cluster(server.data_dir)
    assert address is not None
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        for _ in range(20):
            await query(
                address.dsn(SUPERUSER, DATABASE),
                "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 4000000))",
            )


@pytest.mark.parametrize("while_away", [False, True])
async def test_a_server_that_ends_while_the_database_is_away(
    parent: Path, while_away: bool
) -> None:
    """It still ends in time; the next server ends the calls that it could not end."""
    async with aiohttp.ClientSession() as http:
        async with server_process(parent) as server:
            api = server.api(http)
            assert server.data_dir is not None
            outage = Outage(server.data_dir)
            async with watching(api) as watcher, calling(api) as caller:
                await watcher.until("call_answered", caller.call_uuid)
                outage.begin()
                await until_readiness(server, http, 503)
                end = asyncio.create_task(server.end())
                if while_away:
                    assert await end == 0
                    outage.end()
                else:
                    assert await caller.farewell() == ("server_shutdown", 1001)
                    outage.end()
                    assert await end == 0
        async with server_process(parent) as again:
            async with watching(again.api(http), "0") as late:
                await late.until("call_ended", caller.call_uuid)
                assert late.names(caller.call_uuid).count("call_ended") == 1
            log = await read_log(again.dsn(), again.scope)
            cause = "server_lost" if while_away else "server_shutdown"
            assert log[-1].event.data.hangup_cause == cause  # type: ignore[attr-defined]
        assert "Traceback" not in server.said
