"""Enumerations of conversations, their items and their messages.

The values are those of the published surfaces (events socket, 5.1; live streams, 6.4, 6.5, 7).
"""

from enum import StrEnum


class ConversationChannel(StrEnum):
    """The channel of a conversation."""

    CHAT = "chat"
    CALL = "call"
    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    DISCORD = "discord"


#: The channels of messages between phone numbers (live streams, 6.5).
MESSAGE_CHANNELS = (ConversationChannel.SMS, ConversationChannel.WHATSAPP)


class ConversationMode(StrEnum):
    """Whether a conversation is typed or spoken."""

    TEXT = "text"
    VOICE = "voice"


class ConversationStatus(StrEnum):
    """The states of a conversation."""

    ACTIVE = "active"
    WAITING = "waiting"
    CLOSED = "closed"


class ItemRole(StrEnum):
    """The author of an item of a conversation."""

    USER = "user"
    ASSISTANT = "assistant"
    OPERATOR = "operator"
    SYSTEM = "system"
    TOOL = "tool"


class ItemModality(StrEnum):
    """The form of an item of a conversation."""

    TEXT = "text"
    AUDIO = "audio"


class AiMode(StrEnum):
    """Who answers the messages of a thread (live streams, 7.2)."""

    AI = "ai"
    HUMAN = "human"
    CLOSED = "closed"


class MessageDirection(StrEnum):
    """Which way a message goes, seen from us."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MessageType(StrEnum):
    """What a message holds (live streams, 6.4)."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    DOCUMENT = "document"
    VIDEO = "video"
    INTERACTIVE = "interactive"
    TEMPLATE = "template"


class MessageStatus(StrEnum):
    """The states of a message (live streams, 6.4)."""

    RECEIVED = "received"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"


class MessageSender(StrEnum):
    """Who wrote a message (live streams, 6.5)."""

    AI = "ai"
    HUMAN = "human"
    CONTACT = "contact"


#: The role of each sender's messages, as items of their conversation.
SENDER_ROLES = {
    MessageSender.AI: ItemRole.ASSISTANT,
    MessageSender.HUMAN: ItemRole.OPERATOR,
    MessageSender.CONTACT: ItemRole.USER,
}


class ReceiptStatus(StrEnum):
    """The final states of a delivery receipt, in SMPP's words (SMPP 3.4, appendix B)."""

    DELIVERED = "DELIVRD"
    UNDELIVERABLE = "UNDELIV"
    REJECTED = "REJECTD"
    EXPIRED = "EXPIRED"


#: The message's state after each receipt.
RECEIPT_STATES = {
    ReceiptStatus.DELIVERED: MessageStatus.DELIVERED,
    ReceiptStatus.UNDELIVERABLE: MessageStatus.FAILED,
    ReceiptStatus.REJECTED: MessageStatus.REJECTED,
    ReceiptStatus.EXPIRED: MessageStatus.EXPIRED,
}


class SendFailure(StrEnum):
    """Why a message was never handed to a provider (live streams, 3.7)."""

    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    SMPP_UNAVAILABLE = "SMPP_UNAVAILABLE"
    OPT_OUT_ENFORCED = "OPT_OUT_ENFORCED"
    INTERNAL = "INTERNAL"
