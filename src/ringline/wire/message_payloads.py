"""The payloads of a thread's events in envelopes (live streams, 3.7), with their tables.

The text is `body` here, and `text` on the conversation stream: each as it is documented. A test
compares the payloads with the tables, from which `docs/reference/webhooks.md` is generated.
"""

from collections.abc import Mapping
from datetime import datetime

from ringline.domain.conversations import (
    RECEIPT_STATES,
    AiMode,
    ConversationChannel,
    MessageSender,
    MessageStatus,
    MessageType,
    ReceiptStatus,
    SendFailure,
)
from ringline.domain.events import (
    ConversationModeChanged,
    MessageDelivered,
    MessageEvent,
    MessageFailed,
    MessageOptOut,
    MessageRead,
    MessageReceipt,
    MessageReceived,
    MessageSendFailed,
    MessageSent,
    ThreadEvent,
    WindowClosing,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.wire.payload_members import Members
from ringline.wire.times import seconds

#: How long before its end a window is said to close, in minutes.
CLOSING_MINUTES = 60

#: The events of a thread that envelopes show, under their canonical types.
THREAD_EVENTS: tuple[type[ThreadEvent], ...] = (
    ConversationModeChanged,
    MessageDelivered,
    MessageFailed,
    MessageOptOut,
    MessageRead,
    MessageReceipt,
    MessageReceived,
    MessageSendFailed,
    MessageSent,
    WindowClosing,
)

_MESSAGE_ID = Member("message_id", Shape.TEXT, "`msg_…`: the message")
_CONVERSATION_ID = Member("conversation_id", Shape.TEXT, "`conv_…`: the conversation")
_OF_MESSAGE = (_MESSAGE_ID, _CONVERSATION_ID)
_REASON = Member("reason", Shape.TEXT, "the same in words")


def _status(*words: str) -> Member:
    return Member("status", Shape.TEXT, "its state", words=words)


def _mode(name: str, means: str) -> Member:
    return Member(name, Shape.TEXT, means, words=tuple(AiMode))


#: The payloads' members, by the envelope's event type.
PAYLOADS: Mapping[str, Members] = {
    "message.received": (
        *_OF_MESSAGE,
        Member("body", Shape.TEXT, "its text"),
        Member("encoding", Shape.TEXT, "of an SMS: `GSM-7` or `UCS-2`", null=True),
        Member("message_type", Shape.TEXT, "what it holds", words=tuple(MessageType)),
        _status(MessageStatus.RECEIVED),
        Member(
            "inbound_message",
            Shape.OBJECT,
            "the same again, of a WhatsApp message alone",
            optional=True,
            members=(
                _MESSAGE_ID,
                Member("body", Shape.TEXT, "its text"),
                Member("type", Shape.TEXT, "what it holds", words=tuple(MessageType)),
                Member("received_at", Shape.TIME, "when it came"),
                Member("media_url", Shape.TEXT, "where its media is", null=True),
                Member("mime_type", Shape.TEXT, "the type of its media", null=True),
            ),
        ),
    ),
    "message.sent": (
        *_OF_MESSAGE,
        _status(MessageStatus.SENT),
        Member("to_number", Shape.TEXT, "to whom"),
        Member("body", Shape.TEXT, "its text"),
        Member("message_type", Shape.TEXT, "what it holds", words=tuple(MessageType)),
        Member("sender", Shape.TEXT, "who wrote it", words=tuple(MessageSender)),
        Member("segments", Shape.INTEGER, "the parts of an SMS", null=True),
    ),
    "message.delivered": (
        *_OF_MESSAGE,
        _status(MessageStatus.DELIVERED),
        Member("delivered_at", Shape.TIME, "when"),
    ),
    "message.read": (
        *_OF_MESSAGE,
        _status(MessageStatus.READ),
        Member("read_at", Shape.TIME, "when"),
    ),
    "message.dlr": (
        *_OF_MESSAGE,
        Member("status", Shape.TEXT, "the receipt's word", words=tuple(ReceiptStatus)),
        Member(
            "delivery_status",
            Shape.TEXT,
            "the same as a state",
            words=tuple(RECEIPT_STATES.values()),
        ),
        Member("error_code", Shape.TEXT, "three digits, `000` for none"),
        Member("submitted", Shape.INTEGER, "parts that were handed on"),
        Member("delivered", Shape.INTEGER, "parts that arrived"),
        Member("mno", Shape.TEXT, "the carrier", null=True),
    ),
    "message.failed": (
        *_OF_MESSAGE,
        _status(MessageStatus.FAILED, MessageStatus.REJECTED, MessageStatus.EXPIRED),
        Member("error_code", Shape.TEXT, "the provider's"),
        _REASON,
    ),
    "message.send_failed": (
        *_OF_MESSAGE,
        _status(MessageStatus.FAILED),
        Member("error_code", Shape.TEXT, "why", words=tuple(SendFailure)),
        _REASON,
    ),
    "message.opt_out": (
        *_OF_MESSAGE,
        Member("keyword", Shape.TEXT, "what they sent: `STOP`, …"),
        Member("opted_out_at", Shape.TIME, "when"),
    ),
    "window.closing": (
        _CONVERSATION_ID,
        Member("window_expires_at", Shape.TIME, "when it ends"),
        Member("minutes_remaining", Shape.INTEGER, f"{CLOSING_MINUTES}"),
    ),
    "conversation.mode_changed": (
        _CONVERSATION_ID,
        _mode("from_mode", "who answered until now"),
        _mode("to_mode", "who answers from now on"),
        Member("actor_user_id", Shape.UUID, "the user who did it", null=True),
    ),
}


def message_payload(data: ThreadEvent, at: datetime) -> dict[str, object]:
    """Return the payload of an event of a thread that happened `at` a time."""
    conversation: dict[str, object] = {
        "conversation_id": format_id(Prefix.CONVERSATION, data.conversation_id)
    }
    match data:
        case MessageEvent():
            message_id = format_id(Prefix.MESSAGE, data.message_id)
            return {"message_id": message_id, **conversation, **_of_message(data, at)}
        case WindowClosing():
            return conversation | {
                "window_expires_at": seconds(data.window_expires_at),
                "minutes_remaining": CLOSING_MINUTES,
            }
        case ConversationModeChanged():
            return conversation | {
                "from_mode": data.from_mode,
                "to_mode": data.to_mode,
                "actor_user_id": data.actor_user_id,
            }
        case other:
            raise AssertionError(f"{other.type} has a name in envelopes but no payload")


def _of_message(data: MessageEvent, at: datetime) -> dict[str, object]:
    match data:
        case MessageReceived():
            return _received(data, at)
        case MessageSent():
            return {
                "status": data.status,
                "to_number": data.remote_number,
                "body": data.text,
                "message_type": data.message_type,
                "sender": data.sender,
                "segments": data.segments,
            }
        case MessageDelivered():
            return {"status": data.status, "delivered_at": seconds(at)}
        case MessageRead():
            return {"status": data.status, "read_at": seconds(at)}
        case MessageReceipt():
            return {
                "status": data.receipt,
                "delivery_status": RECEIPT_STATES[data.receipt],
                "error_code": data.error_code,
                "submitted": data.submitted,
                "delivered": data.delivered,
                "mno": data.mno,
            }
        case MessageFailed() | MessageSendFailed():
            return {
                "status": data.status,
                "error_code": data.error_code,
                "reason": data.reason,
            }
        case MessageOptOut():
            return {"keyword": data.keyword, "opted_out_at": seconds(at)}
        case other:
            raise AssertionError(f"{other.type} has a name in envelopes but no payload")


def _received(data: MessageReceived, at: datetime) -> dict[str, object]:
    payload: dict[str, object] = {
        "body": data.text,
        "encoding": data.encoding,
        "message_type": data.message_type,
        "status": data.status,
    }
    if data.channel is ConversationChannel.WHATSAPP:
        payload["inbound_message"] = {
            "message_id": format_id(Prefix.MESSAGE, data.message_id),
            "body": data.text,
            "type": data.message_type,
            "received_at": seconds(at),
            "media_url": data.media_url,
            "mime_type": data.mime_type,
        }
    return payload
