"""A call's events over a WebSocket, as envelopes, and commands to it (live streams, 2.5)."""

import asyncio

from aiohttp import web

from ringline.domain.events import CallAnswered
from ringline.domain.log import Position
from ringline.domain.topics import CallEvents
from ringline.ports import Clock
from ringline.services.follow import Follower, OnLoss, Subscription
from ringline.services.outbox import Outbox
from ringline.web.call_commands import CommandQueue, Commands
from ringline.web.frame_gate import WATCHER
from ringline.web.limits import StreamLimits
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
        self._watch = StreamWatch(watchers, start)
        self._outbox: Outbox | None = None

    def credential_revoked(self) -> None:
        """Close: the stream's key or operator was revoked."""
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """Close: the server is shutting down."""
        self._watch.finish("UNAVAILABLE")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve the socket as the response."""
        answered = await self._answered_before()
        socket = await WebSocket.accept(request, bounds=WATCHER)
        outbox = self._outbox = Outbox(socket, self._watchers.tick, overrun=socket.abort)
        socket.on_resumed = outbox.resumed
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
        )
        commands = CommandQueue(
            self._commands,
            self._start.viewer,
            call_id=self._start.topic.call_id,
            reply=lambda answer: outbox.send(text_frame(answer)),
        )
        reading = asyncio.create_task(self._read(socket, commands))
        obeying = asyncio.create_task(commands.run())
        tasks = [
            reading,
            obeying,
            asyncio.create_task(self._watch.run(subscription, outbox)),
            asyncio.create_task(
                socket.keep_alive(self._limits.ping_every_s, self._limits.silent_s)
            ),
        ]
        with self._watchers.present(self):
            try:
                await asyncio.wait({reading, self._watch.end}, return_when=asyncio.FIRST_COMPLETED)
                if self._watch.end.done() and not self._watch.end.result():
                    reading.cancel()
                    await commands.finish()  # one of them may have ended the call
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

    async def _read(self, socket: WebSocket, commands: CommandQueue) -> None:
        """Take the client's commands."""

        def take(message: Message) -> None:
            if isinstance(message, bytes):
                socket.refuse(CloseCode.UNSUPPORTED_DATA)
                return
            commands.take(message)

        await socket.receive_all(take)
        if socket.violation == CloseCode.UNSUPPORTED_DATA:
            await socket.close(CloseCode.UNSUPPORTED_DATA, "INVALID_ARGUMENT")

    def _tell_gap(self, follower: Follower) -> None:
        if self._outbox is not None:
            self._outbox.send(self._dropped(follower.position))

    def _dropped(self, position: Position) -> bytes:
        return text_frame(stream_dropped(position, self._now()))
