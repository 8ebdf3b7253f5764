"""Where an event went live: what a management key is told (contract, 12)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.callers import LIMIT_S, calling
from tests.database import TestDatabase
from tests.serving import Service, serving
from tests.v1 import V1
from tests.watchers import events_client, stream_client


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, rate_session_events_per_10_s=0) as service:
        yield service


async def live_of(service: Service, event_id: str, *, subscriptions: int) -> dict[str, Any]:
    """Ask a management key until so many subscriptions are known; they hear of it a tick later."""
    management = V1(service, service.keys.management_key)
    async with asyncio.timeout(LIMIT_S):
        while True:
            found = (await management.get(f"/events/{event_id}/deliveries")).body["subscriptions"]
            if found["sent"] + found["dropped"] >= subscriptions:
                return found
            await asyncio.sleep(0.01)


async def test_who_was_sent_an_event(service: Service) -> None:
    async with events_client(service) as watcher:
        await watcher.join()
        async with (
            calling(service) as caller,
            stream_client(service, caller.call_id) as stream,
        ):
            await stream.receive()
            await caller.say("hello")
            told = await stream.receive()
            call_id = caller.call_id
            found = await live_of(service, told["event_id"], subscriptions=2)
    assert (found["sent"], found["dropped"]) == (2, 0)
    assert {(one["surface"], one["topic"]) for one in found["recent"]} == {
        ("events_socket", "events"),
        ("call_socket", f"call:{call_id}"),
    }
    listed = await V1(service, service.keys.management_key).get("/keys")
    keys = {key["key_id"] for key in listed.body["keys"]}
    for one in found["recent"]:
        assert set(one) == {"surface", "topic", "subject", "outcome", "reason", "at"}
        assert (one["outcome"], one["reason"]) == ("sent", None)
        assert one["subject"] in keys, "the key, or the one that minted the token"
        assert found["kept_since"] <= one["at"]


async def test_a_resumed_stretch_and_one_that_could_not_be_are_known(service: Service) -> None:
    async with calling(service) as caller, events_client(service) as first:
        begun = (await first.join())["position"]
        await caller.say("missed")
        said = (await first.until("call_transcript_completed"))[-1][4]
        async with events_client(service) as resumed, events_client(service) as lost:
            await resumed.join(since=begun)
            await resumed.until("call_transcript_completed")
            await lost.join(since="00000000:1")
            found = await live_of(service, said["eventId"], subscriptions=3)
    assert (found["sent"], found["dropped"]) == (2, 1)
    assert sorted(str(one["reason"]) for one in found["recent"]) == [
        "None",
        "None",
        "not_recovered",
    ]


async def test_other_keys_are_not_told_who_listens(service: Service) -> None:
    async with calling(service) as caller, stream_client(service, caller.call_id) as stream:
        event_id = (await stream.receive())["event_id"]
    answer = await V1(service, service.keys.secret_key).get(f"/events/{event_id}/deliveries")
    assert answer.body["event_id"] == event_id
    assert "subscriptions" not in answer.body
