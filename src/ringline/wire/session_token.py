"""Session tokens: the right to watch, for minutes, many times (events socket, 2).

A token is a JWT signed with HMAC-SHA256 (RFC 7519). It names the key that minted it, so that
revoking the key invalidates it; it is not stored. There may be several secrets during a rotation:
the first signs, all of them verify (contract, 8).  An operator token (7.1) is a session token that
also names the member of the team it acts for: it watches like any other, may run operators'
actions, and ends with the membership too. Only the mint of operator tokens writes that name.

A playback token (live streams, 1.3) has the same contents and opens recordings alone. It is
signed for another purpose, so that neither can be taken for the other.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import jwt
import msgspec

from ringline.domain import limits
from ringline.domain.email import PRINTABLE
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from ringline.domain.members import Member, Shape
from ringline.wire.strict_json import JsonProblem, StrictDecoder, encode
from ringline.wire.times import seconds

DEFAULT_TTL_S = 300
MIN_TTL_S = 30
MAX_TTL_S = 900
OPERATOR_TTL_S = 3600
PLAYBACK_TTL_S = 600
MAX_TOKEN_BYTES = limits.TOKEN_BYTES.most  # it is passed in a query string

_ALGORITHM = "HS256"
#: The header of every token that we sign: `{"alg":"HS256","typ":"JWT"}`.
_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
_MAX_OPERATOR = limits.EMAIL_CHARACTERS.most
_OPERATOR = re.compile(PRINTABLE)  # an email, or the client's own id


class Purpose(StrEnum):
    """What a token is good for; its signature covers it."""

    WATCHING = "session token"
    PLAYBACK = "playback token"


class TokenProblem(ValueError):
    """A token is invalid; the text is a sentence that does not quote it."""


class MintProblem(ValueError):
    """A mint's body is invalid; `message` is for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A token's contents: whose log it watches, which key minted it, its expiry.

    `operator` names who it is for, as presence lists them; it is left out if the token would be
    too long.
    """

    scope: Scope
    key_id: UUID
    id: UUID
    issued_at: datetime
    expires_at: datetime
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorToken(SessionToken):
    """A session token of a member of the team; `operator` is their email."""

    user_id: UUID = field(kw_only=True)


class _Claims(msgspec.Struct, frozen=True):
    org: str
    env: Environment
    key: str
    jti: str
    iat: int
    exp: int
    op: str | None = None
    usr: str | None = None


_decode_claims = msgspec.json.Decoder(_Claims).decode


#: The members of a mint's body.
ASKED: tuple[Member, ...] = (
    Member(
        "ttl_seconds",
        Shape.INTEGER,
        f"how long the token can be used, {MIN_TTL_S} to {MAX_TTL_S}; what is outside counts as "
        "the nearest",
        str(DEFAULT_TTL_S),
        null=True,
    ),
    Member(
        "operator_email",
        Shape.TEXT,
        f"whom the token is for, by whom presence lists its sockets: at most {_MAX_OPERATOR} "
        "printable characters without spaces",
        "none",
        null=True,
    ),
    Member("user_id", Shape.TEXT, "the same, by your own id, which wins", "none", null=True),
)

#: The members of a mint's answer.
ANSWERED: tuple[Member, ...] = (
    Member("token", Shape.TEXT, "the token, for as many uses as you like"),
    Member("expires_at", Shape.TIME, "until when it can be used"),
    Member("ttl_seconds", Shape.INTEGER, "how long that is"),
)


class MintBody(msgspec.Struct, frozen=True):
    """The body of a mint; every member is optional, unknown ones are ignored."""

    ttl_seconds: int | None = None
    operator_email: str | None = None
    user_id: str | None = None

    @property
    def ttl_s(self) -> int:
        """Return the lifetime in seconds: 300 unless asked, clamped to 30…900."""
        asked = DEFAULT_TTL_S if self.ttl_seconds is None else self.ttl_seconds
        return max(MIN_TTL_S, min(MAX_TTL_S, asked))

    @property
    def operator(self) -> str | None:
        """Return who the token is for, if the client said so."""
        return self.user_id or self.operator_email or None


_mint_body = StrictDecoder(MintBody)


def read_mint(body: bytes) -> MintBody:
    """Read the body of a mint; an empty one is `{}`. Raises MintProblem."""
    if not body.strip():
        return MintBody()
    try:
        mint = _mint_body.decode(body)
    except JsonProblem as problem:
        raise MintProblem(problem.message) from None
    for member in ("operator_email", "user_id"):
        text = mint.operator_email if member == "operator_email" else mint.user_id
        if text and (len(text) > _MAX_OPERATOR or not _OPERATOR.fullmatch(text)):
            raise MintProblem(
                f"{member} must be at most {_MAX_OPERATOR} printable characters without spaces"
            )
    return mint


def answer_mint(token: str, claims: SessionToken) -> bytes:
    """Write the answer of a mint."""
    ttl = round((claims.expires_at - claims.issued_at).total_seconds())
    return encode({"token": token, "expires_at": seconds(claims.expires_at), "ttl_seconds": ttl})


def new_token(
    scope: Scope, key_id: UUID, *, token_id: UUID, now: datetime, ttl_s: int, operator: str | None
) -> SessionToken:
    """Make a token's contents, with times in whole seconds."""
    issued_at = now.replace(microsecond=0)
    return SessionToken(
        scope, key_id, token_id, issued_at, issued_at + timedelta(seconds=ttl_s), operator
    )


def new_operator_token(
    scope: Scope, key_id: UUID, *, token_id: UUID, now: datetime, user_id: UUID, email: str
) -> OperatorToken:
    """Make an operator token's contents, with times in whole seconds."""
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + timedelta(seconds=OPERATOR_TTL_S)
    return OperatorToken(scope, key_id, token_id, issued_at, expires_at, email, user_id=user_id)


def sign(token: SessionToken, secret: str, *, purpose: Purpose = Purpose.WATCHING) -> str:
    """Encode and sign a token: at most 512 characters, valid in a query unescaped."""
    claims: dict[str, Any] = {
        "org": format_id(Prefix.WORKSPACE, token.scope.workspace_id),
        "env": token.scope.environment.value,
        "key": format_id(Prefix.KEY, token.key_id),
        "jti": token.id.hex,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
    }
    if isinstance(token, OperatorToken):
        claims["usr"] = format_id(Prefix.USER, token.user_id)
    signing_key = _signing_key(secret, purpose)
    if token.operator is not None:
        named = jwt.encode(claims | {"op": token.operator}, signing_key, algorithm=_ALGORITHM)
        if len(named) <= MAX_TOKEN_BYTES:
            return named
    return jwt.encode(claims, signing_key, algorithm=_ALGORITHM)


def verify(
    token: str, secrets: Sequence[str], *, now: datetime, purpose: Purpose = Purpose.WATCHING
) -> SessionToken:
    """Verify a token's signature and its expiry. Raises TokenProblem."""
    if not 0 < len(token) <= MAX_TOKEN_BYTES or not token.isascii():
        raise TokenProblem("it is no session token")
    for secret in secrets:
        claims = _verified(token, _signing_key(secret, purpose))
        if claims is not None:
            break
    else:
        raise TokenProblem("the session token's signature is not ours")
    read = _read(claims)
    if now >= read.expires_at:
        raise TokenProblem("the session token has expired")
    return read


def _verified(token: str, signing_key: bytes) -> bytes | None:
    """Return the claims if the key signed them; times are checked by the caller.

    Only the header that `sign` writes is accepted, so no algorithm can be chosen by a client. A
    handshake verifies a token: PyJWT, which signs them, takes ten times as long for it.
    """
    signed, _, signature = token.rpartition(".")
    header, _, claims = signed.partition(".")
    if header != _HEADER:
        return None
    expected = hmac.digest(signing_key, signed.encode(), "sha256")
    try:
        return _decode(claims) if hmac.compare_digest(_decode(signature), expected) else None
    except ValueError:
        return None


def _decode(segment: str) -> bytes:
    """Decode unpadded base64url, in its only spelling (RFC 7515, 2). Raises ValueError."""
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise ValueError("the segment is not base64url")
    return decoded


def _read(claims: bytes) -> SessionToken:
    try:
        read = _decode_claims(claims)
        org, key = parse_id(Prefix.WORKSPACE, read.org), parse_id(Prefix.KEY, read.key)
        user = None if read.usr is None else parse_id(Prefix.USER, read.usr)
        token_id = UUID(hex=read.jti)
        times = datetime.fromtimestamp(read.iat, UTC), datetime.fromtimestamp(read.exp, UTC)
    except (ValueError, OverflowError, OSError):  # msgspec's errors are ValueErrors
        raise TokenProblem("the session token's claims cannot be read") from None
    if org is None or key is None or (user is None and read.usr is not None):
        raise TokenProblem("the session token's claims cannot be read")
    scope = Scope(org, read.env)
    if user is None:
        return SessionToken(scope, key, token_id, *times, read.op)
    return OperatorToken(scope, key, token_id, *times, read.op, user_id=user)


@lru_cache(16)
def _signing_key(secret: str, purpose: Purpose) -> bytes:
    """Derive the key of this use from a secret of any length."""
    return sha256(f"ringline {purpose}\0{secret}".encode()).digest()
