"""Who is calling: a key, or an operator by a token that the key minted.

Every surface that carries requests out asks the same: whose log it is, under whose name
the caller may act, and whether they still may when a request has waited.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from ringline.domain.credentials import ALLOWED_KINDS, Key, Surface
from ringline.domain.log import Scope
from ringline.ports import Check
from ringline.services.credentials import Pass
from ringline.wire.session_token import OperatorToken

#: Waits for a caller's turn to go on with a large answer (see `Caller`).
Pace: TypeAlias = Callable[[int, int], Awaitable[None]]


class NotOwnName(Exception):
    """An operator named somebody else, or nobody of the team; a key may name anybody."""


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

    def act_for(self, user_id: UUID | None) -> None:
        """Check that the caller may act under the name of a member of the team.

        Raises NotOwnName.
        """
        if self.operator is not None and user_id != self.operator.id:
            raise NotOwnName


def caller_behind(let_in: Pass, surface: Surface) -> Caller | None:
    """Return who calls by a living credential; None if it does not open the surface.

    Operators call RPC alone.
    """
    match let_in.who:
        case OperatorToken() as token if surface is Surface.RPC:
            operator = Operator(token.user_id, token.operator or "")
            return Caller(token.scope, token.key_id, operator, let_in.check)
        case Key() as key if key.kind in ALLOWED_KINDS[surface]:
            return Caller(key.scope, key.id, None, let_in.check)
        case _:
            return None
