"""The mint of tickets, whichever protocol asks for one."""

from typing import Protocol

from aiohttp import web

from ringline.domain import limits
from ringline.domain.credentials import Surface, Ticket
from ringline.domain.session_config import ConfigProblem, Models
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.reception import Reception
from ringline.services.sessions import Sessions
from ringline.web.authentication import Denied, Visitor, answer, key_for, retry_after
from ringline.web.fair_share import BYTE_KEPT_S, REFUSAL_S, REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import BodyTooLarge, open_share, read_body
from ringline.web.session_sockets import UNAUTHORIZED_HEADERS
from ringline.wire.errors import HttpRefusal
from ringline.wire.realtime_mint import TicketRequest


class MintLanguage(Protocol):
    """How a surface asks for a ticket, and is answered."""

    def read(self, body: bytes, models: Models) -> TicketRequest | HttpRefusal:
        """Read a body, or refuse it."""
        ...

    def answer(self, secret: str, ticket: Ticket, *, asked: TicketRequest) -> bytes:
        """Write the answer."""
        ...

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal; the codes are those of `/v3`."""
        ...


class TicketMint:
    """Mints tickets for keys."""

    def __init__(
        self,
        sessions: Sessions,
        reception: Reception,
        *,
        credentials: Credentials,
        rate: RateLimit,
    ) -> None:
        self._sessions = sessions
        self._reception = reception
        self._credentials = credentials
        self._rate = rate

    async def mint(self, request: web.Request, language: MintLanguage) -> web.StreamResponse:
        """Mint a ticket for the key that the request has."""
        try:
            visitor = await key_for(request.headers, self._credentials, surface=Surface.REALTIME)
        except Unavailable:
            return answer(language.refuse("unavailable"), retry_after())
        if isinstance(visitor, Denied):
            return answer(language.refuse("unauthorized"), UNAUTHORIZED_HEADERS)
        return await self.mint_for(request, visitor, language=language)

    async def mint_for(
        self, request: web.Request, visitor: Visitor, *, language: MintLanguage
    ) -> web.StreamResponse:
        """Mint a ticket for a key that is valid; the request's body says what it binds."""
        try:
            return await self._mint(request, visitor, language=language)
        except Unrecognised:
            return answer(language.refuse("unauthorized"), UNAUTHORIZED_HEADERS)
        except BodyTooLarge:
            return answer(language.refuse("payload_too_large"))
        except Unavailable:
            return answer(language.refuse("unavailable"), retry_after())

    async def _mint(
        self, request: web.Request, visitor: Visitor, *, language: MintLanguage
    ) -> web.Response:
        share = open_share(request, visitor.key.id, scope=visitor.key.scope)
        wait_s = self._rate.take(visitor.key.id)
        await share.begin(REFUSAL_S if wait_s else REQUEST_S)
        if wait_s:
            return answer(language.refuse("rate_limited"), retry_after(wait_s))
        self._reception.check_accepting()
        body = await read_body(request, limits.MINT_BYTES.most, share=share)
        await visitor.check()  # reading the body takes time
        asked = language.read(body, await self._sessions.models(visitor.key.scope))
        if isinstance(asked, HttpRefusal):
            return answer(asked)
        share.charge(len(body) * BYTE_KEPT_S)
        minted = await self._sessions.mint(visitor.key, asked)
        await visitor.check()  # and so does the database
        if minted is None:
            return answer(language.refuse("unauthorized"), UNAUTHORIZED_HEADERS)
        if isinstance(minted, ConfigProblem):
            return answer(language.refuse(minted.code, minted.message))
        secret, ticket = minted
        written = language.answer(secret, ticket, asked=asked)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=written, content_type="application/json", headers=headers)
