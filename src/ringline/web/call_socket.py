"""A call's events over a WebSocket, as envelopes, and commands to it (live streams, 2.5)."""

from functools import partial

from ringline.domain.events import CallAnswered
from ringline.domain.log import Position
from ringline.domain.topics import CallEvents
from ringline.ports import Clock
from ringline.services.follow import Follower, OnLoss, Subscription
from ringline.services.outbox import Outbox
from ringline.services.stream_ledger import StreamSurface
from ringline.web.call_commands import CommandQueue, Commands
from ringline.web.edge import StreamRequest
from ringline.web.frame_gate import WATCHER
from ringline.web.limits import StreamLimits
from ringline.web.stream_connection import StreamConnection
from ringline.web.stream_watch import Start, StreamWatch
from ringline.web.watchers import InTextFrames, Watchers
from ringline.web.websocket import Message, WebSocket
from ringline.wire.call_envelope import CallEnvelope
from ringline.wire.envelope import stream_dropped
from ringline.wire.websocket_frames import text_frame
from ringline.wire.websocket_reader import CloseCode

_FIRST = 20  # a call is answered within its first events

#: The WebSocket close code for each reason to end (live streams, 2.5).
CLOSE_CODES = {"": 1000, "UNAUTHENTICATED": 1008, "UNAVAILABLE": 1001, "INTERNAL": 1011}


class CallSocket:
    """A call's WebSocket, from the 101 to the close."""

    __slots__ = (
        "_commands",
        "_limits",
        "_now",
        "_outbox",
        "_queue",
        "_socket",
        "_start",
        "_watch",
        "_watchers",
    )

    def __init__(
        self,
        watchers: Watchers,
        start: Start[CallEvents],
        *,
        commands: Commands,
        now: Clock,
        limits: StreamLimits,
    ) -> None:
        self._watchers = watchers
        self._start = start
        self._commands = commands
        self._now = now
        self._limits = limits
        self._watch = StreamWatch(watchers, start, on_end=self._end)
        self._socket: WebSocket | None = None
        self._outbox: Outbox | None = None
        self._queue: CommandQueue | None = None

    def credential_revoked(self) -> None:
        """Close: the stream's key or operator was revoked."""
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """Close: the server is shutting down."""
        self._watch.finish("UNAVAILABLE")

    async def begin(self, request: StreamRequest) -> StreamConnection:
        """Begin the socket."""
        answered = await self._answered_before()
        socket = self._socket = WebSocket.accept(request, bounds=WATCHER)
        outbox = self._outbox = Outbox(socket, self._watchers.tick, overrun=socket.abort)
        socket.on_resumed = outbox.resumed
        socket.when_lost(self._left)
        socket.keep_alive(self._limits.ping_every_s, self._limits.silent_s)
        if self._start.recovered is False:
            outbox.send(self._dropped(self._start.position))
        if answered is not None:
            outbox.send(answered)
        subscription = Subscription(
            self._start.viewer.scope,
            self._start.topic,
            InTextFrames(CallEnvelope()),
            OnLoss.CONTINUE,
            self._tell_gap,
            on_end=self._watch.topic_ended,
            missed_after=self._start.missed_after,
            subscriber=self._start.viewer.subscriber(StreamSurface.CALL_SOCKET),
        )
        self._watch.begin(subscription, outbox)
        self._queue = CommandQueue(
            self._commands,
            self._start.viewer,
            call_id=self._start.topic.call_id,
            reply=self._reply,
        )
        socket.listen(self._take, self._heard_all)
        return socket

    def _take(self, message: Message) -> None:
        """Take one of the client's commands."""
        if self._socket is None or self._queue is None:
            return
        if isinstance(message, bytes):
            self._socket.refuse(CloseCode.UNSUPPORTED_DATA)
        else:
            self._queue.take(message)

    def _heard_all(self, error: Exception | None) -> None:
        """Close: the client closes or has broken a rule; or we do."""
        socket = self._socket
        if socket is None:
            return
        if error is not None:
            socket.fail(error)
        elif socket.violation == CloseCode.UNSUPPORTED_DATA:
            socket.say_goodbye(CloseCode.UNSUPPORTED_DATA, "INVALID_ARGUMENT")
        else:
            socket.end()

    def _reply(self, answer: bytes) -> None:
        if self._outbox is not None:
            self._outbox.send(text_frame(answer))

    def _end(self, code: str) -> None:
        if code or self._queue is None or self._queue.is_idle:
            self._close(code)
        else:  # one of the commands may have ended the call
            self._queue.when_idle(partial(self._close, code))

    def _close(self, code: str) -> None:
        if self._outbox is not None:
            self._outbox.flush()
            self._outbox.close()
        if self._socket is not None:
            self._socket.say_goodbye(CLOSE_CODES[code], code)

    def _left(self) -> None:
        """Stop: the client is gone."""
        self._watch.leave()
        if self._queue is not None:
            self._queue.close()
        if self._outbox is not None:
            self._outbox.close()
        self._socket = self._queue = self._outbox = None

    async def _answered_before(self) -> bytes | None:
        """Return `call.initiated` for a client that joins an answered call (2.5).

        A client that resumes has received it, or gets it from the log.
        """
        if self._start.recovered:
            return None
        scope, position = self._start.viewer.scope, self._start.position
        first = await self._watchers.log_store.page(scope, 0, limit=_FIRST, topic=self._start.topic)
        for stored in first.events:
            if isinstance(stored.event.data, CallAnswered) and stored.offset <= position.offset:
                own = Position(position.epoch, stored.offset)
                return InTextFrames(CallEnvelope()).encode(stored.event, own, scope=scope)
        return None

    def _tell_gap(self, follower: Follower) -> None:
        if self._outbox is not None:
            self._outbox.send(self._dropped(follower.position))

    def _dropped(self, position: Position) -> bytes:
        return text_frame(stream_dropped(position, self._now()))
