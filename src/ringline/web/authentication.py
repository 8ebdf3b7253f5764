"""A request's credential, and the answers to refused ones (contract, 6)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web
from multidict import MultiMapping

from ringline.domain.credentials import ALLOWED_KINDS, Key, Surface
from ringline.domain.origins import may_connect
from ringline.ports import Check
from ringline.services.callers import Caller, caller_of
from ringline.services.credentials import Credentials, Pass, log_refused
from ringline.wire.errors import HttpRefusal


class Denied(Enum):
    """Why a request is refused."""

    UNKNOWN = "unknown"  # no credential, or an invalid one: 401
    WRONG_KIND = "wrong kind"  # a valid key without the right: 403


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that browsers may connect from, as the server is set; none means all."""

    allowed: frozenset[str] = frozenset()

    def refuses(self, headers: MultiMapping[str], of_workspace: Collection[str] = ()) -> bool:
        """Return whether a request's origin is not allowed here, or by its workspace."""
        return not may_connect(origins_of(headers), self.allowed, of_workspace)


def origins_of(headers: MultiMapping[str]) -> list[str]:
    """Return the origins that a request states: one from a browser, none or any from others."""
    return headers.getall("Origin", [])


class Contradiction(Exception):
    """A request carries different credentials; none of them is accepted."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A request's key, and a check to repeat; that raises Unrecognised, StoreUnavailable."""

    key: Key
    check: Check


def credential_of(headers: MultiMapping[str]) -> str | None:
    """Return the credential in a request's headers; None without one.

    Raises Contradiction if there are two different ones.
    """
    bearers = _bearers(headers) if "Authorization" in headers else ()
    if "x-api-key" not in headers:  # of the two, nearly every request has one
        return agreed(bearers)
    return agreed((*(text.strip() for text in headers.getall("x-api-key")), *bearers))


def carries_credential(headers: MultiMapping[str]) -> bool:
    """Return whether a request's headers hold a credential, valid or not."""
    try:
        return credential_of(headers) is not None
    except Contradiction:
        return True


def bearer_of(headers: MultiMapping[str]) -> str | None:
    """Return the Bearer token (RFC 6750, 2.1). Raises Contradiction."""
    return agreed(_bearers(headers))


def agreed(texts: Iterable[str]) -> str | None:
    """Return the text that all values agree on; None if there is none.

    Raises Contradiction if they differ.
    """
    said: str | None = None
    for text in texts:
        if text and text != said:
            if said is not None:
                raise Contradiction
            said = text
    return said


def _bearers(headers: MultiMapping[str]) -> list[str]:
    """Read `Authorization: Bearer`, the scheme in any case; ignore other schemes."""
    tokens: list[str] = []
    for text in headers.getall("Authorization", ()):
        scheme, _, token = text.strip().partition(" ")
        if scheme.lower() == "bearer":
            tokens.append(token.strip())
    return tokens


async def key_for(
    headers: MultiMapping[str], credentials: Credentials, *, surface: Surface
) -> Visitor | Denied:
    """Find the key of a request to a surface. Raises StoreUnavailable."""
    try:
        text = credential_of(headers)
    except Contradiction:
        return Denied.UNKNOWN
    return await key_with(text, credentials, surface=surface)


async def key_with(
    text: str | None, credentials: Credentials, *, surface: Surface
) -> Visitor | Denied:
    """Find the key with this text, for a surface. Raises StoreUnavailable."""
    granted = await credentials.pass_for(text) if text else None
    if granted is None or not isinstance(granted.who, Key):
        return Denied.UNKNOWN
    if granted.who.kind not in ALLOWED_KINDS[surface]:
        log_refused("wrong_kind", granted.who)
        return Denied.WRONG_KIND
    return Visitor(granted.who, granted.check)


async def _pass_of(request: web.Request, credentials: Credentials) -> Pass | None:
    try:
        credential = credential_of(request.headers)
    except Contradiction:
        return None
    return await credentials.pass_for(credential) if credential else None


async def rpc_caller(request: web.Request, credentials: Credentials) -> Caller | Denied:
    """Authenticate the caller of an action: a secret key or an operator token.

    A caller authenticated within the last half second needs no query. Raises
    StoreUnavailable.
    """
    granted = await _pass_of(request, credentials)
    if granted is None:
        return Denied.UNKNOWN
    caller = caller_of(granted, Surface.RPC)
    if caller is None:
        log_refused("wrong_kind", granted.who if isinstance(granted.who, Key) else None)
        return Denied.WRONG_KIND
    return caller


def retry_after(wait_s: int = 1) -> dict[str, str]:
    """Return the header that says when to try again, in whole seconds."""
    return {"Retry-After": str(wait_s)}


def answer(refusal: HttpRefusal, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a refusal as JSON."""
    return web.Response(
        status=refusal.status,
        body=refusal.body,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
