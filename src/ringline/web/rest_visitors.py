"""Whose request to `/v1` it is: a key's, in the headers or the body, or a playback token's.

Contract, 6; live streams, 1.3 and 1.4.
"""

from aiohttp import web

from ringline.domain import v1_limits
from ringline.domain.log import Environment
from ringline.rest.reading import read_body
from ringline.rest.route import Refused, Route
from ringline.services.credentials import Credentials, Unrecognised
from ringline.web.authentication import (
    Contradiction,
    Denied,
    Visitor,
    agreed,
    credential_of,
    key_with,
)
from ringline.web.http_connection import begin_anonymous
from ringline.web.requests import open_strangers_share
from ringline.web.requests import read_body as receive_body


async def read_key_body(request: web.Request) -> bytes:
    """Read a body that holds the key, whose sender is unknown until then."""
    await begin_anonymous(request)
    share = open_strangers_share(request)
    return await receive_body(request, v1_limits.KEY_BODY_BYTES.most, share=share)


async def admit(
    route: Route, request: web.Request, *, credentials: Credentials, early: bytes
) -> Visitor:
    """Authenticate a request; `early` is its body if that holds the key.

    Raises Refused, StoreUnavailable.
    """
    try:
        text = None if route.key_in else credential_of(request.headers)
        in_query = agreed(request.query.getall("token", ())) if route.file and not text else None
    except Contradiction:
        raise Refused("UNAUTHENTICATED") from None
    if route.key_in:
        text = read_body(route, early)[route.key_in]
    text = text or in_query
    if not text:
        raise Refused("UNAUTHENTICATED")
    if route.file and credentials.read_playback_token(text) is not None:
        return await _player(text, credentials)
    visitor = Denied.UNKNOWN  # a key in a query, which ends up in logs
    if in_query is None:
        visitor = await key_with(text, credentials, surface=route.surface)
    if visitor is Denied.UNKNOWN:
        raise Refused("PERMISSION_DENIED" if _is_token(text, credentials) else "UNAUTHENTICATED")
    if isinstance(visitor, Denied):
        raise Refused("PERMISSION_DENIED")
    if route.live_only and visitor.key.scope.environment is not Environment.LIVE:
        raise Refused("PERMISSION_DENIED", "a sk_live_ key is required")
    return visitor


async def _player(token: str, credentials: Credentials) -> Visitor:
    """Return the visitor of a playback token. Raises Refused, StoreUnavailable."""
    key = await credentials.playback_key(token)
    if key is None:
        raise Refused("UNAUTHENTICATED")

    async def check() -> None:
        if await credentials.playback_key(token) is None:
            raise Unrecognised

    return Visitor(key, check)


def _is_token(text: str, credentials: Credentials) -> bool:
    """Return whether a credential is a valid token, which opens something else."""
    return (
        credentials.read_playback_token(text) is not None
        or credentials.read_token(text) is not None
    )
