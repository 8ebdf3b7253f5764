"""The arguments of an action's function: caller, request and services.

There are three signatures, by the action's kind:

- create: `(context, transaction, values) -> UUID`, the id of the record to return;
- update, destroy: `(context, transaction, id, values) -> None`, in the transaction that
  found the record;
- generic: `(context, values) -> object`, which opens its own transactions.

`values` holds the given inputs, cast, under their camelCase names. A function that cannot
do its work raises `RpcRefused`, which rolls the transaction back.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from ringline.domain.log import Scope
from ringline.ports import Check, Clock, NewId, Row, Transaction
from ringline.services.agents import AgentRules
from ringline.services.api_keys import ApiKeys
from ringline.services.audit import Auditor, actor_of
from ringline.services.callers import Caller
from ringline.services.calls import Calls
from ringline.services.event_pages import PageLimits
from ringline.services.repo import Repo
from ringline.services.team import Team

Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Services:
    """The services that actions use."""

    repo: Repo
    calls: Calls
    now: Clock
    new_id: NewId
    seal: Callable[[str], bytes]
    team: Team
    keys: ApiKeys
    agents: AgentRules
    pages: PageLimits = field(default_factory=PageLimits)
    #: Learns whose keys of providers have changed.
    provider_keys_changed: Callable[[Scope], None] = lambda _: None

    def for_caller(self, check: Check) -> "Services":
        """Return these services for one caller; their repo checks the caller again."""
        repo = self.repo.for_caller(check)
        return replace(
            self, repo=repo, team=self.team.with_repo(repo), keys=self.keys.with_repo(repo)
        )


@dataclass(frozen=True, slots=True)
class ActionContext:
    """One request, as an action's function sees it."""

    caller: Caller
    services: Services
    now: datetime

    @property
    def auditor(self) -> Auditor:
        """Return what makes the audit log's entries of the request; none for a program."""
        caller = self.caller
        return Auditor(actor_of(caller), self.now, self.services.new_id, caller.origin)


Create: TypeAlias = Callable[[ActionContext, Transaction, Values], Awaitable[UUID]]
Change: TypeAlias = Callable[[ActionContext, Transaction, UUID, Values], Awaitable[None]]
Generic: TypeAlias = Callable[[ActionContext, Values], Awaitable[object]]

#: Checks an action's inputs together, before any query.
Rule: TypeAlias = Callable[[ActionContext, Values], None]


class RowRule(Protocol):
    """Checks a plain row against what is stored, in the transaction that writes it.

    It may carry out a part of the change itself; what it has written differs no more.
    """

    async def __call__(
        self,
        context: ActionContext,
        transaction: Transaction,
        *,
        before: Row | None,
        columns: Mapping[str, Any],
    ) -> None:
        """Check the columns to be written; `before` is locked, or None. Raises RpcRefused."""
        ...
