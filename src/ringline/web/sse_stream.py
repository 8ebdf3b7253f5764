"""Server-sent events: a call's transcript, or a thread of messages (live streams, 2.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ringline.services.follow import OnLoss, Subscription
from ringline.services.outbox import Outbox
from ringline.services.stream_ledger import StreamSurface
from ringline.web.cors import READABLE
from ringline.web.edge import StreamRequest
from ringline.web.limits import StreamLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S, NEVER, StreamConnection, nothing
from ringline.web.stream_watch import AnyStart, StreamWatch
from ringline.web.watchers import InChunks, Watchers, chunk
from ringline.wire import sse
from ringline.wire.dialect import Dialect
from ringline.wire.errors import stream_error_v1
from ringline.wire.http_answer import write_head

#: The last chunk of a body (RFC 9112, 7.1).
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Frames:
    """A stream's surface, and its dialect with ids and without.

    If they are `spoken`, turns of a call come in spoken order.
    """

    surface: StreamSurface
    with_ids: Dialect
    plain: Dialect
    spoken: bool = False


class SseConnection(StreamConnection):
    """The connection of a stream, from its headers on. The client's bytes mean nothing."""

    __slots__ = ("_beat", "_beats_at", "_chunked", "_closes_at", "_every_s")

    def __init__(self, request: StreamRequest, headers: Mapping[str, str]) -> None:
        super().__init__(request)
        self._chunked = request.is_http11
        self._beats_at = self._every_s = self._closes_at = NEVER
        self._beat: Callable[[], None] = nothing
        coding = {"Transfer-Encoding": "chunked"} if self._chunked else {}
        self.write(write_head(200, request.named({**headers, **coding, "Connection": "close"})))
        request.early_input()

    def framed(self, data: bytes) -> bytes:
        """Return bytes as a chunk, if the client's version of HTTP has any."""
        return chunk(data) if self._chunked else data

    def dialect(self, dialect: Dialect) -> Dialect:
        """Return a dialect as chunks."""
        return InChunks(dialect) if self._chunked else dialect

    def keep_alive(self, every_s: float, beat: Callable[[], None]) -> None:
        """Call `beat` from now on, to send a heartbeat."""
        self._every_s, self._beat = every_s, beat
        self._beats_at = self._loop.time() + every_s
        self.plan()

    def end(self) -> None:
        """End the body, and close."""
        if self.is_open:
            if self._chunked:
                self.write(_LAST_CHUNK)
            self._beats_at, self._closes_at = NEVER, self._loop.time() + CLOSE_TIMEOUT_S
            self._transport.close()
            self.plan()

    def due(self) -> float:
        """Return when something is to be done next."""
        return min(super().due(), self._beats_at, self._closes_at)

    def act(self, now: float) -> None:
        """Send a heartbeat, or cut off a client that does not read the end."""
        if now >= self._closes_at:
            self.abort()
        elif now >= self._beats_at:
            self._beats_at = now + self._every_s
            self._beat()

    def data_received(self, data: bytes) -> None:
        """Ignore what the client sends."""
        self.skip(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the stream, too."""
        self._beat = nothing
        super().connection_lost(exc)


class SseStream:
    """A stream, from its headers to its end."""

    __slots__ = ("_connection", "_frames", "_limits", "_outbox", "_start", "_watch", "_watchers")

    def __init__(
        self, watchers: Watchers, start: AnyStart, *, frames: Frames, limits: StreamLimits
    ) -> None:
        self._watchers = watchers
        self._limits = limits
        self._start = start
        self._frames = frames
        self._watch = StreamWatch(watchers, start, on_end=self._end)
        self._connection: SseConnection | None = None
        self._outbox: Outbox | None = None

    def credential_revoked(self) -> None:
        """End: the stream's key or operator was revoked."""
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """End with an error; an `EventSource` reconnects by itself."""
        self._watch.finish("UNAVAILABLE")

    async def begin(self, request: StreamRequest) -> StreamConnection:
        """Begin the stream."""
        connection = self._connection = SseConnection(request, sse.HEADERS | READABLE)
        outbox = self._outbox = Outbox(
            connection,
            self._watchers.tick,
            overrun=connection.abort,
            tell_dropped=lambda count: connection.framed(sse.encode_dropped(count)),
        )
        connection.on_resumed = outbox.resumed
        connection.when_lost(self._left)
        opening = sse.encode_opening(str(self._start.position))
        if self._start.recovered is False:
            opening += sse.NOT_RECOVERED
        outbox.send(connection.framed(opening))
        heartbeat = connection.framed(sse.HEARTBEAT)
        connection.keep_alive(self._limits.heartbeat_s, partial(outbox.send, heartbeat))
        subscription = Subscription(
            self._start.viewer.scope,
            self._start.topic,
            connection.dialect(self._frames.with_ids),
            OnLoss.WITHOUT_POSITIONS,
            on_gap=lambda following: None,  # from here on the missing ids show the loss
            plain=connection.dialect(self._frames.plain),
            open_turns=self._frames.spoken,
            spoken_order=self._frames.spoken,
            on_end=self._watch.topic_ended,
            missed_after=self._start.missed_after,
            subscriber=self._start.viewer.subscriber(self._frames.surface),
        )
        self._watch.begin(subscription, outbox)
        return connection

    def _end(self, code: str) -> None:
        connection, outbox = self._connection, self._outbox
        if connection is None or outbox is None:
            return
        outbox.flush()
        outbox.close()
        if code:  # ahead of queued frames, so that a slow client is told too
            error = sse.encode_event(stream_error_v1(code), name="error")
            connection.write(connection.framed(error))
        connection.end()

    def _left(self) -> None:
        """Stop: the client is gone."""
        self._watch.leave()
        if self._outbox is not None:
            self._outbox.close()
        self._connection = self._outbox = None
