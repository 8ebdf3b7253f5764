"""The envelope of webhook endpoints, member by member, and its bytes (events socket, 7.2)."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from ringline.domain import events
from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.events import EVENT_TYPES, Event, EventData, StoredEvent
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.spelling import snake
from ringline.domain.webhook_types import ENDPOINT_TYPES
from ringline.rpc.resources import RESOURCES
from ringline.wire import endpoint_members
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.listed_events import NotAnEvent, listed, read_listed
from ringline.wire.strict_json import encode
from tests.payload_examples import CALL, EPOCH, SCOPE, STORED
from tests.unit import test_dialects
from tests.unit.test_event_payloads import fits

ENVELOPE = EndpointEnvelope()
DURABLE = [kind for kind in EVENT_TYPES.values() if kind.durable]


def of(event: Event, scope: Scope = SCOPE) -> Any:
    frame = ENVELOPE.encode(event, Position(EPOCH, 7), scope=scope)
    assert frame is not None
    return json.loads(frame)


def samples(kind: type[EventData]) -> list[Event]:
    """Return the page's example of a type, and a bare one."""
    bare = test_dialects.event(test_dialects.DATA[kind])
    if not kind.type.startswith("call."):
        bare = replace(bare, call=None)
    return [*(stored.event for stored in STORED if type(stored.event.data) is kind), bare]


@pytest.mark.parametrize("kind", DURABLE, ids=lambda kind: kind.type)
def test_every_durable_event_has_an_envelope_as_its_table_says(kind: type[EventData]) -> None:
    for event in samples(kind):
        said = of(event)
        fits(endpoint_members.COMMON, said)
        fits(endpoint_members.DATA[kind], said["data"])
        assert said["type"] in ENDPOINT_TYPES
        assert (said["id"], said["version"]) == (format_id(Prefix.EVENT, event.id), "2026-05-25")


def test_an_ephemeral_event_has_none() -> None:
    (event, _) = samples(events.TranscriptDelta)
    assert ENVELOPE.encode(event, Position(EPOCH, 7), scope=SCOPE) is None


def test_the_test_environment_is_the_sandbox() -> None:
    event = STORED[0].event
    assert of(event)["environment"] == "live"
    sandbox = of(event, Scope(SCOPE.workspace_id, Environment.TEST))
    assert sandbox["environment"] == "sandbox"
    assert sandbox["organisation_id"] == str(SCOPE.workspace_id)


def test_the_same_event_has_the_same_bytes() -> None:
    for stored in STORED:
        rebuilt = None
        if stored.event.data.durable:  # as another process reads it from the log
            rebuilt = events.read_event(
                stored.event.id,
                stored.event.type,
                occurred_at=stored.event.occurred_at,
                data=encode(stored.event.data).decode(),
                call=None if stored.event.call is None else encode(stored.event.call).decode(),
            )
        first = ENVELOPE.encode(stored.event, Position(EPOCH, 1), scope=SCOPE)
        again = rebuilt and ENVELOPE.encode(rebuilt, Position(EPOCH, 2), scope=SCOPE)
        assert first == again


def test_a_call_is_told_as_each_event_left_it() -> None:
    calls = {
        stored.event.type: of(stored.event)["data"]
        for stored in STORED
        if stored.event.type in ("call.created", "call.ringing", "call.answered", "call.ended")
    }
    assert [data["status"] for data in calls.values()] == [
        "initiated",
        "ringing",
        "answered",
        "completed",
    ]
    assert calls["call.ended"] == {
        "id": str(CALL),
        "call_uuid": "order-7",
        "call_source": "realtime",
        "direction": "inbound",
        "from_number": "+4930901820",
        "to_number": "agent:agt_031egEnIbTuVnJpRLimaR9",
        "status": "completed",
        "started_at": "2026-11-20T09:15:00.000000Z",
        "answered_at": "2026-11-20T09:15:01.000000Z",
        "ended_at": "2026-11-20T09:15:42.000000Z",
        "duration_seconds": 41,
        "hangup_cause": "transferred",
        "sip_username": None,
        "conversation_id": None,
        "ai_agent_id": "019aa000-0000-7000-8000-000000000003",
    }
    before = calls["call.answered"]
    assert (before["ended_at"], before["duration_seconds"], before["hangup_cause"]) == (None,) * 3
    assert calls["call.ringing"]["started_at"] == "2026-11-20T09:15:00.000000Z"


def test_a_held_call_is_answered_and_a_cancelled_one_is_not() -> None:
    held = events.CallCreated(
        status=CallStatus.HELD, source="api", started_at=test_dialects.AT, sip_username="ada"
    )
    said = of(test_dialects.event(held))["data"]
    assert (said["status"], said["call_source"], said["sip_username"]) == ("answered", "api", "ada")


@pytest.mark.parametrize(
    ("resource", "kind"),
    [("Contact", events.ContactUpdated), ("Conversation", events.ConversationCreated)],
)
def test_a_resource_has_the_members_that_rpc_shows(resource: str, kind: type[EventData]) -> None:
    fields = {snake(field.name) for field in RESOURCES[resource].fields}
    assert {member.name for member in endpoint_members.DATA[kind]} == fields


def test_the_members_of_a_call_are_those_of_rpc_that_its_events_know() -> None:
    fields = {snake(field.name) for field in RESOURCES["Call"].fields}
    unknown = {"metadata", "recording_consent", "recording_ms", "inserted_at", "updated_at"}
    known = {member.name for member in endpoint_members.CALL}
    assert known == fields - unknown - {"model"}


def test_others_have_the_data_of_list_events_in_snake_case() -> None:
    (turn,) = (s for s in STORED if getattr(s.event.data, "interrupted", False))
    said = of(turn.event)["data"]
    shown = listed(turn, EPOCH)["data"]
    assert isinstance(shown, dict)
    assert len(said) == len(shown)  # pyright: ignore[reportUnknownArgumentType]
    assert (said["call_id"], said["call_uuid"]) == (str(CALL), "order-7")
    assert said["latency"] == {"total_ms": 840, "voice_ms": 838, "gateway_ms": 2}
    assert (said["role"], said["spoken_text"]) == ("assistant", "We open at nine")


def test_a_clients_own_data_stays_as_it_is() -> None:
    chat = samples(events.ConversationCreated)[0]
    own = {"camelCase": {"innerName": 1}}
    changed = replace(chat, data=msgspec.structs.replace(chat.data, metadata=own))
    assert of(changed)["data"]["metadata"] == own


@pytest.mark.parametrize("kind", DURABLE, ids=lambda kind: kind.type)
def test_a_listed_event_reads_back_as_it_was(kind: type[EventData]) -> None:
    for event in samples(kind):
        row = json.loads(encode(listed(StoredEvent(7, event), EPOCH)))
        assert read_listed(row) == (StoredEvent(7, event), Position(EPOCH, 7))


def test_what_another_version_lists_is_told() -> None:
    row: dict[str, Any] = json.loads(encode(listed(STORED[0], EPOCH)))
    for broken in (
        {**row, "type": "call.of_tomorrow"},
        {**row, "position": "0"},
        {**row, "eventId": "call_1"},
        {**row, "data": []},
        {**row, "data": {**row["data"], "direction": "sideways"}},
        {**row, "data": {**row["data"], "status": "dreaming"}},
        {name: value for name, value in row.items() if name != "occurredAt"},
        {},
    ):
        with pytest.raises(NotAnEvent):
            read_listed(broken)
