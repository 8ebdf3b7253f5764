"""What carries messages to phones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.log import Scope


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to hand to a provider; the numbers are in E.164.

    `details` holds what else it was sent with: `media_url`, `media_caption`, `interactive`,
    `template_name`, `language_code`, `parameters`.
    """

    scope: Scope
    id: UUID
    channel: ConversationChannel
    from_number: str
    to_number: str
    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CarriedMessage:
    """A message of ours that a provider has, and whose it is."""

    scope: Scope
    id: UUID
    channel: ConversationChannel


class CarriedMessages(Protocol):
    """Whom a provider's request is about, in all workspaces; live rows only.

    Every method raises StoreUnavailable.
    """

    async def owner_of(self, number: str, channel: ConversationChannel) -> Scope | None:
        """Return whose number it is; None if it is nobody's, or several workspaces'."""
        ...

    async def find(self, provider: str, provider_message_id: str) -> CarriedMessage | None:
        """Return the message of ours that a provider has under an id; None if there is none."""
        ...


class MessageRefused(Exception):
    """The provider refuses a message for good, with its own code and a reason without content."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class ProviderAway(Exception):
    """The provider cannot be reached, is overloaded or broken; the message may be tried again."""


class MessageProvider(Protocol):
    """A provider of messages."""

    @property
    def name(self) -> str:
        """Return the provider's name, unique in this server."""
        ...

    async def send(self, message: OutgoingMessage) -> str:
        """Hand a message over; return the provider's id of it, within 10 s.

        It may be called again for a message whose acceptance was not recorded, after a crash.
        Raises MessageRefused, ProviderAway.
        """
        ...


class MessageProviders(Protocol):
    """The providers of this server."""

    def find(
        self, scope: Scope, channel: ConversationChannel, *, from_number: str
    ) -> MessageProvider | None:
        """Return the provider for messages of a channel from one of our numbers, if any."""
        ...
