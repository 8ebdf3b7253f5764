"""What an action's function is given: who acts, on what, and with which services.

Three shapes, by the action's kind:

- create: `(acting, transaction, values) -> UUID`, the id of the record to answer;
- update, destroy: `(acting, transaction, id, values) -> None`, in the transaction that
  has found the record;
- generic: `(acting, values) -> object`, which opens its own transactions.

`values` are the inputs that were given, cast, under their camelCase names. What cannot be
done is raised as `RpcRefused`; nothing of the transaction is kept then.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from ringline.domain.log import LogKey
from ringline.ports import Clock, NewId, Transaction
from ringline.services.calls import Calls
from ringline.services.ledger import Ledger
from ringline.services.team import Team

Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operator:
    """The member of the team whom an operator token stands for.

    The email is empty where it was too long for the token.
    """

    id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or an operator by a token that the key minted."""

    log: LogKey
    key_id: UUID
    operator: Operator | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that actions are carried out with."""

    ledger: Ledger
    calls: Calls
    now: Clock
    new_id: NewId
    seal: Callable[[str], bytes]
    team: Team


@dataclass(frozen=True, slots=True)
class Acting:
    """One request as an action's function sees it."""

    caller: Caller
    desk: Desk
    now: datetime


Create: TypeAlias = Callable[[Acting, Transaction, Values], Awaitable[UUID]]
Change: TypeAlias = Callable[[Acting, Transaction, UUID, Values], Awaitable[None]]
Generic: TypeAlias = Callable[[Acting, Values], Awaitable[object]]
