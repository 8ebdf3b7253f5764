"""The mints of session tokens and of operator tokens.

`POST /api/realtime/session` (events socket, 2) and `POST /api/operator/access` (7.1) share
everything but the answer: a secret key, a bounded rate, a small JSON body or none.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from ringline.domain import limits
from ringline.domain.credentials import Key, Surface
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, NewId
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.team import Team
from ringline.web.authentication import Denied, answer, key_for, retry_after
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import BodyTooLarge, open_share, read_body
from ringline.wire import operator_access, session_token
from ringline.wire.errors import HttpRefusal, refuse_rpc
from ringline.wire.rpc import TAKES_SECRET_KEY

#: Mints the token that a body asks for. Raises MintProblem, and storage's errors.
Make: TypeAlias = Callable[[Key, bytes], Awaitable[bytes | HttpRefusal]]


class SessionTokens:
    """The handler of `POST /api/realtime/session`."""

    def __init__(
        self,
        credentials: Credentials,
        secret: str,
        *,
        rate: RateLimit,
        now: Clock,
        new_id: NewId,
    ) -> None:
        self._credentials = credentials
        self._secret = secret
        self._rate = rate
        self._now = now
        self._new_id = new_id

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """Mint a session token."""
        return await _mint(request, self._credentials, rate=self._rate, make=self._make)

    async def _make(self, key: Key, body: bytes) -> bytes:
        asked = session_token.read_mint(body)
        claims = session_token.new_token(
            key.scope,
            key.id,
            token_id=self._new_id(),
            now=self._now(),
            ttl_s=asked.ttl_s,
            operator=asked.operator,
        )
        return session_token.answer_mint(session_token.sign(claims, self._secret), claims)


class OperatorAccess:
    """The handler of `POST /api/operator/access`."""

    def __init__(self, credentials: Credentials, team: Team, *, rate: RateLimit) -> None:
        self._credentials = credentials
        self._team = team
        self._rate = rate

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """Mint a token for the team member with the given email."""
        return await _mint(request, self._credentials, rate=self._rate, make=self._make)

    async def _make(self, key: Key, body: bytes) -> bytes | HttpRefusal:
        email = operator_access.read_mint(body)
        access = await self._team.issue_access(key.scope, key.id, email=email)
        if access is None:
            return refuse_rpc("not_found", "no member of the team has this email")
        member = access.member
        return operator_access.answer_mint(
            access.text, access.token, user_id=member.id, email=member.email, role=member.role
        )


async def _mint(
    request: web.Request, credentials: Credentials, *, rate: RateLimit, make: Make
) -> web.Response:
    try:
        visitor = await key_for(request.headers, credentials, surface=Surface.RPC)
        if isinstance(visitor, Denied):
            if visitor is Denied.UNKNOWN:
                return answer(refuse_rpc("unauthorized"))
            return answer(refuse_rpc("forbidden", details={"hint": TAKES_SECRET_KEY}))
        share = open_share(request, visitor.key.id, scope=visitor.key.scope)
        wait_s = rate.take(visitor.key.id)
        await share.begin(REFUSAL_S if wait_s else REQUEST_S)
        if wait_s:
            return answer(refuse_rpc("rate_limited"), retry_after(wait_s))
        body = await read_body(request, limits.MINT_BYTES.most, share=share)
        await visitor.check()  # reading the body takes time
        made = await make(visitor.key, body)
        await visitor.check()  # and so does the database
    except Unrecognised:
        return answer(refuse_rpc("unauthorized"))
    except Unavailable:
        return answer(refuse_rpc("unavailable"), retry_after())
    except BodyTooLarge:
        return answer(refuse_rpc("payload_too_large"))
    except session_token.MintProblem as problem:
        return answer(refuse_rpc("bad_request", problem.message))
    if isinstance(made, HttpRefusal):
        return answer(made)
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=made, content_type="application/json", headers=headers)
