"""The upgrade to a voice session, whichever protocol its client speaks.

Every refusal comes before the upgrade. A ticket is checked before it is redeemed, so that
a refusal for another reason does not use it up (contract, 5). How a surface reads a request,
refuses it and starts a session is its `Entrance`; what is common to all of them is here.
"""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from ringline.domain.credentials import Key, Surface, Ticket
from ringline.domain.leash import Leash
from ringline.domain.origins import OriginNotAllowed, may_connect
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import Credentials, Registration, TooManySockets
from ringline.services.reception import Reception
from ringline.services.session_ends import SessionEnds
from ringline.services.session_places import ProcessFull, SessionPlaces, TooManySessions
from ringline.services.sessions import Permit, Sessions, leash_of
from ringline.web.authentication import Denied, Origins, key_for, origins_of, retry_after
from ringline.web.edge import Answer, StreamRequest, refused
from ringline.web.frame_gate import SESSION
from ringline.web.limits import RealtimeLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S
from ringline.web.upgrade import OUR_VERSION, upgrade_problem
from ringline.web.voice_session import Beginning, VoiceSession
from ringline.web.websocket import WebSocket
from ringline.wire.errors import HttpRefusal

#: When to try a full process again, in seconds: its places are free when somebody hangs up.
FULL_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a request offers: a ticket or else its key; and the subprotocol to answer with."""

    ticket: str | None = None
    subprotocol: str | None = None


class Entrance(Protocol):
    """One request's way in, in the protocol of its surface."""

    @property
    def handshake(self) -> Handshake | None:
        """Return what the request offers; None if that cannot be a credential."""
        ...

    def refuse(self, code: str, message: str | None = None) -> HttpRefusal:
        """Write a refusal; the codes are those of `/v3`."""
        ...

    async def check(self, owner: Key | Ticket) -> HttpRefusal | None:
        """Refuse what is wrong with the request for this owner, before a ticket is redeemed.

        Raises StoreUnavailable.
        """
        ...

    def beginning(self, permit: Permit) -> Beginning:
        """Return what starts the session."""
        ...


class SessionSockets:
    """Opens the sockets of voice sessions."""

    def __init__(
        self,
        sessions: Sessions,
        reception: Reception,
        *,
        places: SessionPlaces,
        ends: SessionEnds,
        credentials: Credentials,
        origins: Origins,
        bounds: RealtimeLimits,
    ) -> None:
        self._sessions = sessions
        self._reception = reception
        self._places = places
        self._ends = ends
        self._credentials = credentials
        self._origins = origins
        self._bounds = bounds
        self._open: set[VoiceSession] = set()

    async def shutdown(self) -> None:
        """End the sessions that are not calls yet; wait for all sockets to close."""
        for session in self._open:
            session.server_stops()
        if self._open:
            closed = {session.closed for session in self._open}
            await asyncio.wait(closed, timeout=CLOSE_TIMEOUT_S)

    async def open(self, request: StreamRequest, entrance: Entrance) -> Answer | None:
        """Open a session, or refuse the request."""
        problem = upgrade_problem(request)
        if problem is not None:
            return refused(entrance.refuse("upgrade_required", problem), OUR_VERSION)
        if self._origins.refuses(request.headers):
            return refused(entrance.refuse("forbidden"))
        try:
            return await self._upgrade(request, entrance)
        except OriginNotAllowed:
            return refused(entrance.refuse("forbidden"))
        except TooManySessions:
            return refused(entrance.refuse("concurrency_limit"), retry_after())
        except TooManySockets:
            return refused(entrance.refuse("rate_limited"), retry_after())
        except ProcessFull:
            return refused(entrance.refuse("unavailable"), retry_after(FULL_RETRY_S))
        except Unavailable:
            return refused(entrance.refuse("unavailable"), retry_after())

    async def _upgrade(self, request: StreamRequest, entrance: Entrance) -> Answer | None:
        handshake = entrance.handshake
        if handshake is None:
            return unauthorized(entrance)
        self._reception.check_accepting()
        self._places.check_room()
        with ExitStack() as held:
            owner = await self._owner(request, handshake)
            if owner is None:
                return unauthorized(entrance)
            leash = leash_of(owner)
            if refuses_origin(leash, request):
                return refused(entrance.refuse("forbidden"))
            refusal = await entrance.check(owner)
            if refusal is not None:
                return refused(refusal)
            await request.begin_stream(owner.scope)
            held.enter_context(self._places.taken(owner.scope, leash))
            session = VoiceSession(self._sessions, self._reception, bounds=self._bounds)
            held.enter_context(self._standing(owner, session))
            if isinstance(owner, Ticket):  # before it is redeemed
                held.enter_context(self._revocable(owner, session))
            permit = await self._permit(owner, handshake, origins=origins_of(request.headers))
            if permit is None:
                return unauthorized(entrance)
            if isinstance(owner, Key):
                held.enter_context(self._revocable(permit, session))
            socket = WebSocket.accept(request, handshake.subprotocol, bounds=SESSION)
            held.enter_context(self._present(session))
            try:
                await session.serve(socket, permit, beginning=entrance.beginning(permit))
            finally:
                socket.end()
            return None

    @contextmanager
    def _present(self, session: VoiceSession) -> Generator[None]:
        self._open.add(session)
        try:
            yield
        finally:
            self._open.discard(session)
            session.closed.set_result(None)

    async def _owner(self, request: StreamRequest, handshake: Handshake) -> Key | Ticket | None:
        """Find whose session it would be, without redeeming the ticket."""
        if handshake.ticket is not None:
            return await self._sessions.peek(handshake.ticket)
        visitor = await key_for(request.headers, self._credentials, surface=Surface.REALTIME)
        return None if isinstance(visitor, Denied) else visitor.key

    def _revocable(
        self, session: Ticket | Permit, opened: VoiceSession
    ) -> AbstractContextManager[None]:
        return self._ends.registered(session.scope, session.call_id, end=opened.revoked)

    def _standing(self, owner: Key | Ticket, session: VoiceSession) -> Registration:
        if isinstance(owner, Key):
            return self._credentials.register(owner.id, session.key_revoked)
        return self._credentials.register(owner.key_id, session.key_revoked, guest=True)

    async def _permit(
        self, owner: Key | Ticket, handshake: Handshake, *, origins: Sequence[str]
    ) -> Permit | None:
        """Redeem the ticket, or check the key, which is registered by now.

        Raises OriginNotAllowed if the workspace does not let the origins in.
        """
        if isinstance(owner, Ticket):
            assert handshake.ticket is not None, "a ticket's owner was found by it"
            return await self._sessions.redeem(handshake.ticket, origins=origins)
        key = await self._credentials.admit(owner.id, owner.scope)
        if key is None:
            return None
        if not may_connect(origins, key.allowed_origins):
            raise OriginNotAllowed
        return self._sessions.permit_key(owner)


def refuses_origin(leash: Leash, request: StreamRequest) -> bool:
    """Return whether a ticket may not be used by the page that the request comes from (2.7)."""
    origins = origins_of(request.headers)
    allowed = leash.allowed_origins
    return allowed is not None and (len(origins) != 1 or origins[0] not in allowed)


UNAUTHORIZED_HEADERS = {"WWW-Authenticate": "Bearer"}


def unauthorized(entrance: Entrance) -> Answer:
    """Answer a request without a valid credential."""
    return refused(entrance.refuse("unauthorized"), UNAUTHORIZED_HEADERS)
