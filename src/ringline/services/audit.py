"""Writes the audit log: each deed in the transaction that does it (console, 5.4).

It records what members of the team do, by a sign-in or an operator token, and every change of a
key, whoever makes it. What else a program does with its API key is not recorded.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import audit_limits
from ringline.domain.audit import (
    NOWHERE,
    Actor,
    ActorKind,
    AuditEntry,
    AuditOutcome,
    Origin,
    Target,
)
from ringline.domain.credentials import Key, Person
from ringline.domain.log import Environment
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, NewId, Transaction
from ringline.schema.audit_tables import audit_entries
from ringline.schema.sql import Prepared
from ringline.services.callers import Caller
from ringline.services.repo import Repo

_MINUTE = timedelta(minutes=1)

#: The latest refusals of an actor; without an id, of those who have none.
_REFUSALS = Prepared(
    sa.select(sa.func.count()).select_from(
        sa.select(audit_entries.c.id)
        .where(
            audit_entries.c.actor_id.is_not_distinct_from(sa.bindparam("actor", type_=sa.Uuid)),
            audit_entries.c.outcome == AuditOutcome.REFUSED.value,
            audit_entries.c.occurred_at
            > sa.bindparam("since", type_=audit_entries.c.occurred_at.type),
        )
        .limit(sa.bindparam("most", type_=sa.BigInteger))
        .subquery()
    )
)


async def record(transaction: Transaction, entry: AuditEntry | None) -> None:
    """Add an entry, if there is one, in the transaction of its deed."""
    if entry is not None:
        await transaction.save((entry,))


async def record_refusal(transaction: Transaction, entry: AuditEntry | None) -> None:
    """Add the entry of a refused deed, unless its actor has had too many in the last minute."""
    if entry is None:
        return
    most = audit_limits.REFUSALS_PER_MINUTE.most
    since = entry.occurred_at - _MINUTE
    values = _REFUSALS.arguments(actor=entry.actor.id, since=since, most=most)
    (counted,) = await transaction.fetch(_REFUSALS.text, values)
    if counted[0] < most:
        await record(transaction, entry)


def member(user_id: UUID, name: str) -> Actor:
    """Return the actor that a member of the team is."""
    return Actor(ActorKind.USER, user_id, name)


def actor_of(caller: Caller) -> Actor | None:
    """Return who is calling, if it is a member of the team; None for a program."""
    if caller.person is not None:
        return member(caller.person.id, caller.person.shown_name)
    if caller.operator is not None:
        return member(caller.operator.id, caller.operator.email)
    return None


class Refusals:
    """Records what people were not allowed to do, where no action of RPC refused it."""

    def __init__(self, repo: Repo, now: Clock, *, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id

    async def record(self, key: Key, person: Person, *, deed: str, origin: Origin) -> None:
        """Record a refused deed, if that can be done now."""
        who = member(person.id, person.shown_name)
        entry = Auditor(who, self._now(), self._new_id, origin).entry(
            deed, environment=key.scope.environment, outcome=AuditOutcome.REFUSED
        )

        async def work(transaction: Transaction) -> None:
            await record_refusal(transaction, entry)

        with suppress(Unavailable):  # the refusal counts, not its record
            await self._repo.write(key.scope, work)


@dataclass(frozen=True, slots=True)
class Auditor:
    """Makes the entries of one request's deeds; none if its `actor` is None."""

    actor: Actor | None
    now: datetime
    new_id: NewId
    origin: Origin = NOWHERE

    def entry(
        self,
        action: str,
        target: Target | None = None,
        *,
        environment: Environment | None,
        fields: tuple[str, ...] = (),
        call_uuid: str | None = None,
        outcome: AuditOutcome = AuditOutcome.DONE,
    ) -> AuditEntry | None:
        """Return a deed's entry; without an environment it concerns both."""
        if self.actor is None:
            return None
        return AuditEntry(
            id=self.new_id(),
            occurred_at=self.now,
            actor=self.actor,
            action=action,
            environment=environment,
            target=target,
            outcome=outcome,
            fields=fields,
            call_uuid=call_uuid,
            origin=self.origin,
        )

    def of_key(self, action: str, key: Key, *, fields: tuple[str, ...] = ()) -> AuditEntry | None:
        """Return the entry of what was done to a key."""
        target = Target("Key", key.shown_id, key.label)
        return self.entry(action, target, environment=key.scope.environment, fields=fields)
