"""Operator access: the body of its mint and the answer (events socket, 7.1)."""

from uuid import UUID

import msgspec

from ringline.domain.email import is_email
from ringline.domain.members import Member, Shape
from ringline.wire import session_token
from ringline.wire.session_token import MintProblem, OperatorToken
from ringline.wire.strict_json import JsonProblem, StrictDecoder, encode
from ringline.wire.times import seconds

#: The members of a mint's body.
ASKED: tuple[Member, ...] = (
    Member("email", Shape.TEXT, "the email address of a member of the team, in any case"),
)

#: The members of a mint's answer.
ANSWERED: tuple[Member, ...] = (
    *session_token.ANSWERED,
    Member(
        "operator",
        Shape.OBJECT,
        "the member of the team whom the token stands for",
        members=(
            Member("id", Shape.UUID, "their id"),
            Member("email", Shape.TEXT, "their email address"),
            Member("role", Shape.TEXT, "their role in the team"),
        ),
    ),
)


class _Body(msgspec.Struct, frozen=True):
    email: str


_body = StrictDecoder(_Body)


def read_mint(body: bytes) -> str:
    """Read whose token is requested, by email; other members are ignored.

    Raises MintProblem.
    """
    try:
        email = _body.decode(body).email.strip()
    except JsonProblem as problem:
        raise MintProblem(problem.message) from None
    if not is_email(email):
        raise MintProblem("email must be an email address")
    return email


def answer_mint(text: str, token: OperatorToken, *, user_id: UUID, email: str, role: str) -> bytes:
    """Write the answer of a mint."""
    return encode(
        {
            "token": text,
            "expires_at": seconds(token.expires_at),
            "ttl_seconds": round((token.expires_at - token.issued_at).total_seconds()),
            "operator": {"id": str(user_id), "email": email, "role": role},
        }
    )
