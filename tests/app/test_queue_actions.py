"""Operators' availability and taking waiting calls (events socket, 5.3)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.records import QueueEntryRow
from ringline.storage.stores import Stores
from ringline.wire.rpc import RpcRefused
from tests.action_runner import ActionRunner, action_runner, refused
from tests.database import NOW, new_id

WAITING = {
    "direction": "inbound",
    "fromNumber": "+4930111",
    "toNumber": "+4930222",
    "status": "queued",
}


@pytest.fixture
async def here(stores: Stores) -> AsyncIterator[ActionRunner]:
    async with action_runner(stores) as open_:
        yield open_


async def entry_of(here: ActionRunner, call_id: UUID) -> QueueEntryRow:
    entry = (await here.call(call_id)).entry
    assert entry is not None
    return entry


async def test_accepting_answers_the_call_for_a_line(here: ActionRunner) -> None:
    ann, bob = await here.sip_user("ann"), await here.sip_user("bob")
    call_id = await here.create("create_call", **WAITING)
    entry = await entry_of(here, call_id)
    accept = "accept_call_queue_entry"
    await here.at(5).change(accept, entry.id, sipUserId=str(ann))
    await here.at(6).change(accept, entry.id, sipUserId=str(ann), agentName="ann")
    await here.at(7).change(accept, entry.id, agentName="ann")
    for other in ({"sipUserId": str(bob)}, {"agentName": "bob"}, {"agentName": "nobody"}):
        with refused("invalid_changes"):
            await here.change(accept, entry.id, **other)
    stored = await here.call(call_id)
    assert (stored.row.status, stored.row.sip_username) == (CallStatus.ANSWERED, "ann")
    assert stored.entry is not None
    assert (stored.entry.status, stored.entry.accepted_at) == ("accepted", here.at(5).now)
    assert stored.entry.accepted_by_sip_user_id == ann
    assert stored.entry.accepted_by_agent_name == "ann"
    assert [(each.member_uuid, each.role) for each in stored.participants] == [("ann", "operator")]
    assert await here.types() == [
        "call.created",
        "call.ringing",
        "call.answered",
        "call.participant_joined",
    ]


async def test_an_agent_elsewhere_is_a_name(here: ActionRunner) -> None:
    entry = await entry_of(here, await here.create("create_call", **WAITING))
    await here.change("accept_call_queue_entry", entry.id, agentName="agent-9")
    accepted = await entry_of(here, entry.call_id)
    assert (accepted.accepted_by_sip_user_id, accepted.accepted_by_agent_name) == (None, "agent-9")


async def test_acceptors_that_do_not_fit_are_refused(here: ActionRunner) -> None:
    ann = await here.sip_user("ann")
    entry = await entry_of(here, await here.create("create_call", **WAITING))
    for given, field in (
        ({"sipUserId": str(uuid4())}, "sipUserId"),
        ({"sipUserId": str(ann), "agentName": "bob"}, "agentName"),
    ):
        with refused("invalid_attribute", field):
            await here.change("accept_call_queue_entry", entry.id, **given)
    with refused("not_found"):
        await here.change("accept_call_queue_entry", new_id(), agentName="ann")
    assert await entry_of(here, entry.call_id) == entry


async def test_what_has_been_given_up_cannot_be_accepted(here: ActionRunner) -> None:
    queue = await here.insert("queues", queue_name="sales", strategy="random", max_wait_time=60)
    call_id = await here.create("create_call", **WAITING, queueId=str(queue))
    first = await entry_of(here, call_id)
    with refused("invalid_changes"):
        await here.at(60).change("accept_call_queue_entry", first.id, agentName="ann")
    await here.at(61).change("update_call", call_id, status="ringing")
    await here.at(62).change("update_call", call_id, status="queued")
    second = await entry_of(here, call_id)
    assert second.queue_id == queue
    assert second.expires_at == NOW + timedelta(seconds=122)
    with refused("invalid_changes"):
        await here.at(63).change("accept_call_queue_entry", first.id, agentName="ann")
    await here.at(63).change("accept_call_queue_entry", second.id, agentName="ann")
    assert (await entry_of(here, call_id)).status is QueueEntryStatus.ACCEPTED


def problems(outcome: BaseException | object) -> list[str]:
    """Return what an action was refused with."""
    if isinstance(outcome, RpcRefused):
        return [problem.type for problem in outcome.problems]
    assert not isinstance(outcome, BaseException), outcome
    return []


async def test_of_two_who_accept_at_once_one_wins(here: ActionRunner) -> None:
    entries = [await entry_of(here, await here.create("create_call", **WAITING)) for _ in range(4)]

    names = ("ann", "bob", "cid")
    for entry in entries:
        outcomes = await asyncio.gather(
            *(here.change("accept_call_queue_entry", entry.id, agentName=name) for name in names),
            return_exceptions=True,
        )
        assert sorted(map(problems, outcomes)) == [[], ["invalid_changes"], ["invalid_changes"]]
        winner = names[outcomes.index(None)]
        assert (await entry_of(here, entry.call_id)).accepted_by_agent_name == winner
    types = await here.types()
    assert types.count("call.answered") == types.count("call.participant_joined") == len(entries)


async def test_an_acceptance_and_an_end_at_once_leave_one_story(here: ActionRunner) -> None:
    for number in range(4):
        entry = await entry_of(
            here, await here.create("create_call", **WAITING, callUuid=f"order-{number}")
        )
        accepted, ended = await asyncio.gather(
            here.change("accept_call_queue_entry", entry.id, agentName="ann"),
            here.run("end_call", callUuid=f"order-{number}"),
            return_exceptions=True,
        )
        assert problems(ended) == []
        told = [
            event.type
            for event in await here.events()
            if event.call is not None and event.call.id == entry.call_id
        ]
        joined = ["call.answered", "call.participant_joined", "call.participant_left"]
        begun = ["call.created", "call.ringing"]
        if problems(accepted):
            assert told == [*begun, "call.ended"]
        else:
            assert told == [*begun, *joined, "call.ended"]


async def test_an_operator_takes_calls_for_himself_alone(here: ActionRunner) -> None:
    user = await here.user("ann")
    ann, bob = await here.sip_user("ann", user), await here.sip_user("bob")
    entry = await entry_of(here, await here.create("create_call", **WAITING))
    operator = here.acted_by(user)
    for other in ({"sipUserId": str(bob)}, {"agentName": "bob"}, {"agentName": "nobody"}):
        with refused("forbidden"):
            await operator.change("accept_call_queue_entry", entry.id, **other)
    await operator.change("accept_call_queue_entry", entry.id, agentName="ann")
    assert (await entry_of(here, entry.call_id)).accepted_by_sip_user_id == ann


async def statuses(here: ActionRunner) -> list[Any]:
    columns = "id, sip_user_id, status, source, changed_by_user_id, updated_at"
    async with here.services.repo.read(here.scope) as rows:
        return list(
            await rows.fetch(
                f"SELECT {columns} FROM ringline.operator_statuses ORDER BY inserted_at", []
            )
        )


async def test_a_line_has_one_status(here: ActionRunner) -> None:
    user = await here.user("ann")
    ann = await here.sip_user("ann", user)
    first = await here.create("set_operator_status", sipUserId=str(ann), status="available")
    (row,) = await statuses(here)
    assert (row["id"], row["sip_user_id"], row["status"]) == (first, ann, "available")
    assert (row["source"], row["changed_by_user_id"]) == ("api", None)
    again = await here.create("set_operator_status", sipUserId=str(ann), status="available")
    (same,) = await statuses(here)
    assert (again, same) == (first, row)
    changed = await here.acted_by(user).create(
        "set_operator_status", sipUserId=str(ann), status="on_break", source="widget"
    )
    (row,) = await statuses(here)
    assert (changed, row["status"], row["source"]) == (first, "on_break", "widget")
    assert row["changed_by_user_id"] == user.id
    assert row["updated_at"] > same["updated_at"]


async def test_a_status_is_of_a_line_that_is_there_and_ones_own(here: ActionRunner) -> None:
    user = await here.user("ann")
    bob = await here.sip_user("bob")
    for who in (here, here.acted_by(user)):
        with refused("invalid_attribute", "sipUserId"):
            await who.create("set_operator_status", sipUserId=str(uuid4()), status="busy")
    with refused("forbidden"):
        await here.acted_by(user).create(
            "set_operator_status", sipUserId=str(bob), status="offline"
        )
    assert await statuses(here) == []


async def test_two_who_set_a_new_status_at_once_make_one(here: ActionRunner) -> None:
    ann = await here.sip_user("ann")
    made = await asyncio.gather(
        *(
            here.create("set_operator_status", sipUserId=str(ann), status=status)
            for status in ("available", "busy", "offline")
        )
    )
    (row,) = await statuses(here)
    assert set(made) == {row["id"]}
