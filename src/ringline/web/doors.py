"""Which credential a request carries, and how a refusal is answered (contract, 6)."""

from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from ringline.domain.credentials import ALLOWED_KINDS, Key, Surface
from ringline.rpc.acting import Caller, Operator
from ringline.services.credentials import Credentials
from ringline.wire.errors import Refusal
from ringline.wire.session_token import OperatorToken


class Door(Enum):
    """Why a request is not let in."""

    UNKNOWN = "unknown"  # no credential, or none that opens anything: 401
    WRONG_KIND = "wrong kind"  # a living key that may not do this: 403


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that browsers may come from; none named means all."""

    allowed: frozenset[str] = frozenset()

    def refuses(self, request: web.Request) -> bool:
        """Tell whether a request's origin is not among the allowed ones."""
        origin = request.headers.get("Origin")
        return bool(self.allowed) and origin is not None and origin not in self.allowed


def credential_of(request: web.Request) -> str | None:
    """Return the one credential in a request's headers; None without one, or with two."""
    key = request.headers.get("x-api-key", "").strip() or None
    if "Authorization" not in request.headers:
        return key
    bearer = bearer_of(request)
    return bearer if key is None or bearer == key else None


def bearer_of(request: web.Request) -> str | None:
    """Return the token of `Authorization: Bearer` (RFC 6750, 2.1); the scheme in any case."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


async def key_for(request: web.Request, credentials: Credentials, surface: Surface) -> Key | Door:
    """Find the key of a request that asks for a surface. Raises StoreAway."""
    credential = credential_of(request)
    key = await credentials.authenticate(credential) if credential else None
    if key is None:
        return Door.UNKNOWN
    return key if key.kind in ALLOWED_KINDS[surface] else Door.WRONG_KIND


async def rpc_caller(request: web.Request, credentials: Credentials) -> Caller | Door:
    """Find who asks for an action: a secret key, or an operator by their token.

    Who was let in within the last half second is let in without asking the database. Raises
    StoreAway.
    """
    credential = credential_of(request)
    who = await credentials.recognise(credential) if credential else None
    match who:
        case None:
            return Door.UNKNOWN
        case OperatorToken():
            return Caller(who.log, who.key_id, Operator(who.user_id, who.operator or ""))
        case Key() if who.kind in ALLOWED_KINDS[Surface.RPC]:
            return Caller(who.log, who.id)
        case Key():
            return Door.WRONG_KIND


def answer(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a refusal as JSON."""
    return web.Response(
        status=refusal.status,
        body=refusal.body,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
