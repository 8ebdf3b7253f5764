"""What a leash asks of the upgrade: where it comes from, and how many there are already."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.database import TestDatabase
from tests.realtime_session import (
    BARE,
    PATH,
    UPGRADE,
    Client,
    connected,
    raw,
    refused,
    request_head,
)
from tests.serving import Service, serving

APP, OTHER = "https://app.example.com", "http://localhost:3000"
ORIGINS: dict[str, Any] = {"allowed_origins": [APP, OTHER]}


async def ticket_for(service: Service, key: str | None = None, **leash: Any) -> str:
    return (await service.mint(BARE | leash, key))["client_secret"]


# Origins.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "https://APP.example.com"},
        {"Origin": "https://app.example.com/"},
        {"Origin": "https://app.example.com:443"},
        {"Origin": "http://app.example.com"},
        {"Origin": "https://app.example.com.evil.example"},
        {"Origin": f"{APP}, {OTHER}"},
    ],
)
async def test_another_origin_is_refused_and_the_ticket_is_not_burned(
    service: Service, headers: Mapping[str, str]
) -> None:
    ticket = await ticket_for(service, **ORIGINS)
    status, error = await refused(service, f"{PATH}?ticket={ticket}", headers=dict(headers))
    assert (status, error["code"]) == (403, "forbidden")
    async with connected(service, ticket, headers={"Origin": APP}) as client:
        await client.start()


async def test_each_of_the_origins_may(service: Service) -> None:
    for origin in (APP, OTHER):
        ticket = await ticket_for(service, **ORIGINS)
        async with connected(service, ticket, headers={"Origin": origin}) as client:
            await client.start()


async def test_two_origins_at_once_are_none(service: Service) -> None:
    ticket = await ticket_for(service, **ORIGINS)
    head = request_head(service, f"{PATH}?ticket={ticket}", UPGRADE)
    async with raw(service) as (reader, writer):
        writer.write(head[:-2] + f"Origin: {APP}\r\nOrigin: {OTHER}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")


async def test_the_servers_own_list_counts_too(database: TestDatabase) -> None:
    async with serving(database, allowed_origins=(OTHER,)) as service:
        ticket = await ticket_for(service, **ORIGINS)
        for origin in (APP, "https://evil.example"):
            status, error = await refused(
                service, f"{PATH}?ticket={ticket}", headers={"Origin": origin}
            )
            assert (status, error["code"]) == (403, "forbidden")
        async with connected(service, ticket, headers={"Origin": OTHER}) as client:
            await client.start()


async def test_an_unknown_ticket_is_unauthorized_whatever_its_origin(service: Service) -> None:
    ticket = await ticket_for(service, **ORIGINS)
    async with connected(service, ticket, headers={"Origin": APP}):
        pass
    for origin in (APP, "https://evil.example"):
        status, _ = await refused(service, f"{PATH}?ticket={ticket}", headers={"Origin": origin})
        assert status == 401


# Concurrency.


async def test_a_subject_has_as_many_sessions_as_its_ticket_says(service: Service) -> None:
    two: dict[str, Any] = {"subject": "ann", "concurrency": 2}
    third = await ticket_for(service, **two)
    async with AsyncExitStack() as open_sessions:
        # Those count too whose ticket sets no limit.
        for leash in (two, {"subject": "ann"}):
            ticket = await ticket_for(service, **leash)
            client = await open_sessions.enter_async_context(connected(service, ticket))
            await client.start()
        async with service.http.get(
            f"{service.base_url}{PATH}?ticket={third}", headers=UPGRADE
        ) as answer:
            assert answer.status == 429
            assert (await answer.json())["error"]["code"] == "concurrency_limit"
            assert int(answer.headers["Retry-After"]) > 0
        # Another subject, nobody in particular, and another environment are not concerned.
        for key, leash in (
            (None, {"subject": "ben", "concurrency": 1}),
            (None, {"subject": "ann"}),
            (None, {}),
            (service.keys.test_key, {"subject": "ann", "concurrency": 1}),
        ):
            ticket = await ticket_for(service, key, **leash)
            await open_sessions.enter_async_context(connected(service, ticket))
    async with connected(service, third) as client:  # it was not burned
        await client.start()


async def test_of_a_hundred_racing_upgrades_as_many_enter_as_may(service: Service) -> None:
    most = 5
    tickets = await asyncio.gather(
        *(ticket_for(service, subject="ann", concurrency=most) for _ in range(100))
    )

    async def enter(ticket: str) -> Client | int:
        try:
            socket = await service.http.ws_connect(
                service.ws_url + PATH, protocols=[f"opper-ticket.{ticket}"]
            )
        except aiohttp.WSServerHandshakeError as refusal:
            return refusal.status
        return Client(socket)

    entered = await asyncio.gather(*(enter(ticket) for ticket in tickets))
    clients = [one for one in entered if isinstance(one, Client)]
    assert len(clients) == most
    assert [one for one in entered if isinstance(one, int)] == [429] * (100 - most)
    for client in clients:
        await client.start()
        await client.socket.close()
    again = tickets[next(at for at, one in enumerate(entered) if one == 429)]
    async with connected(service, again) as client:
        await client.start()
