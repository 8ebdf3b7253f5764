"""The members of the conversation stream's frames, as tables (live streams, 2.4).

`conversation_stream.py` writes the frames; a test compares its output with these tables, and the
reference is generated from them.
"""

from dataclasses import replace

from ringline.domain.conversations import (
    MESSAGE_CHANNELS,
    AiMode,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
)
from ringline.domain.events import ConversationModeChanged, MessageEvent, ThreadEvent, WindowClosing
from ringline.domain.members import Member, Shape
from ringline.wire.message_payloads import THREAD_EVENTS
from ringline.wire.payload_members import EVENT_ID, Members, snake

_CONVERSATION_ID = Member("conversation_id", Shape.TEXT, "`conv_…`: the conversation")

#: The payload's documented members, which stand at the top level too.
_OF_MESSAGE: Members = (
    Member("message_id", Shape.TEXT, "`msg_…`: the message"),
    Member("direction", Shape.TEXT, "seen from you", words=tuple(MessageDirection)),
    Member("text", Shape.TEXT, "its text"),
    Member("status", Shape.TEXT, "its state after the event", words=tuple(MessageStatus)),
)
_OF_MODE: Members = (
    Member("from_mode", Shape.TEXT, "who answered until now", words=tuple(AiMode)),
    Member("to_mode", Shape.TEXT, "who answers from now on", words=tuple(AiMode)),
    Member("actor_user_id", Shape.UUID, "the user who did it", null=True),
)
_MORE_OF_MESSAGE: Members = (
    _CONVERSATION_ID,
    Member("message_type", Shape.TEXT, "what it holds", words=tuple(MessageType)),
    Member("sender", Shape.TEXT, "who wrote it", words=tuple(MessageSender)),
    Member("error_code", Shape.TEXT, "why it failed, or its receipt's code", null=True),
)
_OF_WINDOW: Members = (
    _CONVERSATION_ID,
    Member("window_expires_at", Shape.TIME, "when WhatsApp's window ends"),
)


def documented(kind: type[ThreadEvent]) -> Members:
    """Return the members of an event that stand in its payload and at the top level."""
    if issubclass(kind, MessageEvent):
        return _OF_MESSAGE
    return _OF_MODE if issubclass(kind, ConversationModeChanged) else ()


def payload(kind: type[ThreadEvent]) -> Members:
    """Return the members of an event's payload."""
    if issubclass(kind, MessageEvent):
        return (*_OF_MESSAGE, *_MORE_OF_MESSAGE)
    return _OF_WINDOW if issubclass(kind, WindowClosing) else (*_OF_MODE, _CONVERSATION_ID)


_EVENT_TYPE = Member(
    "event_type", Shape.TEXT, "what happened", words=tuple(kind.type for kind in THREAD_EVENTS)
)
_PAYLOAD = Member("payload", Shape.OBJECT, "the details of this event")

#: The members of every frame.
COMMON: Members = (
    snake(EVENT_ID),
    _EVENT_TYPE,
    _CONVERSATION_ID,
    Member("channel", Shape.TEXT, "how its messages travel", words=tuple(MESSAGE_CHANNELS)),
    Member("agent_id", Shape.TEXT, "`agt_…`: its agent; null if that was deleted", null=True),
    Member("timestamp", Shape.TIME, "when it happened"),
    _PAYLOAD,
)

#: A frame of any event: those members that only some have are optional.
FRAME: Members = (
    *COMMON,
    *(replace(member, optional=True) for member in (*_OF_MESSAGE, *_OF_MODE)),
)


def frame_of(kind: type[ThreadEvent]) -> Members:
    """Return the members of an event's frame, with those of its payload."""
    own = {
        _EVENT_TYPE: replace(_EVENT_TYPE, words=(kind.type,)),
        _PAYLOAD: replace(_PAYLOAD, members=payload(kind)),
    }
    return (*(own.get(member, member) for member in COMMON), *documented(kind))
