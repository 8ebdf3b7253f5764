"""Conversations as records: what is said in writing, and what a call belongs to.

The words are those of the published surface (events socket, 5.1).
"""

from enum import StrEnum


class ConversationChannel(StrEnum):
    """Where a conversation takes place."""

    CHAT = "chat"
    CALL = "call"
    EMAIL = "email"
    SMS = "sms"
    DISCORD = "discord"


class ConversationMode(StrEnum):
    """How a conversation is held."""

    TEXT = "text"
    VOICE = "voice"


class ConversationStatus(StrEnum):
    """How far a conversation is."""

    ACTIVE = "active"
    WAITING = "waiting"
    CLOSED = "closed"


class ItemRole(StrEnum):
    """Who an item of a conversation is from."""

    USER = "user"
    ASSISTANT = "assistant"
    OPERATOR = "operator"
    SYSTEM = "system"
    TOOL = "tool"


class ItemModality(StrEnum):
    """What an item of a conversation was."""

    TEXT = "text"
    AUDIO = "audio"
