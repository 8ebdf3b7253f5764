"""A client connection: aiohttp's, with a time limit on every wait (contract, 13).

aiohttp waits without limit for a request's head, and for the client to read an answer. Here
a check of all connections once a second (`PortListener`) closes those over their time; that
costs less than a timer that is set and cancelled with every request.

`phase` says what the connection is waiting for:

    HEAD        since the connect (`newcomer.py`), or since the first byte of another request
    REQUEST     the request has arrived; its reader waits for the body (`requests.py`)
    IDLE        between requests: aiohttp's own time-out
    STREAM      a WebSocket or an event stream, which ends by its own rules

In every phase a client that reads nothing of what we write is cut off.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ringline.domain import limits
from ringline.domain.log import Scope
from ringline.web.admission import Admission, Slot
from ringline.web.authentication import retry_after
from ringline.web.budget import ByteBudget
from ringline.web.fair_share import HANDSHAKE_S, REFUSAL_S, REPLAY_S, REQUEST_S, FairShare
from ringline.web.refusals import Refusals

#: How much of a head is kept, to know which surface it is for.
_HEAD_SEEN = 64


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the server waits for a client, in seconds."""

    head_s: float = limits.HEAD_S.most
    body_idle_s: float = limits.BODY_IDLE_S.most
    body_s: float = limits.BODY_S.most
    linger_s: float = limits.LINGER_S.most
    idle_s: float = limits.IDLE_S.most
    answer_idle_s: float = limits.ANSWER_IDLE_S.most
    answer_s: float = limits.ANSWER_S.most


@dataclass(frozen=True, slots=True)
class House:
    """What all connections share: admission, budget, fair shares and refusals."""

    admission: Admission
    refusals: Refusals
    budget: ByteBudget = field(default_factory=ByteBudget)
    fair: FairShare = field(default_factory=FairShare)


class Stream(Protocol):
    """The writing side of a stream, which is notified when the client reads too slowly."""

    def pause_writing(self) -> None:
        """Note that the kernel accepts no more bytes."""
        ...

    def resume_writing(self) -> None:
        """Note that the kernel accepts bytes again."""
        ...


class Incoming(Protocol):
    """What the client's bytes go to after an upgrade, under the names that aiohttp calls."""

    def feed_data(self, data: bytes) -> None:
        """Handle bytes from the client."""
        ...

    def feed_eof(self) -> None:
        """Note that the client is gone."""
        ...


class ConnectionPhase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    REQUEST = auto()
    IDLE = auto()
    STREAM = auto()


class HttpConnection(RequestHandler):
    """A connection that closes itself if its client makes it wait too long."""

    __slots__ = (
        "_all",
        "_answered",
        "_closing_since",
        "_head",
        "_held",
        "_incoming",
        "_parser_is_paused",
        "_phase",
        "_since",
        "_slot",
        "_stream",
        "_stuck_bytes",
        "_stuck_since",
        "_unread_since",
        "_wants_reading",
        "_wire",
        "house",
        "waits",
        "who",
    )

    def __init__(
        self,
        server: web.Server,
        all_: "set[HttpConnection]",
        *,
        house: House,
        waits: Waits,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=waits.idle_s,
            lingering_time=waits.linger_s,
            auto_decompress=False,  # no surface accepts an encoded body
        )
        self.waits = waits
        self.house = house
        self._all = all_
        self._slot: Slot | None = None
        #: The transport until the connection is lost; aiohttp drops its own at a close.
        self._wire: asyncio.Transport | None = None
        self._closing_since: float | None = None
        self._phase = ConnectionPhase.HEAD
        self._since = 0.0
        self._head = b""  # the first bytes of the current request
        #: Since when the client has read nothing, and how much was unread then.
        self._stuck_since: float | None = None
        self._stuck_bytes = 0
        self._unread_since: float | None = None
        #: Whose frames arrive here, once it is a socket.
        self.who: Hashable = ""
        self._answered: list[Callable[[], None]] = []
        self._held = False  # a stream has paused reading
        self._wants_reading = True  # aiohttp does not pause reading
        self._parser_is_paused = False
        self._stream: Stream | None = None
        self._incoming: Incoming | None = None

    @property
    def phase(self) -> ConnectionPhase:
        """Return what the connection is waiting for."""
        return self._phase

    @property
    def is_answering(self) -> bool:
        """Return whether an ordinary request is under way, or its answer unread."""
        if self._phase is ConnectionPhase.STREAM or self._wire is None:
            return False
        return self._phase is ConnectionPhase.REQUEST or self._wire.get_write_buffer_size() > 0

    def begin(self, forwarded: Sequence[str]) -> bool:
        """Note that a request has arrived; False if its client has too many connections."""
        self._phase = ConnectionPhase.REQUEST
        return self._slot is None or self.house.admission.vouch(self._slot, forwarded)

    @property
    def client(self) -> str:
        """Return the address that the connection is counted for."""
        return (self._slot.client if self._slot else None) or ""

    def when_answered(self, callback: Callable[[], None]) -> None:
        """Call back when this request's answer has been read, or never will be."""
        self._answered.append(callback)

    def _note_read(self) -> None:
        """Note that the client has read the whole answer."""
        self._unread_since = None
        if self._answered:
            self._tell_answered()

    def _tell_answered(self) -> None:
        answered, self._answered = self._answered, []
        for callback in answered:
            callback()

    def renew_answer(self) -> None:
        """Count the time for a whole answer anew: the client has read another part of it."""
        if self._unread_since is not None:
            self._unread_since = self._loop.time()

    def become_stream(self, stream: Stream) -> None:
        """Note that the connection is now a stream, which ends by its own rules."""
        self._phase = ConnectionPhase.STREAM
        self._unread_since = None
        self._stream = stream

    def hand_over(self, incoming: Incoming) -> None:
        """Give bytes after an upgrade to their reader, with those that came before the answer."""
        self.keep_alive(False)
        self._incoming = incoming
        self.set_parser(cast("Any", incoming))

    def look(self, now: float) -> None:
        """Close the connection if its client has made it wait too long."""
        wire = self._wire
        if wire is None:
            return
        if wire.is_closing():  # unread bytes keep it open
            self._closing_since = self._closing_since or now
            if now - self._closing_since >= self.waits.answer_idle_s:
                wire.abort()
        elif self._phase is ConnectionPhase.HEAD and now - self._since >= self.waits.head_s:
            self.force_close()
        elif self._stuck_since is not None and self._reads_too_slowly(wire, now):
            wire.abort()

    def _reads_too_slowly(self, wire: asyncio.Transport, now: float) -> bool:
        unread = wire.get_write_buffer_size()
        if unread < self._stuck_bytes:
            self._stuck_since, self._stuck_bytes = now, unread
        if self._unread_since is not None and now - self._unread_since >= self.waits.answer_s:
            return True
        return self._stuck_since is not None and now - self._stuck_since >= self.waits.answer_idle_s

    def cut(self) -> None:
        """Close the connection at once, whatever is under way."""
        if self._wire is not None:
            self._wire.abort()

    # -- reading, which a stream may pause ----------------------------------------------

    def hold_reading(self) -> None:
        """Stop reading until `release_reading`."""
        self._held = True
        _pause(self.transport)

    def release_reading(self) -> None:
        """Resume reading, unless aiohttp has paused it too."""
        if self._held:
            self._held = False
            if self._wants_reading:
                _resume(self.transport)

    def pause_reading(self) -> None:
        """Note that aiohttp's buffer is full."""
        self._wants_reading = False
        self._parser_is_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading, unless a stream has paused it.

        aiohttp calls it with every body, twice; for one that was never paused that would cost a
        turn of the parser and two exceptions.
        """
        resumes_parser = resume_parser and self._parser_is_paused
        if self._wants_reading and not resumes_parser:
            return
        self._wants_reading = True
        self._parser_is_paused = self._parser_is_paused and not resume_parser
        super().resume_reading(resume_parser)
        if self._held:  # nothing was read in between: that takes a turn of the loop
            _pause(self.transport)

    # -- what aiohttp and the loop report -----------------------------------------------

    def enter(self, transport: asyncio.Transport, slot: Slot, *, since: float) -> None:
        """Take over a connection, with the slot it has had since it connected."""
        self._wire, self._slot, self._since = transport, slot, since
        self._all.add(self)
        self.connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the slot."""
        self._wire = None
        self._all.discard(self)
        self._tell_answered()
        slot, self._slot = self._slot, None
        if slot is not None:
            self.house.admission.leave(slot)
        super().connection_lost(exc)
        self._stream = self._incoming = None

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; the first ones after a pause begin a head."""
        if self._incoming is not None:
            self._incoming.feed_data(data)
            return
        if self._phase is ConnectionPhase.IDLE and data:
            self._phase, self._since, self._head = ConnectionPhase.HEAD, self._loop.time(), b""
        if self._phase is ConnectionPhase.HEAD and len(self._head) < _HEAD_SEEN:
            self._head += data[: _HEAD_SEEN - len(self._head)]
        super().data_received(data)

    def pause_writing(self) -> None:
        """Note that the client reads more slowly than we write."""
        super().pause_writing()
        self._stuck_since = self._loop.time()
        self._stuck_bytes = 0 if self._wire is None else self._wire.get_write_buffer_size()
        if self._stream is not None:
            self._stream.pause_writing()
        if self._phase is not ConnectionPhase.STREAM:
            self._unread_since = self._unread_since or self._stuck_since

    def resume_writing(self) -> None:
        """Note that the client is reading again."""
        self._stuck_since = None
        super().resume_writing()
        if self._stream is not None:
            self._stream.resume_writing()
        if self._phase is ConnectionPhase.IDLE:
            self._note_read()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the rest of an answer; then wait for the next request.

        Requests that aiohttp refuses before calling a handler end here as exceptions.
        """
        if isinstance(resp, web.HTTPException):
            resp = self.house.refusals.answer(request.path, resp)
        result = await super().finish_response(request, resp, start_time)
        self._phase = ConnectionPhase.IDLE
        if not self.writing_paused:
            self._note_read()
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request; aiohttp's own answer would quote it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is already under way")
        return self.house.refusals.answer_unread(_path_of(self._head), status)


def _path_of(head: bytes) -> str:
    """Return the beginning of a request line's path; empty if it has none."""
    parts = head.partition(b"\r")[0].split(b" ", 2)
    return parts[1].decode("latin-1") if len(parts) > 1 else ""


def begin_request(request: web.Request) -> None:
    """Notify a request's connection of it. Raises HTTPTooManyRequests."""
    connection = request.protocol
    forwarded = request.headers.getall("X-Forwarded-For", ())
    if isinstance(connection, HttpConnection) and not connection.begin(forwarded):
        raise web.HTTPTooManyRequests(headers=retry_after())


async def begin_stream(request: web.Request, scope: Scope, *, replays: bool = False) -> None:
    """Wait for the workspace's turn to begin a handshake; charge it for the frames.

    `replays` says that the stream begins with a replay.
    """
    connection = request.protocol
    if isinstance(connection, HttpConnection):
        connection.who = scope.workspace_id
        await connection.house.fair.begin(connection.who, HANDSHAKE_S + replays * REPLAY_S)


async def begin_anonymous(request: web.Request) -> None:
    """Wait for the address's turn to have a request without a credential answered."""
    connection = request.protocol
    if isinstance(connection, HttpConnection):
        await connection.house.fair.begin(connection.client, REQUEST_S)


async def refuse_stranger(request: web.Request) -> None:
    """Delay a refusal until it is the address's turn, which slows down bad clients.

    Requests with a valid credential from the same address, such as a proxy's other clients,
    do not wait for it.
    """
    connection = request.protocol
    if isinstance(connection, HttpConnection):
        await connection.house.fair.begin(connection.client, REFUSAL_S)


def _pause(transport: asyncio.Transport | None) -> None:
    if transport is not None and not transport.is_closing() and transport.is_reading():
        transport.pause_reading()


def _resume(transport: asyncio.Transport | None) -> None:
    if transport is not None and not transport.is_closing() and not transport.is_reading():
        transport.resume_reading()
