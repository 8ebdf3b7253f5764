"""Threads of messages: one for an agent, a remote number and a channel (live streams, 6.5).

What changes a thread locks its row first, so messages of one thread are written one after the
other, and whoever hands it over knows what was answered before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
)
from ringline.domain.events import ConversationModeChanged, Event, EventData
from ringline.ports import NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import conversations, opt_outs
from ringline.services.record_events import conversation_events


class NoSuchThread(Exception):
    """There is no such thread of messages in this workspace and environment."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose thread it is; the numbers are in E.164."""

    agent_id: UUID
    channel: ConversationChannel
    our_number: str
    remote_number: str


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as it stands. `agent_id` is null once its agent was deleted."""

    id: UUID
    agent_id: UUID | None
    channel: ConversationChannel
    our_number: str
    remote_number: str
    ai_mode: AiMode
    window_expires_at: datetime | None
    last_message_at: datetime | None
    answered_id: UUID | None
    opted_out: bool
    created_at: datetime
    updated_at: datetime

    @property
    def members(self) -> dict[str, object]:
        """Return the members that each event of the thread repeats."""
        return {
            "conversation_id": self.id,
            "agent_id": self.agent_id,
            "channel": self.channel,
            "our_number": self.our_number,
            "remote_number": self.remote_number,
        }


#: No other columns change with a mode.
NOTHING_ELSE: Mapping[str, object] = MappingProxyType({})

_c = conversations.c
_OPTED_OUT = (
    sa.select(sa.true())
    .where(
        opt_outs.c.agent_id == _c.agent_id,
        opt_outs.c.number == _c.remote_number,
        opt_outs.c.channel == _c.channel,
    )
    .exists()
    .label("opted_out")
)
#: A thread's row, with whether the contact wants no more messages.
THREADS = sa.select(conversations, _OPTED_OUT).where(_c.ai_mode.is_not(None))


def _value(name: str) -> sa.BindParameter[object]:
    return sa.bindparam(name, type_=_c[name].type)


_FIND = Prepared(THREADS.where(_c.id == _value("id")))
_LOCK = Prepared(THREADS.where(_c.id == _value("id")).with_for_update(of=conversations))
_OF_PARTIES = Prepared(
    THREADS.where(
        _c.agent_id == _value("agent_id"),
        _c.remote_number == _value("remote_number"),
        _c.channel == _value("channel"),
    ).with_for_update(of=conversations)
)
_OF_NUMBERS = Prepared(
    THREADS.where(
        _c.our_number == _value("our_number"),
        _c.remote_number == _value("remote_number"),
        _c.channel == _value("channel"),
        _c.agent_id.is_not(None),
        _c.ai_mode != AiMode.CLOSED.value,
    )
    .order_by(_c.last_message_at.desc().nulls_last(), _c.id)
    .limit(1)
)
_NEW = (
    "workspace_id",
    "environment",
    "id",
    "public_id",
    "channel",
    "mode",
    "status",
    "agent_id",
    "ai_mode",
    "our_number",
    "remote_number",
    "inserted_at",
    "updated_at",
)
_INSERT = Prepared(
    postgresql.insert(conversations)
    .values({name: _value(name) for name in _NEW})
    .on_conflict_do_nothing()
    .returning(conversations)
)
_TOUCH = Prepared(
    sa.update(conversations)
    .where(_c.id == _value("id"))
    .values(
        our_number=_value("our_number"),
        window_expires_at=_value("window_expires_at"),
        last_message_at=_value("last_message_at"),
        updated_at=_value("last_message_at"),
    )
)
_ANSWERED = Prepared(
    sa.update(conversations).where(_c.id == _value("id")).values(answered_id=_value("answered_id"))
)


def read_thread(row: Row) -> Thread:
    """Read a thread from a row of `THREADS`."""
    return Thread(
        id=row["id"],
        agent_id=row["agent_id"],
        channel=ConversationChannel(row["channel"]),
        our_number=row["our_number"],
        remote_number=row["remote_number"],
        ai_mode=AiMode(row["ai_mode"]),
        window_expires_at=row["window_expires_at"],
        last_message_at=row["last_message_at"],
        answered_id=row["answered_id"],
        opted_out=row["opted_out"],
        created_at=row["inserted_at"],
        updated_at=row["updated_at"],
    )


async def find_thread(rows: Rows, conversation_id: UUID) -> Thread:
    """Return a thread. Raises NoSuchThread."""
    return _only(await rows.fetch(_FIND.text, _FIND.arguments(id=conversation_id)))


async def lock_thread(transaction: Transaction, conversation_id: UUID) -> Thread:
    """Return a thread, locked until the transaction ends. Raises NoSuchThread."""
    return _only(await transaction.fetch(_LOCK.text, _LOCK.arguments(id=conversation_id)))


async def find_open(
    rows: Rows,
    channel: ConversationChannel,
    *,
    our_number: str,
    remote_number: str,
) -> Thread | None:
    """Return the latest thread between two numbers that is not closed, if any.

    It is not locked: whoever writes to it locks its agent first (`find_or_open`).
    """
    arguments = _OF_NUMBERS.arguments(
        our_number=our_number, remote_number=remote_number, channel=channel.value
    )
    found = await rows.fetch(_OF_NUMBERS.text, arguments)
    return read_thread(found[0]) if found else None


async def find_or_open(
    transaction: Transaction, parties: Parties, *, now: datetime, new_id: NewId
) -> Thread:
    """Return the thread of some parties, locked; a new one is reported as created."""
    scope, thread_id = transaction.scope, new_id()
    made = await transaction.fetch(
        _INSERT.text,
        _INSERT.arguments(
            workspace_id=scope.workspace_id,
            environment=scope.environment.value,
            id=thread_id,
            public_id=str(new_id()),
            channel=parties.channel.value,
            mode=ConversationMode.TEXT.value,
            status=ConversationStatus.ACTIVE.value,
            agent_id=parties.agent_id,
            ai_mode=AiMode.AI.value,
            our_number=parties.our_number,
            remote_number=parties.remote_number,
            inserted_at=now,
            updated_at=now,
        ),
    )
    if made:
        report(transaction, conversation_events(None, made[0]), now=now, new_id=new_id)
    arguments = _OF_PARTIES.arguments(
        agent_id=parties.agent_id,
        remote_number=parties.remote_number,
        channel=parties.channel.value,
    )
    (row,) = await transaction.fetch(_OF_PARTIES.text, arguments)
    return read_thread(row)


async def touch(
    transaction: Transaction,
    thread: Thread,
    *,
    our_number: str,
    window_expires_at: datetime | None,
    now: datetime,
) -> Thread:
    """Note a message of a locked thread: which number of ours it used, and the window."""
    arguments = _TOUCH.arguments(
        id=thread.id,
        our_number=our_number,
        window_expires_at=window_expires_at,
        last_message_at=now,
    )
    await transaction.fetch(_TOUCH.text, arguments)
    return replace(
        thread,
        our_number=our_number,
        window_expires_at=window_expires_at,
        last_message_at=now,
        updated_at=now,
    )


async def mark_answered(
    transaction: Transaction, thread: Thread, *, message_id: UUID | None
) -> None:
    """Note up to which of the contact's messages a locked thread is answered."""
    arguments = _ANSWERED.arguments(id=thread.id, answered_id=message_id)
    await transaction.fetch(_ANSWERED.text, arguments)


async def set_mode(
    transaction: Transaction,
    thread: Thread,
    *,
    mode: AiMode,
    actor_user_id: UUID | None,
    now: datetime,
    new_id: NewId,
    also: Mapping[str, object] = NOTHING_ELSE,
) -> Thread:
    """Hand a locked thread over, close it or reopen it; the same mode again changes nothing.

    `also` are other columns that change with it.
    """
    if mode is thread.ai_mode:
        return thread
    status = ConversationStatus.CLOSED if mode is AiMode.CLOSED else ConversationStatus.ACTIVE
    columns = {"ai_mode": mode.value, "status": status.value, "updated_at": now, **also}
    (row,) = await transaction.fetch(
        *compiled(
            sa.update(conversations)
            .where(_c.id == thread.id)
            .values(
                {
                    name: sa.bindparam(None, value, type_=_c[name].type, unique=True)
                    for name, value in columns.items()
                }
            )
            .returning(conversations)
        )
    )
    changed = ConversationModeChanged(
        conversation_id=thread.id,
        agent_id=thread.agent_id,
        channel=thread.channel,
        our_number=thread.our_number,
        remote_number=thread.remote_number,
        from_mode=thread.ai_mode,
        to_mode=mode,
        actor_user_id=actor_user_id,
    )
    # The row has changed, so it is no new one, whatever it was before.
    events = [*conversation_events(row, row), changed]
    report(transaction, events, now=now, new_id=new_id)
    return replace(thread, ai_mode=mode, updated_at=now)


def report(
    transaction: Transaction, changes: Sequence[EventData], *, now: datetime, new_id: NewId
) -> None:
    """Append events to the log at the end of a transaction."""
    transaction.append(*(Event(new_id(), now, data) for data in changes))


def _only(found: Sequence[Row]) -> Thread:
    if not found:
        raise NoSuchThread
    return read_thread(found[0])
