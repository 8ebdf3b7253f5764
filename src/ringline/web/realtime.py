"""The realtime voice surface: the ticket mint and the session's socket.

Every refusal comes before the upgrade. A ticket is checked before it is redeemed, so that
a refusal for another reason does not use it up (contract, 5).
"""

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import structlog
from aiohttp import web

from ringline.domain import limits
from ringline.domain.credentials import Key, Surface, Ticket
from ringline.domain.endings import EndCause
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.leash import Leash
from ringline.domain.session_config import ConfigProblem, EffectiveConfig
from ringline.domain.unavailable import Unavailable
from ringline.legs.realtime import RealtimeLeg
from ringline.services.credentials import Credentials, TooManySockets, Unrecognised
from ringline.services.live_call import LiveCall
from ringline.services.reception import Offer, Reception
from ringline.services.session_ends import SessionEnds
from ringline.services.sessions import Permit, Sessions, TooManySessions, leash_of
from ringline.web.authentication import Denied, Origins, Visitor, answer, key_for, retry_after
from ringline.web.fair_share import BYTE_KEPT_S, REFUSAL_S, REQUEST_S
from ringline.web.frame_gate import SESSION
from ringline.web.http_connection import begin_stream
from ringline.web.limits import RealtimeLimits
from ringline.web.links import Links
from ringline.web.rates import RateLimit
from ringline.web.requests import BodyTooLarge, open_share, read_body
from ringline.web.stream_connection import CLOSE_TIMEOUT_S
from ringline.web.upgrade import OUR_VERSION, offered_subprotocols, upgrade_problem
from ringline.web.websocket import Message, WebSocket
from ringline.wire import realtime
from ringline.wire.errors import refuse_v3
from ringline.wire.realtime_errors import ERRORS, RealtimeError, SessionProblem
from ringline.wire.realtime_mint import answer_mint, read_mint
from ringline.wire.realtime_ticket import OfferedTicket, find_ticket
from ringline.wire.websocket_reader import CloseCode

_log = structlog.get_logger(__name__)

UNAUTHORIZED_HEADERS = {"WWW-Authenticate": "Bearer"}
#: The largest message that is no image.
_MOST_BYTES = limits.SESSION_FRAME_BYTES.most


class Realtime:
    """The handlers of `/v3/realtime-sessions` and `/v3/realtime`."""

    def __init__(
        self,
        sessions: Sessions,
        reception: Reception,
        *,
        ends: SessionEnds,
        credentials: Credentials,
        events_per_window: int,
        mint_rate: RateLimit,
        origins: Origins,
        links: Links,
        bounds: RealtimeLimits,
    ) -> None:
        self._sessions = sessions
        self._reception = reception
        self._ends = ends
        self._credentials = credentials
        self._events_per_window = events_per_window
        self._mint_rate = mint_rate
        self._origins = origins
        self._links = links
        self._bounds = bounds
        self._open: set[_Session] = set()

    async def shutdown(self) -> None:
        """End the sessions that are not calls yet; wait for all sockets to close."""
        for session in self._open:
            session.server_stops()
        if self._open:
            closed = {session.closed for session in self._open}
            await asyncio.wait(closed, timeout=CLOSE_TIMEOUT_S)

    async def mint(self, request: web.Request) -> web.StreamResponse:
        """`POST /v3/realtime-sessions`: mint a single-use ticket (2)."""
        try:
            visitor = await key_for(request, self._credentials, surface=Surface.REALTIME)
        except Unavailable:
            return _unavailable()
        if isinstance(visitor, Denied):
            return _unauthorized()
        return await self.mint_for(request, visitor)

    async def mint_for(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Mint a ticket for a key that is valid; the request's body says what it binds."""
        try:
            share = open_share(request, visitor.key.id, scope=visitor.key.scope)
            wait_s = self._mint_rate.take(visitor.key.id)
            await share.begin(REFUSAL_S if wait_s else REQUEST_S)
            if wait_s:
                return answer(refuse_v3("rate_limited"), retry_after(wait_s))
            self._reception.check_accepting()
            body = await read_body(request, limits.MINT_BYTES.most, share=share)
            await visitor.check()  # reading the body takes time
            asked = read_mint(body, self._sessions.models(visitor.key.scope))
            if isinstance(asked, ConfigProblem):
                minted = asked
            else:
                share.charge(len(body) * BYTE_KEPT_S)
                minted = await self._sessions.mint(visitor.key, asked)
            await visitor.check()  # and so does the database
        except Unrecognised:
            return _unauthorized()
        except BodyTooLarge:
            return answer(refuse_v3("payload_too_large"))
        except Unavailable:
            return _unavailable()
        if minted is None:
            return _unauthorized()
        if isinstance(minted, ConfigProblem):
            return answer(refuse_v3(minted.code, minted.message))
        assert not isinstance(asked, ConfigProblem), "a refused request is not minted"
        secret, ticket = minted
        base_url = self._links.base_url if asked.with_address else None
        body = answer_mint(secret, ticket.expires_at, call_id=ticket.call_id, base_url=base_url)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def end(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v3/realtime-sessions/{id}`: end a session, or revoke its ticket (2.7)."""
        try:
            visitor = await key_for(request, self._credentials, surface=Surface.REALTIME)
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
            return _unavailable()
        if not found:
            return answer(refuse_v3("not_found", "there is no such session or unused ticket"))
        return web.Response(status=204)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """`GET /v3/realtime`: open a session (3)."""
        refusal = self._refuse_early(request)
        if refusal is not None:
            return refusal
        offer = find_ticket(offered_subprotocols(request), request.query.get("ticket"))
        try:
            self._reception.check_accepting()
            with ExitStack() as held:
                owner = await self._owner(request, offer)
                if owner is None:
                    return _unauthorized()
                leash = leash_of(owner)
                if refuses_origin(leash, request):
                    return answer(refuse_v3("forbidden"))
                await begin_stream(request, owner.scope)
                held.enter_context(self._sessions.slot(owner.scope, leash))
                session = _Session(
                    self._sessions,
                    self._reception,
                    events_per_window=self._events_per_window,
                    bounds=self._bounds,
                )
                held.enter_context(self._standing(owner, session))
                if isinstance(owner, Ticket):  # before it is redeemed
                    held.enter_context(self._revocable(owner, session))
                permit = await self._permit(owner, offer)
                if permit is None:
                    return _unauthorized()
                if isinstance(owner, Key):
                    held.enter_context(self._revocable(permit, session))
                socket = await WebSocket.accept(
                    request, offer.answer if offer else None, bounds=SESSION
                )
                held.enter_context(self._present(session))
                await session.serve(socket, permit)
                return socket.response
        except TooManySessions:
            return answer(refuse_v3("concurrency_limit"), retry_after())
        except TooManySockets:
            return answer(refuse_v3("rate_limited"), retry_after())
        except Unavailable:
            return _unavailable()

    def _refuse_early(self, request: web.Request) -> web.Response | None:
        problem = upgrade_problem(request)
        if problem is not None:
            return answer(refuse_v3("upgrade_required", problem), OUR_VERSION)
        if self._origins.refuses(request):
            return answer(refuse_v3("forbidden"))
        return None

    @contextmanager
    def _present(self, session: "_Session") -> Generator[None]:
        self._open.add(session)
        try:
            yield
        finally:
            self._open.discard(session)
            session.closed.set_result(None)

    async def _owner(
        self, request: web.Request, offer: OfferedTicket | None
    ) -> Key | Ticket | None:
        """Find whose session it would be, without redeeming the ticket."""
        if offer is not None:
            return await self._sessions.peek(offer.ticket)
        visitor = await key_for(request, self._credentials, surface=Surface.REALTIME)
        return None if isinstance(visitor, Denied) else visitor.key

    def _revocable(
        self, session: Ticket | Permit, opened: "_Session"
    ) -> AbstractContextManager[None]:
        return self._ends.registered(session.scope, session.call_id, end=opened.revoked)

    def _standing(self, owner: Key | Ticket, session: "_Session") -> AbstractContextManager[None]:
        if isinstance(owner, Key):
            return self._credentials.register(owner.id, session.key_revoked)
        return self._credentials.register(owner.key_id, session.key_revoked, guest=True)

    async def _permit(self, owner: Key | Ticket, offer: OfferedTicket | None) -> Permit | None:
        """Redeem the ticket, or check the key, which is registered by now."""
        if isinstance(owner, Key):
            alive = await self._credentials.admit(owner.id, owner.scope)
            return self._sessions.permit_key(owner) if alive else None
        return await self._sessions.redeem(offer.ticket) if offer is not None else None


class _Session:
    """One session, from the 101 to the close."""

    def __init__(
        self,
        sessions: Sessions,
        reception: Reception,
        *,
        events_per_window: int,
        bounds: RealtimeLimits,
    ) -> None:
        self._sessions = sessions
        self._reception = reception
        self._events_per_window = events_per_window
        self._bounds = bounds
        self._live: LiveCall | None = None
        loop = asyncio.get_running_loop()
        #: Why there will be no call, once that is known; a running call is ended directly.
        self._refused: asyncio.Future[SessionProblem] = loop.create_future()
        #: Done when the socket is closed.
        self.closed: asyncio.Future[None] = loop.create_future()

    def key_revoked(self) -> None:
        """End the session: the key that opened it was revoked."""
        if self._live is not None:
            self._live.end(EndCause.KEY_REVOKED)
        self._refuse("revoked")

    def revoked(self) -> None:
        """End the session: somebody who may has asked for it."""
        if self._live is not None:
            self._live.end(EndCause.SESSION_REVOKED)
        self._refuse("revoked", EndCause.SESSION_REVOKED)

    def server_stops(self) -> None:
        """End the session unless it is a call: calls are ended separately."""
        self._refuse("server_shutdown")

    def _refuse(self, code: str, cause: EndCause | None = None) -> None:
        if not self._refused.done():
            self._refused.set_result(SessionProblem(code, cause=cause))

    async def serve(self, socket: WebSocket, permit: Permit) -> None:
        """Talk to the client until either side closes. Raises nothing but cancellation."""
        keeping = socket.keep_alive(self._bounds.ping_every_s, self._bounds.silent_s)
        pinging = asyncio.create_task(keeping)
        try:
            await self._speak(socket, permit)
        except Exception as error:  # a bug ends only this session, and is logged
            _log.error("session_failed", error=type(error).__name__)
            await _close(socket, ERRORS["internal_error"])
        finally:
            pinging.cancel()

    async def _speak(self, socket: WebSocket, permit: Permit) -> None:
        config = await self._start(socket, permit)
        if isinstance(config, SessionProblem):
            socket.send_text(realtime.encode_refusal(config))
            await _close(socket, config.ending)
        elif config is not None:
            offer = self._sessions.offer(permit, config)
            leg = RealtimeLeg(socket, config, events_per_window=self._events_per_window)
            await self._run(socket, leg, offer=offer)

    async def _start(
        self, socket: WebSocket, permit: Permit
    ) -> EffectiveConfig | SessionProblem | None:
        """Wait for `session.start`; None if the client left first."""
        first = asyncio.create_task(socket.receive())
        try:
            await asyncio.wait(
                {first, self._refused},
                timeout=self._bounds.start_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        if self._refused.done():
            return self._refused.result()
        if first.cancelled():
            return SessionProblem("start_timeout")
        message = first.result()
        if socket.violation == CloseCode.TOO_LARGE or (
            message is not None and _is_too_large(message)
        ):
            return SessionProblem("frame_too_large")
        return None if message is None else await self._accept(message, permit)

    async def _accept(self, message: Message, permit: Permit) -> EffectiveConfig | SessionProblem:
        """Handle the first frame, which must be a valid `session.start`."""
        start = realtime.decode_start(message)
        if isinstance(start, SessionProblem):
            return start
        try:
            config = await self._sessions.configure(permit, start)
            if isinstance(config, ConfigProblem):
                return SessionProblem(config.code, config.message)
            if self._refused.done():
                return self._refused.result()
            self._reception.check_accepting()
        except Unavailable:
            return SessionProblem("unavailable")
        return config

    async def _run(self, socket: WebSocket, leg: RealtimeLeg, *, offer: Offer) -> None:
        socket.on_resumed = leg.drained
        self._live = self._reception.accept(offer, leg)
        leg.report_to(self._live.listener)
        reading = asyncio.create_task(_read(socket, leg))
        try:
            await asyncio.wait({reading, leg.hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if socket.violation == CloseCode.TOO_LARGE:
                leg.receive_oversized()
                await asyncio.wait({leg.hung_up}, timeout=CLOSE_TIMEOUT_S)
        finally:
            leg.lost()  # before any await: a lost connection cancels this task
            socket.on_resumed = _nothing
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if leg.hung_up.done():
            await _close(socket, leg.hung_up.result())
        elif not reading.cancelled():
            reading.result()  # raises the reader's exception


def refuses_origin(leash: Leash, request: web.Request) -> bool:
    """Return whether a ticket may not be used by the page that the request comes from (2.7)."""
    origins = request.headers.getall("Origin", [])
    allowed = leash.allowed_origins
    return allowed is not None and (len(origins) != 1 or origins[0] not in allowed)


def _nothing() -> None:
    """Take the news that the socket accepts bytes again: nothing waits for it any more."""


async def _close(socket: WebSocket, error: RealtimeError) -> None:
    await socket.close(error.close_code, error.code)


async def _read(socket: WebSocket, leg: RealtimeLeg) -> None:
    """Give the client's messages to its leg until there are no more."""

    def take(message: Message) -> None:
        if 4 * len(message) > _MOST_BYTES and _is_too_large(message):
            socket.refuse(CloseCode.TOO_LARGE)  # a character has at most four bytes
        elif isinstance(message, str):
            leg.receive(message)
        else:
            leg.receive_binary()

    await socket.receive_all(take)


def _is_too_large(message: Message) -> bool:
    """Return whether a message is too large for anything but an image."""
    if isinstance(message, bytes):
        return len(message) > _MOST_BYTES
    return len(message.encode()) > _MOST_BYTES and not realtime.may_be_large(message)


def _unauthorized() -> web.Response:
    return answer(refuse_v3("unauthorized"), UNAUTHORIZED_HEADERS)


def _unavailable() -> web.Response:
    return answer(refuse_v3("unavailable"), retry_after())
