"""A workspace's phone numbers, which RPC has as well: the inventory of `/v1` (live streams, 6.6).

A number is ours once in a workspace and environment. Whether another workspace has it too is not
told here: who may bring a number is settled with its carrier.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.log import Scope
from ringline.ports import Clock, EntryRefused, NewId, Row, Transaction, Violation
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import phone_numbers as numbers
from ringline.services.repo import Repo


class NoSuchNumber(Exception):
    """There is no such number in this workspace and environment."""


class NumberTaken(Exception):
    """The workspace's environment has the number already."""


class NoSuchAgent(Exception):
    """There is no such agent in this workspace and environment."""


@dataclass(frozen=True, slots=True)
class OurNumber:
    """A number of ours, in E.164; `agent_id` is who answers it, `channels` what it is used for."""

    id: UUID
    e164: str
    agent_id: UUID | None
    channels: tuple[str, ...]
    created_at: datetime


_COLUMNS = (
    numbers.c.id,
    numbers.c.phone_e164,
    numbers.c.agent_id,
    numbers.c.channels,
    numbers.c.inserted_at,
)
_ID = sa.bindparam("wanted", type_=sa.Uuid)
_FIND = Prepared(sa.select(*_COLUMNS).where(numbers.c.id == _ID))
_DELETE = Prepared(sa.delete(numbers).where(numbers.c.id == _ID).returning(numbers.c.id))


class Numbers:
    """The numbers of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, now: Clock, *, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id

    def with_repo(self, repo: Repo) -> "Numbers":
        """Return the service over another repo, such as a caller's."""
        return Numbers(repo, self._now, new_id=self._new_id)

    async def create(
        self,
        scope: Scope,
        e164: str,
        *,
        given: Mapping[str, Any],
        also: Callable[[Transaction, OurNumber], Awaitable[None]],
    ) -> OurNumber:
        """Add a number; `given` are its `agent_id` and `channels`, else its columns' defaults.

        `also` is done in the same transaction. Raises NumberTaken, NoSuchAgent, Unavailable, and
        what `also` raises.
        """
        now = self._now()
        text, values = compiled(
            sa.insert(numbers)
            .values(
                {
                    **given,
                    "workspace_id": scope.workspace_id,
                    "environment": scope.environment.value,
                    "id": self._new_id(),
                    "phone_e164": e164,
                    "inserted_at": now,
                    "updated_at": now,
                }
            )
            .returning(*_COLUMNS)
        )

        async def write(transaction: Transaction) -> OurNumber:
            (row,) = await transaction.fetch(text, values)
            number = _number(row)
            await also(transaction, number)
            return number

        return await self._written(scope, write)

    async def listed(
        self, scope: Scope, size: int, *, after: Sequence[Any] | None
    ) -> Sequence[OurNumber]:
        """Return at most `size` numbers, newest first, after (creation, id) of another.

        Raises Unavailable.
        """
        query = sa.select(*_COLUMNS)
        if after is not None:
            query = query.where(sa.tuple_(numbers.c.inserted_at, numbers.c.id) < sa.tuple_(*after))
        newest_first = (numbers.c.inserted_at.desc(), numbers.c.id.desc())
        text, values = compiled(query.order_by(*newest_first).limit(size))
        async with self._repo.read(scope) as rows:
            return [_number(row) for row in await rows.fetch(text, values)]

    async def change(
        self, scope: Scope, number_id: UUID, *, changes: Mapping[str, Any]
    ) -> OurNumber:
        """Set a number's `agent_id` or `channels`.

        Raises NoSuchNumber, NoSuchAgent, Unavailable.
        """
        if changes:
            text, values = compiled(
                sa.update(numbers)
                .where(numbers.c.id == number_id)
                .values({**changes, "updated_at": self._now()})
                .returning(*_COLUMNS)
            )
        else:
            text, values = _FIND.text, _FIND.arguments(wanted=number_id)

        async def write(transaction: Transaction) -> OurNumber:
            found = await transaction.fetch(text, values)
            if not found:
                raise NoSuchNumber
            return _number(found[0])

        return await self._written(scope, write)

    async def delete(self, scope: Scope, number_id: UUID) -> None:
        """Release a number. Raises NoSuchNumber, Unavailable."""

        async def write(transaction: Transaction) -> None:
            if not await transaction.fetch(_DELETE.text, _DELETE.arguments(wanted=number_id)):
                raise NoSuchNumber

        await self._repo.write(scope, write)

    async def _written(
        self, scope: Scope, write: Callable[[Transaction], Awaitable[OurNumber]]
    ) -> OurNumber:
        try:
            return await self._repo.write(scope, write)
        except EntryRefused as refused:
            if refused.violation is Violation.ALREADY_EXISTS:
                raise NumberTaken from None
            if refused.violation is Violation.REFERENCE:
                raise NoSuchAgent from None
            raise


def _number(row: Row) -> OurNumber:
    return OurNumber(
        id=row["id"],
        e164=row["phone_e164"],
        agent_id=row["agent_id"],
        channels=tuple(row["channels"]),
        created_at=row["inserted_at"],
    )
