"""Server-sent events: a call's transcript, or a thread of messages (live streams, 2.2)."""

import asyncio
from dataclasses import dataclass

from aiohttp import HttpVersion11, web

from ringline.services.follow import OnLoss, Subscription
from ringline.services.outbox import Outbox
from ringline.web.cors import READABLE
from ringline.web.limits import StreamLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S, StreamConnection
from ringline.web.stream_watch import AnyStart, StreamWatch
from ringline.web.watchers import InChunks, Watchers, chunk
from ringline.wire import sse
from ringline.wire.dialect import Dialect
from ringline.wire.errors import stream_error_v1


@dataclass(frozen=True, slots=True)
class Frames:
    """A stream's dialect, with ids and without; turns of a call come in spoken order."""

    with_ids: Dialect
    plain: Dialect
    spoken: bool = False


class SseStream:
    """A stream, from its headers to its end."""

    def __init__(
        self, watchers: Watchers, start: AnyStart, *, frames: Frames, limits: StreamLimits
    ) -> None:
        self._watchers = watchers
        self._limits = limits
        self._start = start
        self._frames = frames
        self._watch = StreamWatch(watchers, start)

    def credential_revoked(self) -> None:
        """End: the stream's key or operator was revoked."""
        self._watch.finish("UNAUTHENTICATED")

    def server_stops(self) -> None:
        """End with an error; an `EventSource` reconnects by itself."""
        self._watch.finish("UNAVAILABLE")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve the stream as the response."""
        response = web.StreamResponse(headers=sse.HEADERS | READABLE)
        await response.prepare(request)
        connection = StreamConnection(request)
        chunked = request.version >= HttpVersion11

        def tell_dropped(count: int) -> bytes:
            comment = sse.encode_dropped(count)
            return chunk(comment) if chunked else comment

        outbox = Outbox(
            connection,
            self._watchers.tick,
            overrun=connection.abort,
            tell_dropped=tell_dropped,
        )
        connection.on_resumed = outbox.resumed
        with self._watchers.present(self):
            await self._stream(connection, outbox, chunked=chunked)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await response.write_eof()
        except (TimeoutError, ConnectionError):  # the client reads nothing, or has left
            connection.abort()
        return response

    async def _stream(self, connection: StreamConnection, outbox: Outbox, *, chunked: bool) -> None:
        def framed(data: bytes) -> bytes:
            return chunk(data) if chunked else data

        with_ids, plain = self._frames.with_ids, self._frames.plain
        subscription = Subscription(
            self._start.viewer.scope,
            self._start.topic,
            InChunks(with_ids) if chunked else with_ids,
            OnLoss.WITHOUT_POSITIONS,
            on_gap=lambda following: None,  # from here on the missing ids show the loss
            plain=InChunks(plain) if chunked else plain,
            open_turns=self._frames.spoken,
            spoken_order=self._frames.spoken,
        )
        outbox.send(framed(sse.encode_opening(str(self._start.position))))
        if self._start.recovered is False:
            outbox.send(framed(sse.NOT_RECOVERED))
        tasks = [
            asyncio.create_task(self._watch.run(subscription, outbox)),
            asyncio.create_task(self._beat(connection, outbox, heartbeat=framed(sse.HEARTBEAT))),
        ]
        try:
            code = await self._watch.end
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outbox.flush()
            outbox.close()
        if code:  # ahead of queued frames, so that a slow client is told too
            connection.write(framed(sse.encode_event(stream_error_v1(code), name="error")))

    async def _beat(
        self, connection: StreamConnection, outbox: Outbox, *, heartbeat: bytes
    ) -> None:
        """Send heartbeats; cut off a client that has read nothing for two of them."""
        stuck = False
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            if connection.paused and stuck:
                connection.abort()
                return
            stuck = connection.paused
            outbox.send(heartbeat)
