"""The routing rules of numbers: what may be one, for RPC and `/v1` alike (live streams, 6.7)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import v1_limits
from ringline.domain.log import Scope
from ringline.domain.patterns import BadPattern, check_pattern
from ringline.domain.routing import MatchType
from ringline.ports import Clock, EntryRefused, NewId, Row, Transaction, Violation
from ringline.schema.routing_tables import routing_rules as rules
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import phone_numbers
from ringline.services.numbers import NoSuchAgent, NoSuchNumber
from ringline.services.repo import Repo


class NoSuchRule(Exception):
    """There is no such rule in this workspace and environment."""


class PriorityTaken(Exception):
    """Another rule of the number has the priority."""


class TooManyRules(Exception):
    """The number has as many rules as it may."""


class BadMatchValue(Exception):
    """A rule's `match_value` does not fit its `match_type`; the problem does not quote it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule; `target_agent_id` is None if its agent was deleted."""

    id: UUID
    number_id: UUID
    priority: int
    match_type: MatchType
    match_value: str | None
    target_agent_id: UUID | None
    created_at: datetime


_ID = sa.bindparam("wanted", type_=sa.Uuid)
_LOCK = Prepared(sa.select(rules).where(rules.c.id == _ID).with_for_update())
_DELETE = Prepared(sa.delete(rules).where(rules.c.id == _ID).returning(rules.c.id))
#: Whoever writes a rule of a number waits for whoever writes another.
_LOCK_NUMBER = Prepared(
    sa.select(phone_numbers.c.id).where(phone_numbers.c.id == _ID).with_for_update(key_share=True)
)
_PRIORITIES = Prepared(sa.select(rules.c.priority).where(rules.c.number_id == _ID))


async def check_new_rule(transaction: Transaction, values: Mapping[str, Any]) -> None:
    """Check a new rule, by its columns, in the transaction that writes it.

    Raises BadMatchValue, NoSuchNumber, PriorityTaken, TooManyRules.
    """
    _check_match(values["match_type"], values.get("match_value"))
    taken = await _priorities(transaction, values["number_id"])
    if len(taken) >= v1_limits.ROUTING_RULES.most:
        raise TooManyRules
    if values["priority"] in taken:
        raise PriorityTaken


async def check_rule_change(
    transaction: Transaction, before: Row, *, values: Mapping[str, Any]
) -> None:
    """Check the change of a locked row in its transaction. Raises BadMatchValue, PriorityTaken."""
    after = {"match_type": before["match_type"], "match_value": before["match_value"], **values}
    if "match_type" in values or "match_value" in values:
        _check_match(after["match_type"], after["match_value"])
    priority = values.get("priority", before["priority"])
    if priority == before["priority"]:
        return
    if priority in await _priorities(transaction, before["number_id"]):
        raise PriorityTaken


def _check_match(match_type: str, match_value: str | None) -> None:
    """Check that a rule can match; what is given with a default is ignored."""
    if match_type == MatchType.DEFAULT:
        return
    if not match_value:
        raise BadMatchValue("is required, unless the match_type is default")
    if match_type == MatchType.REGEX:
        try:
            check_pattern(match_value)
        except BadPattern as bad:
            raise BadMatchValue(bad.problem) from None


async def _priorities(transaction: Transaction, number_id: UUID) -> set[int]:
    """Lock a number, and return the priorities of its rules."""
    if not await transaction.fetch(_LOCK_NUMBER.text, _LOCK_NUMBER.arguments(wanted=number_id)):
        raise NoSuchNumber
    found = await transaction.fetch(_PRIORITIES.text, _PRIORITIES.arguments(wanted=number_id))
    return {row["priority"] for row in found}


class RoutingRules:
    """The rules of the workspace and environment that a call names."""

    def __init__(self, repo: Repo, now: Clock, *, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id

    def with_repo(self, repo: Repo) -> "RoutingRules":
        """Return the service over another repo, such as a caller's."""
        return RoutingRules(repo, self._now, new_id=self._new_id)

    async def create(
        self,
        scope: Scope,
        given: Mapping[str, Any],
        *,
        also: Callable[[Transaction, StoredRule], Awaitable[None]],
    ) -> StoredRule:
        """Create a rule of its columns; `also` is done in the same transaction.

        Raises BadMatchValue, NoSuchNumber, NoSuchAgent, PriorityTaken, TooManyRules, Unavailable,
        and what `also` raises.
        """
        now = self._now()
        text, values = compiled(
            sa.insert(rules)
            .values(
                {
                    **given,
                    "workspace_id": scope.workspace_id,
                    "environment": scope.environment.value,
                    "id": self._new_id(),
                    "inserted_at": now,
                    "updated_at": now,
                }
            )
            .returning(*rules.c)
        )

        async def write(transaction: Transaction) -> StoredRule:
            await check_new_rule(transaction, given)
            (row,) = await transaction.fetch(text, values)
            stored = _stored(row)
            await also(transaction, stored)
            return stored

        return await self._written(scope, write)

    async def listed(
        self, scope: Scope, size: int, *, number_id: UUID | None, after: Sequence[Any] | None
    ) -> Sequence[StoredRule]:
        """Return at most `size` rules, by number and then as they are tried.

        After (number, priority) of another. Raises Unavailable.
        """
        query = sa.select(rules)
        if number_id is not None:
            query = query.where(rules.c.number_id == number_id)
        if after is not None:
            query = query.where(sa.tuple_(rules.c.number_id, rules.c.priority) > sa.tuple_(*after))
        text, values = compiled(query.order_by(rules.c.number_id, rules.c.priority).limit(size))
        async with self._repo.read(scope) as rows:
            return [_stored(row) for row in await rows.fetch(text, values)]

    async def change(
        self, scope: Scope, rule_id: UUID, *, changes: Mapping[str, Any]
    ) -> StoredRule:
        """Set columns of a rule: all but its number.

        Raises NoSuchRule, BadMatchValue, NoSuchAgent, PriorityTaken, Unavailable.
        """

        async def write(transaction: Transaction) -> StoredRule:
            found = await transaction.fetch(_LOCK.text, _LOCK.arguments(wanted=rule_id))
            if not found:
                raise NoSuchRule
            await check_rule_change(transaction, found[0], values=changes)
            if not changes:
                return _stored(found[0])
            text, values = compiled(
                sa.update(rules)
                .where(rules.c.id == rule_id)
                .values({**changes, "updated_at": self._now()})
                .returning(*rules.c)
            )
            (row,) = await transaction.fetch(text, values)
            return _stored(row)

        return await self._written(scope, write)

    async def delete(self, scope: Scope, rule_id: UUID) -> None:
        """Delete a rule. Raises NoSuchRule, Unavailable."""

        async def write(transaction: Transaction) -> None:
            if not await transaction.fetch(_DELETE.text, _DELETE.arguments(wanted=rule_id)):
                raise NoSuchRule

        await self._repo.write(scope, write)

    async def _written(
        self, scope: Scope, write: Callable[[Transaction], Awaitable[StoredRule]]
    ) -> StoredRule:
        try:
            return await self._repo.write(scope, write)
        except EntryRefused as refused:
            if refused.violation is Violation.REFERENCE:  # the number is locked, so it is there
                raise NoSuchAgent from None
            raise


def _stored(row: Row) -> StoredRule:
    return StoredRule(
        id=row["id"],
        number_id=row["number_id"],
        priority=row["priority"],
        match_type=MatchType(row["match_type"]),
        match_value=row["match_value"],
        target_agent_id=row["target_agent_id"],
        created_at=row["inserted_at"],
    )
