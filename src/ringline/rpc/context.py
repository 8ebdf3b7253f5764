"""What an action's function is given: who acts, on what, and with which services.

Three shapes, by the action's kind:

- create: `(context, transaction, values) -> UUID`, the id of the record to answer;
- update, destroy: `(context, transaction, id, values) -> None`, in the transaction that
  has found the record;
- generic: `(context, values) -> object`, which opens its own transactions.

`values` are the inputs that were given, cast, under their camelCase names. What cannot be
done is raised as `RpcRefused`; nothing of the transaction is kept then.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from ringline.domain.log import Scope
from ringline.ports import Check, Clock, NewId, Transaction
from ringline.services.calls import Calls
from ringline.services.event_pages import PageLimits
from ringline.services.repo import Repo
from ringline.services.team import Team

Values: TypeAlias = Mapping[str, Any]

#: Waits for a caller's turn to go on with a large answer (see `Caller`).
Pace: TypeAlias = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Operator:
    """The member of the team whom an operator token stands for.

    The email is empty where it was too long for the token.
    """

    id: UUID
    email: str


async def always() -> None:
    """Let a caller go on: one whose right nothing ends."""


async def at_once(held: int, made: int) -> None:
    """Let a caller's large answer be made without pauses."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or an operator by a token that the key minted.

    `check` looks again whether they still may, and raises if not; it is called where a
    request has waited. `pace` is called as a large answer is read and made, with the bytes
    that it may hold and those made since the last call; it waits until others have had their
    turns, and raises if the caller has too much under way.
    """

    scope: Scope
    key_id: UUID
    operator: Operator | None = None
    check: Check = field(default=always, compare=False, repr=False)
    pace: Pace = field(default=at_once, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Services:
    """The services that actions are carried out with."""

    repo: Repo
    calls: Calls
    now: Clock
    new_id: NewId
    seal: Callable[[str], bytes]
    team: Team
    pages: PageLimits = field(default_factory=PageLimits)

    def for_caller(self, check: Check) -> "Services":
        """Return these services for one caller; their repo checks the caller again."""
        repo = self.repo.for_caller(check)
        return replace(self, repo=repo, team=self.team.over(repo))


@dataclass(frozen=True, slots=True)
class ActionContext:
    """One request as an action's function sees it."""

    caller: Caller
    services: Services
    now: datetime


Create: TypeAlias = Callable[[ActionContext, Transaction, Values], Awaitable[UUID]]
Change: TypeAlias = Callable[[ActionContext, Transaction, UUID, Values], Awaitable[None]]
Generic: TypeAlias = Callable[[ActionContext, Values], Awaitable[object]]

#: Looks at an action's inputs together, before anything is asked of the database.
Rule: TypeAlias = Callable[[Caller, Values], None]
