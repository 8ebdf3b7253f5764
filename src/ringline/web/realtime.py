"""The realtime voice surface: the ticket mint and the session's socket."""

from dataclasses import dataclass, replace

from aiohttp import web
from msgspec import structs

from ringline.domain.credentials import Key, Surface, Ticket
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.session_config import ConfigProblem, EffectiveConfig, Models
from ringline.domain.unavailable import Unavailable
from ringline.legs.realtime import RealtimeLeg
from ringline.services.credentials import Credentials, Unrecognised
from ringline.services.reception import Reception
from ringline.services.session_ends import SessionEnds
from ringline.services.sessions import Permit, Sessions
from ringline.web.authentication import Denied, Visitor, answer, key_for, retry_after
from ringline.web.edge import Answer, StreamRequest
from ringline.web.fair_share import REQUEST_S
from ringline.web.limits import RealtimeLimits
from ringline.web.links import Links
from ringline.web.requests import open_share
from ringline.web.session_sockets import UNAUTHORIZED_HEADERS, Handshake, SessionSockets
from ringline.web.ticket_mint import TicketMint
from ringline.web.upgrade import offered_subprotocols
from ringline.web.voice_session import Begun, VoiceSession
from ringline.web.websocket import WebSocket
from ringline.wire import realtime
from ringline.wire.errors import HttpRefusal, refuse_v3
from ringline.wire.realtime_errors import SessionProblem
from ringline.wire.realtime_mint import TicketRequest, answer_mint, read_mint
from ringline.wire.realtime_ticket import find_ticket


@dataclass(frozen=True, slots=True)
class Starter:
    """What starts the sessions of a surface."""

    sessions: Sessions
    reception: Reception
    events_per_window: int
    bounds: RealtimeLimits


class Realtime:
    """The handlers of `/v3/realtime-sessions` and `/v3/realtime`."""

    def __init__(
        self,
        starter: Starter,
        sockets: SessionSockets,
        *,
        mint: TicketMint,
        ends: SessionEnds,
        credentials: Credentials,
        links: Links,
    ) -> None:
        self._starter = starter
        self._sockets = sockets
        self._mint = mint
        self._ends = ends
        self._credentials = credentials
        self._links = links

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """`POST /v3/realtime-sessions`: mint a single-use ticket (2)."""
        return await self._mint.mint(request, _Language(self._links))

    async def mint_for(
        self, request: web.Request, visitor: Visitor, *, subject: str | None = None
    ) -> web.StreamResponse:
        """Mint a ticket for a key that is valid; the request's body says what it binds.

        A `subject` that is given here counts before the body's.
        """
        language = _Language(self._links, subject)
        return await self._mint.mint_for(request, visitor, language=language)

    async def end(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v3/realtime-sessions/{id}`: end a session, or revoke its ticket (2.7)."""
        try:
            visitor = await key_for(request.headers, self._credentials, surface=Surface.REALTIME)
            if isinstance(visitor, Denied):
                return _unauthorized()
            scope = visitor.key.scope
            await open_share(request, visitor.key.id, scope=scope).begin(REQUEST_S)
            await visitor.check()  # its turn may have taken time to come
            session_id = parse_id(Prefix.SESSION, request.match_info["id"])
            found = session_id is not None and await self._ends.end(scope, session_id)
        except Unrecognised:
            return _unauthorized()
        except Unavailable:
            return answer(refuse_v3("unavailable"), retry_after())
        if not found:
            return answer(refuse_v3("not_found", "there is no such session or unused ticket"))
        return web.Response(status=204)

    async def open(self, request: StreamRequest) -> Answer | None:
        """`GET /v3/realtime`: open a session (3)."""
        return await self._sockets.open(request, _Entrance(request, self._starter))


class _Language:
    """How `/v3` asks for a ticket (ticket_mint.MintLanguage)."""

    def __init__(self, links: Links, subject: str | None = None) -> None:
        self._links = links
        self._subject = subject

    def read(self, body: bytes, models: Models) -> TicketRequest | HttpRefusal:
        """Read a body, or refuse it."""
        asked = read_mint(body, models)
        if isinstance(asked, ConfigProblem):
            return refuse_v3(asked.code, asked.message)
        if self._subject is not None:
            leash = structs.replace(asked.leash, subject=self._subject)
            return replace(asked, leash=leash)
        return asked

    def answer(self, secret: str, ticket: Ticket, *, asked: TicketRequest) -> bytes:
        """Write the answer."""
        base_url = self._links.base_url if asked.with_address else None
        return answer_mint(secret, ticket.expires_at, call_id=ticket.call_id, base_url=base_url)

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal."""
        return refuse_v3(code, message)


class _Entrance:
    """One request to `/v3/realtime` (session_sockets.Entrance)."""

    def __init__(self, request: StreamRequest, starter: Starter) -> None:
        offer = find_ticket(offered_subprotocols(request), request.query.get("ticket"))
        self.handshake = Handshake(offer.ticket, offer.answer) if offer else Handshake()
        self._starter = starter

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal."""
        return refuse_v3(code, message)

    async def check(self, owner: Key | Ticket) -> HttpRefusal | None:
        """Refuse nothing: what is wrong with a config shows in `session.start`."""
        return None

    def beginning(self, permit: Permit) -> "_Beginning":
        """Return what starts the session."""
        return _Beginning(permit, self._starter)


class _Beginning:
    """A session begins with the client's `session.start` (voice_session.Beginning)."""

    def __init__(self, permit: Permit, starter: Starter) -> None:
        self._permit = permit
        self._starter = starter

    async def begin(
        self, session: VoiceSession, socket: WebSocket
    ) -> Begun | SessionProblem | None:
        """Wait for `session.start`; None if the client left first."""
        starter = self._starter
        message = await session.first_frame(socket, starter.bounds.start_s, beginning=self)
        if message is None or isinstance(message, SessionProblem):
            return message
        start = realtime.decode_start(message)  # which must be a valid `session.start`
        if isinstance(start, SessionProblem):
            return start
        config = await self._accept(start, session)
        if isinstance(config, SessionProblem):
            return config
        leg = RealtimeLeg(socket, config, events_per_window=starter.events_per_window)
        return Begun(config, leg, usage_events=start.usage_events or False)

    async def _accept(
        self, start: realtime.SessionStart, session: VoiceSession
    ) -> EffectiveConfig | SessionProblem:
        """Return the session's config, or why it cannot start now."""
        try:
            config = await self._starter.sessions.configure(self._permit, start)
            if isinstance(config, ConfigProblem):
                return SessionProblem(config.code, config.message)
            if session.refusal is not None:
                return session.refusal
            self._starter.reception.check_accepting()
        except Unavailable:
            return SessionProblem("unavailable")
        return config

    def encode_refusal(self, problem: SessionProblem) -> bytes:
        """Encode the last frame of a session that does not start."""
        return realtime.encode_refusal(problem)

    def may_be_large(self, frame: str) -> bool:
        """Return whether a frame may be as large as an image."""
        return realtime.may_be_large(frame)


def _unauthorized() -> web.Response:
    return answer(refuse_v3("unauthorized"), UNAUTHORIZED_HEADERS)
