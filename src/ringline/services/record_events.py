"""The events for changes of contacts and conversations (contract, 3)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
)
from ringline.domain.events import (
    ContactCreated,
    ContactData,
    ContactDeleted,
    ContactUpdated,
    ConversationCreated,
    ConversationData,
    ConversationUpdated,
    EventData,
)
from ringline.ports import Row

_METADATA = msgspec.json.Decoder(dict[str, object])
_CONVERSATION_WORDS = {
    "channel": ConversationChannel,
    "mode": ConversationMode,
    "status": ConversationStatus,
    "ai_mode": AiMode,
}


def contact_events(before: Row | None, after: Row | None) -> Sequence[EventData]:
    """Return the event for a contact that was written or deleted."""
    if before is None:
        return [_of_contact(ContactCreated, after)]
    if after is None:
        return [_of_contact(ContactDeleted, before)]
    return [_of_contact(ContactUpdated, after)]


def conversation_events(before: Row | None, after: Row | None) -> Sequence[EventData]:
    """Return the events for a conversation that was written; none is ever deleted."""
    if after is None:
        raise AssertionError("conversations are not deleted")
    if before is None:
        return [_of_conversation(ConversationCreated, after)]
    return [_of_conversation(ConversationUpdated, after)]


def _of_contact(kind: type[ContactData], row: Row) -> ContactData:
    return kind(**_members(kind, row))


def _of_conversation(kind: type[ConversationData], row: Row) -> ConversationData:
    members = _members(kind, row)
    members |= {
        name: words(members[name])
        for name, words in _CONVERSATION_WORDS.items()
        if members[name] is not None
    }
    if members["metadata"] is not None:
        members["metadata"] = _METADATA.decode(members["metadata"])
    return kind(**members)


def _members(kind: type[EventData], row: Row) -> dict[str, Any]:
    """Fill an event's members from the columns with their names."""
    return {name: row[name] for name in kind.__struct_fields__}
