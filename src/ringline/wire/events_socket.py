"""The events socket's topics, and the dialect of `events` and `call:…` (events socket, 6).

The dialect has eight names and camelCase payloads.
Durable events carry `eventId` and `position`; the ephemeral transcript delta has neither.
The topic `log` shows every event, and as `list_events` does (`listed_events.py`).
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ringline.domain.call_vocabulary import CallDirection, CallStatus, TurnRole
from ringline.domain.events import (
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    CallRef,
    Event,
    EventData,
    KnownCaller,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptDelta,
    TurnCompleted,
)
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Position, Scope
from ringline.domain.topics import ALL_EVENTS, AllEvents
from ringline.wire import phoenix, phoenix_socket
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.strict_json import encode
from ringline.wire.times import micros
from ringline.wire.transcript import remarks

#: The name of each canonical type on the socket; the others are not shown there.
NAMES: dict[type[EventData], str] = {
    CallCreated: "incoming_call",  # of inbound calls only
    CallAnswered: "call_answered",
    CallEnded: "call_ended",
    ParticipantJoined: "call_participant_joined",
    ParticipantLeft: "call_participant_left",
    TranscriptDelta: "call_transcript_delta",
    TurnCompleted: "call_transcript_completed",
    CallAudit: "call_ai_audit_event",
}

#: The roles of speakers on the socket and in RPC (contract, 3).
TURN_ROLES = {TurnRole.CALLER: "user", TurnRole.AGENT: "assistant"}


#: The prefixes of topics' names, and a whole name.
_EVENTS, _CALL, _LOG = "events", "call", "log"


@dataclass(frozen=True, slots=True)
class CallNamed:
    """The events of one call; `name` is its `callUuid`, or else its id in either form."""

    name: str


@dataclass(frozen=True, slots=True)
class WholeLog:
    """Every event of the log as `list_events` shows it, for a person who has signed in."""


class TopicRefused(Exception):
    """A channel's name is not a topic for its client; `reason` goes into the reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_topic(name: str, workspace_id: UUID) -> AllEvents | CallNamed | WholeLog:
    """Read a channel's name for a client of a workspace. Raises TopicRefused.

    Both spellings, `events` and `events:<workspace>`, are the same topic. Whatever follows
    `call:` names a call, colons included.
    """
    if name == _LOG:
        return WholeLog()
    head, separator, rest = name.partition(":")
    if head == _CALL and separator:
        return CallNamed(rest)
    if head != _EVENTS:
        raise TopicRefused(phoenix_socket.UNMATCHED_TOPIC)
    if separator and parse_id(Prefix.WORKSPACE, rest) != workspace_id:
        raise TopicRefused(phoenix_socket.UNAUTHORIZED)
    return ALL_EVENTS


class Spelling(Protocol):
    """How events are spelt on some topics."""

    def __call__(
        self, event: Event, position: Position, *, scope: Scope
    ) -> tuple[str, bytes] | None:
        """Return an event's name on the socket and its JSON payload; None if not shown."""
        ...


class Payloads:
    """Payloads, each encoded once, however many topics and versions it is sent on.

    Only the last one is kept: an event is delivered to all of its listeners in one go.
    """

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._last: tuple[Event, Position, Scope] | None = None
        self._encoded: tuple[str, bytes] | None = None

    def of(self, event: Event, position: Position, *, scope: Scope) -> tuple[str, bytes] | None:
        """Return an event's name on the socket and its payload; None if it is not shown."""
        last = self._last
        if last is None or last[0] is not event or last[1:] != (position, scope):
            self._encoded = self._spelling(event, position, scope=scope)
            self._last = event, position, scope
        return self._encoded


class EventsSocket:
    """The dialect of one topic's listeners that speak one version.

    Topics that spell events alike differ only in their name, so dialects may share payloads.
    """

    def __init__(
        self, version: phoenix.Version, topic: str, *, payloads: Payloads | None = None
    ) -> None:
        self._version = version
        self._topic = topic
        self._payloads = payloads or Payloads(encode_payload)
        self.name = f"events-socket/{version}/{topic}"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event's broadcast frame; None if it is not shown."""
        encoded = self._payloads.of(event, position, scope=scope)
        if encoded is None:
            return None
        name, payload = encoded
        return phoenix.encode_broadcast(self._version, self._topic, event=name, payload=payload)


def encode_payload(event: Event, position: Position, *, scope: Scope) -> tuple[str, bytes] | None:
    """Return an event's name on the socket and its JSON payload; None if not shown."""
    own = frame_members(event)
    if own is None or event.call is None:
        return None
    payload: dict[str, object] = {}
    if event.data.durable:
        payload = {"eventId": format_id(Prefix.EVENT, event.id), "position": str(position)}
    payload["occurredAt"] = micros(event.occurred_at)
    payload["organisationId"] = scope.workspace_id
    payload["callUuid"] = event.call.uuid
    payload["callId"] = event.call.id
    return NAMES[type(event.data)], encode(payload | own)


def frame_members(event: Event) -> dict[str, object] | None:
    """Return the members specific to this event's frame; None if it is not shown."""
    if type(event.data) not in NAMES or event.call is None:
        return None
    return _spell(event, event.call)


def _spell(event: Event, call: CallRef) -> dict[str, object] | None:
    """Return the members specific to this event."""
    match event.data:
        case CallCreated() as created:
            return (
                _incoming_call(created, call) if call.direction is CallDirection.INBOUND else None
            )
        case CallAnswered() as answered:
            return {
                "status": RPC_STATUS[CallStatus.ANSWERED],
                "answeredAt": micros(answered.answered_at),
                "fromNumber": call.from_number,
                "toNumber": call.to_number,
                "sipUsername": answered.sip_username,
                "answeredBy": answered.answered_by,
            }
        case CallEnded() as ended:
            return {
                "status": RPC_STATUS[ended.status],
                "endedAt": micros(ended.ended_at),
                "durationSeconds": ended.duration_seconds,
                "fromNumber": call.from_number,
                "toNumber": call.to_number,
                "hangupCause": ended.hangup_cause,
            }
        case ParticipantJoined() as joined:
            return _participant(joined)
        case ParticipantLeft() as left:
            return _participant(left) | {"leftAt": micros(left.left_at)}
        case TranscriptDelta() as part:
            return _item(part) | {"delta": part.delta, "sequence": part.sequence}
        case TurnCompleted() as turn:
            members = {"transcript": turn.text, "transcriptId": turn.transcript_id}
            return _item(turn) | members | remarks(turn, spoken_text="spokenText") | _latency(turn)
        case CallAudit() as audit:
            return {
                "auditType": audit.audit_type,
                "aiAgentId": call.agent_id,
                "conversationId": call.conversation_id,
                "data": {"code": audit.code, **audit.detail},
            }
        case other:
            raise AssertionError(f"{other.type} has a name on the socket but no payload")


def _incoming_call(created: CallCreated, call: CallRef) -> dict[str, object]:
    return {
        "direction": call.direction,
        "fromNumber": call.from_number,
        "toNumber": call.to_number,
        "status": "ringing",  # whatever its state (contract, 3)
        "startedAt": micros(created.started_at),
        "callSource": created.source,
        "conversationId": created.conversation_id,
        "queueEntryId": created.queue_entry_id,
        "queueName": created.queue_name,
        "contact": None if created.contact is None else _contact(created.contact),
    }


def _contact(contact: KnownCaller) -> dict[str, object]:
    return {
        "id": contact.id,
        "fullName": contact.full_name,
        "phoneE164": contact.phone_e164,
    }


def _participant(data: ParticipantJoined | ParticipantLeft) -> dict[str, object]:
    return {
        "participantId": data.participant_id,
        "memberUuid": data.member_uuid,
        "role": data.role,
        "joinedAt": micros(data.joined_at),
    }


def _latency(turn: TurnCompleted) -> dict[str, object]:
    """Return the latency of a turn as a member, if it was measured."""
    if (took := turn.latency) is None:
        return {}
    shares = {"totalMs": took.total_ms, "voiceMs": took.voice_ms, "gatewayMs": took.gateway_ms}
    return {"latency": shares}


def _item(data: TranscriptDelta | TurnCompleted) -> dict[str, object]:
    return {
        "itemId": data.item_id,
        "contentIndex": data.content_index,
        "role": TURN_ROLES[data.role],
    }
