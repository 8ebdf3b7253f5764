"""The payloads of the events socket, as TypeScript has them (events socket, 6).

The payloads are written by code (`ringline/wire/events_socket.py`), not by a table; a test
writes an event of every type and compares its members with these.
"""

from collections.abc import Mapping

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
from ringline.domain.records import CallStatus, HangupCause, ParticipantRole
from ringline.wire.call_status import RPC_STATUS
from ringline.wire.events_socket import ROLES

Members = Mapping[str, str]


def words(*options: str) -> str:
    """Write a union of words."""
    return " | ".join(f'"{option}"' for option in dict.fromkeys(options))


#: What every event has.
COMMON: Members = {
    "occurredAt": "Timestamp",
    "organisationId": "Uuid",
    "callUuid": "string",
    "callId": "Uuid",
}
#: What the events have that are kept in the log.
DURABLE: Members = {"eventId": "string", "position": "string"}

_PARTICIPANT: Members = {
    "participantId": "Uuid",
    "memberUuid": "string",
    "role": words(*ParticipantRole),
    "joinedAt": "Timestamp | null",
}
_ITEM: Members = {
    "itemId": "string",
    "contentIndex": "number",
    "role": words(*ROLES.values()),
}

#: What each has of its own.
PAYLOADS: Mapping[type[EventData], Members] = {
    CallCreated: {
        "direction": words("inbound"),
        "fromNumber": "string",
        "toNumber": "string",
        "status": words("ringing"),
        "startedAt": "Timestamp",
        "callSource": "string",
        "conversationId": "Uuid | null",
        "queueEntryId": "Uuid | null",
        "queueName": "string | null",
        "contact": "{ id: Uuid; fullName: string; phoneE164: string | null } | null",
    },
    CallAnswered: {
        "status": words(RPC_STATUS[CallStatus.ANSWERED]),
        "answeredAt": "Timestamp",
        "fromNumber": "string",
        "toNumber": "string",
        "sipUsername": "string | null",
        "answeredBy": words("operator", "ai_agent"),
    },
    CallEnded: {
        "status": words("completed", "failed", "busy", "no_answer", "cancelled"),
        "endedAt": "Timestamp",
        "durationSeconds": "number",
        "fromNumber": "string",
        "toNumber": "string",
        "hangupCause": words(*HangupCause),
    },
    ParticipantJoined: _PARTICIPANT,
    ParticipantLeft: {**_PARTICIPANT, "leftAt": "Timestamp"},
    TranscriptDelta: {**_ITEM, "delta": "string", "sequence": "number"},
    TurnCompleted: {**_ITEM, "transcript": "string", "transcriptId": "Uuid"},
    CallAudit: {
        "auditType": words("tool_call", "tool_result", "handoff", "policy", "error", "note"),
        "aiAgentId": "Uuid | null",
        "conversationId": "Uuid | null",
        "data": "UntypedMap",
    },
}
