"""The door of the events socket: `/socket/websocket` (events socket, 3.2).

What is said there, whatever carries it, is `events_session.py`.
"""

from collections.abc import Callable
from functools import partial

from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import TooManySockets
from ringline.web.authentication import Contradiction, Origins, agreed, bearer_of, retry_after
from ringline.web.edge import Answer, StreamRequest
from ringline.web.events_session import EventsSession, SessionServices
from ringline.web.frame_gate import WATCHER
from ringline.web.upgrade import OUR_VERSION, upgrade_problem
from ringline.web.watchers import InTextFrames, Viewer
from ringline.web.websocket import WebSocket
from ringline.wire.dialect import Dialect
from ringline.wire.phoenix import Version, negotiate, read_subprotocols
from ringline.wire.websocket_frames import text_frame


class EventsSockets:
    """The handler of `GET /socket/websocket`."""

    def __init__(self, services: SessionServices, origins: Origins) -> None:
        self._services = services
        self._watchers = services.watchers
        self._origins = origins

    async def open(self, request: StreamRequest) -> Answer | None:
        """Open a socket, or refuse with an empty body (3.2)."""
        version = negotiate(request.query.get("vsn"))
        offer = read_subprotocols(",".join(request.headers.getall("Sec-WebSocket-Protocol", ())))
        viewer = self._viewer(request, offer.token)
        if version is None or viewer is None or self._origins.refuses(request.headers):
            return Answer(403)
        if upgrade_problem(request) is not None:
            return Answer(400, OUR_VERSION)
        try:
            return await self._open(request, viewer, version=version, subprotocol=offer.answer)
        except Unavailable:
            return Answer(503, retry_after())
        except TooManySockets:
            return Answer(403)

    async def _open(
        self, request: StreamRequest, viewer: Viewer, *, version: Version, subprotocol: str | None
    ) -> Answer | None:
        watchers = self._watchers
        await request.begin_stream(viewer.scope)
        session = EventsSession(self._services, viewer, version=version)
        with watchers.standing(
            viewer, session.credential_revoked, expire=session.token_expired
        ) as standing:
            key = await watchers.admit(viewer)
            if key is None or self._origins.refuses(request.headers, key.allowed_origins):
                return Answer(403)
            session.admitted(key)
            socket = EventsWebSocket.accept(request, subprotocol, bounds=WATCHER)
            socket.when_lost(standing.keep())
        watchers.enter(session)
        socket.when_lost(partial(watchers.leave, session))
        socket.carry(session, silent_s=self._services.limits.silent_s)
        return None

    def _viewer(self, request: StreamRequest, offered: str | None) -> Viewer | None:
        """Read the token from the query, else the subprotocols, else the header."""
        try:
            query = agreed(request.query.getall("session_token", ()))
            token = query or offered or bearer_of(request.headers)
        except Contradiction:
            return None
        return self._watchers.token_viewer(token) if token else None


class EventsWebSocket(WebSocket):
    """A WebSocket that carries a session (events_session.Carrier)."""

    __slots__ = ("_session",)

    def carry(self, session: EventsSession, *, silent_s: float) -> None:
        """Carry a session until either side closes."""
        self._session = session
        self.when_lost(session.left)
        self.limit_silence(silent_s, session.silent)
        session.begin(self)
        self.listen(session.take, self._heard_all)

    def _heard_all(self, error: Exception | None) -> None:
        """End: the client closes or has broken a rule; or the session has said goodbye."""
        self._session.left()
        if error is not None:
            self.fail(error)
        else:
            self.end()

    def when_resumed(self, callback: Callable[[], None]) -> None:
        """Call back whenever bytes are accepted again."""
        self.on_resumed = callback

    def frame(self, payload: bytes) -> bytes:
        """Frame a message's payload."""
        return text_frame(payload)

    def framed(self, dialect: Dialect) -> Dialect:
        """Return a dialect in text frames."""
        return InTextFrames(dialect)
