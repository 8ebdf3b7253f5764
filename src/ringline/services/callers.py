"""Who is calling: a key, or an operator by a token that the key minted.

Every surface that carries out requests asks the same questions: whose log it is, under whose
name the caller may act, and whether the caller still may after the request has waited.
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

#: Waits for the caller's next turn at a large answer (see `Caller`).
Pace: TypeAlias = Callable[[int, int], Awaitable[None]]


class NotOwnName(Exception):
    """An operator named someone else, or no member of the team; a key may name anyone."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The member of the team whom an operator token stands for.

    The email is empty where it was too long for the token.
    """

    id: UUID
    email: str


async def always() -> None:
    """Allow a caller whose right never ends."""


async def at_once(held: int, made: int) -> None:
    """Build a large answer without pauses."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A key, or an operator by a token that the key minted.

    `check` raises if the caller's right has ended; it is called after a request has waited.
    `pace` is called while a large answer is read and built, with the bytes that it may hold
    and those built since the last call; it waits until other callers have had their turns,
    and raises if this caller has too much in progress.
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
    """Return the caller behind a valid credential; None if it does not open the surface.

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
