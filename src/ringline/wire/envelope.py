"""The envelope's dialect, for the call WebSocket and agents' webhooks (live streams, 3).

`number` is ours and `from` the remote party's, whoever called (3.2). Members that we cannot
know yet (quality, campaign) are null.
"""

from datetime import datetime

from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    TurnRole,
)
from ringline.domain.events import (
    BargeIn,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallRef,
    CallResumed,
    CallTransferred,
    Event,
    EventData,
    IdleSilence,
    ThreadEvent,
    TurnCompleted,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.wire.call_status import (
    DISPOSITIONS,
    V1_STATUS,
    ai_mode,
    recording_path,
    v1_status,
    v1_transport,
)
from ringline.wire.message_payloads import THREAD_EVENTS, message_payload
from ringline.wire.strict_json import encode
from ringline.wire.times import millis, seconds
from ringline.wire.transcript import TURN_ROLES, remarks

#: The names of a finished turn, by speaker.
TURN_NAMES = {TurnRole.CALLER: "call.transcription", TurnRole.AGENT: "call.agent_response"}

#: The names of each canonical type in an envelope; the others are not shown.
NAMES: dict[type[EventData], tuple[str, ...]] = {
    CallAnswered: ("call.initiated",),
    TurnCompleted: tuple(TURN_NAMES.values()),
    BargeIn: ("call.barge_in",),
    IdleSilence: ("call.idle_silence",),
    CallHeld: ("call.held",),
    CallResumed: ("call.resumed",),
    CallTransferred: ("call.transferred",),
    CallEnded: ("call.completed",),
    **{kind: (kind.type,) for kind in THREAD_EVENTS},
}


class Envelope:
    """The dialect of the listeners of a call's or a thread's events."""

    name = "envelope"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event's envelope; None if it is not shown."""
        members = envelope_of(event)
        return None if members is None else encode(members)


def envelope_of(event: Event) -> dict[str, object] | None:
    """Return an event's envelope; None if it is not shown."""
    call, name = event.call, name_of(event.data)
    if name is None:
        return None
    if isinstance(event.data, ThreadEvent):
        return _envelope(
            event,
            name,
            channel=event.data.channel,
            ours=event.data.our_number,
            theirs=event.data.remote_number,
            payload=message_payload(event.data, event.occurred_at),
        )
    if call is None:
        return None
    inbound = call.direction is CallDirection.INBOUND
    return _envelope(
        event,
        name,
        channel="voice",
        ours=call.to_number if inbound else call.from_number,
        theirs=call.from_number if inbound else call.to_number,
        payload={"call_id": format_id(Prefix.CALL, call.id), **_spell(event.data, call)},
    )


def _envelope(
    event: Event,
    name: str,
    *,
    channel: str,
    ours: str,
    theirs: str,
    payload: dict[str, object],
) -> dict[str, object]:
    return {
        "event_id": format_id(Prefix.EVENT, event.id),
        "event_type": name,
        "channel": channel,
        "agent_id": format_id(Prefix.AGENT, event.agent_id) if event.agent_id else None,
        "number": ours,
        "from": theirs,
        "timestamp": seconds(event.occurred_at),
        "payload": payload,
    }


def name_of(data: EventData) -> str | None:
    """Return an event's name in an envelope; None if it is not shown."""
    names = NAMES.get(type(data))
    if names is None:
        return None
    return TURN_NAMES[data.role] if isinstance(data, TurnCompleted) else names[0]


def _spell(data: EventData, call: CallRef) -> dict[str, object]:
    """Return an event's payload without the call's id."""
    match data:
        case CallAnswered():
            return _initiated(data, call)
        case TurnCompleted(role=TurnRole.CALLER):
            return {
                "turn_id": format_id(Prefix.TURN, data.turn_id),
                "text": data.text,
                "role": TURN_ROLES[data.role],
                "is_final": True,
                "language": None,
                "confidence": None,
                "recognized": data.recognized,
            }
        case TurnCompleted():
            return {
                "turn_id": format_id(Prefix.TURN, data.turn_id),
                "text": data.text,
                "ai_mode": ai_mode(call.model),
                "interrupted": data.interrupted,
                "spoken_text": data.spoken_text,
                "latency": data.latency,
            }
        case BargeIn():
            return {
                "turn_id": format_id(Prefix.TURN, data.turn_id),
                "transport": v1_transport(call.transport),
                "spoken_text": data.spoken_text,
                "at_ms": data.at_ms,
            }
        case IdleSilence():
            return {
                "silence_seconds": data.silence_ms / 1000,
                "idle_timeout_seconds": data.idle_timeout_seconds,
                "count": data.count,
            }
        case CallHeld() | CallResumed():
            return {}
        case CallTransferred():
            return {"destination": data.destination}
        case CallEnded():
            return _completed(data, call)
        case other:
            raise AssertionError(f"{other.type} has a name in envelopes but no payload")


def _initiated(answered: CallAnswered, call: CallRef) -> dict[str, object]:
    return {
        "direction": call.direction,
        "from_number": call.from_number,
        "to_number": call.to_number,
        "status": V1_STATUS[CallStatus.ANSWERED],
        "started_at": seconds(answered.started_at),
        "transport": v1_transport(call.transport),
        "campaign_id": None,
    }


def _completed(ended: CallEnded, call: CallRef) -> dict[str, object]:
    answered = ended.answered_at is not None
    return {
        "status": v1_status(ended.status, answered=answered),
        "duration_seconds": ended.duration_seconds,
        "transcript": [
            {
                "turn_id": format_id(Prefix.TURN, line.turn_id),
                "role": TURN_ROLES[line.role],
                "text": line.text,
                "ts": millis(line.at),
                **remarks(line),
            }
            for line in ended.transcript
        ],
        "disposition": DISPOSITIONS[ended.hangup_cause],
        "hangup_cause": ended.hangup_cause,
        "ai_mode": ai_mode(call.model),
        "direction": call.direction,
        "from_number": call.from_number,
        "to_number": call.to_number,
        "started_at": seconds(ended.started_at),
        "ended_at": seconds(ended.ended_at),
        "mno_used": None,
        "recording_url": recording_path(call.id) if ended.recorded else None,
        "quality_mos": None,
        "campaign_id": None,
        "metadata": ended.metadata,
    }


def stream_dropped(position: Position, at: datetime) -> bytes:
    """Encode the notice of lost frames, with the position to resume from."""
    return encode(
        {
            "event_type": "stream.dropped",
            "timestamp": seconds(at),
            "payload": {"position": str(position)},
        }
    )


def command_result(action: str, status: str, *, request_id: str | None, at: datetime) -> bytes:
    """Encode the answer to a command that was carried out (live streams, 2.5)."""
    return encode(
        {
            "event_type": "command.result",
            "request_id": request_id,
            "timestamp": seconds(at),
            "payload": {"action": action, "status": status},
        }
    )


def command_error(
    code: str,
    message: str,
    *,
    at: datetime,
    action: str | None = None,
    request_id: str | None = None,
) -> bytes:
    """Encode the answer to a command that was not (live streams, 2.5)."""
    return encode(
        {
            "event_type": "command.error",
            "request_id": request_id,
            "timestamp": seconds(at),
            "payload": {"action": action, "error_code": code, "message": message},
        }
    )
