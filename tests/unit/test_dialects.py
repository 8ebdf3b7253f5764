"""How each surface spells each canonical event (contract, 3 and 4)."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ringline.domain import events
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import (
    AnsweredBy,
    AuditType,
    CallDirection,
    CallStatus,
    CallTransport,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.conversations import (
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
)
from ringline.domain.events import CallRef, Event, EventData, StoredEvent
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.latency import Latency
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.receivers import ToolQuestion
from ringline.domain.sample_events import SAMPLES, Sample
from ringline.domain.tool_runs import INVOCATION
from ringline.rpc.actions import ACTIONS
from ringline.wire import call_status, envelope, events_socket, times
from ringline.wire.call_envelope import CallEnvelope
from ringline.wire.call_status import RPC_STATUS, V1_STATUS, v1_status
from ringline.wire.conversation_stream import ConversationStream
from ringline.wire.dialect import Dialect
from ringline.wire.envelope import Envelope
from ringline.wire.events_socket import EventsSocket
from ringline.wire.listed_events import listed, translate
from ringline.wire.message_payloads import THREAD_EVENTS
from ringline.wire.phoenix import Version
from ringline.wire.receivers import encode_tool
from ringline.wire.strict_json import encode
from ringline.wire.transcript import TranscriptStream

WORKSPACE, CALL, AGENT, TURN, EVENT, ROW = (UUID(int=number) for number in range(1, 7))
SCOPE = Scope(WORKSPACE, Environment.LIVE)
AT = datetime(2026, 11, 20, 9, 15, 2, 410_000, tzinfo=UTC)
LATER = AT + timedelta(seconds=61, microseconds=5)
POSITION = Position("abcd1234", 7)
INBOUND = CallRef(
    id=CALL,
    uuid="order-7",
    direction=CallDirection.INBOUND,
    from_number="web:anonymous",
    to_number="agent:agt_x",
    transport=CallTransport.WEBSOCKET,
    agent_id=AGENT,
    model="local/attendant",
)
OUTBOUND = CallRef(
    id=CALL,
    uuid="order-7",
    direction=CallDirection.OUTBOUND,
    from_number="+4930111",
    to_number="+4930222",
    transport=CallTransport.SANDBOX,
)

DATA: dict[type[EventData], EventData] = {
    type(data): data
    for data in (
        events.CallCreated(status=CallStatus.INITIATED, source="realtime", started_at=AT),
        events.CallRinging(status=CallStatus.RINGING),
        events.CallAnswered(answered_at=LATER, started_at=AT, answered_by=AnsweredBy.AI_AGENT),
        events.ParticipantJoined(
            participant_id=ROW, member_uuid="m", role=ParticipantRole.CALLER, joined_at=AT
        ),
        events.ParticipantLeft(
            participant_id=ROW,
            member_uuid="m",
            role=ParticipantRole.CALLER,
            joined_at=AT,
            left_at=LATER,
        ),
        events.TranscriptDelta(
            turn_id=TURN, item_id="i", role=TurnRole.CALLER, delta="on", text="c'mon", sequence=1
        ),
        events.TurnCompleted(
            turn_id=TURN, item_id="i", role=TurnRole.AGENT, text="Yes.", transcript_id=ROW
        ),
        events.BargeIn(turn_id=TURN, spoken_text="Ye", at_ms=120),
        events.IdleSilence(silence_ms=10_250, idle_timeout_seconds=10, count=2),
        events.CallHeld(),
        events.CallResumed(),
        events.CallTransferred(destination="+2348050001111"),
        events.CallAudit(audit_type=AuditType.NOTE, code="x", detail={"a": 1}),
        events.ContactCreated(id=ROW, full_name="Ada", inserted_at=AT, updated_at=AT),
        events.ContactUpdated(id=ROW, full_name="Ada", inserted_at=AT, updated_at=LATER),
        events.ContactDeleted(id=ROW, full_name="Ada", inserted_at=AT, updated_at=LATER),
        events.ConversationCreated(
            id=ROW,
            public_id="p",
            channel=ConversationChannel.CHAT,
            mode=ConversationMode.TEXT,
            status=ConversationStatus.ACTIVE,
            inserted_at=AT,
            updated_at=AT,
        ),
        events.ConversationUpdated(
            id=ROW,
            public_id="p",
            channel=ConversationChannel.CHAT,
            mode=ConversationMode.VOICE,
            status=ConversationStatus.ACTIVE,
            inserted_at=AT,
            updated_at=LATER,
        ),
        *(SAMPLES[kind.type](Sample(AT, lambda: ROW, agent_id=ROW)) for kind in THREAD_EVENTS),
        events.CallEnded(
            status=CallStatus.COMPLETED,
            hangup_cause=HangupCause.MAX_DURATION,
            started_at=AT,
            answered_at=AT,
            ended_at=LATER,
            duration_seconds=61,
            transcript=(
                events.TranscriptLine(turn_id=TURN, role=TurnRole.CALLER, text="Hi", at=AT),
            ),
        ),
    )
}


def event(data: EventData, call: CallRef | None = INBOUND) -> Event:
    return Event(EVENT, AT, data, call)


def on_socket(data: EventData, call: CallRef = INBOUND) -> tuple[str, Any]:
    frame = EventsSocket(Version.V2, "events").encode(event(data, call), POSITION, scope=SCOPE)
    assert frame is not None
    join_ref, ref, topic, name, payload = json.loads(frame)
    assert (join_ref, ref, topic) == (None, None, "events")
    return name, payload


def in_envelope(data: EventData, call: CallRef = INBOUND) -> Any:
    encoded = Envelope().encode(event(data, call), POSITION, scope=SCOPE)
    assert encoded is not None
    return json.loads(encoded)


COMMON = {
    "eventId": format_id(Prefix.EVENT, EVENT),
    "position": "abcd1234:7",
    "occurredAt": "2026-11-20T09:15:02.410000Z",
    "organisationId": str(WORKSPACE),
    "callUuid": "order-7",
    "callId": str(CALL),
}
EPHEMERAL = {name: COMMON[name] for name in COMMON if name not in ("eventId", "position")}
NUMBERS = {"fromNumber": "web:anonymous", "toNumber": "agent:agt_x"}


@pytest.mark.parametrize(
    ("kind", "name", "payload"),
    [
        (
            events.CallCreated,
            "incoming_call",
            {
                **COMMON,
                **NUMBERS,
                "direction": "inbound",
                "status": "ringing",
                "startedAt": "2026-11-20T09:15:02.410000Z",
                "callSource": "realtime",
                "conversationId": None,
                "queueEntryId": None,
                "queueName": None,
                "contact": None,
            },
        ),
        (
            events.CallAnswered,
            "call_answered",
            {
                **COMMON,
                **NUMBERS,
                "status": "answered",
                "answeredAt": "2026-11-20T09:16:03.410005Z",
                "sipUsername": None,
                "answeredBy": "ai_agent",
            },
        ),
        (
            events.CallEnded,
            "call_ended",
            {
                **COMMON,
                **NUMBERS,
                "status": "completed",
                "endedAt": "2026-11-20T09:16:03.410005Z",
                "durationSeconds": 61,
                "hangupCause": "max_duration",
            },
        ),
        (
            events.ParticipantLeft,
            "call_participant_left",
            {
                **COMMON,
                "participantId": str(ROW),
                "memberUuid": "m",
                "role": "caller",
                "joinedAt": "2026-11-20T09:15:02.410000Z",
                "leftAt": "2026-11-20T09:16:03.410005Z",
            },
        ),
        (
            events.TranscriptDelta,
            "call_transcript_delta",
            {
                **EPHEMERAL,
                "itemId": "i",
                "contentIndex": 0,
                "role": "user",
                "delta": "on",
                "sequence": 1,
            },
        ),
        (
            events.TurnCompleted,
            "call_transcript_completed",
            {
                **COMMON,
                "itemId": "i",
                "contentIndex": 0,
                "role": "assistant",
                "transcript": "Yes.",
                "transcriptId": str(ROW),
            },
        ),
        (
            events.CallAudit,
            "call_ai_audit_event",
            {
                **COMMON,
                "auditType": "note",
                "aiAgentId": str(AGENT),
                "conversationId": None,
                "data": {"code": "x", "a": 1},
            },
        ),
    ],
)
def test_the_events_socket(kind: type[EventData], name: str, payload: object) -> None:
    assert on_socket(DATA[kind]) == (name, payload)


def test_a_participant_who_joined_has_not_left() -> None:
    name, payload = on_socket(DATA[events.ParticipantJoined])
    assert name == "call_participant_joined"
    assert "leftAt" not in payload


def test_only_inbound_calls_come_in() -> None:
    outgoing = event(DATA[events.CallCreated], OUTBOUND)
    assert EventsSocket(Version.V2, "events").encode(outgoing, POSITION, scope=SCOPE) is None


def test_the_socket_shows_eight_names_and_no_others() -> None:
    shown = {
        kind
        for kind, data in DATA.items()
        if EventsSocket(Version.V2, "events").encode(event(data), POSITION, scope=SCOPE) is not None
    }
    assert shown == set(events_socket.NAMES)
    assert len(set(events_socket.NAMES.values())) == 8


def test_an_audit_names_the_conversation_that_its_call_belongs_to() -> None:
    audit, call = DATA[events.CallAudit], msgspec.structs.replace(INBOUND, conversation_id=ROW)
    assert on_socket(audit, call)[1]["conversationId"] == str(ROW)


def test_a_caller_who_is_a_contact_is_named() -> None:
    contact = events.KnownCaller(id=ROW, full_name="Ada", phone_e164="+4930111")
    known = events.CallCreated(
        status=CallStatus.INITIATED, source="api", started_at=AT, contact=contact
    )
    assert on_socket(known)[1]["contact"] == {
        "id": str(ROW),
        "fullName": "Ada",
        "phoneE164": "+4930111",
    }


def test_version_1_and_other_topics_are_dialects_of_their_own() -> None:
    dialect = EventsSocket(Version.V1, "events:x")
    frame = dialect.encode(event(DATA[events.CallAnswered]), POSITION, scope=SCOPE)
    assert frame is not None
    assert json.loads(frame)["topic"] == "events:x"
    names = {EventsSocket(version, topic).name for version in Version for topic in ("a", "b")}
    assert len(names) == 4


ENVELOPE = {
    "event_id": format_id(Prefix.EVENT, EVENT),
    "channel": "voice",
    "agent_id": format_id(Prefix.AGENT, AGENT),
    "number": "agent:agt_x",
    "from": "web:anonymous",
    "timestamp": "2026-11-20T09:15:02Z",
}
CALL_ID, TURN_ID = format_id(Prefix.CALL, CALL), format_id(Prefix.TURN, TURN)


@pytest.mark.parametrize(
    ("data", "name", "payload"),
    [
        (
            DATA[events.CallAnswered],
            "call.initiated",
            {
                "call_id": CALL_ID,
                "direction": "inbound",
                "from_number": "web:anonymous",
                "to_number": "agent:agt_x",
                "status": "in_progress",
                "started_at": "2026-11-20T09:15:02Z",
                "transport": "websocket",
                "campaign_id": None,
            },
        ),
        (
            events.TurnCompleted(
                turn_id=TURN, item_id="i", role=TurnRole.CALLER, text="Hi", transcript_id=ROW
            ),
            "call.transcription",
            {
                "call_id": CALL_ID,
                "turn_id": TURN_ID,
                "text": "Hi",
                "role": "user",
                "is_final": True,
                "language": None,
                "confidence": None,
                "recognized": True,
            },
        ),
        (
            DATA[events.TurnCompleted],
            "call.agent_response",
            {
                "call_id": CALL_ID,
                "turn_id": TURN_ID,
                "text": "Yes.",
                "ai_mode": "local",
                "interrupted": False,
                "spoken_text": None,
                "latency": None,
            },
        ),
        (
            DATA[events.BargeIn],
            "call.barge_in",
            {
                "call_id": CALL_ID,
                "turn_id": TURN_ID,
                "transport": "websocket",
                "spoken_text": "Ye",
                "at_ms": 120,
            },
        ),
        (
            DATA[events.IdleSilence],
            "call.idle_silence",
            {
                "call_id": CALL_ID,
                "silence_seconds": 10.25,
                "idle_timeout_seconds": 10,
                "count": 2,
            },
        ),
        (DATA[events.CallHeld], "call.held", {"call_id": CALL_ID}),
        (DATA[events.CallResumed], "call.resumed", {"call_id": CALL_ID}),
        (
            DATA[events.CallTransferred],
            "call.transferred",
            {"call_id": CALL_ID, "destination": "+2348050001111"},
        ),
        (
            DATA[events.CallEnded],
            "call.completed",
            {
                "call_id": CALL_ID,
                "status": "completed",
                "duration_seconds": 61,
                "transcript": [
                    {
                        "turn_id": TURN_ID,
                        "role": "user",
                        "text": "Hi",
                        "ts": "2026-11-20T09:15:02.410Z",
                    }
                ],
                "disposition": "api_hangup",
                "hangup_cause": "max_duration",
                "ai_mode": "local",
                "direction": "inbound",
                "from_number": "web:anonymous",
                "to_number": "agent:agt_x",
                "started_at": "2026-11-20T09:15:02Z",
                "ended_at": "2026-11-20T09:16:03Z",
                "mno_used": None,
                "recording_url": None,
                "quality_mos": None,
                "campaign_id": None,
                "metadata": None,
            },
        ),
    ],
)
def test_the_envelope(data: EventData, name: str, payload: object) -> None:
    assert in_envelope(data) == {**ENVELOPE, "event_type": name, "payload": payload}


def test_the_end_repeats_the_integrators_data() -> None:
    ended = msgspec.structs.replace(DATA[events.CallEnded], metadata={"order": ["A-19"]})
    assert in_envelope(ended)["payload"]["metadata"] == {"order": ["A-19"]}


def test_the_end_names_the_recordings_path_if_there_is_one() -> None:
    ended = msgspec.structs.replace(DATA[events.CallEnded], recorded=True)
    assert in_envelope(ended)["payload"]["recording_url"] == f"/v1/calls/{CALL_ID}/recording"


def test_number_is_ours_and_from_is_the_remote_party() -> None:
    outgoing = in_envelope(DATA[events.CallAnswered], OUTBOUND)
    assert (outgoing["number"], outgoing["from"]) == ("+4930111", "+4930222")
    assert outgoing["agent_id"] is None
    assert outgoing["payload"]["transport"] == "sip"


def test_the_envelope_shows_what_its_table_says() -> None:
    shown = {
        kind
        for kind, data in DATA.items()
        if Envelope().encode(event(data), POSITION, scope=SCOPE) is not None
    }
    assert shown == set(envelope.NAMES)


@pytest.mark.parametrize("kind", envelope.NAMES, ids=lambda kind: kind.type)
def test_an_envelope_is_named_by_the_table(
    kind: type[EventData], monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    for role in envelope.TURN_NAMES:
        data = DATA[kind]
        if isinstance(data, events.TurnCompleted):
            data = msgspec.structs.replace(data, role=role)
        named.append(in_envelope(data)["event_type"])
    assert tuple(dict.fromkeys(named)) == envelope.NAMES[kind]
    monkeypatch.delitem(envelope.NAMES, kind)
    assert Envelope().encode(event(DATA[kind]), POSITION, scope=SCOPE) is None


@pytest.mark.parametrize("kind", list(DATA))
def test_who_watches_a_call_sees_envelopes(kind: type[EventData]) -> None:
    frames = [
        dialect.encode(event(DATA[kind]), POSITION, scope=SCOPE)
        for dialect in (CallEnvelope(), Envelope())
    ]
    assert frames[0] == frames[1]


def test_what_an_agents_url_is_asked_for_is_mirrored_and_delivered_to_nobody() -> None:
    detail: dict[str, object] = {"name": "clock", "arguments": {"tz": "UTC"}, "turnId": TURN_ID}
    asked = events.CallAudit(audit_type=AuditType.TOOL_CALL, code=INVOCATION, detail=detail)
    frame = CallEnvelope().encode(event(asked), POSITION, scope=SCOPE)
    assert frame is not None
    at = event(asked).occurred_at
    call = CallFacts(SCOPE, CALL, CallDirection.INBOUND, "", "", AGENT)
    question = ToolQuestion(event(asked).id, at, call, TURN, "clock", {"tz": "UTC"})
    assert frame == encode_tool(question), "byte for byte as it is asked"
    assert Envelope().encode(event(asked), POSITION, scope=SCOPE) is None
    assert envelope.name_of(asked) is None


def test_notices_of_the_call_websocket() -> None:
    assert json.loads(envelope.stream_dropped(POSITION, AT)) == {
        "event_type": "stream.dropped",
        "timestamp": "2026-11-20T09:15:02Z",
        "payload": {"position": "abcd1234:7"},
    }
    assert json.loads(envelope.command_error("INVALID_ARGUMENT", "no command", at=AT)) == {
        "event_type": "command.error",
        "request_id": None,
        "timestamp": "2026-11-20T09:15:02Z",
        "payload": {"action": None, "error_code": "INVALID_ARGUMENT", "message": "no command"},
    }


def test_every_hangup_cause_has_a_disposition_of_the_list() -> None:
    listed = {
        "caller_hangup",
        "agent_hangup",
        "api_hangup",
        "transferred",
        "no_answer",
        "busy",
        "failed",
        "idle_timeout",
        "agent_error",
    }
    assert set(call_status.DISPOSITIONS) == set(HangupCause)
    assert set(call_status.DISPOSITIONS.values()) <= listed
    for cause in HangupCause:
        if cause in listed:
            assert call_status.DISPOSITIONS[cause] == cause


def test_the_transcript_stream_has_five_members() -> None:
    dialect = TranscriptStream(with_ids=True)
    assert dialect.encode(event(DATA[events.TranscriptDelta]), POSITION, scope=SCOPE) == (
        b'data: {"role":"user","text":"c\'mon","is_final":false,'
        b'"turn_id":"%b","ts":"2026-11-20T09:15:02.410Z"}\n\n' % TURN_ID.encode()
    )
    final = b'data: {"role":"agent","text":"Yes.","is_final":true,"turn_id":"%b",' % (
        TURN_ID.encode()
    )
    completed = event(DATA[events.TurnCompleted])
    with_id = dialect.encode(completed, POSITION, scope=SCOPE)
    without = TranscriptStream(with_ids=False).encode(completed, POSITION, scope=SCOPE)
    assert with_id is not None
    assert without is not None
    assert without.startswith(final)
    assert with_id == b"id: abcd1234:7\n" + without


@pytest.mark.parametrize(
    ("said", "remarks"),
    [
        ({"interrupted": True}, {"interrupted": True}),
        (
            {"interrupted": True, "spoken_text": "Ye"},
            {"interrupted": True, "spoken_text": "Ye"},
        ),
        ({"interrupted": True, "spoken_text": ""}, {"interrupted": True, "spoken_text": ""}),
        ({"text": "", "recognized": False}, {"recognized": False}),
        ({}, {}),
    ],
    ids=["interrupted", "partly heard", "not heard", "not recognized", "ordinary"],
)
def test_what_there_is_to_say_of_a_turn_is_on_every_surface(
    said: dict[str, Any], remarks: dict[str, object]
) -> None:
    role = "caller" if "text" in said else "agent"
    turn = msgspec.structs.replace(DATA[events.TurnCompleted], role=role, **said)
    assert isinstance(turn, events.TurnCompleted)
    of_line: dict[str, Any] = {"role": role, "text": "Yes.", **said}
    line = events.TranscriptLine(turn_id=TURN, at=AT, **of_line)
    ended = msgspec.structs.replace(DATA[events.CallEnded], transcript=(line,))

    def among(payload: dict[str, Any], spoken_text: str = "spoken_text") -> dict[str, object]:
        names = {"interrupted": "interrupted", "recognized": "recognized"}
        names[spoken_text] = "spoken_text"
        return {names[name]: payload[name] for name in names if name in payload}

    frame = TranscriptStream(with_ids=False).encode(event(turn), POSITION, scope=SCOPE)
    assert frame is not None
    assert among(json.loads(frame.removeprefix(b"data: "))) == remarks
    assert among(on_socket(turn)[1], "spokenText") == remarks
    always: dict[str, object] = {"recognized": True}
    if role == "agent":
        always = {"interrupted": False, "spoken_text": None}
    assert among(in_envelope(turn)["payload"]) == always | remarks
    assert among(in_envelope(ended)["payload"]["transcript"][0]) == remarks
    for spelt in (translate(turn), translate(line)):
        all_: dict[str, object] = {"interrupted": False, "spoken_text": None, "recognized": True}
        assert among(spelt, "spokenText") == all_ | remarks


def test_how_long_an_answer_took_is_on_every_surface() -> None:
    took = Latency(total_ms=840, voice_ms=838, gateway_ms=2)
    answer = msgspec.structs.replace(DATA[events.TurnCompleted], role=TurnRole.AGENT, latency=took)
    frame = TranscriptStream(with_ids=False).encode(event(answer), POSITION, scope=SCOPE)
    assert frame is not None
    snake = {"total_ms": 840, "voice_ms": 838, "gateway_ms": 2}
    assert json.loads(frame.removeprefix(b"data: "))["latency"] == snake
    assert in_envelope(answer)["payload"]["latency"] == snake
    camel = {"totalMs": 840, "voiceMs": 838, "gatewayMs": 2}
    assert on_socket(answer)[1]["latency"] == translate(answer)["latency"] == camel
    asked = msgspec.structs.replace(answer, role=TurnRole.CALLER, latency=None)
    frame = TranscriptStream(with_ids=False).encode(event(asked), POSITION, scope=SCOPE)
    assert frame is not None
    assert b"latency" not in frame
    assert "latency" not in on_socket(asked)[1].keys() | in_envelope(asked)["payload"].keys()


def test_the_transcript_stream_shows_turns_alone() -> None:
    shown = {
        kind
        for kind, data in DATA.items()
        if TranscriptStream(with_ids=True).encode(event(data), POSITION, scope=SCOPE) is not None
    }
    assert shown == {events.TranscriptDelta, events.TurnCompleted}


def test_the_conversation_stream_shows_threads_alone() -> None:
    dialect = ConversationStream(with_ids=True)
    shown = {
        kind
        for kind, data in DATA.items()
        if dialect.encode(event(data, None), POSITION, scope=SCOPE) is not None
    }
    assert shown == set(THREAD_EVENTS)


def test_a_frame_of_the_conversation_stream() -> None:
    received = events.MessageReceived(
        conversation_id=ROW,
        agent_id=AGENT,
        channel=ConversationChannel.WHATSAPP,
        our_number="+2342013301234",
        remote_number="+2348031234567",
        message_id=TURN,
        direction=MessageDirection.INBOUND,
        sender=MessageSender.CONTACT,
        message_type=MessageType.TEXT,
        text="hello",
        status=MessageStatus.RECEIVED,
    )
    documented = {
        "message_id": format_id(Prefix.MESSAGE, TURN),
        "direction": "inbound",
        "text": "hello",
        "status": "received",
    }
    conversation_id = format_id(Prefix.CONVERSATION, ROW)
    frame = ConversationStream(with_ids=False).encode(event(received, None), POSITION, scope=SCOPE)
    assert frame is not None
    assert json.loads(frame.removeprefix(b"data: ")) == {
        "event_id": format_id(Prefix.EVENT, EVENT),
        "event_type": "message.received",
        "conversation_id": conversation_id,
        "channel": "whatsapp",
        "agent_id": format_id(Prefix.AGENT, AGENT),
        "timestamp": "2026-11-20T09:15:02Z",
        "payload": {
            **documented,
            "conversation_id": conversation_id,
            "message_type": "text",
            "sender": "contact",
            "error_code": None,
        },
        **documented,
    }
    with_id = ConversationStream(with_ids=True).encode(event(received, None), POSITION, scope=SCOPE)
    assert with_id == b"id: abcd1234:7\n" + frame


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (events.MessageFailed, "27"),
        (events.MessageSendFailed, "SMPP_UNAVAILABLE"),
        (events.MessageReceipt, "000"),
        (events.MessageSent, None),
    ],
)
def test_why_a_message_failed_is_on_the_conversation_stream(
    kind: type[EventData], code: str | None
) -> None:
    frame = ConversationStream(with_ids=False).encode(event(DATA[kind]), POSITION, scope=SCOPE)
    assert frame is not None
    assert json.loads(frame.removeprefix(b"data: "))["payload"]["error_code"] == code


@pytest.mark.parametrize("kind", list(DATA))
def test_list_events_holds_all_that_the_live_frame_holds(kind: type[EventData]) -> None:
    happened = event(DATA[kind])
    row = json.loads(encode(listed(StoredEvent(7, happened), POSITION.epoch)))
    if kind.type.startswith("call."):
        call = row["data"]
        assert (call["callId"], call["callUuid"]) == (str(CALL), row["callUuid"])
        assert (call["fromNumber"], call["toNumber"]) == ("web:anonymous", "agent:agt_x")
        assert (call["direction"], call["aiAgentId"]) == ("inbound", str(AGENT))
    spelt = events_socket.encode_payload(happened, POSITION, scope=SCOPE)
    if spelt is not None:
        frame = json.loads(spelt[1])
        del frame["organisationId"]
        if kind is events.CallCreated:
            del frame["status"]  # always ringing there, the call's own here
        shown = {**row, **row["data"]}
        assert {name: shown[name] for name in frame} == {**frame, **_durable(kind, row)}


def _durable(kind: type[EventData], row: dict[str, Any]) -> dict[str, Any]:
    """Return what the frame of a durable event repeats."""
    return {name: row[name] for name in ("eventId", "position")} if kind.durable else {}


def test_every_canonical_type_can_be_asked_for() -> None:
    types = ACTIONS["list_events"].input_index["type"].kind
    families = "call.held call.transferred message.received window.closing queue.entry_changed"
    for name in (*events.EVENT_TYPES, *families.split(), "operator.status_changed"):
        assert types.cast(name) == (name,)
    assert not set(events.COMING_TYPES) & set(events.EVENT_TYPES)


def test_every_canonical_type_is_tried_here() -> None:
    assert set(DATA) == set(events.EVENT_TYPES.values())


DIALECTS: tuple[Dialect, ...] = (
    EventsSocket(Version.V2, "events"),
    Envelope(),
    CallEnvelope(),
    TranscriptStream(with_ids=True),
    TranscriptStream(with_ids=False),
    ConversationStream(with_ids=True),
    ConversationStream(with_ids=False),
)


def test_dialects_have_names_of_their_own() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


@pytest.mark.parametrize(
    ("status", "rpc", "v1"),
    [
        ("initiated", "initiated", "initiated"),
        ("ringing", "ringing", "ringing"),
        ("queued", "queued", "ringing"),
        ("answered", "answered", "in_progress"),
        ("held", "answered", "held"),
        ("completed", "completed", "completed"),
        ("failed", "failed", "failed"),
        ("busy", "busy", "busy"),
        ("no_answer", "no_answer", "no_answer"),
        ("cancelled", "cancelled", "canceled"),
    ],
)
def test_call_states_are_spelt_by_surface(status: str, rpc: str, v1: str) -> None:
    assert RPC_STATUS[CallStatus(status)] == rpc
    assert v1_status(CallStatus(status), answered=True) == v1


def test_a_call_that_was_completed_unanswered_is_canceled_on_v1() -> None:
    assert v1_status(CallStatus.COMPLETED, answered=False) == "canceled"
    assert set(RPC_STATUS) == set(V1_STATUS) == set(CallStatus)


def test_times_are_utc_with_as_many_digits_as_promised() -> None:
    berlin = datetime(2026, 11, 20, 10, 15, 2, tzinfo=timezone(timedelta(hours=1)))
    assert times.micros(berlin) == "2026-11-20T09:15:02.000000Z"
    assert times.millis(LATER) == "2026-11-20T09:16:03.410Z"
    assert times.seconds(LATER) == "2026-11-20T09:16:03Z"
    assert parse_id(Prefix.CALL, CALL_ID) == CALL
