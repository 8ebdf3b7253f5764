"""A call and its turns, as `/v1` shows them (live streams, 6.3.3 and 6.3.7)."""

from collections.abc import Sequence

from msgspec import Raw

from ringline.domain.call_vocabulary import CallDirection, CallTransport
from ringline.domain.events import TranscriptLine
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.resolution import Resolution, resolution_of
from ringline.rest.route import Members
from ringline.services.call_records import CallRecord
from ringline.wire.call_status import (
    DISPOSITIONS,
    V1_STATUS,
    ai_mode,
    recording_path,
    v1_status,
    v1_transport,
)
from ringline.wire.payload_members import REMARKS, snake
from ringline.wire.times import millis, seconds
from ringline.wire.transcript import TURN_ROLES, remarks

#: The words of a call's state.
STATUSES = tuple(dict.fromkeys(V1_STATUS.values()))
_DISPOSITIONS = tuple(dict.fromkeys(DISPOSITIONS.values()))
_TRANSPORTS = tuple(dict.fromkeys(map(v1_transport, CallTransport)))


def _unknown(name: str, shape: Shape, *, means: str) -> Member:
    return Member(name, shape, f"{means}; null in this version", null=True)


#: The members of every call.
CALL: Members = (
    Member("call_id", Shape.TEXT, "the call, `call_…`"),
    Member("agent_id", Shape.TEXT, "the agent on the call, `agt_…`", null=True),
    Member("status", Shape.TEXT, "its state", words=STATUSES),
    Member("direction", Shape.TEXT, "its direction", words=tuple(CallDirection)),
    Member("from_number", Shape.TEXT, "who called: a number, an address, `web:…`"),
    Member("to_number", Shape.TEXT, "who was called: a number, an address, `agent:agt_…`"),
    Member("started_at", Shape.TIME, "when it began"),
    Member("ended_at", Shape.TIME, "when it ended; null while it runs", null=True),
    Member(
        "duration_seconds",
        Shape.INTEGER,
        "from the answer to the end, 0 without an answer; null while it runs",
        null=True,
    ),
    Member(
        "disposition",
        Shape.TEXT,
        "why it ended; null while it runs",
        words=_DISPOSITIONS,
        null=True,
    ),
    Member("ai_mode", Shape.TEXT, "the provider of the agent's model", null=True),
    Member("transport", Shape.TEXT, "what carries its audio", words=_TRANSPORTS),
    Member(
        "recording_url",
        Shape.TEXT,
        "the path of its recording on this server; null while it runs, and if there is none",
        null=True,
    ),
    Member(
        "resolution",
        Shape.TEXT,
        "`resolved` if the agent spoke after the caller, and one of them or an order ended the "
        "call; null while it runs, and where nobody knows what was said: a call that lives "
        "elsewhere, or ended before Ringline kept this",
        words=tuple(Resolution),
        null=True,
    ),
    Member(
        "classified_at", Shape.TIME, "when `resolution` was decided: when the call ended", null=True
    ),
    Member("metadata", Shape.OBJECT, "what was given with the call", null=True),
    _unknown("campaign_id", Shape.TEXT, means="the campaign"),
    _unknown("quality_mos", Shape.NUMBER, means="the audio quality"),
    _unknown("mno_used", Shape.TEXT, means="the carrier"),
)
#: The members of a turn; the marks are absent where there is nothing to mark.
TURN: Members = (
    Member("turn_id", Shape.TEXT, "the turn, `trn_…`, as in the transcript stream"),
    Member("role", Shape.TEXT, "who said it", words=tuple(TURN_ROLES.values())),
    Member("text", Shape.TEXT, "what was said"),
    Member("ts", Shape.TIME, "when its speech began"),
    *map(snake, REMARKS),
)
#: The members of one call on its own.
WHOLE_CALL: Members = (
    *CALL,
    Member(
        "transcript",
        Shape.OBJECT,
        "the finished turns, in the order in which they were said; null if they are over 4 MiB",
        members=TURN,
        many=True,
        null=True,
    ),
)
TRANSCRIPT: Members = (
    Member("call_id", Shape.TEXT, "the call, `call_…`"),
    Member(
        "turns",
        Shape.OBJECT,
        "the finished turns, in the order in which they were said",
        members=TURN,
        many=True,
    ),
)


def show_call(call: CallRecord) -> dict[str, object]:
    """Return a call's members."""
    call_id, ended_at = format_id(Prefix.CALL, call.id), call.ended_at
    classified = ended_at is not None and call.resolved is not None
    return {
        "call_id": call_id,
        "agent_id": None if call.agent_id is None else format_id(Prefix.AGENT, call.agent_id),
        "status": v1_status(call.status, answered=call.answered_at is not None),
        "direction": call.direction,
        "from_number": call.from_number,
        "to_number": call.to_number,
        "started_at": seconds(call.started_at),
        "ended_at": None if ended_at is None else seconds(ended_at),
        "duration_seconds": call.duration_seconds,
        "disposition": None if call.hangup_cause is None else DISPOSITIONS[call.hangup_cause],
        "ai_mode": ai_mode(call.model),
        "transport": v1_transport(call.transport),
        "recording_url": recording_path(call.id) if call.recorded else None,
        "resolution": resolution_of(call.resolved),
        "classified_at": seconds(ended_at) if classified and ended_at is not None else None,
        "metadata": None if call.metadata is None else Raw(call.metadata.encode()),
        "campaign_id": None,
        "quality_mos": None,
        "mno_used": None,
    }


def show_whole(call: CallRecord, turns: Sequence[TranscriptLine] | None) -> dict[str, object]:
    """Return a call's members with its transcript."""
    return show_call(call) | {"transcript": None if turns is None else show_turns(turns)}


def show_turns(turns: Sequence[TranscriptLine]) -> list[dict[str, object]]:
    """Return the members of turns."""
    return [
        {
            "turn_id": format_id(Prefix.TURN, turn.turn_id),
            "role": TURN_ROLES[turn.role],
            "text": turn.text,
            "ts": millis(turn.at),
            **remarks(turn),
        }
        for turn in turns
    ]
