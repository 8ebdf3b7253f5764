"""A message, as `/v1` shows it (live streams, 6.4)."""

from ringline.domain.conversations import (
    MESSAGE_CHANNELS,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.rest.route import Members
from ringline.services.message_rows import Message
from ringline.wire.times import seconds

_MESSAGE_ID = Member("message_id", Shape.TEXT, "the message, `msg_…`")
_CONVERSATION_ID = Member("conversation_id", Shape.TEXT, "its thread, `conv_…`")
_CHANNEL = Member(
    "channel", Shape.TEXT, "how it is carried", words=tuple(map(str, MESSAGE_CHANNELS))
)
_FROM = Member("from_number", Shape.TEXT, "who sent it, in E.164")
_TO = Member("to_number", Shape.TEXT, "whom it is for, in E.164")
_CREATED_AT = Member("created_at", Shape.TIME, "when it was accepted, or came in")
_DIRECTION = Member("direction", Shape.TEXT, "seen from you", words=tuple(MessageDirection))
_SENDER = Member("sender", Shape.TEXT, "who wrote it", words=tuple(MessageSender))
_TYPE = Member("message_type", Shape.TEXT, "what it holds", words=tuple(MessageType))
_BODY = Member("body", Shape.TEXT, "its text, or what is written below its media")
_STATUS = Member("status", Shape.TEXT, "its state", words=tuple(MessageStatus))

#: The members of a message that was accepted.
SENT: Members = (
    _MESSAGE_ID,
    _CONVERSATION_ID,
    _CHANNEL,
    Member("status", Shape.TEXT, "how it stands", words=(MessageStatus.QUEUED,)),
    _FROM,
    _TO,
    Member("segments", Shape.INTEGER, "the parts of an SMS; absent elsewhere", optional=True),
    _CREATED_AT,
)
#: The members of a message.
MESSAGE: Members = (
    _MESSAGE_ID,
    _CONVERSATION_ID,
    Member("agent_id", Shape.TEXT, "the agent whose thread it was, `agt_…`", null=True),
    _CHANNEL,
    _DIRECTION,
    _SENDER,
    _TYPE,
    _FROM,
    _TO,
    _BODY,
    _STATUS,
    Member("segments", Shape.INTEGER, "the parts of an SMS", null=True),
    Member("error_code", Shape.TEXT, "why it was not sent or delivered", null=True),
    Member("media_url", Shape.TEXT, "where its media is", null=True),
    Member("mime_type", Shape.TEXT, "the type of media that came in", null=True),
    Member("interactive", Shape.OBJECT, "of an interactive message", null=True),
    Member("template_name", Shape.TEXT, "of a message by template", null=True),
    Member("language_code", Shape.TEXT, "of a message by template", null=True),
    Member("parameters", Shape.TEXT, "of a message by template", many=True, null=True),
    _CREATED_AT,
)
#: The members of a message in its thread.
IN_THREAD: Members = (
    _MESSAGE_ID,
    _DIRECTION,
    _TYPE,
    _BODY,
    _STATUS,
    _CREATED_AT,
    _SENDER,
)
#: What a message was sent with.
_DETAILS = (
    "media_url",
    "mime_type",
    "interactive",
    "template_name",
    "language_code",
    "parameters",
)


def show_sent(message: Message) -> dict[str, object]:
    """Return the members of a message that was accepted."""
    shown = show_message(message)
    return {
        name: shown[name] for name in (member.name for member in SENT) if shown[name] is not None
    }


def show_message(message: Message) -> dict[str, object]:
    """Return a message's members."""
    inbound = message.direction is MessageDirection.INBOUND
    ours, theirs = message.our_number, message.remote_number
    agent_id = message.agent_id
    return {
        "message_id": format_id(Prefix.MESSAGE, message.id),
        "conversation_id": format_id(Prefix.CONVERSATION, message.conversation_id),
        "agent_id": None if agent_id is None else format_id(Prefix.AGENT, agent_id),
        "channel": message.channel,
        "direction": message.direction,
        "sender": message.sender,
        "message_type": message.message_type,
        "from_number": theirs if inbound else ours,
        "to_number": ours if inbound else theirs,
        "body": message.text,
        "status": message.status,
        "segments": message.segments,
        "error_code": message.error_code,
        **{name: message.details.get(name) for name in _DETAILS},
        "created_at": seconds(message.created_at),
    }


def show_in_thread(message: Message) -> dict[str, object]:
    """Return the members of a message in its thread."""
    shown = show_message(message)
    return {member.name: shown[member.name] for member in IN_THREAD}
