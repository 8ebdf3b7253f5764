"""The canonical events: stored in the log, translated by surfaces (contract, 3).

There is one class per type, the struct of its `data`. Durable events are rows of the log;
ephemeral ones are only published and have neither an id to resume from nor a position.
Texts hold what was said; they are data and must never be logged.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

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
from ringline.domain.latency import Latency


class CallRef(msgspec.Struct, frozen=True, kw_only=True):
    """Data of the call that each of its events repeats, to spare dialects a look-up."""

    id: UUID
    uuid: str
    direction: CallDirection
    from_number: str
    to_number: str
    transport: CallTransport
    agent_id: UUID | None = None
    model: str | None = None
    conversation_id: UUID | None = None


class KnownCaller(msgspec.Struct, frozen=True, kw_only=True):
    """The contact whose number an inbound call comes from."""

    id: UUID
    full_name: str
    phone_e164: str


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one canonical type; the class holds the type's name."""

    type: ClassVar[str]
    durable: ClassVar[bool] = True


class CallCreated(EventData, frozen=True, kw_only=True):
    """The first event of every call."""

    type: ClassVar[str] = "call.created"
    status: CallStatus
    source: str
    started_at: datetime
    conversation_id: UUID | None = None
    queue_entry_id: UUID | None = None
    queue_name: str | None = None
    sip_username: str | None = None
    contact: KnownCaller | None = None


class CallRinging(EventData, frozen=True, kw_only=True):
    """The call rings, or enters a queue."""

    type: ClassVar[str] = "call.ringing"
    status: CallStatus
    source: str | None = None
    started_at: datetime | None = None


class CallAnswered(EventData, frozen=True, kw_only=True):
    """The call is answered for the first time; audio flows."""

    type: ClassVar[str] = "call.answered"
    answered_at: datetime
    started_at: datetime
    answered_by: AnsweredBy
    sip_username: str | None = None
    source: str | None = None


class ParticipantJoined(EventData, frozen=True, kw_only=True):
    """A participant joined the call; once each."""

    type: ClassVar[str] = "call.participant_joined"
    participant_id: UUID
    member_uuid: str
    role: ParticipantRole
    joined_at: datetime


class ParticipantLeft(EventData, frozen=True, kw_only=True):
    """A participant left the call; once each."""

    type: ClassVar[str] = "call.participant_left"
    participant_id: UUID
    member_uuid: str
    role: ParticipantRole
    joined_at: datetime
    left_at: datetime


class TranscriptDelta(EventData, frozen=True, kw_only=True):
    """Part of a turn: the new piece (`delta`) and the turn so far (`text`).

    `sequence` counts from 0 within the item.
    """

    type: ClassVar[str] = "call.transcript_delta"
    durable: ClassVar[bool] = False
    turn_id: UUID
    item_id: str
    content_index: int = 0
    role: TurnRole
    delta: str
    text: str
    sequence: int


class TurnCompleted(EventData, frozen=True, kw_only=True):
    """A turn is final. An interrupted agent's turn holds what was sent to the caller.

    Its `spoken_text` is what was heard of that: a beginning of `text`, None where nothing was
    cut off or the playback clock does not know.
    `latency` is how long an agent's turn took to begin, None where no speech came before.
    A caller's turn that could not be recognised is not `recognized` and has no text.
    """

    type: ClassVar[str] = "call.turn_completed"
    turn_id: UUID
    item_id: str
    content_index: int = 0
    role: TurnRole
    text: str
    transcript_id: UUID
    interrupted: bool = False
    spoken_text: str | None = None
    recognized: bool = True
    latency: Latency | None = None


class BargeIn(EventData, frozen=True, kw_only=True):
    """The caller spoke over the agent, who was cut off after `at_ms` of the turn.

    `spoken_text` is what had been heard by then.
    """

    type: ClassVar[str] = "call.barge_in"
    turn_id: UUID
    spoken_text: str
    at_ms: int


class IdleSilence(EventData, frozen=True, kw_only=True):
    """The caller has been silent for longer than the agent's limit; `count` is of the call."""

    type: ClassVar[str] = "call.idle_silence"
    silence_ms: int
    idle_timeout_seconds: int
    count: int


class CallHeld(EventData, frozen=True, kw_only=True):
    """The caller was put on hold."""

    type: ClassVar[str] = "call.held"


class CallResumed(EventData, frozen=True, kw_only=True):
    """The hold has ended."""

    type: ClassVar[str] = "call.resumed"


class CallTransferred(EventData, frozen=True, kw_only=True):
    """The caller was connected with a destination in E.164; the call ends with that."""

    type: ClassVar[str] = "call.transferred"
    destination: str


class CallAudit(EventData, frozen=True, kw_only=True):
    """Audit trail of the agent: tool call, tool result, hand-over, policy, error, note."""

    type: ClassVar[str] = "call.audit"
    audit_type: AuditType
    code: str
    detail: dict[str, object] = {}


class TranscriptLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finished turn, as the call's last event repeats it."""

    turn_id: UUID
    role: TurnRole
    text: str
    at: datetime
    interrupted: bool = False
    spoken_text: str | None = None
    recognized: bool = True


class CallEnded(EventData, frozen=True, kw_only=True):
    """The call's last event, exactly once. `duration_seconds` counts from the answer.

    `metadata` is the integrator's own data, which no client of the call is shown. `recorded` says
    that there is a recording, whose file may take another moment to be complete.
    """

    type: ClassVar[str] = "call.ended"
    status: CallStatus
    hangup_cause: HangupCause
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    duration_seconds: int
    transcript: tuple[TranscriptLine, ...] = ()
    sip_username: str | None = None
    source: str | None = None
    metadata: dict[str, object] | None = None
    recorded: bool = False


class ContactData(EventData, frozen=True, kw_only=True):
    """A contact as it is now, or as it was before it was deleted."""

    id: UUID
    full_name: str
    email: str | None = None
    phone_e164: str | None = None
    notes: str | None = None
    inserted_at: datetime
    updated_at: datetime


class ContactCreated(ContactData, frozen=True, kw_only=True):
    """A contact was created."""

    type: ClassVar[str] = "contact.created"


class ContactUpdated(ContactData, frozen=True, kw_only=True):
    """A contact was changed."""

    type: ClassVar[str] = "contact.updated"


class ContactDeleted(ContactData, frozen=True, kw_only=True):
    """A contact was deleted."""

    type: ClassVar[str] = "contact.deleted"


class ConversationData(EventData, frozen=True, kw_only=True):
    """A conversation as it is now. `metadata` is the client's own data.

    The members from `ai_mode` on are of a thread of messages, null in others.
    """

    id: UUID
    public_id: str
    channel: ConversationChannel
    mode: ConversationMode
    status: ConversationStatus
    agent_id: UUID | None = None
    metadata: dict[str, object] | None = None
    ai_mode: AiMode | None = None
    our_number: str | None = None
    remote_number: str | None = None
    window_expires_at: datetime | None = None
    last_message_at: datetime | None = None
    inserted_at: datetime
    updated_at: datetime


class ConversationCreated(ConversationData, frozen=True, kw_only=True):
    """A conversation was created."""

    type: ClassVar[str] = "conversation.created"


class ConversationUpdated(ConversationData, frozen=True, kw_only=True):
    """A conversation was changed."""

    type: ClassVar[str] = "conversation.updated"


class ThreadEvent(EventData, frozen=True, kw_only=True):
    """An event of a thread of messages; it repeats the thread, to spare dialects a look-up.

    The thread's members have defaults for events that an older version has written.
    """

    conversation_id: UUID
    agent_id: UUID | None = None
    channel: ConversationChannel = ConversationChannel.CHAT
    our_number: str = ""
    remote_number: str = ""


class ConversationModeChanged(ThreadEvent, frozen=True, kw_only=True):
    """A thread was handed over, closed or reopened; follows its `conversation.updated`.

    The modes are those of `AiMode`; older versions wrote RPC's `text` and `voice`.
    `actor_user_id` is null if no user did it (live streams, 2.4).
    """

    type: ClassVar[str] = "conversation.mode_changed"
    from_mode: str
    to_mode: str
    actor_user_id: UUID | None = None


class WindowClosing(ThreadEvent, frozen=True, kw_only=True):
    """WhatsApp's window of 24 hours ends in an hour."""

    type: ClassVar[str] = "window.closing"
    window_expires_at: datetime


class MessageEvent(ThreadEvent, frozen=True, kw_only=True):
    """An event of a message, with the message as the event left it."""

    message_id: UUID
    direction: MessageDirection
    sender: MessageSender
    message_type: MessageType
    text: str
    status: MessageStatus


class MessageReceived(MessageEvent, frozen=True, kw_only=True):
    """A message came in."""

    type: ClassVar[str] = "message.received"
    encoding: str | None = None
    media_url: str | None = None
    mime_type: str | None = None


class MessageSent(MessageEvent, frozen=True, kw_only=True):
    """A provider accepted a message of ours; `segments` are the parts of an SMS."""

    type: ClassVar[str] = "message.sent"
    segments: int | None = None


class MessageDelivered(MessageEvent, frozen=True, kw_only=True):
    """A message of ours has reached the device."""

    type: ClassVar[str] = "message.delivered"


class MessageRead(MessageEvent, frozen=True, kw_only=True):
    """A message of ours was read."""

    type: ClassVar[str] = "message.read"


class MessageReceipt(MessageEvent, frozen=True, kw_only=True):
    """An SMS has a final delivery receipt; counts are parts of the message."""

    type: ClassVar[str] = "message.dlr"
    receipt: ReceiptStatus
    error_code: str
    submitted: int
    delivered: int
    mno: str | None = None


class MessageFailed(MessageEvent, frozen=True, kw_only=True):
    """The provider refused a message that it had accepted; the code is the provider's."""

    type: ClassVar[str] = "message.failed"
    error_code: str
    reason: str


class MessageSendFailed(MessageEvent, frozen=True, kw_only=True):
    """A message could not be handed to a provider."""

    type: ClassVar[str] = "message.send_failed"
    error_code: SendFailure
    reason: str


class MessageOptOut(MessageEvent, frozen=True, kw_only=True):
    """The contact wants no more messages; follows their `message.received`."""

    type: ClassVar[str] = "message.opt_out"
    keyword: str


#: Every canonical type by name.
EVENT_TYPES: dict[str, type[EventData]] = {
    data.type: data
    for data in (
        CallCreated,
        CallRinging,
        CallAnswered,
        ParticipantJoined,
        ParticipantLeft,
        TranscriptDelta,
        TurnCompleted,
        BargeIn,
        IdleSilence,
        CallHeld,
        CallResumed,
        CallTransferred,
        CallAudit,
        CallEnded,
        ContactCreated,
        ContactUpdated,
        ContactDeleted,
        ConversationCreated,
        ConversationUpdated,
        ConversationModeChanged,
        MessageReceived,
        MessageSent,
        MessageDelivered,
        MessageRead,
        MessageReceipt,
        MessageFailed,
        MessageSendFailed,
        MessageOptOut,
        WindowClosing,
    )
}

#: Canonical types of later versions (contract, 3), which clients may already ask for.
COMING_TYPES = (
    "call.quality",
    "call.quality_degraded",
    "queue.entry_changed",
    "operator.status_changed",
)

_READ_DATA = {name: msgspec.json.Decoder(data) for name, data in EVENT_TYPES.items()}
_READ_CALL = msgspec.json.Decoder(CallRef)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; the journal writes it and the hub delivers it."""

    id: UUID
    occurred_at: datetime
    data: EventData
    call: CallRef | None = None

    @property
    def type(self) -> str:
        """Return the canonical type, e.g. `call.answered`."""
        return self.data.type

    @property
    def agent_id(self) -> UUID | None:
        """Return the agent of the event's call or thread, if any."""
        if self.call is not None:
            return self.call.agent_id
        return self.data.agent_id if isinstance(self.data, ThreadEvent) else None

    @property
    def thread_id(self) -> UUID | None:
        """Return the id of the conversation whose thread the event belongs to, if any."""
        return self.data.conversation_id if isinstance(self.data, ThreadEvent) else None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A durable event and its offset in its log."""

    offset: int
    event: Event


def read_event(
    event_id: UUID, type_: str, *, occurred_at: datetime, data: str, call: str | None
) -> Event:
    """Rebuild an event from its stored columns; `data` and `call` are JSON."""
    return Event(
        id=event_id,
        occurred_at=occurred_at,
        data=read_data(type_, data),
        call=None if call is None else _READ_CALL.decode(call),
    )


def read_data(type_: str, data: str | bytes) -> EventData:
    """Read the `data` of a canonical type. Raises msgspec's errors."""
    decoder = _READ_DATA.get(type_)
    if decoder is None:
        raise AssertionError("the log holds a type of event that this version does not know")
    return decoder.decode(data)
