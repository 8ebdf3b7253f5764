"""Examples of every event for the docs, as each surface shows it.

The surfaces' own encoders write the frames; `tests/app/test_event_payloads.py` checks that a
server sends the same frames for the same events.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import structs

from ringline.domain import events
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
)
from ringline.domain.events import CallRef, Event, EventData, MessageEvent, StoredEvent
from ringline.domain.ids import Prefix, format_id
from ringline.domain.latency import Latency
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.records import CallRow
from ringline.domain.sample_events import SAMPLES, Sample
from ringline.domain.tool_runs import INVOCATION
from ringline.wire import envelope
from ringline.wire.call_envelope import CallEnvelope
from ringline.wire.conversation_stream import ConversationStream
from ringline.wire.envelope import Envelope
from ringline.wire.events_socket import encode_payload
from ringline.wire.listed_events import encode_pushed, listed
from ringline.wire.message_payloads import THREAD_EVENTS
from ringline.wire.strict_json import encode
from ringline.wire.transcript import TranscriptStream

EPOCH = "k3v9x2ab"
BEGAN = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)


def _id(number: int) -> UUID:
    return UUID(f"019aa000-0000-7000-8000-{number:012x}")


WORKSPACE, CALL, AGENT, CONTACT, CONVERSATION = map(_id, range(1, 6))
SCOPE = Scope(WORKSPACE, Environment.LIVE)
_TURNS = (_id(16), _id(17), _id(18))
_CALLER, _OPERATOR = (_id(32), _id(33))


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _line(turn: int, seconds: float, **said: Any) -> events.TranscriptLine:
    return events.TranscriptLine(turn_id=_TURNS[turn], at=_at(seconds), **said)


ROW = CallRow(
    id=CALL,
    uuid="order-7",
    direction=CallDirection.INBOUND,
    from_number="+4930901820",
    to_number="agent:agt_031egEnIbTuVnJpRLimaR9",
    source="realtime",
    transport=CallTransport.WEBSOCKET,
    status=CallStatus.INITIATED,
    started_at=BEGAN,
    model="local/attendant",
)
ENDED_ROW = replace(
    ROW,
    status=CallStatus.COMPLETED,
    answered_at=_at(1),
    ended_at=_at(42),
    hangup_cause=HangupCause.TRANSFERRED,
)
_CALL = CallRef(
    id=CALL,
    uuid=ROW.uuid,
    direction=ROW.direction,
    from_number=ROW.from_number,
    to_number=ROW.to_number,
    transport=ROW.transport,
    agent_id=AGENT,
    model=ROW.model,
)

_ASKED = "When do you open?"
_ANSWER = "We open at nine and close at six."
_HEARD = "We open at nine"
_CONTACT: dict[str, Any] = {
    "id": CONTACT,
    "full_name": "Ada Lovelace",
    "phone_e164": ROW.from_number,
}
_CHANGED: dict[str, Any] = {
    **_CONTACT,
    "notes": "Calls on Fridays.",
    "inserted_at": _at(60),
    "updated_at": _at(61),
}
_CHAT: dict[str, Any] = {
    "id": CONVERSATION,
    "public_id": "7Yk2pQ",
    "channel": ConversationChannel.CHAT,
    "status": ConversationStatus.ACTIVE,
    "agent_id": AGENT,
    "inserted_at": _at(63),
}


def _thread() -> Iterator[EventData]:
    """Return the events of a thread: a customer's message, and a reply."""
    sample = Sample(_at(65), lambda: CONVERSATION, agent_id=AGENT)
    for kind in THREAD_EVENTS:
        data = SAMPLES[kind.type](sample)
        if isinstance(data, MessageEvent):
            inbound = data.direction is MessageDirection.INBOUND
            data = structs.replace(data, message_id=_id(48) if inbound else _id(49))
        yield data


_STORY: tuple[tuple[float, EventData], ...] = (
    (
        0,
        events.CallCreated(
            status=CallStatus.INITIATED,
            source=ROW.source,
            started_at=BEGAN,
            contact=events.KnownCaller(**_CONTACT),
        ),
    ),
    (0.5, events.CallRinging(status=CallStatus.RINGING, source=ROW.source, started_at=BEGAN)),
    (
        1,
        events.CallAnswered(
            answered_at=_at(1),
            started_at=BEGAN,
            answered_by=AnsweredBy.AI_AGENT,
            source=ROW.source,
        ),
    ),
    (
        1,
        events.ParticipantJoined(
            participant_id=_CALLER,
            member_uuid="caller",
            role=ParticipantRole.CALLER,
            joined_at=_at(1),
        ),
    ),
    (
        4.25,
        events.TranscriptDelta(
            turn_id=_TURNS[0],
            item_id="item_1",
            role=TurnRole.CALLER,
            delta=" do you",
            text="When do you",
            sequence=1,
        ),
    ),
    (
        5,
        events.TurnCompleted(
            turn_id=_TURNS[0],
            item_id="item_1",
            role=TurnRole.CALLER,
            text=_ASKED,
            transcript_id=_id(48),
        ),
    ),
    (7.5, events.BargeIn(turn_id=_TURNS[1], spoken_text=_HEARD, at_ms=1_840)),
    (
        7.5,
        events.TurnCompleted(
            turn_id=_TURNS[1],
            item_id="item_2",
            role=TurnRole.AGENT,
            text=_ANSWER,
            transcript_id=_id(49),
            interrupted=True,
            spoken_text=_HEARD,
            latency=Latency(total_ms=840, voice_ms=838, gateway_ms=2),
        ),
    ),
    (
        9,
        events.TurnCompleted(
            turn_id=_TURNS[2],
            item_id="item_3",
            role=TurnRole.CALLER,
            text="",
            transcript_id=_id(50),
            recognized=False,
        ),
    ),
    (
        20,
        events.CallAudit(
            audit_type=AuditType.HANDOFF,
            code="barged",
            detail={"member": str(_OPERATOR), "role": "operator"},
        ),
    ),
    (28, events.IdleSilence(silence_ms=10_200, idle_timeout_seconds=10, count=1)),
    (30, events.CallHeld()),
    (36, events.CallResumed()),
    (42, events.CallTransferred(destination="+2348050001111")),
    (
        42,
        events.ParticipantLeft(
            participant_id=_CALLER,
            member_uuid="caller",
            role=ParticipantRole.CALLER,
            joined_at=_at(1),
            left_at=_at(42),
        ),
    ),
    (
        42,
        events.CallEnded(
            status=CallStatus.COMPLETED,
            hangup_cause=HangupCause.TRANSFERRED,
            started_at=BEGAN,
            answered_at=_at(1),
            ended_at=_at(42),
            duration_seconds=41,
            transcript=(
                _line(0, 5, role=TurnRole.CALLER, text=_ASKED),
                _line(
                    1, 7.5, role=TurnRole.AGENT, text=_ANSWER, interrupted=True, spoken_text=_HEARD
                ),
                _line(2, 9, role=TurnRole.CALLER, text="", recognized=False),
            ),
            source=ROW.source,
        ),
    ),
    (60, events.ContactCreated(**_CONTACT, inserted_at=_at(60), updated_at=_at(60))),
    (61, events.ContactUpdated(**_CHANGED)),
    (62, events.ContactDeleted(**_CHANGED)),
    (63, events.ConversationCreated(**_CHAT, mode=ConversationMode.TEXT, updated_at=_at(63))),
    (64, events.ConversationUpdated(**_CHAT, mode=ConversationMode.VOICE, updated_at=_at(64))),
    *((65 + place, data) for place, data in enumerate(_thread())),
)


def _stored() -> Iterator[StoredEvent]:
    offset = 0
    for number, (seconds, data) in enumerate(_STORY):
        offset += data.durable
        call = _CALL if data.type.startswith("call.") else None
        yield StoredEvent(offset, Event(_id(256 + number), _at(seconds), data, call))


#: The log's events in order; an ephemeral event has the offset of the durable one before it.
STORED = tuple(_stored())


def position_of(stored: StoredEvent) -> Position:
    return Position(EPOCH, stored.offset)


def on_socket(stored: StoredEvent) -> tuple[str, str] | None:
    """Return an event's name on the events socket and its payload; None if not shown."""
    spelt = encode_payload(stored.event, position_of(stored), scope=SCOPE)
    return None if spelt is None else (spelt[0], spelt[1].decode())


def in_envelope(stored: StoredEvent) -> str | None:
    frame = Envelope().encode(stored.event, position_of(stored), scope=SCOPE)
    return None if frame is None else frame.decode()


def in_transcript(stored: StoredEvent) -> str | None:
    frame = TranscriptStream(with_ids=True).encode(stored.event, position_of(stored), scope=SCOPE)
    return None if frame is None else frame.decode()


def in_conversation(stored: StoredEvent) -> str | None:
    dialect = ConversationStream(with_ids=True)
    frame = dialect.encode(stored.event, position_of(stored), scope=SCOPE)
    return None if frame is None else frame.decode()


def in_log(stored: StoredEvent) -> str:
    """Return an event's payload on the topic `log`."""
    return encode_pushed(stored.event, position_of(stored), scope=SCOPE)[1].decode()


def in_list(stored: StoredEvent) -> str | None:
    """Return an event as in a page of `list_events`; None if it is ephemeral."""
    return encode(listed(stored, EPOCH)).decode() if stored.event.data.durable else None


_INVOKED = events.CallAudit(
    audit_type=AuditType.TOOL_CALL,
    code=INVOCATION,
    detail={
        "name": "lookup_order",
        "arguments": {"order_no": "A-19"},
        "toolCallId": format_id(Prefix.TOOL_CALL, _id(48)),
        "turnId": format_id(Prefix.TURN, _TURNS[1]),
    },
)
#: What the call WebSocket mirrors of a question to the agent's webhook.
MIRRORED = (
    CallEnvelope().encode(Event(_id(48), _at(6), _INVOKED, _CALL), Position(EPOCH, 3), scope=SCOPE)
    or b""
).decode()

#: The call WebSocket's own notices.
NOTICES = (
    envelope.stream_dropped(Position(EPOCH, 4), _at(8)).decode(),
    envelope.command_result("dtmf", "sent", request_id="c-1", at=_at(9)).decode(),
    envelope.command_error(
        "INTERNAL", "the call is held already", at=_at(9), action="hold", request_id="c-2"
    ).decode(),
)
