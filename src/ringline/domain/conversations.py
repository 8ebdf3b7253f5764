"""Enumerations of conversations and their items.

The values are those of the published surface (events socket, 5.1).
"""

from enum import StrEnum


class ConversationChannel(StrEnum):
    """The channel of a conversation."""

    CHAT = "chat"
    CALL = "call"
    EMAIL = "email"
    SMS = "sms"
    DISCORD = "discord"


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
