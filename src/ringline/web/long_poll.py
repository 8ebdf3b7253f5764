"""The door of the events socket for clients that poll: `/socket/longpoll` (events socket, 3.8).

Every answer is HTTP 200, with its status in the JSON. The long-poll token alone names a session,
as in Phoenix: the client sends its session token again with each poll, long after that has
expired, and with a body it may send none. A session is one of its key's sockets, and ends with
the key; so a token that leaked does too.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import structlog
from aiohttp import web

from ringline.domain import socket_limits
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import TooManySockets
from ringline.web.authentication import Contradiction, Origins, agreed, bearer_of
from ringline.web.cors import READABLE
from ringline.web.events_session import EventsSession, SessionServices
from ringline.web.fair_share import HANDSHAKE_S, REQUEST_S
from ringline.web.http_connection import HttpConnection, begin_anonymous, refuse_stranger
from ringline.web.long_poll_session import LongPollSession
from ringline.web.requests import (
    PIECE_BYTES,
    BodyTooLarge,
    BrokenBody,
    open_share,
    read_body,
    write_by_pieces,
)
from ringline.web.watchers import Viewer
from ringline.wire import long_poll
from ringline.wire.long_poll import BodyRefused, PollToken, read_frames, read_token
from ringline.wire.phoenix import Version, negotiate

_log = structlog.get_logger(__name__)

_AUTH_TOKEN = "X-Phoenix-AuthToken"
_POLL_TOKEN = "x-phoenix-longpoll-token"
_HEADERS = {
    **READABLE,
    "Cache-Control": "no-store",
    "Content-Type": "application/json; charset=utf-8",
}
#: A list of headers that a preflight asks for.
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]*")

#: Returns an answer's body.
_Answering: TypeAlias = Callable[[web.Request], Awaitable[bytes]]


class _Refused(Exception):
    """A request that gets a status and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class LongPolls:
    """The handlers of `/socket/longpoll`, and its sessions."""

    def __init__(self, services: SessionServices, origins: Origins) -> None:
        self._services = services
        self._watchers = services.watchers
        self._origins = origins
        self._sessions: dict[str, LongPollSession] = {}

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """Wait for messages, or open a session."""
        return await self._answer(request, self._poll)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a body of frames."""
        return await self._answer(request, self._send)

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a preflight, whose headers are allowed as they were asked for."""
        await begin_anonymous(request)
        allowed = {
            "Access-Control-Allow-Methods": "get, post, options",
            "Access-Control-Max-Age": "3600",
            "Cache-Control": "no-store",
        }
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if asked and _NAMES.fullmatch(asked):
            allowed["Access-Control-Allow-Headers"] = asked
        return web.Response(headers=READABLE | allowed)

    async def other_method(self, request: web.Request) -> web.StreamResponse:
        """Refuse any other method, with an empty body."""
        return web.Response(status=400, headers=READABLE)

    async def _answer(self, request: web.Request, answering: _Answering) -> web.StreamResponse:
        closes = False
        try:
            body = await answering(request)
        except (_Refused, BodyRefused) as refused:
            if refused.status in (long_poll.REFUSED, long_poll.GONE):
                await refuse_stranger(request)
            body = long_poll.write_status(refused.status)
        except TooManySockets:
            body = long_poll.write_status(long_poll.REFUSED)
        except Unavailable:
            body = long_poll.write_status(long_poll.FAILED)
        except BodyTooLarge:
            body = long_poll.write_status(long_poll.TOO_LARGE)
        except BrokenBody:
            body = long_poll.write_status(long_poll.BAD_BODY)
        except web.HTTPException as refusal:  # of a body: it is late, or there is too much
            body, closes = long_poll.write_status(refusal.status), refusal.keep_alive is False
        except ConnectionError:
            raise
        except Exception as error:  # a bug: log it without its text
            _log.error("request_failed", path=request.path, error=type(error).__name__)
            body = long_poll.write_status(long_poll.FAILED)
        if len(body) > PIECE_BYTES:
            return await write_by_pieces(request, body, headers=_HEADERS)
        response = web.Response(body=body, headers=_HEADERS)
        if closes:
            response.force_close()
        return response

    async def _poll(self, request: web.Request) -> bytes:
        token = _token_of(request)
        session = self._session(request, token)
        if session is None or token is None:
            return await self._open(request)
        share = open_share(request, session.viewer.key_id, scope=session.viewer.scope)
        await share.begin(REQUEST_S)
        poll = session.poll(token.answer)
        if poll is None:
            return await self._open(request)
        try:
            return await poll
        finally:
            session.leave_poll(poll)

    async def _send(self, request: web.Request) -> bytes:
        session = self._session(request, _token_of(request))
        if session is None:
            raise _Refused(long_poll.GONE)
        share = open_share(request, session.viewer.key_id, scope=session.viewer.scope)
        await share.begin(REQUEST_S)
        body = await read_body(request, socket_limits.POLL_BYTES.most, share=share)
        return long_poll.write_status(await session.send(read_frames(body, request.content_type)))

    def _session(self, request: web.Request, token: PollToken | None) -> LongPollSession | None:
        """Find the session of a token. Raises _Refused if its page may not have it."""
        session = None if token is None else self._sessions.get(token.session)
        if session is not None and self._origins.refuses(request.headers, session.allowed_origins):
            raise _Refused(long_poll.REFUSED)
        return session

    # -- a new session ------------------------------------------------------------------------

    async def _open(self, request: web.Request) -> bytes:
        """Open a session, and name it. Raises _Refused, TooManySockets, Unavailable."""
        version = negotiate(request.query.get("vsn"))
        viewer = self._viewer(request)
        if version is None or viewer is None or self._origins.refuses(request.headers):
            raise _Refused(long_poll.REFUSED)
        share = open_share(request, viewer.key_id, scope=viewer.scope)
        await share.begin(HANDSHAKE_S)
        session = await self._begin(request, viewer, version=version)
        match session.over:
            case None:
                return long_poll.write_answer(long_poll.GONE, session.token)
            case long_poll.GONE:  # the server stops; the client must not believe it has one
                raise _Refused(long_poll.FAILED)
            case status:
                raise _Refused(status)

    async def _begin(
        self, request: web.Request, viewer: Viewer, *, version: Version
    ) -> LongPollSession:
        watchers, connection = self._watchers, request.protocol
        if not isinstance(connection, HttpConnection):
            raise AssertionError("requests arrive on the listener's connections")
        house, client = connection.house, connection.client
        session = EventsSession(self._services, viewer, version=version)
        with watchers.standing(
            viewer, session.credential_revoked, expire=session.token_expired
        ) as standing:
            key = await watchers.admit(viewer)
            if key is None or self._origins.refuses(request.headers, key.allowed_origins):
                raise _Refused(long_poll.REFUSED)
            if not house.admission.admit_session(client):
                raise TooManySockets
            session.admitted(key)
            polled = LongPollSession(
                secrets.token_urlsafe(32),
                session,
                viewer=viewer,
                house=house,
                bounds=self._services.limits,
                allowed_origins=key.allowed_origins,
            )
            self._sessions[polled.name] = polled
            polled.when_ended(standing.keep())
            polled.when_ended(partial(house.admission.leave_session, client))
            polled.when_ended(partial(self._forget, polled))
            polled.when_ended(partial(watchers.leave, session))
        watchers.enter(session)
        polled.begin()
        return polled

    def _forget(self, session: LongPollSession) -> None:
        del self._sessions[session.name]

    def _viewer(self, request: web.Request) -> Viewer | None:
        """Read the session token from the query, else a header."""
        try:
            token = (
                agreed(request.query.getall("session_token", ()))
                or agreed(request.headers.getall(_AUTH_TOKEN, ()))
                or bearer_of(request.headers)
            )
        except Contradiction:
            return None
        return self._watchers.token_viewer(token) if token else None


def _token_of(request: web.Request) -> PollToken | None:
    """Read the long-poll token from the query or its header; None if it names no session."""
    try:
        told = (*request.query.getall("token", ()), *request.headers.getall(_POLL_TOKEN, ()))
        return read_token(agreed(told))
    except Contradiction:
        return None
