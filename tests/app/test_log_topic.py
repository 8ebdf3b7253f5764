"""The topic `log` of a whole server: for people who have signed in, over every carrier."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.callers import calling
from tests.console import Browser, browsing, link_for
from tests.database import TestDatabase, add_member
from tests.polling import PollClient
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.watchers import EventsClient, events_client, socket_url

REFUSED = {"status": "error", "response": {"reason": "unauthorized"}}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[Browser]:
    """Give the browser of a person who has signed in."""
    async with browsing(service) as browser:
        assert (await browser.follow(await link_for(service))).status == 200
        yield browser


@pytest.fixture
async def token(browser: Browser) -> str:
    minted = await browser.ask("POST", "/live/token")
    assert minted.status == 200, minted
    return minted.body["token"]


async def test_a_person_sees_a_whole_call_as_list_events_shows_it(
    service: Service, token: str
) -> None:
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        joined = await client.join("log")
        async with calling(service) as caller:
            await caller.ask("Good morning.")
        told = await client.until("call.ended", caller.uuid)
    page = await Rpc(service).run(
        "list_events", input={"after": joined["position"], "callUuid": caller.uuid}
    )
    durable = [frame for frame in told if "position" in frame[4]]
    assert [frame[4] for frame in durable] == page["events"]
    assert [frame[:4] for frame in durable] == [
        [None, None, "log", row["type"]] for row in page["events"]
    ]
    parts = [frame[4] for frame in told if frame[3] == "call.transcript_delta"]
    assert len(parts) + len(durable) == len(told)
    for part in parts:
        assert set(part) == {"type", "callUuid", "occurredAt", "data"}
    spoken = [part["data"]["text"] for part in parts if part["data"]["role"] == "assistant"]
    assert spoken[-1].strip() == "I did not get that."


async def test_what_was_missed_comes_again(service: Service, token: str) -> None:
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        await client.join("log")
        async with calling(service) as caller:
            first = (await client.until("call.created", caller.uuid))[-1]
            await socket.close()
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        joined = await client.join("log", since=first[4]["position"])
        assert joined == {"position": first[4]["position"], "recovered": True}
        told = await client.until("call.ended", caller.uuid)
    offsets = [frame[4]["offset"] for frame in told if "offset" in frame[4]]
    assert offsets == list(range(first[4]["offset"] + 1, first[4]["offset"] + 1 + len(offsets)))


async def test_over_long_polling(service: Service, token: str) -> None:
    client = PollClient(service, token)
    await client.open()
    await client.join("log")
    async with calling(service) as caller:
        frame: list[Any] = await client.push()
        assert frame[2:4] == ["log", "call.created"]
        assert frame[4]["callUuid"] == caller.uuid


async def test_a_backends_token_is_refused_on_every_carrier(service: Service) -> None:
    join = ["7", "7", "log", "phx_join", {}]
    async with events_client(service) as client:
        await client.send(*join)
        assert await client.reply("7") == ["7", "7", "log", "phx_reply", REFUSED]
        await client.join("events")
    polled = PollClient(service, await service.session_token())
    await polled.open()
    assert await polled.send(join) == 200
    assert (await polled.push())[4] == REFUSED


async def test_an_operators_token_is_refused(service: Service, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        await add_member(superuser, service.keys.workspace_id, "ada@example.com")
    async with service.http.post(
        f"{service.base_url}/api/operator/access",
        json={"email": "ada@example.com"},
        headers={"x-api-key": service.keys.secret_key},
    ) as answer:
        token = (await answer.json())["token"]
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        await client.send("7", "7", "log", "phx_join", {})
        assert (await client.reply("7"))[4] == REFUSED


async def test_the_test_environment_is_not_shown(service: Service, browser: Browser) -> None:
    minted = await browser.ask("POST", "/test/token")
    async with connect(socket_url(service, minted.body["token"])) as socket:
        client = EventsClient(socket)
        await client.join("log")
        async with calling(service), calling(service, service.keys.test_key) as caller:
            frame = await client.push()
            assert frame[4]["callUuid"] == caller.uuid


async def test_the_socket_ends_with_the_sign_in(
    service: Service, browser: Browser, token: str
) -> None:
    async with connect(socket_url(service, token)) as socket:
        client = EventsClient(socket)
        await client.join("log")
        assert (await browser.ask("POST", "/sign-out")).status == 204
        assert await client.closed() == 1001
