"""Who is calling: a key, an operator by a token that the key minted, or a person who signed in.

Every surface that carries out requests needs to know which log a caller has access to, whose
name they may act under, and whether they are still allowed to after the request has waited.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from ringline.domain.audit import NOWHERE, Origin
from ringline.domain.credentials import ALLOWED_KINDS, Key, Person, Surface
from ringline.domain.log import Scope
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import is_at_least
from ringline.ports import Check
from ringline.services.credentials import Pass
from ringline.wire.session_token import OperatorToken

#: Waits until the caller may continue with a large answer (see `Caller`).
Pace: TypeAlias = Callable[[int, int], Awaitable[None]]


class NotOwnName(Exception):
    """A caller named someone else, or no member of the team; a key may name anyone."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The member of the team that an operator token was issued to.

    The email is empty if it was too long for the token.
    """

    id: UUID
    email: str


async def always() -> None:
    """Allow a caller whose right never ends; raises nothing."""


async def at_once(held: int, made: int) -> None:
    """Build a large answer without pauses."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A key, an operator by a token that the key minted, or the person behind a sign-in.

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
    person: Person | None = None
    #: Where the request comes from, as far as the audit log is told.
    origin: Origin = field(default=NOWHERE, compare=False)

    def paced_by(self, pace: Pace) -> "Caller":
        """Return the caller with another pace (`replace` costs twice as much)."""
        return Caller(
            self.scope,
            self.key_id,
            self.operator,
            check=self.check,
            pace=pace,
            person=self.person,
            origin=self.origin,
        )

    @property
    def user_id(self) -> UUID | None:
        """Return which member of the team is calling; None for a key."""
        who = self.person or self.operator
        return None if who is None else who.id

    def act_for(self, user_id: UUID | None) -> None:
        """Check that the caller may act under the name of a member of the team.

        A key may act under any name, and so may a person who is an admin or an owner. Raises
        NotOwnName.
        """
        if self.person is not None and is_at_least(self.person.role, TeamRole.ADMIN):
            return
        if self.user_id is not None and user_id != self.user_id:
            raise NotOwnName


def caller_of(granted: Pass, surface: Surface) -> Caller | None:
    """Return the caller with a valid credential, or None if the surface does not accept it.

    Operators may call RPC only.
    """
    match granted.who:
        case OperatorToken() as token if surface is Surface.RPC:
            operator = Operator(token.user_id, token.operator or "")
            return Caller(token.scope, token.key_id, operator, granted.check)
        case Key() as key if key.kind in ALLOWED_KINDS[surface]:
            return Caller(key.scope, key.id, None, granted.check, person=key.person)
        case _:
            return None
