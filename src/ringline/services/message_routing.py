"""Which agent takes a contact's first message to a number of ours."""

from uuid import UUID

import sqlalchemy as sa

from ringline.domain.conversations import ConversationChannel
from ringline.domain.log import Environment
from ringline.domain.numbers import NumberChannel
from ringline.ports import Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents
from ringline.services.numbers import NoSuchNumber
from ringline.services.routing import find_route

_FIRST = Prepared(sa.select(agents.c.id).where(agents.c.enabled).order_by(agents.c.id).limit(1))


async def choose_agent(
    transaction: Transaction, channel: ConversationChannel, *, our_number: str, text: str
) -> UUID | None:
    """Return the agent that the routing chooses for a thread's first message, if any.

    In the sandbox, where any number is ours, one that no row has is the first agent's.
    """
    try:
        route = await find_route(
            transaction, our_number, utterance=text, channel=NumberChannel(channel)
        )
        return route.agent_id
    except NoSuchNumber:
        if transaction.scope.environment is Environment.LIVE:
            return None
    first = await transaction.fetch(_FIRST.text, _FIRST.arguments())
    return first[0]["id"] if first else None
