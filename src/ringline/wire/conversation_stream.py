"""The conversation stream's dialect: the events of a thread of messages (live streams, 2.4).

A frame is an envelope in which the text is `text`, not `body`. The keys that are documented stand
in `payload` and, since their place is not documented, at the top level too.
"""

from collections.abc import Mapping

from ringline.domain.events import (
    ConversationModeChanged,
    Event,
    MessageEvent,
    MessageFailed,
    MessageReceipt,
    MessageSendFailed,
    ThreadEvent,
    WindowClosing,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.wire.sse import encode_event
from ringline.wire.strict_json import encode
from ringline.wire.times import seconds

#: Whether the documented keys stand at the top level too: nobody knows where clients look.
MIRRORED = True


class ConversationStream:
    """The dialect of a thread's listeners, with or without ids."""

    def __init__(self, *, with_ids: bool) -> None:
        self._with_ids = with_ids
        self.name = "conversation/ids" if with_ids else "conversation"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode the server-sent event of a thread's event; None for other events."""
        if not isinstance(event.data, ThreadEvent):
            return None
        data = encode(_frame(event, event.data))
        return encode_event(data, str(position) if self._with_ids else None)


def _frame(event: Event, data: ThreadEvent) -> dict[str, object]:
    documented, more = _payload(data)
    conversation_id = format_id(Prefix.CONVERSATION, data.conversation_id)
    return {
        "event_id": format_id(Prefix.EVENT, event.id),
        "event_type": event.type,
        "conversation_id": conversation_id,
        "channel": data.channel,
        "agent_id": None if data.agent_id is None else format_id(Prefix.AGENT, data.agent_id),
        "timestamp": seconds(event.occurred_at),
        "payload": {**documented, "conversation_id": conversation_id, **more},
        **(documented if MIRRORED else {}),
    }


def _payload(data: ThreadEvent) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return the documented keys of a payload, and its others."""
    match data:
        case MessageEvent():
            documented: dict[str, object] = {
                "message_id": format_id(Prefix.MESSAGE, data.message_id),
                "direction": data.direction,
                "text": data.text,
                "status": data.status,
            }
            failed = isinstance(data, MessageFailed | MessageSendFailed | MessageReceipt)
            more: dict[str, object] = {
                "message_type": data.message_type,
                "sender": data.sender,
                "error_code": data.error_code if failed else None,
            }
            return documented, more
        case ConversationModeChanged():
            documented = {
                "from_mode": data.from_mode,
                "to_mode": data.to_mode,
                "actor_user_id": data.actor_user_id,
            }
            return documented, {}
        case WindowClosing():
            return {}, {"window_expires_at": seconds(data.window_expires_at)}
        case other:
            raise AssertionError(f"{other.type} has no frame on the conversation stream")
