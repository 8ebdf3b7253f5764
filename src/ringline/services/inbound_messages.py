"""What a contact sends to a number of ours: it finds its thread, or opens one (live streams, 6.5).

An open thread of the two numbers gets it, whatever the routing says by now: a conversation stays
with its agent. Else the routing chooses the agent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.log import Scope
from ringline.ports import Transaction
from ringline.services.message_routing import choose_agent
from ringline.services.message_rows import Message
from ringline.services.messages import InboundMessage, Messages, NoSuchAgent
from ringline.services.repo import Repo
from ringline.services.threads import find_open


class NobodyTakes(Exception):
    """No agent takes what comes in at a number."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it comes in, from a contact to a number of ours, both in E.164.

    `provider_message_id` is the provider's own id, None if it has none: one that comes twice is
    one message.
    """

    provider: str
    provider_message_id: str | None
    channel: ConversationChannel
    our_number: str
    remote_number: str
    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] | None = field(default=None, repr=False)


class InboundMessages:
    """Takes in what contacts send, in the workspace and environment that a call names."""

    def __init__(self, repo: Repo, messages: Messages) -> None:
        self._repo = repo
        self._messages = messages

    def with_repo(self, repo: Repo) -> "InboundMessages":
        """Return the service over another repo, such as a caller's."""
        return InboundMessages(repo, self._messages.with_repo(repo))

    async def receive(self, scope: Scope, arrival: Arrival) -> Message:
        """Take in a message; one that its provider sends twice is taken in once.

        Raises NobodyTakes, Unavailable.
        """

        async def work(transaction: Transaction) -> Message:
            # A repetition must not open a thread, wherever the routing leads by now.
            known = await self._messages.known(
                transaction,
                arrival.provider,
                provider_message_id=arrival.provider_message_id,
            )
            if known is not None:
                return known
            thread = await find_open(
                transaction,
                arrival.channel,
                our_number=arrival.our_number,
                remote_number=arrival.remote_number,
            )
            agent_id = None if thread is None else thread.agent_id
            if agent_id is None:
                agent_id = await choose_agent(
                    transaction,
                    arrival.channel,
                    our_number=arrival.our_number,
                    text=arrival.text,
                )
            if agent_id is None:
                raise NobodyTakes
            inbound = InboundMessage(
                arrival.provider,
                arrival.provider_message_id,
                agent_id,
                arrival.channel,
                our_number=arrival.our_number,
                remote_number=arrival.remote_number,
                message_type=arrival.message_type,
                text=arrival.text,
                details=arrival.details,
            )
            try:
                return await self._messages.take_in(transaction, inbound)
            except NoSuchAgent:  # it was deleted in this moment
                raise NobodyTakes from None

        return await self._repo.write(scope, work)
