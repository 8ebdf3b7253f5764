"""`GET /v3/realtime` up to its 101, or its refusal (realtime voice, 3; contract, 5 and 11)."""

import asyncio
from datetime import UTC, datetime

import aiohttp
import asyncpg
import pytest
import websockets

from ringline.domain.credentials import KeyKind, digest
from ringline.domain.log import Environment, Scope
from ringline.storage.embedded import EmbeddedPostgres
from tests.database import TestDatabase
from tests.realtime_session import (
    BARE,
    MODEL,
    PATH,
    UPGRADE,
    connected,
    frame,
    opened,
    raw,
    refused,
    request_head,
    until,
)
from tests.serving import Service, serving

CONFIG = {"model": MODEL}


async def good(service: Service, database: TestDatabase, ticket: str) -> bool:
    """Tell whether a ticket is still to be had."""
    async with database.connection() as connection:
        found = await connection.fetchval(
            "SELECT count(*) FROM ringline.tickets WHERE ticket_hash = $1", digest(ticket)
        )
    return bool(found)


async def test_three_ways_in(service: Service) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    async with connected(service, ticket) as client:
        assert client.socket.protocol == f"opper-ticket.{ticket}"
        await client.start()

    ticket = (await service.mint(BARE))["client_secret"]
    async with connected(service, path=f"{PATH}?ticket={ticket}") as client:
        assert client.socket.protocol is None
        await client.start()

    async with connected(service, headers=service.bearer()) as client:
        assert client.socket.protocol is None
        await client.start(config=CONFIG)


async def test_the_answer_names_no_subprotocol_where_none_was_offered(service: Service) -> None:
    async with raw(service) as (reader, writer):
        writer.write(request_head(service, PATH, UPGRADE | service.bearer()))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-protocol" not in head.lower()


async def test_the_ticket_is_picked_from_several_offers_and_headers(service: Service) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    offers = ["chat", f"opper-ticket.{ticket}"]
    async with service.http.ws_connect(service.ws_url + PATH, protocols=offers) as socket:
        assert socket.protocol == offers[1]

    ticket = (await service.mint(BARE))["client_secret"]
    head = request_head(service, PATH, UPGRADE | {"Sec-WebSocket-Protocol": "chat"})
    offer = f"opper-ticket.{ticket}"
    async with raw(service) as (reader, writer):
        writer.write(head[:-2] + f"Sec-WebSocket-Protocol: {offer}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert answer.count(offer.encode()) == 1


async def test_another_library_comes_in_too(service: Service) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    offer = websockets.Subprotocol(f"opper-ticket.{ticket}")
    async with websockets.connect(service.ws_url + PATH, subprotocols=[offer]) as socket:
        assert socket.subprotocol == offer
        await (await socket.ping())  # answered at once
        await socket.send('{"type": "session.start"}')
        assert '"session.started"' in str(await socket.recv())

    ticket = (await service.mint(BARE))["client_secret"]
    async with websockets.connect(f"{service.ws_url}{PATH}/?ticket={ticket}") as socket:
        await socket.send('{"type": "session.start"}')
        assert '"session.started"' in str(await socket.recv())

    headers = {"Authorization": f"Bearer {service.keys.secret_key}"}
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with websockets.connect(
            f"{service.ws_url}{PATH}?ticket={ticket}", additional_headers=headers
        ):
            pass
    assert refusal.value.response.status_code == 401


async def test_odd_addresses_of_real_clients(service: Service) -> None:
    for spelling in ("{}/?ticket={}", "{}?ticket={}?ticket={}"):
        ticket = (await service.mint(BARE))["client_secret"]
        path = spelling.format(PATH, ticket, ticket)
        async with connected(service, path=path) as client:
            await client.start()


async def test_a_ticket_that_is_offered_decides_alone(
    service: Service, database: TestDatabase
) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    bad = "opper-ticket." + "A" * 43
    for headers in (
        service.bearer() | {"Sec-WebSocket-Protocol": bad},
        service.bearer() | {"Sec-WebSocket-Protocol": "opper-ticket."},
    ):
        assert (await refused(service, f"{PATH}?ticket={ticket}", headers=headers))[0] == 401
    assert (await refused(service, f"{PATH}?ticket=", headers=service.bearer()))[0] == 401
    assert await good(service, database, ticket)

    # The subprotocol before the query, the query before the key: what it binds tells.
    bound = {"config": CONFIG, "locked_fields": ["output_transcription"]}
    ticket = (await service.mint(bound))["client_secret"]
    other = (await service.mint(BARE))["client_secret"]
    async with connected(
        service, ticket, path=f"{PATH}?ticket={other}", headers=service.bearer()
    ) as client:
        await client.start()
    assert await good(service, database, other)
    assert not await good(service, database, ticket)


async def test_of_racing_upgrades_one_gets_the_ticket(service: Service) -> None:
    minted = await service.mint(BARE)

    async def attempt() -> int:
        try:
            async with connected(service, minted["client_secret"]) as client:
                await client.start()
        except aiohttp.WSServerHandshakeError as refusal:
            return refusal.status
        return 101

    statuses = await asyncio.gather(*(attempt() for _ in range(20)))
    assert sorted(statuses) == [101] + [401] * 19


async def test_who_is_refused(service: Service, database: TestDatabase) -> None:
    used = (await service.mint(BARE))["client_secret"]
    async with connected(service, used):
        pass  # burned by the upgrade, whatever came of it
    expired = (await service.mint(BARE))["client_secret"]
    async with database.connection() as connection:
        await connection.execute("UPDATE ringline.tickets SET expires_at = now()")
    key, text = await service.admin.workspaces.create_key(
        Scope(service.keys.workspace_id, Environment.LIVE), KeyKind.SECRET, label="lost"
    )
    orphan = (await service.mint(BARE, text))["client_secret"]
    await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    requests: list[tuple[str, dict[str, str]]] = [
        (PATH, {}),
        (f"{PATH}?ticket={used}", {}),
        (f"{PATH}?ticket={expired}", {}),
        (f"{PATH}?ticket={orphan}", {}),
        (f"{PATH}?ticket={'x' * 5_000}", {}),
        (f"{PATH}?ticket=%ff%00", {}),
        (f"{PATH}?ticket={service.keys.secret_key}", {}),
        (PATH, service.bearer(text)),
        (PATH, service.bearer(service.keys.publishable_key)),
        (PATH, service.bearer(service.keys.management_key)),
        (PATH, service.bearer() | {"x-api-key": service.keys.test_key}),
    ]
    for path, headers in requests:
        status, error = await refused(service, path, headers=headers)
        assert (status, error["code"]) == (401, "unauthorized"), (path, headers)
        assert error["message"]


BAD_UPGRADES: list[dict[str, str | None]] = [
    {"Upgrade": None, "Connection": None},
    {"Upgrade": "h2c"},
    {"Upgrade": "websocket, h2c"},
    {"Connection": "keep-alive"},
    {"Sec-WebSocket-Version": "8"},
    {"Sec-WebSocket-Version": "14"},
    {"Sec-WebSocket-Version": None},
    {"Sec-WebSocket-Key": None},
    {"Sec-WebSocket-Key": "short"},
    {"Sec-WebSocket-Key": "c2hvcnQ="},
    {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=?"},
]


async def test_what_is_no_upgrade_burns_no_ticket(service: Service) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    for changes in BAD_UPGRADES:
        headers = {name: value for name, value in (UPGRADE | changes).items() if value is not None}
        headers["Sec-WebSocket-Protocol"] = f"opper-ticket.{ticket}"
        async with raw(service) as (reader, writer):
            writer.write(request_head(service, PATH, headers))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 "), (changes, head)
            assert b"application/json" in head
            assert b"\r\nSec-WebSocket-Version: 13\r\n" in head, "RFC 6455, 4.4"
    async with connected(service, ticket) as client:
        await client.start()


async def test_other_methods(service: Service) -> None:
    for method in ("POST", "PUT", "HEAD"):
        async with service.http.request(method, service.base_url + PATH) as answer:
            assert answer.status == 405


async def test_origins(service: Service) -> None:
    ticket = (await service.mint(BARE))["client_secret"]
    async with connected(service, ticket, origin="http://localhost:3000") as client:
        await client.start()


async def test_an_origin_that_is_not_allowed(database: TestDatabase) -> None:
    async with serving(database, allowed_origins="https://app.example") as service:
        ticket = (await service.mint(BARE))["client_secret"]
        headers = {"Origin": "https://evil.example"}
        status, error = await refused(service, f"{PATH}?ticket={ticket}", headers=headers)
        assert (status, error["code"]) == (403, "forbidden")
        async with connected(service, ticket, origin="https://app.example") as client:
            await client.start()


async def test_the_cap_of_sessions_is_per_environment(database: TestDatabase) -> None:
    async with serving(database, max_sessions_per_workspace=1) as service:
        ticket = (await service.mint(BARE))["client_secret"]
        async with connected(service, headers=service.bearer()) as client:
            await client.start(config=CONFIG)
            status, error = await refused(service, f"{PATH}?ticket={ticket}")
            assert (status, error["code"]) == (429, "concurrency_limit")
            assert await good(service, database, ticket)
            async with connected(service, headers=service.bearer(service.keys.test_key)) as other:
                await other.start(config=CONFIG)
        # The place is free once the socket is closed, and the ticket is still good.

        async def came_in() -> bool:
            try:
                async with connected(service, ticket) as late:
                    await late.start()
            except aiohttp.WSServerHandshakeError:
                return False
            return True

        await until(came_in)


async def test_frames_that_come_before_the_answer_are_taken(service: Service) -> None:
    """Clients wait for the 101, but what is on the wire is read in order, or refused."""
    start = frame(0x1, b'{"type": "session.start", "config": {"model": "local/attendant"}}')
    async with raw(service) as (reader, writer):
        writer.write(request_head(service, PATH, UPGRADE | service.bearer()) + start[:9])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start[9:])
        assert b"session.started" in await reader.readuntil(b"}")
    async with raw(service) as (reader, writer):
        bad = frame(0x1, b"{}", masked=False)
        writer.write(request_head(service, PATH, UPGRADE | service.bearer()) + bad)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4) == b"\x88\x02" + (1002).to_bytes(2, "big")


async def test_a_database_that_is_away(
    service: Service, database: TestDatabase, cluster: EmbeddedPostgres
) -> None:
    """Mint and upgrade answer 503, no ticket is burned, a start is told `unavailable`."""
    ticket = (await service.mint(BARE))["client_secret"]
    root = await asyncpg.connect(cluster.bootstrap_dsn)
    async with opened(service) as waiting:
        try:
            await root.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
            await root.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                database.name,
            )

            async def minting() -> int:
                url = f"{service.base_url}/v3/realtime-sessions"
                async with service.http.post(url, json={}, headers=service.bearer()) as answer:
                    if answer.status == 503:
                        assert answer.headers["Retry-After"] == "1"
                        assert (await answer.json())["error"]["code"] == "unavailable"
                    return answer.status

            async def away() -> bool:
                return await minting() == 503

            await until(away)
            for headers in ({}, service.bearer()):
                path = PATH if headers else f"{PATH}?ticket={ticket}"
                status, error = await refused(service, path, headers=headers)
                assert (status, error["code"]) == (503, "unavailable")
            await waiting.send("session.start")
            assert await waiting.closed() == 1011
            assert waiting.events[-1]["type"] == "session.terminating"
            assert waiting.events[-1]["error"]["code"] == "unavailable"
        finally:
            await root.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
            await root.close()

    async def back() -> bool:
        return await minting() == 200

    await until(back)
    async with connected(service, ticket) as client:
        await client.start()


async def test_of_a_thousand_racing_upgrades_one_gets_the_ticket(database: TestDatabase) -> None:
    async with serving(database, max_sessions_per_workspace=0) as service:
        ticket = (await service.mint())["client_secret"]

        async def attempt() -> int:
            async with raw(service) as (reader, writer):
                offer = {"Sec-WebSocket-Protocol": f"opper-ticket.{ticket}"}
                writer.write(request_head(service, PATH, UPGRADE | offer))
                status = int((await reader.readline()).split()[1])
                if status == 101:
                    first = await reader.readuntil(b"\r\n\r\n")
                    assert ticket.encode() in first
                return status

        statuses = await asyncio.gather(*(attempt() for _ in range(1_000)))
        assert statuses.count(101) == 1
        # On a busy machine some wait too long for a connection to the database: 503.
        assert statuses.count(401) + statuses.count(503) == 999
        assert statuses.count(401) > 0
