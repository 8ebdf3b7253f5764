"""The door of the events socket: `/socket/websocket` (events socket, 3.2).

What is said there, whatever carries it, is `events_session.py`.
"""

import asyncio

from aiohttp import web

from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import TooManySockets
from ringline.web.authentication import Contradiction, Origins, agreed, bearer_of, retry_after
from ringline.web.events_session import EventsSession
from ringline.web.frame_gate import WATCHER
from ringline.web.http_connection import begin_stream
from ringline.web.limits import SocketLimits
from ringline.web.upgrade import OUR_VERSION, upgrade_problem
from ringline.web.watchers import InTextFrames, Viewer, Watchers
from ringline.web.websocket import WebSocket
from ringline.wire.dialect import Dialect
from ringline.wire.events_socket import Payloads
from ringline.wire.phoenix import Version, negotiate, read_subprotocols
from ringline.wire.websocket_frames import text_frame


class EventsSockets:
    """The handler of `GET /socket/websocket`."""

    def __init__(self, watchers: Watchers, origins: Origins, *, limits: SocketLimits) -> None:
        self._watchers = watchers
        self._origins = origins
        self._limits = limits
        self._payloads = Payloads()

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Open a socket, or refuse with an empty body (3.2)."""
        version = negotiate(request.query.get("vsn"))
        offer = read_subprotocols(",".join(request.headers.getall("Sec-WebSocket-Protocol", ())))
        viewer = self._viewer(request, offer.token)
        if version is None or viewer is None or self._origins.refuses(request):
            return web.Response(status=403)
        if upgrade_problem(request) is not None:
            return web.Response(status=400, headers=OUR_VERSION)
        try:
            return await self._serve(request, viewer, version=version, subprotocol=offer.answer)
        except Unavailable:
            return web.Response(status=503, headers=retry_after())
        except (TooManySockets, _Refused):
            return web.Response(status=403)

    async def _serve(
        self, request: web.Request, viewer: Viewer, *, version: Version, subprotocol: str | None
    ) -> web.StreamResponse:
        await begin_stream(request, viewer.scope)
        session = EventsSession(
            self._watchers, viewer, version=version, payloads=self._payloads, limits=self._limits
        )
        with self._watchers.standing(
            viewer, session.credential_revoked, expire=session.token_expired
        ):
            key = await self._watchers.admit(viewer)
            if key is None or self._origins.refuses(request, key.allowed_origins):
                raise _Refused
            socket = await WebSocket.accept(request, subprotocol, bounds=WATCHER)
            with self._watchers.present(session):
                await _carry(socket, session, silent_s=self._limits.silent_s)
        return socket.response

    def _viewer(self, request: web.Request, offered: str | None) -> Viewer | None:
        """Read the token from the query, else the subprotocols, else the header."""
        try:
            query = agreed(request.query.getall("session_token", ()))
            token = query or offered or bearer_of(request)
        except Contradiction:
            return None
        return self._watchers.token_viewer(token) if token else None


class _Refused(Exception):
    """The connection's credential is no longer valid, or its page is not allowed."""


class _OverWebSocket:
    """A WebSocket as a session's carrier (events_session.Carrier)."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.on_resumed = _nothing
        #: Done when the session says goodbye.
        self.goodbye: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        socket.on_resumed = lambda: self.on_resumed()

    @property
    def paused(self) -> bool:
        """Return whether no more bytes are accepted now."""
        return self._socket.paused

    def write(self, data: bytes) -> None:
        """Write frames."""
        self._socket.write(data)

    def write_shared(self, data: bytes) -> None:
        """Write frames that many sessions get."""
        self._socket.write_shared(data)

    def frame(self, payload: bytes) -> bytes:
        """Frame a message's payload."""
        return text_frame(payload)

    def framed(self, dialect: Dialect) -> Dialect:
        """Return a dialect in text frames."""
        return InTextFrames(dialect)

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history."""
        await self._socket.begin_replay()

    def say_goodbye(self, code: int, reason: str) -> None:
        """Close with a close code."""
        if not self.goodbye.done():
            self.goodbye.set_result((code, reason))

    def abort(self) -> None:
        """Cut the client off."""
        self._socket.abort()


def _nothing() -> None:
    """Take the news that bytes are accepted again: nothing waits for it yet."""


async def _carry(socket: WebSocket, session: EventsSession, *, silent_s: float) -> None:
    """Carry a session until either side closes."""

    async def watch_idle() -> None:
        await socket.silent_for(silent_s)
        session.silent()

    carrier = _OverWebSocket(socket)
    session.begin(carrier)
    reading = asyncio.create_task(socket.receive_all(session.take))
    idle = asyncio.create_task(watch_idle())
    try:
        await asyncio.wait({reading, carrier.goodbye}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        session.left()
        for task in (reading, idle):
            task.cancel()
        await asyncio.gather(reading, idle, return_exceptions=True)
    if carrier.goodbye.done():
        await socket.close(*carrier.goodbye.result())
