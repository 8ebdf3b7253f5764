"""A client connection: aiohttp's, with a time limit on every wait (contract, 13).

aiohttp waits without limit for a request's head, and for the client to read an answer. Here
a check of all connections once a second (`PortListener`) closes those over their time; that
costs less than a timer that is set and cancelled with every request.

`phase` says what the connection is waiting for:

    HEAD        since the connect (`newcomer.py`), or since the first byte of another request
    REQUEST     the request has arrived; its reader waits for the body (`requests.py`)
    IDLE        between requests: aiohttp's own time-out

In every phase a client that reads nothing of what we write is cut off. A request for a stream
that follows others on its connection leaves for the edge with it.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ringline.web.admission import Slot
from ringline.web.authentication import retry_after
from ringline.web.edge import Edge, Sorted
from ringline.web.fair_share import REFUSAL_S, REQUEST_S

#: How much of a head is kept, to know which surface it is for.
_HEAD_SEEN = 64


class ConnectionPhase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    REQUEST = auto()
    IDLE = auto()


class HttpConnection(RequestHandler):
    """A connection that closes itself if its client makes it wait too long."""

    __slots__ = (
        "_all",
        "_answered",
        "_closing_since",
        "_edge",
        "_head",
        "_parser_is_paused",
        "_phase",
        "_since",
        "_slot",
        "_stuck_bytes",
        "_stuck_since",
        "_unread_since",
        "_unsorted",
        "_wants_reading",
        "_wire",
        "house",
        "waits",
    )

    def __init__(
        self,
        server: web.Server,
        all_: "set[HttpConnection]",
        *,
        edge: Edge,
    ) -> None:
        waits = edge.waits
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=waits.idle_s,
            lingering_time=waits.linger_s,
            auto_decompress=False,  # no surface accepts an encoded body
        )
        self.waits = waits
        self.house = edge.house
        self._edge = edge
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
        self._answered: list[Callable[[], None]] = []
        self._wants_reading = True  # aiohttp does not pause reading
        self._parser_is_paused = False
        self._unsorted = b""  # the beginning of a head that may be for a stream

    @property
    def phase(self) -> ConnectionPhase:
        """Return what the connection is waiting for."""
        return self._phase

    @property
    def is_answering(self) -> bool:
        """Return whether an ordinary request is under way, or its answer unread."""
        if self._wire is None:
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

    @property
    def is_proxied(self) -> bool:
        """Return whether the connection comes from a trusted proxy."""
        return self._slot is not None and self._slot.proxied

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

    def pause_reading(self) -> None:
        """Note that aiohttp's buffer is full."""
        self._wants_reading = False
        self._parser_is_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading.

        aiohttp calls it with every body, twice; for one that was never paused that would cost a
        turn of the parser and two exceptions.
        """
        resumes_parser = resume_parser and self._parser_is_paused
        if self._wants_reading and not resumes_parser:
            return
        self._wants_reading = True
        self._parser_is_paused = self._parser_is_paused and not resume_parser
        super().resume_reading(resume_parser)

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

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; the first ones after a pause begin a head."""
        if self._phase is ConnectionPhase.IDLE and data:
            self._phase, self._since, self._head = ConnectionPhase.HEAD, self._loop.time(), b""
            self._unsorted = data
        elif self._unsorted:
            self._unsorted += data
        if self._unsorted:
            whose = self._edge.sort(self._unsorted)
            if whose is Sorted.MORE:
                return
            data, self._unsorted = self._unsorted, b""
            if whose is Sorted.EDGE:
                self._leave_for_edge(data)
                return
        if self._phase is ConnectionPhase.HEAD and len(self._head) < _HEAD_SEEN:
            self._head += data[: _HEAD_SEEN - len(self._head)]
        super().data_received(data)

    def _leave_for_edge(self, head: bytes) -> None:
        """Hand the connection to the edge: aiohttp believes that it is lost."""
        wire, slot = self._wire, self._slot
        if wire is None or slot is None or wire.is_closing():
            return
        self._slot = None
        self.transport = None  # or aiohttp would close it
        self.connection_lost(None)
        self._edge.enter(wire, slot, data=head)

    def pause_writing(self) -> None:
        """Note that the client reads more slowly than we write."""
        super().pause_writing()
        self._stuck_since = self._loop.time()
        self._stuck_bytes = 0 if self._wire is None else self._wire.get_write_buffer_size()
        self._unread_since = self._unread_since or self._stuck_since

    def resume_writing(self) -> None:
        """Note that the client is reading again."""
        self._stuck_since = None
        super().resume_writing()
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
