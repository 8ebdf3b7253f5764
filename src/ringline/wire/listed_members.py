"""The members of events in `list_events` and on the topic `log`, as tables (contract, 10).

`wire/listed_events.py` writes them; a test compares its output with these tables.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.conversations import (
    MESSAGE_CHANNELS,
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
from ringline.domain.events import (
    BargeIn,
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    CallTransferred,
    ContactCreated,
    ContactDeleted,
    ContactUpdated,
    ConversationCreated,
    ConversationModeChanged,
    ConversationUpdated,
    EventData,
    IdleSilence,
    MessageDelivered,
    MessageFailed,
    MessageOptOut,
    MessageRead,
    MessageReceipt,
    MessageReceived,
    MessageSendFailed,
    MessageSent,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptDelta,
    TurnCompleted,
    WindowClosing,
)
from ringline.domain.members import Member, Shape
from ringline.wire import payload_members as shared
from ringline.wire.payload_members import Members

_IDLE_SILENCE = (
    Member("silenceMs", Shape.INTEGER, "how long they have been silent, in milliseconds"),
    Member("idleTimeoutSeconds", Shape.INTEGER, "the agent's limit"),
    Member("count", Shape.INTEGER, "how often that has happened in this call"),
)
_SPOKEN_TEXT = Member("spokenText", Shape.TEXT, "what they had heard of it")
_TURN_ID = Member("turnId", Shape.UUID, "the turn; other surfaces spell it `trn_…`")
_TEXT = Member("text", Shape.TEXT, "the whole of what was said")
_TEXT_SO_FAR = replace(_TEXT, means="the turn so far")
_INSERTED_AT = Member("insertedAt", Shape.TIME, "when it was created")
_UPDATED_AT = Member("updatedAt", Shape.TIME, "when it was last changed")
_MODE = Member(
    "mode", Shape.TEXT, "whether it is held by text or voice", words=tuple(ConversationMode)
)

#: Events that an older version has written lack it.
_OLDER_SOURCE = replace(shared.SOURCE, name="source", null=True)

_CONTACT: Members = (
    Member("id", Shape.UUID, "the contact"),
    Member("fullName", Shape.TEXT, "the contact's name"),
    Member("email", Shape.TEXT, "the contact's address", null=True),
    Member("phoneE164", Shape.TEXT, "the contact's number, in E.164", null=True),
    Member("notes", Shape.TEXT, "notes about the contact", null=True),
    _INSERTED_AT,
    _UPDATED_AT,
)
_CONVERSATION: Members = (
    Member("id", Shape.UUID, "the conversation"),
    Member("publicId", Shape.TEXT, "the conversation's short name"),
    Member("channel", Shape.TEXT, "where it takes place", words=tuple(ConversationChannel)),
    _MODE,
    Member("status", Shape.TEXT, "its state", words=tuple(ConversationStatus)),
    replace(shared.AGENT_ID, means="its agent"),
    Member("metadata", Shape.OBJECT, "the client's own data", null=True),
    Member("aiMode", Shape.TEXT, "of a thread: who answers", words=tuple(AiMode), null=True),
    Member("ourNumber", Shape.TEXT, "of a thread: our number, in E.164", null=True),
    Member("remoteNumber", Shape.TEXT, "of a thread: the contact's number", null=True),
    Member("windowExpiresAt", Shape.TIME, "when WhatsApp's window ends", null=True),
    Member("lastMessageAt", Shape.TIME, "of a thread: its last message's time", null=True),
    _INSERTED_AT,
    _UPDATED_AT,
)

#: The members of every event of a thread of messages.
_THREAD: Members = (
    replace(shared.CONVERSATION_ID, null=False, means="the conversation"),
    replace(shared.AGENT_ID, means="its agent"),
    Member("channel", Shape.TEXT, "how its messages travel", words=tuple(MESSAGE_CHANNELS)),
    Member("ourNumber", Shape.TEXT, "our number, in E.164"),
    Member("remoteNumber", Shape.TEXT, "the contact's number, in E.164"),
)
_MESSAGE: Members = (
    *_THREAD,
    Member("messageId", Shape.UUID, "the message; other surfaces spell it `msg_…`"),
    Member("direction", Shape.TEXT, "seen from you", words=tuple(MessageDirection)),
    Member("sender", Shape.TEXT, "who wrote it", words=tuple(MessageSender)),
    Member("messageType", Shape.TEXT, "what it holds", words=tuple(MessageType)),
    Member("text", Shape.TEXT, "its text"),
    Member("status", Shape.TEXT, "its state after the event", words=tuple(MessageStatus)),
)
_REASON = Member("reason", Shape.TEXT, "why, in words")

_OFFSET = Member("offset", Shape.INTEGER, "the same position as a number, without gaps from 1")
#: The members of every event of a page.
COMMON: Members = (
    shared.POSITION,
    _OFFSET,
    shared.EVENT_ID,
    Member("type", Shape.TEXT, "the canonical type"),
    replace(shared.CALL_UUID, null=True),
    shared.OCCURRED_AT,
    Member("data", Shape.OBJECT, "the details of this event"),
)

#: The members of `data` for every event of a call.
OF_CALL: Members = (
    Member("callId", Shape.UUID, "the call's id"),
    shared.CALL_UUID,
    shared.DIRECTION,
    shared.FROM_NUMBER,
    shared.TO_NUMBER,
    Member(
        "transport", Shape.TEXT, "how the call is connected: `websocket`, `external`, `sandbox`, …"
    ),
    shared.AGENT_ID,
    Member("model", Shape.TEXT, "the model of the agent's voice", null=True),
    shared.CONVERSATION_ID,
)

#: The members of an event itself, as `data` shows them: what the log stores, if it is durable.
OWN: Mapping[type[EventData], Members] = {
    CallCreated: (
        shared.STATUS,
        replace(shared.SOURCE, name="source"),
        shared.STARTED_AT,
        shared.CONVERSATION_ID,
        shared.QUEUE_ENTRY_ID,
        shared.QUEUE_NAME,
        shared.SIP_USERNAME,
        shared.CONTACT,
    ),
    CallRinging: (shared.STATUS, _OLDER_SOURCE, replace(shared.STARTED_AT, null=True)),
    CallAnswered: (
        shared.ANSWERED_AT,
        shared.STARTED_AT,
        shared.ANSWERED_BY,
        shared.SIP_USERNAME,
        _OLDER_SOURCE,
    ),
    ParticipantJoined: shared.PARTICIPANT,
    ParticipantLeft: (*shared.PARTICIPANT, shared.LEFT_AT),
    TranscriptDelta: (
        _TURN_ID,
        shared.ITEM_ID,
        shared.CONTENT_INDEX,
        shared.ROLE,
        shared.DELTA,
        _TEXT_SO_FAR,
        shared.SEQUENCE,
    ),
    TurnCompleted: (
        _TURN_ID,
        shared.ITEM_ID,
        shared.CONTENT_INDEX,
        shared.ROLE,
        _TEXT,
        shared.TRANSCRIPT_ID,
        shared.INTERRUPTED,
        shared.SPOKEN_TEXT,
        shared.RECOGNIZED,
        shared.LATENCY,
    ),
    BargeIn: (
        _TURN_ID,
        _SPOKEN_TEXT,
        Member("atMs", Shape.INTEGER, "how much of the turn they had heard, in milliseconds"),
    ),
    IdleSilence: _IDLE_SILENCE,
    CallHeld: (),
    CallResumed: (),
    CallTransferred: (
        Member("destination", Shape.TEXT, "the number that the caller was connected with"),
    ),
    CallAudit: (
        shared.AUDIT_TYPE,
        Member("code", Shape.TEXT, "what happened, as a code"),
        Member("detail", Shape.OBJECT, "its details"),
    ),
    CallEnded: (
        shared.ENDED_STATUS,
        shared.HANGUP_CAUSE,
        shared.STARTED_AT,
        replace(shared.ANSWERED_AT, null=True),
        shared.ENDED_AT,
        shared.DURATION,
        Member(
            "transcript",
            Shape.OBJECT,
            "the finished turns, in spoken order",
            many=True,
            members=(
                _TURN_ID,
                shared.ROLE,
                _TEXT,
                Member("at", Shape.TIME, "when its speech began"),
                shared.INTERRUPTED,
                shared.SPOKEN_TEXT,
                shared.RECOGNIZED,
            ),
        ),
        shared.SIP_USERNAME,
        _OLDER_SOURCE,
        Member(
            "metadata", Shape.OBJECT, "your own data, given with the call or its ticket", null=True
        ),
        Member("recorded", Shape.BOOLEAN, "whether there is a recording"),
    ),
    ContactCreated: _CONTACT,
    ContactUpdated: _CONTACT,
    ContactDeleted: _CONTACT,
    ConversationCreated: _CONVERSATION,
    ConversationUpdated: _CONVERSATION,
    ConversationModeChanged: (
        *_THREAD,
        Member("fromMode", Shape.TEXT, "who answered until now", words=tuple(AiMode)),
        Member("toMode", Shape.TEXT, "who answers from now on", words=tuple(AiMode)),
        Member("actorUserId", Shape.UUID, "the user who did it", null=True),
    ),
    MessageReceived: (
        *_MESSAGE,
        Member("encoding", Shape.TEXT, "of an SMS: `GSM-7` or `UCS-2`", null=True),
        Member("mediaUrl", Shape.TEXT, "where its media is", null=True),
        Member("mimeType", Shape.TEXT, "the type of its media", null=True),
    ),
    MessageSent: (*_MESSAGE, Member("segments", Shape.INTEGER, "the parts of an SMS", null=True)),
    MessageDelivered: _MESSAGE,
    MessageRead: _MESSAGE,
    MessageReceipt: (
        *_MESSAGE,
        Member("receipt", Shape.TEXT, "the receipt's word", words=tuple(ReceiptStatus)),
        Member("errorCode", Shape.TEXT, "three digits, `000` for none"),
        Member("submitted", Shape.INTEGER, "parts that were handed on"),
        Member("delivered", Shape.INTEGER, "parts that arrived"),
        Member("mno", Shape.TEXT, "the carrier", null=True),
    ),
    MessageFailed: (*_MESSAGE, Member("errorCode", Shape.TEXT, "the provider's code"), _REASON),
    MessageSendFailed: (
        *_MESSAGE,
        Member("errorCode", Shape.TEXT, "why, as a word", words=tuple(SendFailure)),
        _REASON,
    ),
    MessageOptOut: (*_MESSAGE, Member("keyword", Shape.TEXT, "what they sent: `STOP`, …")),
    WindowClosing: (
        *_THREAD,
        Member("windowExpiresAt", Shape.TIME, "when WhatsApp's window ends"),
    ),
}


def row_of(data: type[EventData]) -> Members:
    """Return the members of an event's row; an ephemeral one has no place in the log."""
    place = (shared.POSITION, _OFFSET, shared.EVENT_ID)
    return tuple(member for member in COMMON if data.durable or member not in place)


def data_of(data: type[EventData]) -> Members:
    """Return the members of `data`: the call's, the live frame's and the log's."""
    if not data.type.startswith("call."):
        return OWN[data]
    frame = shared.SOCKET.get(data, ())
    if data is CallCreated:  # only inbound calls have a frame
        frame = tuple(replace(member, optional=True) for member in frame)
    members = (*OF_CALL, *frame, *OF_CALL, *OWN[data])
    return tuple({member.name: member for member in members}.values())
