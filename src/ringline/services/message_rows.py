"""A message as it is stored, and what each of its events repeats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ringline.domain.conversations import (
    SENDER_ROLES,
    ConversationChannel,
    ItemRole,
    MessageDirection,
    MessageSender,
    MessageStatus,
    MessageType,
)
from ringline.domain.gsm7 import segment
from ringline.ports import Row
from ringline.services.threads import Thread

_SENDERS = {role: sender for sender, role in SENDER_ROLES.items()}
_DETAILS = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands. `agent_id` is the agent of its thread when it was written."""

    id: UUID
    conversation_id: UUID
    agent_id: UUID | None
    channel: ConversationChannel
    our_number: str
    remote_number: str
    direction: MessageDirection
    sender: MessageSender
    message_type: MessageType
    text: str = field(repr=False)
    status: MessageStatus
    details: Mapping[str, Any] = field(repr=False)
    error_code: str | None
    created_at: datetime

    @property
    def segments(self) -> int | None:
        """Return the parts of an SMS; None of a message of another channel."""
        if self.channel is not ConversationChannel.SMS:
            return None
        return segment(self.text).segments


def read_message(row: Row, thread: Thread) -> Message:
    """Read a message from its row and its thread."""
    return read_listed(row, thread.remote_number)


def read_listed(row: Row, remote_number: str) -> Message:
    """Read a message from its row and the contact's number."""
    return Message(
        id=row["id"],
        conversation_id=row["conversation_id"],
        agent_id=row["agent_id"],
        channel=ConversationChannel(row["channel"]),
        our_number=row["our_number"],
        remote_number=remote_number,
        direction=MessageDirection(row["direction"]),
        sender=_SENDERS[ItemRole(row["role"])],
        message_type=MessageType(row["message_type"]),
        text=row["content"],
        status=MessageStatus(row["message_status"]),
        details={} if row["details"] is None else _DETAILS.decode(row["details"]),
        error_code=row["error_code"],
        created_at=row["inserted_at"],
    )


def event_members(thread: Thread, message: Message) -> dict[str, Any]:
    """Return the members that each event of a message repeats."""
    return thread.members | {
        "our_number": message.our_number,
        "message_id": message.id,
        "direction": message.direction,
        "sender": message.sender,
        "message_type": message.message_type,
        "text": message.text,
        "status": message.status,
    }
