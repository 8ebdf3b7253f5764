"""The live streams of one call: its transcript (SSE), its events (WebSocket).

Live streams, 2. Both are refused before the first byte: 401, 403, 404 for a foreign id as
for an unknown one, 404 as well where nothing is left to send, which stops an `EventSource`.
"""

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from aiohttp import HttpVersion11, web

from ringline.domain.events import CallAnswered, CallEnded, EventData, TurnCompleted
from ringline.domain.ids import Prefix, parse_id, show_id
from ringline.domain.log import FromBeginning, Position, Since
from ringline.ports import CallStore, Clock, NewId, StoreAway
from ringline.services.follow import Following, OnLoss, Subscription, follow, resolve
from ringline.services.hub import UnknownLog
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.web.doors import Door, Origins, answer
from ringline.web.watching import InChunks, InTextFrames, Viewer, Watching, chunk, read_since
from ringline.web.websocket import (
    CLOSE_TIMEOUT_S,
    Connection,
    TextMessage,
    WebSocket,
    upgrade_problem,
)
from ringline.wire import sse
from ringline.wire.envelope import Envelope, command_error, stream_dropped
from ringline.wire.errors import refuse_v1, stream_error_v1
from ringline.wire.transcript import TranscriptStream
from ringline.wire.websocket_frames import text_frame

_log = structlog.get_logger(__name__)

HEARTBEAT_S = 30.0
SILENT_S = 60.0
MAX_WATCHERS = 50  # of one call (live streams, 2.6)
MAX_COMMAND_BYTES = 64 * 1024
_PAGE = 500
_FIRST = 20  # events of a call among which its answer must be


class Refused(Exception):
    """A stream is refused; the text is the `/v1` code."""


@dataclass(frozen=True, slots=True)
class Start:
    """A stream that may begin: whose it is, of which call, and from where.

    `recovered` is None if no place was asked for, False if it could not be had.
    """

    viewer: Viewer
    call_id: UUID
    position: Position
    recovered: bool | None


class Stream(Protocol):
    """What the two streams have in common: they end for a reason."""

    def key_revoked(self) -> None:
        """End: the key that the stream stands on is gone."""
        ...

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with the stream."""
        ...


class CallStreams:
    """The handlers of the streams below `/v1/calls/{id}`."""

    def __init__(
        self,
        watching: Watching,
        calls: CallStore,
        origins: Origins,
        documentation_url: str,
        now: Clock,
        new_id: NewId,
    ) -> None:
        self._watching = watching
        self._calls = calls
        self._origins = origins
        self._documentation_url = documentation_url
        self._now = now
        self._new_id = new_id
        self._watchers: Counter[UUID] = Counter()

    async def transcript(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/calls/{id}/transcript/stream` (2.2, 2.3)."""
        since = read_since(request.headers.get("Last-Event-ID") or request.query.get("since"))
        if since is None and request.query.get("replay") == "1":
            since = FromBeginning()
        return await self._open(request, since, TurnCompleted)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/calls/{id}/stream` (2.5)."""
        return await self._open(request, read_since(request.query.get("since")), CallEnded)

    async def _open(
        self, request: web.Request, since: Since | None, last: type[EventData]
    ) -> web.StreamResponse:
        """Open the stream whose calls end with an event of type `last`."""
        try:
            viewer = await self._watching.stream_viewer(request, query=True)
            if viewer is Door.UNKNOWN:
                raise Refused("UNAUTHENTICATED")
            if isinstance(viewer, Door) or self._origins.refuses(request):
                raise Refused("PERMISSION_DENIED")
            start = await self._start(viewer, request, since, last)
            if last is CallEnded and upgrade_problem(request) is not None:
                raise Refused("UPGRADE_REQUIRED")
            stream: Stream = (
                _Events(self._watching, start, self._now)
                if last is CallEnded
                else _Transcript(self._watching, start)
            )
            with self._place(start.call_id):
                return await self._serve(stream, request, start)
        except Refused as refusal:
            return self._refuse(str(refusal))
        except (StoreAway, UnknownLog):
            return self._refuse("UNAVAILABLE")

    async def _serve(
        self, stream: Stream, request: web.Request, start: Start
    ) -> web.StreamResponse:
        credentials, key_id = self._watching.credentials, start.viewer.key_id
        with credentials.standing_on(key_id, stream.key_revoked):
            if not await credentials.admit(key_id):
                raise Refused("UNAUTHENTICATED")
            return await stream.serve(request)

    async def _start(
        self, viewer: Viewer, request: web.Request, since: Since | None, last: type[EventData]
    ) -> Start:
        """Find the place to begin and the call; refuse where nothing will be sent.

        In this order: the end of a call that is found alive comes behind the place, so every
        stream that begins meets its call's last event.
        """
        call_id = parse_id(Prefix.CALL, request.match_info["id"])
        if call_id is None:
            raise Refused("NOT_FOUND")
        begin = await resolve(self._watching.log_store, viewer.log, since)
        call = await self._calls.find_call(viewer.log, call_id)
        if call is None:
            raise Refused("NOT_FOUND")
        start = Start(viewer, call.id, begin.position, begin.recovered)
        if call.ended_at is not None and not (begin.recovered and await self._left(start, last)):
            raise Refused("NOT_FOUND")
        return start

    async def _left(self, start: Start, kind: type[EventData]) -> bool:
        """Tell whether an ended call has an event of a type behind a position."""
        after = start.position.offset
        while True:
            page = await self._watching.log_store.page(
                start.viewer.log, after, _PAGE, start.call_id
            )
            if any(isinstance(stored.event.data, kind) for stored in page):
                return True
            if len(page) < _PAGE:
                return False
            after = page[-1].offset

    @contextmanager
    def _place(self, call_id: UUID) -> Generator[None]:
        if self._watchers[call_id] >= MAX_WATCHERS:
            raise Refused("RATE_LIMITED")
        self._watchers[call_id] += 1
        try:
            yield
        finally:
            self._watchers[call_id] -= 1
            if not self._watchers[call_id]:
                del self._watchers[call_id]

    def _refuse(self, code: str) -> web.Response:
        request_id = show_id(Prefix.REQUEST, self._new_id())
        headers = {"X-Request-Id": request_id, "Access-Control-Allow-Origin": "*"}
        if code in ("UNAVAILABLE", "RATE_LIMITED"):
            headers["Retry-After"] = "1"
        refusal = refuse_v1(code, request_id, documentation_base=self._documentation_url)
        return answer(refusal, headers)


class _Watch:
    """One stream's way along the log, and why it ends: a `/v1` code, or "" for its end."""

    def __init__(self, watching: Watching, start: Start) -> None:
        self._watching = watching
        self._start = start
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def finish(self, code: str) -> None:
        """End the stream; the first reason counts."""
        if not self.end.done():
            self.end.set_result(code)

    async def run(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the call until the stream ends; never raises but for cancellation."""
        try:
            await self._follow(subscription, outbox)
        except OutboxClosed:
            self.finish("")
        except (StoreAway, UnknownLog):
            self.finish("UNAVAILABLE")
        except Exception as error:  # a defect ends this stream alone, and visibly
            _log.error("stream_failed", error=type(error).__name__)
            self.finish("INTERNAL")
        else:
            self.finish("")

    async def _follow(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the call until its last event has left."""
        hub, store = self._watching.hub, self._watching.log_store
        following = await follow(hub, store, subscription, self._start.position, outbox)
        try:
            await following.ended.wait()
            await outbox.drained()
        finally:
            following.close()


class _Transcript:
    """A transcript stream from its headers to its end."""

    def __init__(self, watching: Watching, start: Start) -> None:
        self._watching = watching
        self._start = start
        self._watch = _Watch(watching, start)

    def key_revoked(self) -> None:
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """End with an error; an `EventSource` comes back by itself."""
        self._watch.finish("UNAVAILABLE")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=sse.HEADERS | {"Access-Control-Allow-Origin": "*"})
        await response.prepare(request)
        connection = Connection(request)
        outbox = Outbox(connection, self._watching.tick, connection.abort)
        connection.on_resumed = outbox.resumed
        chunked = request.version >= HttpVersion11
        with self._watching.present(self):
            await self._stream(connection, outbox, chunked=chunked)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await response.write_eof()
        except (TimeoutError, ConnectionError):  # it reads nothing, or has left
            connection.abort()
        return response

    async def _stream(self, connection: Connection, outbox: Outbox, *, chunked: bool) -> None:
        def framed(data: bytes) -> bytes:
            return chunk(data) if chunked else data

        with_ids, plain = TranscriptStream(with_ids=True), TranscriptStream(with_ids=False)
        subscription = Subscription(
            self._start.viewer.log,
            self._start.call_id,
            InChunks(with_ids) if chunked else with_ids,
            OnLoss.WITHOUT_POSITIONS,
            on_gap=lambda following: None,  # the ids that are missing from here on tell it
            plain=InChunks(plain) if chunked else plain,
            open_turns=True,
        )
        outbox.send(framed(sse.OK))
        if self._start.recovered is False:
            outbox.send(framed(sse.NOT_RECOVERED))
        tasks = [
            asyncio.create_task(self._watch.run(subscription, outbox)),
            asyncio.create_task(_beat(connection, outbox, framed(sse.HEARTBEAT))),
        ]
        try:
            code = await self._watch.end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outbox.flush()
            outbox.close()
        if code:  # past what waits: a client that does not read is told as well
            connection.write(framed(sse.encode_event(stream_error_v1(code), name="error")))


async def _beat(connection: Connection, outbox: Outbox, heartbeat: bytes) -> None:
    """Send heartbeats; cut off a connection that has taken nothing for two of them."""
    stuck = False
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        if connection.paused and stuck:
            connection.abort()
            return
        stuck = connection.paused
        outbox.send(heartbeat)


#: The WebSocket close code for each reason to end (live streams, 2.5).
CLOSE_CODES = {"": 1000, "UNAUTHENTICATED": 1008, "UNAVAILABLE": 1001, "INTERNAL": 1011}


class _Events:
    """A call's WebSocket from its 101 to its close."""

    def __init__(self, watching: Watching, start: Start, now: Clock) -> None:
        self._watching = watching
        self._start = start
        self._now = now
        self._watch = _Watch(watching, start)
        self._outbox: Outbox | None = None

    def key_revoked(self) -> None:
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """Close: the server goes down."""
        self._watch.finish("UNAVAILABLE")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        answered = await self._answered_before()
        socket = await WebSocket.accept(request, max_bytes=MAX_COMMAND_BYTES)
        outbox = self._outbox = Outbox(socket, self._watching.tick, socket.abort)
        socket.on_resumed = outbox.resumed
        if self._start.recovered is False:
            outbox.send(self._dropped(self._start.position))
        if answered is not None:
            outbox.send(answered)
        subscription = Subscription(
            self._start.viewer.log,
            self._start.call_id,
            InTextFrames(Envelope()),
            OnLoss.GO_ON,
            self._tell_gap,
        )
        reading = asyncio.create_task(self._read(socket, outbox))
        tasks = [
            reading,
            asyncio.create_task(self._watch.run(subscription, outbox)),
            asyncio.create_task(socket.keep_alive(HEARTBEAT_S, SILENT_S)),
        ]
        with self._watching.present(self):
            try:
                await asyncio.wait({reading, self._watch.end}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                outbox.flush()
                outbox.close()
            if self._watch.end.done():
                code = self._watch.end.result()
                await socket.close(CLOSE_CODES[code], code)
        return socket.response

    async def _answered_before(self) -> bytes | None:
        """Copy `call.initiated` for who comes to a call that is up already (2.5).

        Who resumes has had it, or gets it from the log.
        """
        if self._start.recovered:
            return None
        log, position = self._start.viewer.log, self._start.position
        first = await self._watching.log_store.page(log, 0, _FIRST, self._start.call_id)
        for stored in first:
            if isinstance(stored.event.data, CallAnswered) and stored.offset <= position.offset:
                own = Position(position.epoch, stored.offset)
                return InTextFrames(Envelope()).encode(stored.event, own, log)
        return None

    async def _read(self, socket: WebSocket, outbox: Outbox) -> None:
        """Answer what clients send; commands come with call control."""
        async for message in socket.messages():
            if not isinstance(message, TextMessage):
                await socket.close(1003, "INVALID_ARGUMENT")
                return
            error = command_error(
                "INVALID_ARGUMENT", "this call takes no commands here", self._now()
            )
            outbox.send(text_frame(error))

    def _tell_gap(self, following: Following) -> None:
        if self._outbox is not None:
            self._outbox.send(self._dropped(following.position))

    def _dropped(self, position: Position) -> bytes:
        return text_frame(stream_dropped(position, self._now()))
