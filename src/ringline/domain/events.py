"""The canonical events: what the log stores and every surface spells (contract, 3).

One row per type, each with the struct of its `data`. Durable events are rows of the log;
ephemeral ones only travel and have neither an id to resume from nor a position.
Texts are what was said; they are data, never to be logged.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec


class CallRef(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a call repeats, so that a dialect needs no look-up."""

    id: UUID
    uuid: str
    direction: str
    from_number: str
    to_number: str
    transport: str
    agent_id: UUID | None = None
    model: str | None = None


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one canonical type; the class says the type's name."""

    type: ClassVar[str]
    durable: ClassVar[bool] = True


class CallCreated(EventData, frozen=True, kw_only=True):
    """First event of every call."""

    type: ClassVar[str] = "call.created"
    status: str
    source: str
    started_at: datetime
    conversation_id: UUID | None = None
    queue_entry_id: UUID | None = None
    queue_name: str | None = None
    sip_username: str | None = None


class CallRinging(EventData, frozen=True, kw_only=True):
    """It rings, or enters a queue."""

    type: ClassVar[str] = "call.ringing"
    status: str


class CallAnswered(EventData, frozen=True, kw_only=True):
    """First answer; media flows. `answered_by` is `operator` or `ai_agent`."""

    type: ClassVar[str] = "call.answered"
    answered_at: datetime
    started_at: datetime
    answered_by: str
    sip_username: str | None = None


class ParticipantJoined(EventData, frozen=True, kw_only=True):
    """Somebody joined the call; once each."""

    type: ClassVar[str] = "call.participant_joined"
    participant_id: UUID
    member_uuid: str
    role: str
    joined_at: datetime


class ParticipantLeft(EventData, frozen=True, kw_only=True):
    """Somebody left the call; once each."""

    type: ClassVar[str] = "call.participant_left"
    participant_id: UUID
    member_uuid: str
    role: str
    joined_at: datetime
    left_at: datetime


class TranscriptDelta(EventData, frozen=True, kw_only=True):
    """Part of a turn: the new piece (`delta`) and the turn so far (`text`).

    `role` is `caller` or `agent`; `sequence` counts from 0 within the item.
    """

    type: ClassVar[str] = "call.transcript_delta"
    durable: ClassVar[bool] = False
    turn_id: UUID
    item_id: str
    content_index: int = 0
    role: str
    delta: str
    text: str
    sequence: int


class TurnCompleted(EventData, frozen=True, kw_only=True):
    """A turn is final. An interrupted agent's turn holds what left for the caller."""

    type: ClassVar[str] = "call.turn_completed"
    turn_id: UUID
    item_id: str
    content_index: int = 0
    role: str
    text: str
    transcript_id: UUID
    interrupted: bool = False


class BargeIn(EventData, frozen=True, kw_only=True):
    """The caller spoke over the agent, who was cut off after `at_ms` of the turn."""

    type: ClassVar[str] = "call.barge_in"
    turn_id: UUID
    spoken_text: str
    at_ms: int


class CallAudit(EventData, frozen=True, kw_only=True):
    """Audit trail of the agent: tool call, tool result, hand-over, policy, error, note."""

    type: ClassVar[str] = "call.audit"
    audit_type: str
    code: str
    detail: dict[str, object] = {}


class TranscriptLine(msgspec.Struct, frozen=True, kw_only=True):
    """One finished turn, as the call's last event repeats it."""

    turn_id: UUID
    role: str
    text: str
    at: datetime


class CallEnded(EventData, frozen=True, kw_only=True):
    """Exactly once, the call's last event. `duration_seconds` counts from the answer."""

    type: ClassVar[str] = "call.ended"
    status: str
    hangup_cause: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    duration_seconds: int
    transcript: tuple[TranscriptLine, ...] = ()


#: Every canonical type by its name.
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
        CallAudit,
        CallEnded,
    )
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: what the journal writes and the hub delivers."""

    id: UUID
    occurred_at: datetime
    data: EventData
    call: CallRef | None = None

    @property
    def type(self) -> str:
        """Return the canonical type, e.g. `call.answered`."""
        return self.data.type


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A durable event and its place in its log."""

    offset: int
    event: Event
