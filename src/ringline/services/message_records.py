"""Reading messages and their threads: the lists, one message, one thread (live streams, 6.4, 6.5).

The lists are newest first, and each of their filters has an index in that order, so a page costs
the same however many messages there are.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.log import Scope
from ringline.ports import Row, Rows
from ringline.schema.sql import Prepared
from ringline.schema.tables import conversation_items, conversations
from ringline.services.message_rows import Message, read_listed
from ringline.services.messages import NoSuchMessage
from ringline.services.repo import Repo
from ringline.services.threads import THREADS, Thread, find_thread, read_thread

#: How many combinations of filters are remembered as statements.
_LISTS_KEPT = 256

_items, _threads = conversation_items.c, conversations.c


def _value(column: sa.ColumnElement[Any], name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)


_MESSAGES = (
    sa.select(conversation_items, _threads.remote_number)
    .join(conversations, _threads.id == _items.conversation_id)
    .where(_items.direction.is_not(None))
)
_FIND = Prepared(_MESSAGES.where(_items.id == _value(_items.id, "wanted")))
#: What each filter of a list means.
_OF_MESSAGES: Mapping[str, sa.ColumnElement[bool]] = {
    name: column == _value(column, name)
    for name, column in (
        ("conversation_id", _items.conversation_id),
        ("agent_id", _items.agent_id),
        ("channel", _items.channel),
        ("direction", _items.direction),
        ("status", _items.message_status),
    )
}
_OF_THREADS: Mapping[str, sa.ColumnElement[bool]] = {
    "agent_id": _threads.agent_id == _value(_threads.agent_id, "agent_id"),
    "channel": _threads.channel == _value(_threads.channel, "channel"),
}


class MessageRecords:
    """The messages and threads of the workspace and environment that a method names."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def with_repo(self, repo: Repo) -> "MessageRecords":
        """Return the service over another repo, such as a caller's."""
        return MessageRecords(repo)

    async def find(self, scope: Scope, message_id: UUID) -> Message:
        """Return a message. Raises NoSuchMessage, Unavailable."""
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=message_id))
        if not found:
            raise NoSuchMessage
        return _message(found[0])

    async def listed(
        self,
        scope: Scope,
        filters: Mapping[str, object],
        *,
        size: int,
        after: Sequence[Any] | None,
    ) -> Sequence[Message]:
        """Return at most `size` messages, newest first, after (time, id) of another.

        Filters: `conversation_id`, `agent_id`, `channel`, `direction`, `status`. Raises
        Unavailable.
        """
        async with self._repo.read(scope) as rows:
            return await _list_messages(rows, filters, size=size, after=after)

    async def threads(
        self,
        scope: Scope,
        filters: Mapping[str, object],
        *,
        size: int,
        after: Sequence[Any] | None,
    ) -> Sequence[Thread]:
        """Return at most `size` threads, newest first, after (time, id) of another.

        Filters: `agent_id`, `channel`. Raises Unavailable.
        """
        statement = _threads_list(tuple(sorted(filters)), after is not None)
        async with self._repo.read(scope) as rows:
            found = await _fetch(rows, statement, filters=filters, size=size, after=after)
        return [read_thread(row) for row in found]

    async def thread(
        self, scope: Scope, conversation_id: UUID, *, size: int, after: Sequence[Any] | None
    ) -> tuple[Thread, Sequence[Message]]:
        """Return a thread and at most `size` of its messages, newest first.

        Raises NoSuchThread, Unavailable.
        """
        filters = {"conversation_id": conversation_id}
        async with self._repo.read(scope) as rows:
            thread = await find_thread(rows, conversation_id)
            messages = await _list_messages(rows, filters, size=size, after=after)
        return thread, messages


async def _list_messages(
    rows: Rows, filters: Mapping[str, object], *, size: int, after: Sequence[Any] | None
) -> Sequence[Message]:
    statement = _message_list(tuple(sorted(filters)), after is not None)
    found = await _fetch(rows, statement, filters=filters, size=size, after=after)
    return [_message(row) for row in found]


async def _fetch(
    rows: Rows,
    statement: Prepared,
    *,
    filters: Mapping[str, object],
    size: int,
    after: Sequence[Any] | None,
) -> Sequence[Row]:
    values = dict(filters, size=size)
    if after is not None:
        values["after_at"], values["after_id"] = after
    return await rows.fetch(statement.text, statement.arguments(**values))


@lru_cache(_LISTS_KEPT)
def _message_list(filters: tuple[str, ...], goes_on: bool) -> Prepared:
    """Return the statement of a list with these filters; `goes_on` has it begin after a row."""
    wanted = _MESSAGES.where(*(_OF_MESSAGES[name] for name in filters))
    return _newest_first(wanted, conversation_items, goes_on=goes_on)


@lru_cache(_LISTS_KEPT)
def _threads_list(filters: tuple[str, ...], goes_on: bool) -> Prepared:
    wanted = THREADS.where(*(_OF_THREADS[name] for name in filters))
    return _newest_first(wanted, conversations, goes_on=goes_on)


def _newest_first(query: sa.Select[Any], table: sa.Table, *, goes_on: bool) -> Prepared:
    at, id_ = table.c.inserted_at, table.c.id
    if goes_on:
        after = sa.tuple_(_value(at, "after_at"), _value(id_, "after_id"))
        query = query.where(sa.tuple_(at, id_) < after)
    most = sa.bindparam("size", type_=sa.Integer)
    return Prepared(query.order_by(at.desc(), id_.desc()).limit(most))


def _message(row: Row) -> Message:
    return read_listed(row, row["remote_number"])
