"""Who wants no more messages: per agent, number and channel (live streams, 6.4 and 6.12)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.domain.conversations import ConversationChannel
from ringline.ports import Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import opt_outs

_o = opt_outs.c
_KEY = ("workspace_id", "environment", "agent_id", "number", "channel")


def _value(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=_o[name].type)


#: One who has opted out before keeps the first time.
_ADD = Prepared(
    postgresql.insert(opt_outs)
    .values({name: _value(name) for name in (*_KEY, "opted_out_at")})
    .on_conflict_do_nothing()
)
_REMOVE = Prepared(
    sa.delete(opt_outs)
    .where(
        _o.agent_id == _value("agent_id"),
        _o.number == _value("number"),
        _o.channel == _value("channel"),
    )
    .returning(_o.number)
)


async def add_opt_out(
    transaction: Transaction,
    agent_id: UUID,
    *,
    number: str,
    channel: ConversationChannel,
    now: datetime,
) -> None:
    """Note that a contact wants no more messages of an agent."""
    scope = transaction.scope
    arguments = _ADD.arguments(
        workspace_id=scope.workspace_id,
        environment=scope.environment.value,
        agent_id=agent_id,
        number=number,
        channel=channel.value,
        opted_out_at=now,
    )
    await transaction.fetch(_ADD.text, arguments)


async def remove_opt_out(
    transaction: Transaction, agent_id: UUID, *, number: str, channel: ConversationChannel
) -> bool:
    """Let an agent send a contact messages again; return whether it could not."""
    arguments = _REMOVE.arguments(agent_id=agent_id, number=number, channel=channel.value)
    return bool(await transaction.fetch(_REMOVE.text, arguments))
