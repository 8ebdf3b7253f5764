"""Who wants no more messages: per agent, number and channel (live streams, 6.4 and 6.12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.domain.conversations import MESSAGE_CHANNELS, ConversationChannel
from ringline.domain.log import Scope
from ringline.ports import Clock, Row, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents, opt_outs
from ringline.services.repo import Repo


class NoSuchOptOut(Exception):
    """This contact has not opted out of this agent's messages."""


class NoAgentToOptOut(Exception):
    """There is no such agent in this workspace and environment."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """A contact who wants no more messages of an agent on a channel."""

    agent_id: UUID
    number: str
    channel: ConversationChannel
    opted_out_at: datetime


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
_OPT_OUTS = sa.select(_o.agent_id, _o.number, _o.channel, _o.opted_out_at)
_FIND = Prepared(
    _OPT_OUTS.where(
        _o.agent_id == _value("agent_id"),
        _o.number == _value("number"),
        _o.channel == _value("channel"),
    )
)
#: The agent stays until the transaction ends.
_AGENT = Prepared(
    sa.select(agents.c.id)
    .where(agents.c.id == _value("agent_id"))
    .with_for_update(read=True, key_share=True)
)
_ORDER = (_o.opted_out_at, _o.agent_id, _o.number, _o.channel)


def _list(*, of_agent: bool, goes_on: bool) -> Prepared:
    """Return the statement of a list, of one agent or all; `goes_on` has it begin after a row."""
    query = _OPT_OUTS
    if of_agent:
        query = query.where(_o.agent_id == _value("agent_id"))
    if goes_on:
        after = (sa.bindparam(f"after_{column.name}", type_=column.type) for column in _ORDER)
        query = query.where(sa.tuple_(*_ORDER) < sa.tuple_(*after))
    most = sa.bindparam("size", type_=sa.Integer)
    return Prepared(query.order_by(*(column.desc() for column in _ORDER)).limit(most))


_LISTS = {
    (of_agent, goes_on): _list(of_agent=of_agent, goes_on=goes_on)
    for of_agent in (False, True)
    for goes_on in (False, True)
}


class OptOuts:
    """The opt-outs of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, now: Clock) -> None:
        self._repo = repo
        self._now = now

    def with_repo(self, repo: Repo) -> "OptOuts":
        """Return the service over another repo, such as a caller's."""
        return OptOuts(repo, self._now)

    async def listed(
        self, scope: Scope, *, agent_id: UUID | None, size: int, after: Sequence[Any] | None
    ) -> Sequence[OptOut]:
        """Return at most `size` opt-outs, of one agent or all, the latest first.

        `after` is (time, agent, number, channel) of another. Raises Unavailable.
        """
        statement = _LISTS[agent_id is not None, after is not None]
        values: dict[str, object] = {"size": size, "agent_id": agent_id}
        if after is not None:
            values |= {
                f"after_{column.name}": value for column, value in zip(_ORDER, after, strict=True)
            }
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(statement.text, statement.arguments(**values))
        return [_read(row) for row in found]

    async def add(
        self, scope: Scope, agent_id: UUID, *, number: str, channel: ConversationChannel
    ) -> OptOut:
        """Note that a contact wants no more messages; one who has opted out keeps the first time.

        Raises NoAgentToOptOut, Unavailable.
        """

        async def work(transaction: Transaction) -> OptOut:
            if not await transaction.fetch(_AGENT.text, _AGENT.arguments(agent_id=agent_id)):
                raise NoAgentToOptOut
            await add_opt_out(
                transaction, agent_id, number=number, channel=channel, now=self._now()
            )
            values = _FIND.arguments(agent_id=agent_id, number=number, channel=channel.value)
            (row,) = await transaction.fetch(_FIND.text, values)
            return _read(row)

        return await self._repo.write(scope, work)

    async def remove(
        self, scope: Scope, agent_id: UUID, *, number: str, channel: ConversationChannel | None
    ) -> None:
        """Let an agent send a contact messages again, on one channel or all.

        Raises NoSuchOptOut, Unavailable.
        """
        channels = MESSAGE_CHANNELS if channel is None else (channel,)

        async def work(transaction: Transaction) -> None:
            removed = [
                await remove_opt_out(transaction, agent_id, number=number, channel=one)
                for one in channels
            ]
            if not any(removed):
                raise NoSuchOptOut

        await self._repo.write(scope, work)


def _read(row: Row) -> OptOut:
    channel = ConversationChannel(row["channel"])
    return OptOut(row["agent_id"], row["number"], channel, row["opted_out_at"])


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
