"""Calls by RPC over HTTP, and what those who watch see of them (events socket, 5.3 and 6)."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.realtime_session import talking
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.watchers import EventsClient, events_client, stream_client

INBOUND = {"direction": "inbound", "fromNumber": "+4930111", "toNumber": "+4930222"}
CALL = ["id", "callUuid", "status", "endedAt", "durationSeconds", "sipUsername"]
ENTRY = ["id", "status", "position", "queueName", "acceptedByAgentName", "acceptedBySipUserId"]


async def pushed(watcher: EventsClient, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return name and payload of the pushes up to an event."""
    return [(frame[3], frame[4]) for frame in await watcher.until(name)]


async def a_line(rpc: Rpc, name: str) -> str:
    """Invite a member of the team who answers a line; return the line's id."""
    invited = await rpc.run("invite_team_member", input={"email": f"{name}@example.com"})
    await rpc.run("accept_team_invitation", input={"token": invited["token"]})
    users = await rpc.run(
        "list_users", fields=["id"], filter={"email": {"eq": f"{name}@example.com"}}
    )
    given = {"sipUsername": name, "sipPassword": "secret words", "userId": users[0]["id"]}
    return (await rpc.run("create_sip_user", input=given, fields=["id"]))["id"]


async def test_a_call_rings_waits_is_accepted_and_ends_before_all_eyes(service: Service) -> None:
    rpc = Rpc(service)
    contact = await rpc.run(
        "create_contact",
        input={"fullName": "Ada", "phoneE164": "+4930111"},
        fields=["id", "fullName", "phoneE164"],
    )
    talk = await rpc.run("create_conversation", input={"channel": "call"}, fields=["id"])
    line = await a_line(rpc, "ann")
    async with events_client(service) as watcher:
        await watcher.join()
        call = await rpc.run(
            "create_call",
            input={
                **INBOUND,
                "callUuid": "order-7",
                "conversationId": talk["id"],
                "status": "queued",
            },
            fields=CALL,
        )
        assert (call["callUuid"], call["status"], call["endedAt"]) == ("order-7", "queued", None)
        ((_, incoming),) = await pushed(watcher, "incoming_call")
        entry = await rpc.run("get_call_queue_entry", input={"callUuid": "order-7"}, fields=ENTRY)
        assert (entry["status"], entry["position"], entry["queueName"]) == ("waiting", 1, "default")
        assert incoming["callId"] == call["id"]
        assert (incoming["status"], incoming["callSource"]) == ("ringing", "api")
        assert (incoming["queueEntryId"], incoming["queueName"]) == (entry["id"], "default")
        assert (incoming["contact"], incoming["conversationId"]) == (contact, talk["id"])

        for status, wait in (("ringing", "offered"), ("queued", "waiting")):
            moved = {"callUuid": "order-7"}
            answer = await rpc.run(
                "update_call", identity=moved, input={"status": status}, fields=["status"]
            )
            assert answer == {"status": status}
            entry = await rpc.run(
                "get_call_queue_entry", input={"callUuid": "order-7"}, fields=ENTRY
            )
            assert entry["status"] == wait
        accepted = await rpc.run(
            "accept_call_queue_entry",
            identity=entry["id"],
            input={"agentName": "ann"},
            fields=[*ENTRY, {"call": ["status", "sipUsername"]}],
        )
        assert (accepted["status"], accepted["position"]) == ("accepted", None)
        assert (accepted["acceptedBySipUserId"], accepted["acceptedByAgentName"]) == (line, "ann")
        assert accepted["call"] == {"status": "answered", "sipUsername": "ann"}

        ended = await rpc.run("end_call", input={"callUuid": "order-7"})
        assert ended == await rpc.run("end_call", input={"callUuid": call["id"]})
        seen = await pushed(watcher, "call_ended")
        assert [name for name, _ in seen] == [
            "call_answered",
            "call_participant_joined",
            "call_participant_left",
            "call_ended",
        ]
        answered, joined, left, over = (payload for _, payload in seen)
        assert (answered["answeredBy"], answered["sipUsername"]) == ("operator", "ann")
        assert (joined["memberUuid"], joined["role"]) == ("ann", "operator")
        assert left["participantId"] == joined["participantId"]
        assert (over["status"], over["hangupCause"]) == ("completed", "api_hangup")
        assert over["endedAt"] == ended["ended_at"] == left["leftAt"]

    listed = await rpc.run("list_events", input={"callUuid": "order-7"})
    assert [(event["type"], event["data"].get("status")) for event in listed["events"]] == [
        ("call.created", "initiated"),
        ("call.ringing", "queued"),
        ("call.ringing", "ringing"),
        ("call.ringing", "queued"),
        ("call.answered", "answered"),
        ("call.participant_joined", None),
        ("call.participant_left", None),
        ("call.ended", "completed"),
    ]
    by_id = {event["eventId"]: event["position"] for event in listed["events"]}
    for payload in (incoming, answered, joined, left, over):
        assert by_id[payload["eventId"]] == payload["position"]
    assert listed["hasMore"] is False


async def test_an_external_call_is_seen_on_its_stream_too(service: Service) -> None:
    rpc = Rpc(service)
    call = await rpc.run("create_call", input=INBOUND | {"status": "ringing"}, fields=["id"])
    async with stream_client(service, call["id"]) as stream:
        for status in ("answered", "completed"):
            await rpc.run("update_call", identity=call["id"], input={"status": status})
        started, completed = await stream.rest()
    assert (started["event_type"], started["payload"]["transport"]) == ("call.initiated", "sip")
    assert (completed["event_type"], completed["payload"]["disposition"]) == (
        "call.completed",
        "caller_hangup",
    )


async def test_what_the_database_refuses_names_the_input(service: Service) -> None:
    rpc = Rpc(service)
    await rpc.run("create_call", input=INBOUND | {"callUuid": "order-7"})
    for bad in (
        {"callUuid": "order-7"},
        {"conversationId": str(uuid4())},
        {"status": "queued", "queueId": str(uuid4())},
        {"status": "completed"},
        {"startedAt": "yesterday"},
    ):
        problem = await rpc.problem("create_call", input=INBOUND | bad)
        field = list(bad)[-1]
        assert (problem["type"], problem["fields"]) == ("invalid_attribute", [field]), problem
        assert problem["vars"]["field"] == field
    assert [problem["type"] for problem in await rpc.problems("create_call", input={})] == [
        "required"
    ] * 3


async def test_a_call_that_runs_here_is_steered(service: Service) -> None:
    rpc = Rpc(service)
    async with talking(service, None) as session:
        started = next(event for event in session.events if event["type"] == "session.started")
        name = {"callUuid": started["call_uuid"]}
        refused = await rpc.problem("update_call", identity=name, input={"status": "completed"})
        assert refused["type"] == "invalid_changes"
        barged = await rpc.run("barge_call", input=name | {"sipUsername": "ann"})
        assert barged == {"call_uuid": started["call_uuid"], "status": "barged"}
        listening = await rpc.problem("barge_call", input=name | {"mode": "listen"})
        assert (listening["type"], listening["vars"]) == (
            "not_configured",
            {"capability": "telephony"},
        )
        resumed = await rpc.run("resume_ai_call", input=name)
        assert resumed == {"call_uuid": started["call_uuid"], "status": "ai_resumed"}
        ended = await asyncio.gather(*(rpc.run("end_call", input=name) for _ in range(2)))
        assert ended[0] == ended[1]
        assert ended[0]["status"] == "completed"
        fields = ["hangupCause", "aiAgentId", {"aiAgent": ["id", "name"]}]
        by_cause = {"hangupCause": "api_hangup", "aiAgent": {"name": "Attendant"}}
        assert await rpc.run("list_calls", fields=fields, filter=by_cause) == [
            {
                "hangupCause": "api_hangup",
                "aiAgentId": str(service.keys.agent_id),
                "aiAgent": {"id": str(service.keys.agent_id), "name": "Attendant"},
            }
        ]
        inactive = await rpc.problem("resume_ai_call", input=name)
        assert (inactive["type"], inactive["fields"]) == ("invalid_argument", ["callUuid"])
        await session.until("session.terminating")
    listed = await rpc.run("list_events", input=name | {"type": "call.ended"})
    assert len(listed["events"]) == 1


async def test_what_is_not_possible_is_told_in_order(service: Service) -> None:
    rpc = Rpc(service)
    for action in ("end_call", "barge_call", "resume_ai_call", "call_codec"):
        assert (await rpc.problem(action, input={}))["type"] == "required"
        missing = await rpc.problem(action, input={"callUuid": "nobody"})
        assert missing["type"] == "not_found"
    placed = await rpc.problem("start_outbound_call", input={"toNumber": "+4930111"})
    assert placed["type"] == "not_configured"
    bad = await rpc.problem(
        "start_outbound_call", input={"toNumber": "+4930111", "aiAgentId": str(uuid4())}
    )
    assert (bad["type"], bad["fields"]) == ("invalid_argument", ["aiAgentId"])
    for after in ("never", -1, True):
        problem = await rpc.problem("list_events", input={"after": after})
        assert (problem["type"], problem["fields"]) == ("invalid_argument", ["after"])
    problem = await rpc.problem("list_events", input={"type": ["call.ended", "call.begun"]})
    assert (problem["type"], problem["fields"]) == ("invalid_argument", ["type"])


async def test_a_validation_says_what_a_run_would_say(service: Service) -> None:
    rpc = Rpc(service)
    new = {"direction": "inbound", "fromNumber": "+4930", "toNumber": "+4940"}
    call = await rpc.run("create_call", input=new, fields=["id"])
    (queue,) = await rpc.run("list_queues", fields=["id"])
    stay = {"joinedAt": "2026-01-01T00:00:01Z", "leftAt": "2026-01-01T00:00:00Z"}
    member = {"callId": call["id"], "memberUuid": "leg-1", "role": "callee"}
    end = {"status": "ringing", "endedAt": "2099-01-01T00:00:00Z"}
    rows: list[tuple[str, dict[str, Any], str, list[str]]] = [
        ("issue_sip_access", {"input": {}}, "required", ["operatorEmail"]),
        (
            "create_call",
            {"input": new | {"queueId": queue["id"]}},
            "invalid_attribute",
            ["queueId"],
        ),
        ("update_call", {"identity": call["id"], "input": end}, "invalid_changes", ["endedAt"]),
        ("create_call_participant", {"input": member | stay}, "invalid_changes", ["leftAt"]),
        ("delete_queue", {"identity": queue["id"]}, "invalid_changes", []),
    ]
    for action, request, type_, fields in rows:
        (validated,) = await rpc.validate(action, **request)
        ran = await rpc.problem(action, **request)
        assert (validated["type"], validated["fields"], validated["path"]) == (
            type_,
            fields,
            fields,
        )
        assert (ran["type"], ran["fields"], ran["path"]) == (type_, fields, [])
        assert ran["message"] == validated["message"]


async def test_null_clears_what_a_switch_had_reported(service: Service) -> None:
    rpc = Rpc(service)
    new = {"direction": "inbound", "fromNumber": "+4930", "toNumber": "+4940"}
    call = await rpc.run("create_call", input=new, fields=["id"])
    for given in (7, None):
        changed = await rpc.run(
            "update_call",
            identity=call["id"],
            input={"durationSeconds": given},
            fields=["durationSeconds"],
        )
        assert changed == {"durationSeconds": given}
    for name in ("callUuid", "callSource"):
        problem = await rpc.problem("create_call", input=new | {name: None})
        assert (problem["type"], problem["fields"]) == ("required", [name])


async def test_contacts_and_conversations_are_told_on_the_log(service: Service) -> None:
    rpc = Rpc(service)
    contact = await rpc.run(
        "create_contact", input={"fullName": "Ada", "phoneE164": "+4930111"}, fields=["id"]
    )
    await rpc.run("update_contact", identity=contact["id"], input={"fullName": "Ada L."})
    await rpc.run("update_contact", identity=contact["id"], input={"fullName": "Ada L."})
    await rpc.run("delete_contact", identity=contact["id"])
    talk = await rpc.run(
        "create_conversation",
        input={"metadata": {"some_key": 1}},
        fields=["id", "publicId", "status", "mode", "channel"],
    )
    assert (talk["status"], talk["mode"], talk["channel"]) == ("active", "text", "chat")
    identity = {"publicId": talk["publicId"]}
    await rpc.run("update_conversation", identity=identity, input={"mode": "voice"})
    await rpc.run("update_conversation", identity=talk["id"], input={"status": "closed"})
    item = await rpc.run(
        "create_conversation_item",
        input={"conversationId": talk["id"], "role": "user", "content": "Hi"},
        fields=["modality", "occurredAt"],
    )
    assert item["modality"] == "text"
    assert item["occurredAt"] is not None
    events = (await rpc.run("list_events"))["events"]
    assert [event["type"] for event in events] == [
        "contact.created",
        "contact.updated",
        "contact.deleted",
        "conversation.created",
        "conversation.updated",
        "conversation.updated",
    ]
    assert {event["callUuid"] for event in events} == {None}
    updated, deleted, made = (events[place]["data"] for place in (1, 2, 3))
    assert updated == deleted
    assert (updated["id"], updated["fullName"]) == (contact["id"], "Ada L.")
    assert (updated["phoneE164"], updated["notes"]) == ("+4930111", None)
    assert (made["publicId"], made["metadata"]) == (talk["publicId"], {"some_key": 1})
    assert made["aiAgentId"] is None
    assert (events[4]["data"]["mode"], events[5]["data"]["status"]) == ("voice", "closed")
    again = await rpc.run("list_events", input={"after": events[4]["eventId"]})
    assert [event["eventId"] for event in again["events"]] == [
        event["eventId"] for event in events[5:]
    ]


async def test_a_call_has_the_contact_of_its_other_side(service: Service) -> None:
    rpc = Rpc(service)
    ours = "+442079460500"
    for name, number in (("Ada", "+442079460501"), ("Ben", "+442079460502"), ("Us", ours)):
        await rpc.run(
            "create_contact", fields=["id"], input={"fullName": name, "phoneE164": number}
        )
    calls = {
        "of-ada": ("inbound", "+442079460501", ours),
        "to-ben": ("outbound", ours, "+442079460502"),
        "of-nobody": ("inbound", "+442079460503", ours),
        "of-a-name": ("inbound", "alice", ours),
    }
    for uuid, (direction, from_, to) in calls.items():
        call = {"callUuid": uuid, "direction": direction, "fromNumber": from_, "toNumber": to}
        await rpc.run("create_call", fields=["id"], input=call)
    fields = ["callUuid", {"contact": ["fullName"]}]
    listed = await rpc.run("list_calls", fields=fields, sort="contact.fullName,callUuid")
    names = [(call["callUuid"], (call["contact"] or {}).get("fullName")) for call in listed]
    assert names == [("of-ada", "Ada"), ("to-ben", "Ben"), ("of-a-name", None), ("of-nobody", None)]
    filter_ = {"contact": {"fullName": {"in": ["Ben", "Us"]}}}
    found = await rpc.run("list_calls", fields=["callUuid"], filter=filter_)
    assert found == [{"callUuid": "to-ben"}]
    reached = {"call": filter_}
    assert await rpc.run("list_call_participants", fields=["id"], filter=reached) == []
    test = Rpc(service, service.keys.test_key)
    call = {"callUuid": "of-ada", "direction": "inbound", "fromNumber": "+442079460501"}
    made = await test.run("create_call", fields=fields, input={**call, "toNumber": ours})
    assert made == {"callUuid": "of-ada", "contact": None}, "contacts belong to an environment"


async def test_an_operators_status_is_shown(service: Service) -> None:
    rpc = Rpc(service)
    line = await a_line(rpc, "ann")
    for status in ("available", "on_break"):
        shown = await rpc.run(
            "set_operator_status",
            input={"sipUserId": line, "status": status},
            fields=["status", "source", "agentName", "changedByUserId"],
        )
        assert shown == {
            "status": status,
            "source": "api",
            "agentName": "ann",
            "changedByUserId": None,
        }
    assert len(await rpc.run("list_operator_statuses", fields=["id"])) == 1
    nowhere = {"sipUserId": line, "status": "busy", "source": None}
    assert await rpc.run("set_operator_status", input=nowhere, fields=["source"]) == {
        "source": None
    }
    unknown = {"sipUserId": str(uuid4()), "status": "busy"}
    problem = await rpc.problem("set_operator_status", input=unknown)
    assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["sipUserId"])


async def test_participants_of_an_external_call_are_reported(service: Service) -> None:
    rpc = Rpc(service)
    call = await rpc.run(
        "create_call",
        input={"direction": "outbound", "fromNumber": "+4930", "toNumber": "+4940"},
        fields=["id"],
    )
    member = {"callId": call["id"], "memberUuid": "leg-1", "role": "callee"}
    joined = await rpc.run("create_call_participant", input=member, fields=["id", "leftAt"])
    assert joined["leftAt"] is None
    left_at = "2099-01-01T00:00:00.000000Z"
    for _ in range(2):
        left = await rpc.run(
            "update_call_participant",
            identity=joined["id"],
            input={"leftAt": left_at},
            fields=["leftAt", {"call": ["id"]}],
        )
        assert left == {"leftAt": left_at, "call": call}
    again = await rpc.problem(
        "update_call_participant", identity=joined["id"], input={"leftAt": "2098-01-01T00:00:00Z"}
    )
    assert (again["type"], again["fields"]) == ("invalid_changes", ["leftAt"])
    (listed,) = await rpc.run("list_call_participants", fields=["memberUuid", "role"])
    assert listed == {"memberUuid": "leg-1", "role": "callee"}
    told = await rpc.run("list_events", input={"callUuid": call["id"]})
    assert [event["type"] for event in told["events"]] == [
        "call.created",
        "call.participant_joined",
        "call.participant_left",
    ]
