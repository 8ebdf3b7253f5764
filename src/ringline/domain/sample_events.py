"""A realistic event of each type, for test sends (live streams, 3.8).

A bakery in Lagos answers a customer's call. A test gives somebody's own handler something to
read, so the values are those of an ordinary day, and its ids lead nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

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
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
    ReceiptStatus,
    SendFailure,
)
from ringline.domain.events import CallRef, Event, EventData
from ringline.domain.latency import Latency

CUSTOMER = "+2348031234567"
BAKERY = "+2342013301234"
_SOURCE = "pstn"
_NAME = "Adaeze Okafor"
_ASKED = "Good afternoon. Is the Ikeja branch open today?"
_ANSWERED = "Good afternoon! Yes, we are open until six."


@dataclass(frozen=True, slots=True)
class Sample:
    """What the sample events of one test are made from."""

    now: datetime
    new_id: Callable[[], UUID]
    agent_id: UUID

    def ago(self, seconds: float) -> datetime:
        """Return a time before the test."""
        return self.now - timedelta(seconds=seconds)


_Make: TypeAlias = Callable[[Sample], EventData]


def sample_event(type_: str, sample: Sample, *, said_by: TurnRole = TurnRole.CALLER) -> Event:
    """Make an event of a type of `SAMPLES`; `said_by` is whose turn a finished one is."""
    data = SAMPLES[type_](sample)
    if isinstance(data, events.TurnCompleted) and said_by is TurnRole.AGENT:
        data = _agents_turn(sample)
    call = None
    if type_.startswith("call."):
        call_id = sample.new_id()
        call = CallRef(
            id=call_id,
            uuid=str(call_id),
            direction=CallDirection.INBOUND,
            from_number=CUSTOMER,
            to_number=BAKERY,
            transport=CallTransport.SIP,
            agent_id=sample.agent_id,
            model="local/attendant",
        )
    return Event(sample.new_id(), sample.now, data, call)


def _created(sample: Sample) -> EventData:
    contact = events.KnownCaller(id=sample.new_id(), full_name=_NAME, phone_e164=CUSTOMER)
    return events.CallCreated(
        status=CallStatus.INITIATED, source=_SOURCE, started_at=sample.now, contact=contact
    )


def _rang(sample: Sample) -> EventData:
    return events.CallRinging(status=CallStatus.RINGING, source=_SOURCE, started_at=sample.ago(1))


def _answered(sample: Sample) -> EventData:
    return events.CallAnswered(
        answered_at=sample.now,
        started_at=sample.ago(2),
        answered_by=AnsweredBy.AI_AGENT,
        source=_SOURCE,
    )


def _joined(sample: Sample) -> EventData:
    return events.ParticipantJoined(
        participant_id=sample.new_id(),
        member_uuid="caller",
        role=ParticipantRole.CALLER,
        joined_at=sample.now,
    )


def _left(sample: Sample) -> EventData:
    return events.ParticipantLeft(
        participant_id=sample.new_id(),
        member_uuid="caller",
        role=ParticipantRole.CALLER,
        joined_at=sample.ago(40),
        left_at=sample.now,
    )


def _callers_turn(sample: Sample) -> EventData:
    return events.TurnCompleted(
        turn_id=sample.new_id(),
        item_id="item_1",
        role=TurnRole.CALLER,
        text=_ASKED,
        transcript_id=sample.new_id(),
    )


def _agents_turn(sample: Sample) -> EventData:
    return events.TurnCompleted(
        turn_id=sample.new_id(),
        item_id="item_2",
        role=TurnRole.AGENT,
        text=_ANSWERED,
        transcript_id=sample.new_id(),
        latency=Latency(total_ms=840, voice_ms=838, gateway_ms=2),
    )


def _barged_in(sample: Sample) -> EventData:
    return events.BargeIn(turn_id=sample.new_id(), spoken_text="Good afternoon!", at_ms=1_120)


def _transferred(_: Sample) -> EventData:
    return events.CallTransferred(destination=CUSTOMER)


def _audited(_: Sample) -> EventData:
    detail: dict[str, object] = {"name": "opening_hours", "arguments": {"branch": "Ikeja"}}
    return events.CallAudit(audit_type=AuditType.TOOL_CALL, code="tool_call", detail=detail)


def _ended(sample: Sample) -> EventData:
    said = ((34, TurnRole.CALLER, _ASKED), (31, TurnRole.AGENT, _ANSWERED))
    return events.CallEnded(
        status=CallStatus.COMPLETED,
        hangup_cause=HangupCause.CALLER_HANGUP,
        source=_SOURCE,
        started_at=sample.ago(42),
        answered_at=sample.ago(40),
        ended_at=sample.now,
        duration_seconds=40,
        transcript=tuple(
            events.TranscriptLine(
                turn_id=sample.new_id(), role=role, text=text, at=sample.ago(seconds)
            )
            for seconds, role, text in said
        ),
    )


def _contact(kind: type[events.ContactData]) -> _Make:
    return lambda sample: kind(
        id=sample.new_id(),
        full_name=_NAME,
        email="adaeze.okafor@example.com",
        phone_e164=CUSTOMER,
        notes="Orders a cake every Friday.",
        inserted_at=sample.ago(86_400),
        updated_at=sample.now,
    )


def _conversation(kind: type[events.ConversationData]) -> _Make:
    return lambda sample: kind(
        id=sample.new_id(),
        public_id="7Yk2pQ",
        channel=ConversationChannel.CHAT,
        mode=ConversationMode.TEXT,
        status=ConversationStatus.ACTIVE,
        agent_id=sample.agent_id,
        inserted_at=sample.ago(300),
        updated_at=sample.now,
    )


def _thread(
    sample: Sample, channel: ConversationChannel = ConversationChannel.SMS
) -> dict[str, Any]:
    return {
        "conversation_id": sample.new_id(),
        "agent_id": sample.agent_id,
        "channel": channel,
        "our_number": BAKERY,
        "remote_number": CUSTOMER,
    }


def _received(sample: Sample, text: str = _ASKED) -> dict[str, Any]:
    return _thread(sample) | {
        "message_id": sample.new_id(),
        "direction": MessageDirection.INBOUND,
        "sender": MessageSender.CONTACT,
        "message_type": MessageType.TEXT,
        "text": text,
        "status": MessageStatus.RECEIVED,
    }


def _replied(sample: Sample, status: MessageStatus) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "direction": MessageDirection.OUTBOUND,
        "sender": MessageSender.AI,
        "status": status,
    }
    return _received(sample, _ANSWERED) | reply


def _receipt(sample: Sample) -> EventData:
    return events.MessageReceipt(
        **_replied(sample, MessageStatus.DELIVERED),
        receipt=ReceiptStatus.DELIVERED,
        error_code="000",
        submitted=1,
        delivered=1,
        mno="mtn",
    )


def _refused(sample: Sample) -> EventData:
    return events.MessageFailed(
        **_replied(sample, MessageStatus.FAILED),
        error_code="27",
        reason="the subscriber is absent",
    )


def _unsent(sample: Sample) -> EventData:
    return events.MessageSendFailed(
        **_replied(sample, MessageStatus.FAILED),
        error_code=SendFailure.SMPP_UNAVAILABLE,
        reason="the provider could not be reached",
    )


def _mode_changed(sample: Sample) -> EventData:
    return events.ConversationModeChanged(
        **_thread(sample), from_mode=AiMode.AI, to_mode=AiMode.HUMAN
    )


#: How an event of each durable type is made.
SAMPLES: Mapping[str, _Make] = {
    "call.created": _created,
    "call.ringing": _rang,
    "call.answered": _answered,
    "call.participant_joined": _joined,
    "call.participant_left": _left,
    "call.turn_completed": _callers_turn,
    "call.barge_in": _barged_in,
    "call.idle_silence": lambda _: events.IdleSilence(
        silence_ms=10_000, idle_timeout_seconds=10, count=1
    ),
    "call.held": lambda _: events.CallHeld(),
    "call.resumed": lambda _: events.CallResumed(),
    "call.transferred": _transferred,
    "call.audit": _audited,
    "call.ended": _ended,
    "contact.created": _contact(events.ContactCreated),
    "contact.updated": _contact(events.ContactUpdated),
    "contact.deleted": _contact(events.ContactDeleted),
    "conversation.created": _conversation(events.ConversationCreated),
    "conversation.updated": _conversation(events.ConversationUpdated),
    "conversation.mode_changed": _mode_changed,
    "message.received": lambda sample: events.MessageReceived(
        **_received(sample), encoding="GSM-7"
    ),
    "message.sent": lambda sample: events.MessageSent(
        **_replied(sample, MessageStatus.SENT), segments=1
    ),
    "message.delivered": lambda sample: events.MessageDelivered(
        **_replied(sample, MessageStatus.DELIVERED)
    ),
    "message.read": lambda sample: events.MessageRead(**_replied(sample, MessageStatus.READ)),
    "message.dlr": _receipt,
    "message.failed": _refused,
    "message.send_failed": _unsent,
    "message.opt_out": lambda sample: events.MessageOptOut(
        **_received(sample, "STOP"), keyword="STOP"
    ),
    "window.closing": lambda sample: events.WindowClosing(
        **_thread(sample, ConversationChannel.WHATSAPP),
        window_expires_at=sample.now + timedelta(hours=1),
    ),
}
