"""The envelope that a workspace's webhook endpoints are sent (events socket, 7.2; contract, 3).

Every durable event has one, in snake_case. `data` is the resource as the event left it where
an event is about one as a whole: the call when it was created, rang, was answered or ended,
contacts and conversations. For the others it is `data` of `list_events`. Ids are UUIDs and
times have microseconds, as in RPC. The bytes depend on the event alone, so every attempt at a
delivery sends the same.
"""

from datetime import datetime
from typing import TypeAlias

from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.events import (
    CallAnswered,
    CallCreated,
    CallEnded,
    CallRef,
    CallRinging,
    Event,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Position, Scope
from ringline.domain.webhook_types import sent_type
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.listed_events import as_is, data_of
from ringline.wire.strict_json import encode
from ringline.wire.times import micros

#: The version of the envelope that is published.
VERSION = "2026-05-25"

#: The environments, as this surface spells them.
ENVIRONMENTS = {Environment.LIVE: "live", Environment.TEST: "sandbox"}

#: The events whose `data` is the call as they left it.
CallEventData: TypeAlias = CallCreated | CallRinging | CallAnswered | CallEnded


class EndpointEnvelope:
    """The dialect of a workspace's webhook endpoints."""

    name = "endpoint-envelope"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event's envelope; None if it is ephemeral."""
        if not event.data.durable:
            return None
        return encode(
            {
                "id": format_id(Prefix.EVENT, event.id),
                "type": sent_type(event.type),
                "version": VERSION,
                "occurred_at": micros(event.occurred_at),
                "organisation_id": scope.workspace_id,
                "environment": ENVIRONMENTS[scope.environment],
                "data": _data(event),
            }
        )


def _data(event: Event) -> dict[str, object]:
    if isinstance(event.data, CallEventData) and event.call is not None:
        return _call(event.data, event.call)
    return data_of(event, as_is)


def _call(data: CallEventData, call: CallRef) -> dict[str, object]:
    """Return the call as one of its events left it, without what the event does not know."""
    left: dict[str, object] = {
        "id": call.id,
        "call_uuid": call.uuid,
        "call_source": data.source,
        "direction": call.direction,
        "from_number": call.from_number,
        "to_number": call.to_number,
        "status": RPC_STATUS[CallStatus.ANSWERED],
        "started_at": _time(data.started_at),
        "answered_at": None,
        "ended_at": None,
        "duration_seconds": None,
        "hangup_cause": None,
        "sip_username": None,
        "conversation_id": call.conversation_id,
        "ai_agent_id": call.agent_id,
    }
    match data:
        case CallCreated():
            left["status"] = RPC_STATUS[data.status]
            left["sip_username"] = data.sip_username
            left["conversation_id"] = data.conversation_id or call.conversation_id
        case CallRinging():
            left["status"] = RPC_STATUS[data.status]
        case CallAnswered():
            left["answered_at"] = _time(data.answered_at)
            left["sip_username"] = data.sip_username
        case CallEnded():
            left["status"] = RPC_STATUS[data.status]
            left["answered_at"] = _time(data.answered_at)
            left["ended_at"] = _time(data.ended_at)
            left["duration_seconds"] = data.duration_seconds
            left["hangup_cause"] = data.hangup_cause
            left["sip_username"] = data.sip_username
    return left


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else micros(moment)
