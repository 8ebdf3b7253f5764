"""The ledger of deliveries over `/v1` (live streams, 3.8; contract, 12)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain import webhook_limits
from ringline.domain.ids import Prefix, format_id
from ringline.services.clock import now
from ringline.services.id_generator import new_id
from ringline.services.recovery import Recovery, TooMuchToRecover
from ringline.services.repo import Repo
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1
from tests.webhook_rows import (
    live,
    log_attempts,
    make_events,
    owe,
    owed_to,
    stored_delivery,
    uuid_of,
)

ENDPOINTS, DELIVERIES = "/webhook-endpoints", "/webhooks/deliveries"
SHOWN = {
    "delivery_id",
    "event_id",
    "event_type",
    "agent_id",
    "endpoint_id",
    "url",
    "status",
    "attempts",
    "last_response_code",
    "next_attempt_at",
    "created_at",
}
#: Where nobody listens.
NOBODY = "http://127.0.0.1:9/a"
LATER = datetime(2100, 1, 1, tzinfo=UTC)
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Ledger:
    """A server whose workspace has a paused endpoint, to which workers send nothing."""

    service: Service
    database: TestDatabase
    v1: V1
    rpc: Rpc
    endpoint: Any

    @property
    def endpoint_id(self) -> str:
        return self.endpoint["endpoint_id"]

    async def owe(self, event_id: str, **more: Any) -> str:
        return await owe(self.database, event_id, endpoint_id=self.endpoint_id, **more)

    async def recover(self, since: object) -> Any:
        return await self.v1.post(f"{ENDPOINTS}/{self.endpoint_id}/recover", {"since": since})


@pytest.fixture
async def ledger(database: TestDatabase) -> AsyncIterator[Ledger]:
    async with serving(database, webhook_allow_private=True) as service:
        v1 = V1(service)
        endpoint = await v1.endpoint(NOBODY)
        await v1.post(f"{ENDPOINTS}/{endpoint['endpoint_id']}/pause")
        yield Ledger(service, database, v1, Rpc(service), endpoint)


# -- reading --------------------------------------------------------------------------------


async def test_a_delivery_with_its_attempts(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(event, attempts=2, schedule_from=BEFORE, next_attempt_at=LATER)
    await log_attempts(ledger.database, delivery, [(500, None), (None, "timeout")])
    found = (await ledger.v1.get(f"{DELIVERIES}/{delivery}")).body
    logged = found.pop("attempt_log")
    assert set(found) == SHOWN
    assert found | {"created_at": ""} == {
        "delivery_id": delivery,
        "event_id": event,
        "event_type": "contact.created",
        "agent_id": None,
        "endpoint_id": ledger.endpoint_id,
        "url": ledger.endpoint["url"],
        "status": "pending",
        "attempts": 2,
        "last_response_code": None,
        "next_attempt_at": "2100-01-01T00:00:00Z",
        "created_at": "",
    }
    assert [one | {"started_at": ""} for one in logged] == [
        {
            "attempt": 1,
            "started_at": "",
            "duration_ms": 12,
            "response_code": 500,
            "error": None,
            "response_body": "said",
        },
        {
            "attempt": 2,
            "started_at": "",
            "duration_ms": 12,
            "response_code": None,
            "error": "timeout",
            "response_body": None,
        },
    ]
    plain = uuid_of(Prefix.DELIVERY, delivery)
    assert (await ledger.v1.get(f"{DELIVERIES}/{plain}")).body["delivery_id"] == delivery
    assert (await ledger.v1.get(DELIVERIES)).body == {"deliveries": [found]}


async def test_only_the_latest_attempts_are_shown(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(event)
    most = webhook_limits.SHOWN_ATTEMPTS.most
    await log_attempts(ledger.database, delivery, [(500, None)] * (most + 5))
    logged = (await ledger.v1.get(f"{DELIVERIES}/{delivery}")).body["attempt_log"]
    assert [one["attempt"] for one in logged] == list(range(6, most + 6))


async def test_while_an_attempt_is_under_way_no_next_one_is_told(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(event, next_attempt_at=LATER, claimed_by=uuid4())
    assert (await ledger.v1.get(f"{DELIVERIES}/{delivery}")).body["next_attempt_at"] is None


async def test_filters(ledger: Ledger) -> None:
    v1, agent = ledger.v1, ledger.service.keys.agent_id
    one, two, three = await make_events(ledger.rpc, 3)
    other = await v1.endpoint(NOBODY, events=["call.*"])
    made = [
        await ledger.owe(one, status="delivered"),
        await ledger.owe(two, status="dead"),
        await owe(ledger.database, two, endpoint_id=other["endpoint_id"], status="delivered"),
        await owe(ledger.database, three, agent_id=agent, status="dead"),
    ]
    first, second, third, fourth = made
    agent_id = format_id(Prefix.AGENT, agent)
    for query, expected in (
        ({"status": "delivered"}, [third, first]),
        ({"status": "dead"}, [fourth, second]),
        ({"event_id": two}, [third, second]),
        ({"event_id": two, "status": "dead"}, [second]),
        ({"endpoint_id": other["endpoint_id"]}, [third]),
        ({"agent_id": agent_id}, [fourth]),
        ({"agent_id": str(agent)}, [fourth]),
        ({"agent_id": agent_id, "endpoint_id": other["endpoint_id"]}, []),
        ({"event_type": "contact.created", "event_id": three}, [fourth]),
        ({"event_type": "call.created"}, []),
        ({"event_id": f"evt_{'0' * 22}"}, []),
    ):
        answer = await v1.get(DELIVERIES, **query)
        found = [row["delivery_id"] for row in answer.body["deliveries"]]
        assert [one for one in found if one in made] == expected, query
    of_agent = (await v1.get(f"{DELIVERIES}/{fourth}")).body
    assert (of_agent["agent_id"], of_agent["endpoint_id"]) == (agent_id, None)
    assert of_agent["url"] is None, "the agent has no URL any more"
    for query in (
        {"status": "lost"},
        {"agent_id": "whe_0000000000000000000000"},
        {"endpoint_id": "x"},
        {"event_id": "x"},
    ):
        answer = await v1.get(DELIVERIES, **query)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
        assert next(iter(query)) in answer.message


async def test_pages_of_deliveries(ledger: Ledger) -> None:
    events = await make_events(ledger.rpc, 5)
    made = [await ledger.owe(event, status="dead") for event in events]
    found: list[str] = []
    query: dict[str, str | int] = {"page_size": 2, "endpoint_id": ledger.endpoint_id}
    while True:
        page = (await ledger.v1.get(DELIVERIES, **query)).body
        found += [row["delivery_id"] for row in page["deliveries"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert found == made[::-1]
    stolen = {"page_size": 2, "status": "dead", "page_token": query["page_token"]}
    assert (await ledger.v1.get(DELIVERIES, **stolen)).status == 400


async def test_why_an_event_did_not_arrive(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    listed = await ledger.rpc.run("list_events", input={"type": "contact.created"})
    delivery = await ledger.owe(event, status="dead", attempts=1)
    await log_attempts(ledger.database, delivery, [(None, "dns")])
    path = f"/events/{event}/deliveries"
    answer = (await ledger.v1.get(path)).body
    assert set(answer) == {"event_id", "event_type", "position", "occurred_at", "webhooks"}
    assert answer["event_type"] == "contact.created"
    assert answer["position"] == listed["events"][0]["position"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["occurred_at"])
    (row,) = answer["webhooks"]
    assert row == (await ledger.v1.get(f"{DELIVERIES}/{delivery}")).body
    management = V1(ledger.service, ledger.service.keys.management_key)
    seen = (await management.get(path)).body
    live = seen.pop("subscriptions")
    assert seen == answer
    assert (live["sent"], live["dropped"], live["recent"]) == (0, 0, [])
    test = V1(ledger.service, ledger.service.keys.test_key)
    assert (await test.get(path)).code == "NOT_FOUND"
    (of_test,) = await make_events(Rpc(ledger.service, test.key), 1)
    assert (await management.get(f"/events/{of_test}/deliveries")).body["webhooks"] == []
    assert (await ledger.v1.get(f"/events/{of_test}/deliveries")).status == 404
    assert (await management.get(DELIVERIES)).code == "PERMISSION_DENIED"


# -- sending again --------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "delivered", "dead"])
async def test_a_delivery_is_sent_again(ledger: Ledger, status: str) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(
        event, status=status, attempts=13, schedule_from=BEFORE, next_attempt_at=LATER
    )
    answer = await ledger.v1.post(f"{DELIVERIES}/{delivery}/redeliver")
    assert answer.status == 202
    assert set(answer.body) == SHOWN
    assert (answer.body["delivery_id"], answer.body["status"]) == (delivery, "pending")
    assert answer.body["attempts"] == 13, "they count on"
    row = await stored_delivery(ledger.database, delivery)
    assert (row["step"], row["schedule_from"]) == (0, None)
    assert row["next_attempt_at"] <= datetime.now(UTC)


async def test_a_delivery_that_is_under_way_stays_with_its_worker(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    worker = uuid4()
    delivery = await ledger.owe(event, claimed_by=worker, next_attempt_at=LATER)
    assert (await ledger.v1.post(f"{DELIVERIES}/{delivery}/redeliver")).status == 202
    row = await stored_delivery(ledger.database, delivery)
    assert (row["claimed_by"], row["next_attempt_at"]) == (worker, LATER)


async def test_what_has_nowhere_to_go_is_not_sent_again(ledger: Ledger) -> None:
    one, two = await make_events(ledger.rpc, 2)
    agents = await owe(ledger.database, one, agent_id=ledger.service.keys.agent_id, status="dead")
    gone = await ledger.owe(two, status="dead")
    await ledger.v1.patch(f"{ENDPOINTS}/{ledger.endpoint_id}", {"enabled": False})
    disabled = await ledger.v1.post(f"{DELIVERIES}/{gone}/redeliver")
    await ledger.v1.delete(f"{ENDPOINTS}/{ledger.endpoint_id}")
    for answer in (
        disabled,
        await ledger.v1.post(f"{DELIVERIES}/{agents}/redeliver"),
        await ledger.v1.post(f"{DELIVERIES}/{gone}/redeliver"),
    ):
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    kept = (await ledger.v1.get(f"{DELIVERIES}/{gone}")).body
    assert (kept["status"], kept["url"]) == ("dead", None)
    assert kept["endpoint_id"] == ledger.endpoint_id, "the ledger outlives the endpoint"


async def test_resuming_begins_the_schedule_of_what_waited(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(event, attempts=3, schedule_from=BEFORE, next_attempt_at=LATER)
    await ledger.v1.post(f"{ENDPOINTS}/{ledger.endpoint_id}/resume")
    row = await stored_delivery(ledger.database, delivery)
    assert row["next_attempt_at"] < LATER


# -- recovery -------------------------------------------------------------------------------


async def test_everything_that_was_not_answered_is_recovered(ledger: Ledger) -> None:
    delivered, dead, pending, claimed, missed = await make_events(ledger.rpc, 5)
    worker = uuid4()
    async with ledger.database.connection() as superuser:
        await superuser.execute("DELETE FROM ringline.webhook_deliveries")
    await ledger.owe(delivered, status="delivered")
    again = await ledger.owe(dead, status="dead", attempts=13, schedule_from=BEFORE)
    waiting = await ledger.owe(pending, schedule_from=BEFORE, next_attempt_at=LATER, attempts=4)
    held = await ledger.owe(claimed, next_attempt_at=LATER, claimed_by=worker)
    answer = await ledger.recover("0")
    assert (answer.status, answer.body) == (202, {"count": 4})
    rows = {
        format_id(Prefix.EVENT, row["event_id"]): row
        for row in await owed_to(ledger.database, ledger.endpoint_id)
    }
    assert list(rows) == [delivered, dead, pending, claimed, missed]
    assert [row["status"] for row in rows.values()] == ["delivered", *["pending"] * 4]
    assert rows[missed]["event_type"] == "contact.created"
    assert rows[missed]["attempts"] == 0
    for event, delivery in ((dead, again), (pending, waiting)):
        assert format_id(Prefix.DELIVERY, rows[event]["id"]) == delivery, "the id stays"
        assert rows[event]["next_attempt_at"] < LATER
        assert (rows[event]["step"], rows[event]["schedule_from"]) == (0, None)
    assert [rows[dead]["attempts"], rows[pending]["attempts"]] == [13, 4]
    assert format_id(Prefix.DELIVERY, rows[claimed]["id"]) == held
    assert rows[claimed]["claimed_by"] == worker, "it is being sent"
    assert (await ledger.recover("0")).body == {"count": 4}


async def test_where_a_recovery_begins(ledger: Ledger) -> None:
    events = await make_events(ledger.rpc, 4)
    listed = await ledger.rpc.run("list_events", input={"type": "contact.created"})
    third = listed["events"][2]
    for since, count in (
        ("0", 4),
        (events[1], 2),
        (third["position"], 1),
        (third["occurredAt"], 2),
        ("2000-01-01T00:00:00+01:00", 4),
        ("2100-01-01T00:00:00Z", 0),
    ):
        answer = await ledger.recover(since)
        assert (answer.status, answer.body) == (202, {"count": count}), since


@pytest.mark.parametrize(
    "since",
    [
        None,
        7,
        "",
        "yesterday",
        "2026-11-20T09:15:00",
        "aaaaaaaa:1",
        f"evt_{'0' * 22}",
        f"call_{'0' * 22}",
    ],
)
async def test_a_beginning_that_is_refused(ledger: Ledger, since: object) -> None:
    answer = await ledger.recover(since)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert "since" in answer.message


async def test_a_position_ahead_of_the_log_or_of_another_environment(ledger: Ledger) -> None:
    page = await ledger.rpc.run("list_events", input={})
    epoch = page["position"].partition(":")[0]
    assert (await ledger.recover(f"{epoch}:999")).status == 400
    (theirs,) = await make_events(Rpc(ledger.service, ledger.service.keys.test_key), 1)
    assert (await ledger.recover(theirs)).status == 400


async def test_a_recovery_sends_what_the_filter_lets_through(ledger: Ledger) -> None:
    await make_events(ledger.rpc, 2)
    path = f"{ENDPOINTS}/{ledger.endpoint_id}"
    await ledger.v1.patch(path, {"events": ["call.*", "contact.deleted"]})
    assert (await ledger.recover("0")).body == {"count": 0}
    await ledger.v1.patch(path, {"events": ["contact.*"]})
    assert (await ledger.recover("0")).body == {"count": 2}


async def test_nothing_is_owed_to_an_endpoint_that_is_disabled(ledger: Ledger) -> None:
    path = f"{ENDPOINTS}/{ledger.endpoint_id}"
    (before,) = await make_events(ledger.rpc, 1)
    await ledger.owe(before)
    await ledger.v1.patch(path, {"enabled": False})
    (row,) = await owed_to(ledger.database, ledger.endpoint_id)
    assert row["status"] == "dead"
    await make_events(ledger.rpc, 2)
    assert len(await owed_to(ledger.database, ledger.endpoint_id)) == 1
    refused = await ledger.recover("0")
    assert (refused.status, refused.code) == (400, "INVALID_ARGUMENT")
    await ledger.v1.patch(path, {"enabled": True})
    assert (await ledger.recover("0")).body == {"count": 3}


async def test_a_recovery_is_written_in_portions_and_bounded(ledger: Ledger) -> None:
    await make_events(ledger.rpc, 7)
    scope = live(ledger.service.keys.workspace_id)
    endpoint = uuid_of(Prefix.WEBHOOK_ENDPOINT, ledger.endpoint_id)
    async with ledger.database.stores(claim=False) as stores:
        repo = Repo(stores.records, MemoryBus())
        small = Recovery(repo, now, new_id=new_id, portion=3, most=7)
        assert await small.recover(scope, endpoint, since=BEFORE) == 7
        tiny = Recovery(repo, now, new_id=new_id, portion=3, most=6)
        with pytest.raises(TooMuchToRecover):
            await tiny.recover(scope, endpoint, since=BEFORE)
        await repo.close()
    assert len(await owed_to(ledger.database, ledger.endpoint_id)) == 7


# -- whose ----------------------------------------------------------------------------------


async def test_deliveries_of_somebody_else_do_not_exist(ledger: Ledger) -> None:
    (event,) = await make_events(ledger.rpc, 1)
    delivery = await ledger.owe(event, status="dead")
    other = await ledger.service.admin.workspaces.create("Other")
    for key in (other.secret_key, ledger.service.keys.test_key):
        stranger = V1(ledger.service, key)
        for query in ({}, {"event_id": event}, {"endpoint_id": ledger.endpoint_id}):
            assert (await stranger.get(DELIVERIES, **query)).body == {"deliveries": []}
        nobodys = await stranger.get(f"{DELIVERIES}/del_{'0' * 22}")
        for answer in (
            await stranger.get(f"{DELIVERIES}/{delivery}"),
            await stranger.post(f"{DELIVERIES}/{delivery}/redeliver"),
            await stranger.get(f"/events/{event}/deliveries"),
        ):
            assert (answer.status, answer.code) == (404, "NOT_FOUND")
            assert answer.message == nobodys.message
    management = V1(ledger.service, other.management_key)
    assert (await management.get(f"/events/{event}/deliveries")).status == 404
    row = await stored_delivery(ledger.database, delivery)
    assert row["status"] == "dead"
