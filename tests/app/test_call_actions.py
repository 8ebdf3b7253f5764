"""Effects of actions on calls, on a real database (events socket, 5.3)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from ringline.domain.call_vocabulary import CallStatus, HangupCause
from ringline.domain.events import CallAudit, CallCreated, CallEnded
from ringline.domain.ids import Prefix, format_id
from ringline.domain.operators import QueueEntryStatus
from ringline.domain.unavailable import UnavailableReason
from ringline.ports import EntryRefused
from ringline.storage.stores import Stores
from ringline.wire.times import micros
from tests.action_runner import ActionRunner, action_runner, refused
from tests.database import NOW, a_call, first_entry
from tests.expecting import unavailable_for

INBOUND = {"direction": "inbound", "fromNumber": "+4930111", "toNumber": "+4930222"}


@pytest.fixture
async def here(stores: Stores) -> AsyncIterator[ActionRunner]:
    async with action_runner(stores) as open_:
        yield open_


async def test_an_inbound_call_is_recorded_with_what_is_known_of_it(here: ActionRunner) -> None:
    contact = await here.insert("contacts", full_name="Ada", phone_e164="+4930111")
    talk = await here.insert(
        "conversations", public_id="p", channel="call", mode="voice", status="active"
    )
    call_id = await here.create(
        "create_call",
        **INBOUND,
        callUuid="order-7",
        sipUsername="desk",
        status="queued",
        startedAt="2026-03-01T11:59:00Z",
        conversationId=str(talk),
    )
    stored = await here.call("order-7")
    row, entry = stored.row, stored.entry
    assert (row.id, row.source, row.status, stored.runs) == (call_id, "api", "queued", False)
    assert (row.conversation_id, row.started_at.isoformat()) == (talk, "2026-03-01T11:59:00+00:00")
    assert entry is not None
    assert (entry.status, entry.entered_at) == (QueueEntryStatus.WAITING, NOW)
    assert await here.types() == ["call.created", "call.ringing"]
    created, _ = await here.events()
    assert isinstance(created.data, CallCreated)
    assert (created.data.queue_entry_id, created.data.queue_name) == (entry.id, "default")
    assert created.data.contact is not None
    assert (created.data.contact.id, created.data.contact.full_name) == (contact, "Ada")
    assert created.call is not None
    assert created.call.conversation_id == talk
    assert [event.offset for publication in here.published for event in publication.events] == [
        1,
        2,
    ]


async def test_a_call_is_called_by_its_id_and_goes_out_of_itself(here: ActionRunner) -> None:
    await here.insert("contacts", full_name="Ada", phone_e164="+4930111")
    outbound = INBOUND | {"direction": "outbound"}
    call_id = await here.create("create_call", **outbound, callSource="pstn")
    row = (await here.call(call_id)).row
    assert (row.uuid, row.source, row.status) == (str(call_id), "pstn", "initiated")
    assert (row.started_at, row.duration_seconds) == (NOW, None)
    (created,) = await here.events()
    assert isinstance(created.data, CallCreated)
    assert created.data.contact is None


async def test_a_wait_expires_as_its_queue_says(here: ActionRunner) -> None:
    queue = await here.insert("queues", queue_name="sales", strategy="random", max_wait_time=90)
    call_id = await here.create("create_call", **INBOUND, status="queued", queueId=str(queue))
    entry = (await here.call(call_id)).entry
    assert entry is not None
    assert entry.expires_at is not None
    assert (entry.queue_id, (entry.expires_at - NOW).total_seconds()) == (queue, 90)


async def test_a_name_that_is_taken_and_queues_that_are_not_there_are_refused(
    here: ActionRunner,
) -> None:
    await here.create("create_call", **INBOUND, callUuid="order-7")
    with refused("invalid_attribute", "callUuid"):
        await here.create("create_call", **INBOUND, callUuid="order-7")
    with refused("invalid_attribute", "queueId"):
        await here.create("create_call", **INBOUND, status="queued", queueId=str(uuid4()))
    with refused("invalid_attribute", "queueId"):
        await here.create("create_call", **INBOUND, queueId=str(uuid4()))
    with pytest.raises(EntryRefused) as broken:
        await here.create("create_call", **INBOUND, conversationId=str(uuid4()))
    assert broken.value.constraint == "calls_conversations_fkey"
    assert await here.types() == ["call.created"]


async def test_calls_are_found_by_their_name_first_and_by_their_id(here: ActionRunner) -> None:
    first = await here.create("create_call", **INBOUND, callUuid="order-7")
    second = await here.create("create_call", **INBOUND, callUuid=str(first))
    for text in ("order-7", format_id(Prefix.CALL, first)):
        answer = await here.run("call_codec", callUuid=text)
        assert answer == {"call_uuid": "order-7", "read_codec": None, "write_codec": None}
    assert (await here.run("call_codec", callUuid=str(first)))["call_uuid"] == str(first)
    assert (await here.run("call_codec", callUuid=str(second)))["call_uuid"] == str(first)
    for unknown in ("order-8", str(uuid4()), format_id(Prefix.CALL, uuid4())):
        with refused("not_found"):
            await here.run("call_codec", callUuid=unknown)


async def test_an_external_call_goes_its_way(here: ActionRunner) -> None:
    call_id = await here.create("create_call", **INBOUND)
    await here.at(1).change("update_call", call_id, status="ringing")
    await here.at(2).change("update_call", call_id, status="queued")
    await here.at(3).change("update_call", call_id, status="queued")
    await here.at(4).change("update_call", call_id, status="answered")
    end = {"status": "completed", "endedAt": micros(here.at(65).now), "durationSeconds": 60}
    await here.at(70).change("update_call", call_id, **end, callSource="pstn")
    await here.at(80).change("update_call", call_id, **end)
    assert await here.types() == [
        "call.created",
        "call.ringing",
        "call.ringing",
        "call.answered",
        "call.ended",
    ]
    stored = await here.call(call_id)
    assert (stored.row.status, stored.row.answered_at) == ("completed", here.at(4).now)
    assert (stored.row.ended_at, stored.row.duration_seconds) == (here.at(65).now, 60)
    assert stored.row.source == "pstn"
    assert stored.entry is not None
    assert stored.entry.status is QueueEntryStatus.ACCEPTED
    last = (await here.events())[-1].data
    assert isinstance(last, CallEnded)
    assert (last.duration_seconds, last.hangup_cause) == (60, HangupCause.CALLER_HANGUP)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"status": "initiated"}, "status"),
        ({"endedAt": "2026-03-01T12:00:00Z"}, "endedAt"),
        ({"status": "answered", "endedAt": "2026-03-01T12:00:00Z"}, "endedAt"),
    ],
)
async def test_what_does_not_follow_is_refused_and_leaves_nothing(
    here: ActionRunner, given: dict[str, str], field: str
) -> None:
    call_id = await here.create("create_call", **INBOUND, status="ringing")
    with refused("invalid_changes", field):
        await here.change("update_call", call_id, **given, callSource="pstn")
    assert (await here.call(call_id)).row.source == "api"
    assert len(await here.events()) == 2


async def test_a_call_that_runs_here_is_not_reported_on(here: ActionRunner) -> None:
    call = a_call()
    await here.stores.log.commit([first_entry(here.scope, call)])
    who = (await here.call(call.id)).participants[0].id
    with refused("invalid_changes"):
        await here.change("update_call", call.id, status="initiated")
    with refused("invalid_changes"):
        await here.create(
            "create_call_participant", callId=str(call.id), memberUuid="m", role="caller"
        )
    with refused("invalid_changes"):
        await here.change("update_call_participant", who, leftAt="2026-03-01T12:00:00Z")


async def test_who_takes_part_is_told_and_leaves_before_the_end(here: ActionRunner) -> None:
    call_id = await here.create("create_call", **INBOUND, status="answered")
    given = {"callId": str(call_id), "memberUuid": "ann", "role": "operator"}
    first = await here.at(1).create("create_call_participant", **given)
    joined = await here.at(2).create("create_call_participant", **given | {"memberUuid": "bob"})
    await here.at(3).change("update_call_participant", first, leftAt=micros(here.at(3).now))
    await here.at(4).change("update_call_participant", first, leftAt=micros(here.at(3).now))
    await here.at(4).change("update_call_participant", first)
    with refused("invalid_changes", "leftAt"):
        await here.change("update_call_participant", first, leftAt=micros(here.at(5).now))
    await here.at(9).run("end_call", callUuid=str(call_id))
    assert (await here.types())[2:] == [
        "call.participant_joined",
        "call.participant_joined",
        "call.participant_left",
        "call.participant_left",
        "call.ended",
    ]
    people = {each.id: each.left_at for each in (await here.call(call_id)).participants}
    assert people == {first: here.at(3).now, joined: here.at(9).now}
    with refused("invalid_changes", "callId"):
        await here.create("create_call_participant", **given)
    with refused("invalid_attribute", "callId"):
        await here.create("create_call_participant", **given | {"callId": str(uuid4())})


async def test_an_end_is_told_once_and_answered_as_it_was(here: ActionRunner) -> None:
    await here.create("create_call", **INBOUND, callUuid="order-7", status="queued")
    first = await here.at(5).run("end_call", callUuid="order-7")
    assert first == {
        "call_uuid": "order-7",
        "status": "completed",
        "ended_at": "2026-03-01T12:00:05.000000Z",
    }
    assert await here.at(6).run("end_call", callUuid="order-7") == first
    assert (await here.types()).count("call.ended") == 1
    stored = await here.call("order-7")
    assert stored.row.hangup_cause is HangupCause.API_HANGUP
    assert stored.entry is not None
    assert stored.entry.status is QueueEntryStatus.ABANDONED
    with refused("not_found"):
        await here.run("end_call", callUuid="order-8")


async def test_an_end_that_was_reported_is_answered_as_reported(here: ActionRunner) -> None:
    call_id = await here.create("create_call", **INBOUND)
    await here.change("update_call", call_id, status="no_answer")
    answer = await here.at(9).run("end_call", callUuid=str(call_id))
    assert (answer["status"], answer["ended_at"]) == ("no_answer", micros(NOW))


async def test_of_two_ends_at_once_one_is_told(here: ActionRunner) -> None:
    for number in range(5):
        await here.create("create_call", **INBOUND, callUuid=f"order-{number}")
    orders = [
        here.at(second).run("end_call", callUuid=f"order-{number}")
        for number in range(5)
        for second in (1, 2)
    ]
    answers: list[Any] = await asyncio.gather(*orders)
    assert answers[::2] == answers[1::2]
    types = await here.types()
    assert types.count("call.ended") == 5


async def test_a_call_that_runs_here_is_ended_taken_over_and_given_back(here: ActionRunner) -> None:
    call_id = await here.live_call()
    ann = here.acted_by(await here.user("ann"))
    name = str(call_id)
    barged = {"call_uuid": name, "status": "barged"}
    assert await here.run("barge_call", callUuid=name, agentName="bob") == barged
    assert await ann.run("barge_call", callUuid=name, mode="barge") == barged
    assert ann.operator is not None
    members = [each.member_uuid for each in (await here.call(call_id)).participants[2:]]
    assert sorted(members) == sorted(["bob", str(ann.operator.id)])
    for mode in ("listen", "whisper"):
        with refused("not_configured"):
            await here.run("barge_call", callUuid=name, mode=mode)
    resumed = {"call_uuid": name, "status": "ai_resumed"}
    assert await here.run("resume_ai_call", callUuid=name) == resumed
    ended = await here.run("end_call", callUuid=name)
    ended_at = (await here.call(call_id)).row.ended_at
    assert ended_at is not None
    assert ended == {"call_uuid": name, "status": "completed", "ended_at": micros(ended_at)}
    assert await here.run("end_call", callUuid=name) == ended
    for order in ("barge_call", "resume_ai_call"):
        with refused("invalid_argument", "callUuid"):
            await here.run(order, callUuid=name)
    audits = [event.data for event in await here.events() if isinstance(event.data, CallAudit)]
    assert [audit.code for audit in audits] == ["barged", "barged", "ai_resumed"]
    assert (await here.types())[-1] == "call.ended"


async def test_an_operator_goes_by_their_own_name_alone(here: ActionRunner) -> None:
    call_id = await here.live_call()
    user = await here.user("ann")
    await here.sip_user("ann", user)
    await here.sip_user("bob")
    ann, name = here.acted_by(user), str(call_id)
    barges: list[dict[str, object]] = [
        {"agentName": "bob"},
        {"sipUsername": "bob"},
        {"agentName": "nobody"},
        {"sipUsername": "nobody"},
        {"agentName": "bob", "sipUsername": "ann"},
        {"agentName": "ann", "sipUsername": "bob"},
        {"agentName": "bob", "mode": "listen"},
    ]
    for given in barges:
        with refused("forbidden"):
            await ann.run("barge_call", callUuid=name, **given)
    with refused("forbidden"):
        await ann.run("start_outbound_call", toNumber="+4930111", sipUsername="bob")
    with refused("not_configured"):
        await ann.run("start_outbound_call", toNumber="+4930111", sipUsername="ann")
    assert len((await here.call(call_id)).participants) == 2
    own: list[dict[str, object]] = [{"agentName": "ann"}, {"sipUsername": "ann"}]
    for given in own:
        assert (await ann.run("barge_call", callUuid=name, **given))["status"] == "barged"
    members = [each.member_uuid for each in (await here.call(call_id)).participants[2:]]
    assert set(members) == {"ann"}
    assert (await here.run("barge_call", callUuid=name, agentName="bob"))["status"] == "barged"


async def test_a_call_whose_process_is_gone_can_be_asked_for_again(here: ActionRunner) -> None:
    call = a_call()
    await here.stores.log.commit([first_entry(here.scope, call)])
    for order in ("end_call", "barge_call", "resume_ai_call"):
        with unavailable_for(UnavailableReason.PROCESS_GONE):
            await here.run(order, callUuid=call.uuid)


async def test_what_takes_a_telephone_is_said_to(here: ActionRunner) -> None:
    await here.create("create_call", **INBOUND, callUuid="talking", status="answered")
    await here.create("create_call", **INBOUND, callUuid="ringing", status="ringing")
    for order in ("barge_call", "resume_ai_call"):
        with refused("not_configured"):
            await here.run(order, callUuid="talking")
        with refused("not_found"):
            await here.run(order, callUuid="nobody")
    with refused("invalid_argument", "callUuid"):
        await here.run("resume_ai_call", callUuid="ringing")
    with refused("invalid_argument", "aiAgentId"):
        await here.run("start_outbound_call", toNumber="+4930111", aiAgentId=str(uuid4()))
    agent = await here.insert("agents", display_name="A", model="local/attendant")
    for given in ({}, {"aiAgentId": str(agent)}):
        with refused("not_configured"):
            await here.run("start_outbound_call", toNumber="+4930111", **given)
    assert [status.row.status for status in [await here.call("talking")]] == [CallStatus.ANSWERED]


async def test_another_workspace_sees_nothing_of_a_call(here: ActionRunner, stores: Stores) -> None:
    call_id: UUID = await here.create("create_call", **INBOUND, callUuid="order-7")
    async with action_runner(stores) as there:
        for text in ("order-7", str(call_id)):
            for order in ("end_call", "barge_call", "resume_ai_call", "call_codec"):
                with refused("not_found"):
                    await there.run(order, callUuid=text)
        with refused("invalid_attribute", "callId"):
            given = {"callId": str(call_id), "memberUuid": "m", "role": "caller"}
            await there.create("create_call_participant", **given)
        await there.create("create_call", **INBOUND, callUuid="order-7")
    assert await here.types() == ["call.created"]
