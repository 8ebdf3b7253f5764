"""Which credential a request carries, and how a refusal is answered (contract, 6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from ringline.domain.credentials import ALLOWED_KINDS, Key, Surface
from ringline.ports import Check
from ringline.services.callers import Caller, caller_of
from ringline.services.credentials import Credentials, Pass, log_refused
from ringline.wire.errors import HttpRefusal


class Denied(Enum):
    """Why a request is refused."""

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


class Contradiction(Exception):
    """A request with credentials that differ: none of them counts."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A key at a door, and how to look at it again; that raises Unrecognised, StoreAway."""

    key: Key
    check: Check


def credential_of(request: web.Request) -> str | None:
    """Return the one credential in a request's headers; None without one.

    Raises Contradiction where there are two.
    """
    keys = (text.strip() for text in request.headers.getall("x-api-key", ()))
    if "Authorization" not in request.headers:
        return agreed(keys)
    return agreed((*keys, *_bearers(request)))


def bearer_of(request: web.Request) -> str | None:
    """Return the token of `Authorization: Bearer` (RFC 6750, 2.1). Raises Contradiction."""
    return agreed(_bearers(request))


def agreed(texts: Iterable[str]) -> str | None:
    """Return the one text that is said, however often; None if none is.

    Raises Contradiction where they differ.
    """
    said: str | None = None
    for text in texts:
        if text and text != said:
            if said is not None:
                raise Contradiction
            said = text
    return said


def _bearers(request: web.Request) -> list[str]:
    """Read `Authorization: Bearer`, the scheme in any case; other schemes are not ours."""
    tokens: list[str] = []
    for text in request.headers.getall("Authorization", ()):
        scheme, _, token = text.strip().partition(" ")
        if scheme.lower() == "bearer":
            tokens.append(token.strip())
    return tokens


async def key_for(
    request: web.Request, credentials: Credentials, surface: Surface
) -> Visitor | Denied:
    """Find the key of a request that asks for a surface. Raises StoreAway."""
    granted = await _pass_of(request, credentials)
    if granted is None or not isinstance(granted.who, Key):
        return Denied.UNKNOWN
    if granted.who.kind not in ALLOWED_KINDS[surface]:
        log_refused("wrong_kind", granted.who)
        return Denied.WRONG_KIND
    return Visitor(granted.who, granted.check)


async def _pass_of(request: web.Request, credentials: Credentials) -> Pass | None:
    try:
        credential = credential_of(request)
    except Contradiction:
        return None
    return await credentials.pass_for(credential) if credential else None


async def rpc_caller(request: web.Request, credentials: Credentials) -> Caller | Denied:
    """Find who asks for an action: a secret key, or an operator by their token.

    Who was let in within the last half second is let in without asking the database. Raises
    StoreAway.
    """
    granted = await _pass_of(request, credentials)
    if granted is None:
        return Denied.UNKNOWN
    caller = caller_of(granted, Surface.RPC)
    if caller is None:
        log_refused("wrong_kind", granted.who if isinstance(granted.who, Key) else None)
        return Denied.WRONG_KIND
    return caller


def answer(refusal: HttpRefusal, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a refusal as JSON."""
    return web.Response(
        status=refusal.status,
        body=refusal.body,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
