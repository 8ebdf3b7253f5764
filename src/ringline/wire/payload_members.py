"""The members of events on the events socket and the transcript stream.

Code writes the payloads (`events_socket.py`, `transcript.py`); a test compares its output with
these tables. `docs/reference/event-payloads.md` and the SDK's types are generated from them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.call_vocabulary import (
    AnsweredBy,
    AuditType,
    CallDirection,
    CallStatus,
    HangupCause,
    ParticipantRole,
)
from ringline.domain.events import (
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    EventData,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptDelta,
    TurnCompleted,
)
from ringline.domain.members import Member, Shape
from ringline.wire import events_socket, transcript
from ringline.wire.call_status import RPC_STATUS

Members = tuple[Member, ...]


def snake(member: Member, name: str = "") -> Member:
    """Return a member with its name in snake_case, or with another name."""
    snake_name = re.sub("[A-Z]", lambda hump: f"_{hump[0].lower()}", member.name)
    inner = tuple(snake(inside) for inside in member.members)
    return replace(member, name=name or snake_name, members=inner)


EVENT_ID = Member("eventId", Shape.TEXT, "`evt_…`: the event's id, the same on every surface")
POSITION = Member("position", Shape.TEXT, "its position in the log, to resume from")
OCCURRED_AT = Member("occurredAt", Shape.TIME, "when it happened; of a turn: when its speech began")
CALL_UUID = Member("callUuid", Shape.TEXT, "the integrator's name for the call, else its id")
FROM_NUMBER = Member("fromNumber", Shape.TEXT, "who called: a number, an address, `web:…`")
TO_NUMBER = Member("toNumber", Shape.TEXT, "who was called: a number, an address, `agent:agt_…`")
DIRECTION = Member("direction", Shape.TEXT, "the call's direction", words=tuple(CallDirection))
STARTED_AT = Member("startedAt", Shape.TIME, "when the call began")
ANSWERED_AT = Member("answeredAt", Shape.TIME, "when it was first answered")
ENDED_AT = Member("endedAt", Shape.TIME, "when it ended")
DURATION = Member("durationSeconds", Shape.INTEGER, "seconds since the answer; 0 without one")
STATUS = Member(
    "status",
    Shape.TEXT,
    "the call's state",
    words=tuple(dict.fromkeys(RPC_STATUS.values())),
)
ENDED_STATUS = replace(
    STATUS,
    means="its final state",
    words=("completed", "failed", "busy", "no_answer", "cancelled"),
)
HANGUP_CAUSE = Member("hangupCause", Shape.TEXT, "why it ended", words=tuple(HangupCause))
ANSWERED_BY = Member("answeredBy", Shape.TEXT, "who answered first", words=tuple(AnsweredBy))
SIP_USERNAME = Member(
    "sipUsername", Shape.TEXT, "the operator's SIP user or name, if one answered", null=True
)
SOURCE = Member(
    "callSource",
    Shape.TEXT,
    "where the call came from: `realtime`, `api`, or what its creator said",
)
CONVERSATION_ID = Member("conversationId", Shape.UUID, "the conversation it belongs to", null=True)
QUEUE_ENTRY_ID = Member("queueEntryId", Shape.UUID, "its entry in a queue", null=True)
QUEUE_NAME = Member("queueName", Shape.TEXT, "that queue's name", null=True)
CONTACT = Member(
    "contact",
    Shape.OBJECT,
    "the contact whose number the call comes from",
    null=True,
    members=(
        Member("id", Shape.UUID, "the contact's id"),
        Member("fullName", Shape.TEXT, "the contact's name"),
        Member("phoneE164", Shape.TEXT, "the contact's number, in E.164"),
    ),
)
PARTICIPANT: Members = (
    Member("participantId", Shape.UUID, "the participant's row"),
    Member("memberUuid", Shape.TEXT, "the participant's own name in the call"),
    Member("role", Shape.TEXT, "who they are in the call", words=tuple(ParticipantRole)),
    Member("joinedAt", Shape.TIME, "when they joined"),
)
LEFT_AT = Member("leftAt", Shape.TIME, "when they left")
ITEM_ID = Member("itemId", Shape.TEXT, "the turn while it grows; its parts share it")
CONTENT_INDEX = Member("contentIndex", Shape.INTEGER, "which part of the item, from 0")
ROLE = Member("role", Shape.TEXT, "who said it", words=tuple(events_socket.TURN_ROLES.values()))
DELTA = Member("delta", Shape.TEXT, "the new text; all deltas together are the text so far")
SEQUENCE = Member("sequence", Shape.INTEGER, "which delta of the item, from 0")
INTERRUPTED = Member(
    "interrupted", Shape.BOOLEAN, "whether it was cut off: its text is what had been sent by then"
)
SPOKEN_TEXT = Member(
    "spokenText",
    Shape.TEXT,
    "what was heard of a turn that was cut off: a beginning of its text, up to a whole word; "
    "null for other turns, and where the playback clock does not know it (text alone)",
    null=True,
)
LATENCY = Member(
    "latency",
    Shape.OBJECT,
    "how long an agent's turn took to begin, from the last audio of the caller's speech to the "
    "first chunk for the caller; null where no speech came before",
    null=True,
    members=(
        Member("totalMs", Shape.INTEGER, "in all, in milliseconds"),
        Member(
            "voiceMs",
            Shape.INTEGER,
            "the voice's share, from when it had that audio to its first chunk: the quiet that "
            "ends a turn is part of it",
        ),
        Member("gatewayMs", Shape.INTEGER, "the rest: what Ringline added"),
    ),
)
#: The same where it is left out if it was not measured.
SHOWN_LATENCY = replace(
    LATENCY, null=False, optional=True, means=LATENCY.means.replace("null where", "absent where")
)
RECOGNIZED = Member(
    "recognized",
    Shape.BOOLEAN,
    "false if the speech could not be recognised; the text is empty then",
)
#: Members that mark a turn that was cut off or not recognised.
REMARKS: Members = (
    replace(INTERRUPTED, means="true if it was cut off, else absent", optional=True),
    replace(
        SPOKEN_TEXT,
        means="what was heard of a turn that was cut off: a beginning of its text, up to a whole "
        "word; absent for other turns, and where the playback clock does not know it (text alone)",
        null=False,
        optional=True,
    ),
    replace(
        RECOGNIZED, means="false if the speech could not be recognised, else absent", optional=True
    ),
)
TRANSCRIPT_ID = Member("transcriptId", Shape.UUID, "its `CallTranscript` in RPC")
AUDIT_TYPE = Member(
    "auditType",
    Shape.TEXT,
    "what kind of event this is",
    words=tuple(AuditType),
)
AGENT_ID = Member("aiAgentId", Shape.UUID, "the agent on the call", null=True)

#: The members of every payload on the events socket.
COMMON: Members = (
    OCCURRED_AT,
    Member("organisationId", Shape.UUID, "the workspace"),
    CALL_UUID,
    Member("callId", Shape.UUID, "the call's id; `/v1` spells it `call_…`"),
)
#: The further members of payloads of durable events.
DURABLE: Members = (EVENT_ID, POSITION)

_ITEM: Members = (ITEM_ID, CONTENT_INDEX, ROLE)

#: The members specific to each event.
SOCKET: Mapping[type[EventData], Members] = {
    CallCreated: (
        replace(DIRECTION, words=(CallDirection.INBOUND,)),
        FROM_NUMBER,
        TO_NUMBER,
        replace(STATUS, means="always this value", words=("ringing",)),
        STARTED_AT,
        SOURCE,
        CONVERSATION_ID,
        QUEUE_ENTRY_ID,
        QUEUE_NAME,
        CONTACT,
    ),
    CallAnswered: (
        replace(STATUS, words=(RPC_STATUS[CallStatus.ANSWERED],)),
        ANSWERED_AT,
        FROM_NUMBER,
        TO_NUMBER,
        SIP_USERNAME,
        ANSWERED_BY,
    ),
    CallEnded: (ENDED_STATUS, ENDED_AT, DURATION, FROM_NUMBER, TO_NUMBER, HANGUP_CAUSE),
    ParticipantJoined: PARTICIPANT,
    ParticipantLeft: (*PARTICIPANT, LEFT_AT),
    TranscriptDelta: (*_ITEM, DELTA, SEQUENCE),
    TurnCompleted: (
        *_ITEM,
        Member("transcript", Shape.TEXT, "the whole of what was said"),
        TRANSCRIPT_ID,
        *REMARKS,
        SHOWN_LATENCY,
    ),
    CallAudit: (
        AUDIT_TYPE,
        AGENT_ID,
        CONVERSATION_ID,
        Member("data", Shape.OBJECT, "`code`, which names what happened, and its details"),
    ),
}

#: The one frame of the transcript stream.
TRANSCRIPT: Members = (
    replace(ROLE, words=tuple(transcript.TURN_ROLES.values())),
    Member("text", Shape.TEXT, "the text of the turn so far, complete if final"),
    Member("is_final", Shape.BOOLEAN, "true once, in the last frame of a turn"),
    Member("turn_id", Shape.TEXT, "`trn_…`: all frames of a turn share it"),
    Member("ts", Shape.TIME, "when the turn's speech began"),
    *(snake(member) for member in REMARKS),
    snake(SHOWN_LATENCY),
)


def payload_of(data: type[EventData]) -> Members:
    """Return all members of an event on the events socket."""
    return (*(DURABLE if data.durable else ()), *COMMON, *SOCKET[data])
