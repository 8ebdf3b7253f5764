"""A thread of messages, as `/v1` shows it (live streams, 6.5).

Its two numbers are named as those of what a contact sends, whoever wrote first: `from_number` is
theirs and `to_number` ours, as `from` and `number` are in the events.
"""

from ringline.domain.conversations import MESSAGE_CHANNELS, AiMode
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.rest.route import Members
from ringline.services.threads import Thread
from ringline.wire.times import seconds

#: The members of a thread in a list.
CONVERSATION: Members = (
    Member("conversation_id", Shape.TEXT, "the conversation, `conv_…`"),
    Member("agent_id", Shape.TEXT, "its agent, `agt_…`; null once that was deleted", null=True),
    Member(
        "channel",
        Shape.TEXT,
        "how its messages are carried",
        words=tuple(map(str, MESSAGE_CHANNELS)),
    ),
    Member("from_number", Shape.TEXT, "the contact's number, in E.164"),
    Member("to_number", Shape.TEXT, "the number of yours that was used last, in E.164"),
    Member(
        "window_expires_at",
        Shape.TIME,
        "until when WhatsApp takes other messages than templates; null before the contact's first "
        "message, and of an SMS",
        null=True,
    ),
    Member("opt_out", Shape.BOOLEAN, "whether the contact wants no more messages"),
    Member("created_at", Shape.TIME, "when it began"),
    Member("updated_at", Shape.TIME, "when it changed last"),
    Member("last_message_at", Shape.TIME, "when its last message came or went", null=True),
)
AI_MODE = Member(
    "ai_mode",
    Shape.TEXT,
    "who answers: the agent, people, or nobody until the contact writes again",
    words=tuple(AiMode),
)
#: The members of one thread on its own, besides its messages.
WHOLE: Members = (*CONVERSATION, AI_MODE)


def show_conversation(thread: Thread) -> dict[str, object]:
    """Return a thread's members."""
    expires_at, last_at = thread.window_expires_at, thread.last_message_at
    agent_id = thread.agent_id
    return {
        "conversation_id": format_id(Prefix.CONVERSATION, thread.id),
        "agent_id": None if agent_id is None else format_id(Prefix.AGENT, agent_id),
        "channel": thread.channel,
        "from_number": thread.remote_number,
        "to_number": thread.our_number,
        "window_expires_at": None if expires_at is None else seconds(expires_at),
        "opt_out": thread.opted_out,
        "created_at": seconds(thread.created_at),
        "updated_at": seconds(thread.updated_at),
        "last_message_at": None if last_at is None else seconds(last_at),
    }


def show_whole(thread: Thread) -> dict[str, object]:
    """Return a thread's members, with who answers."""
    return show_conversation(thread) | {"ai_mode": thread.ai_mode}
