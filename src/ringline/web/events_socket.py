"""The events socket: `/socket/websocket` (events socket, 3).

The protocol is pure (`wire/phoenix_socket.py`); this shell feeds it frames, decides which
topics exist, and subscribes joined channels to the hub. A join that asks for a position gets
its reply first and then the history, at the pace the connection drains.
"""

import asyncio

import structlog
from aiohttp import web

from ringline.domain.topics import Topic
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import TooManySockets
from ringline.services.follow import Follower, OnLoss, Subscription, follow, resolve
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.web.authentication import Contradiction, Origins, agreed, bearer_of, retry_after
from ringline.web.frame_gate import WATCHER
from ringline.web.http_connection import begin_stream
from ringline.web.limits import SocketLimits
from ringline.web.upgrade import OUR_VERSION, upgrade_problem
from ringline.web.watchers import InTextFrames, Viewer, Watchers, read_since
from ringline.web.websocket import Message, WebSocket
from ringline.wire import phoenix_socket
from ringline.wire.events_socket import EventsSocket, Payloads, TopicRefused, read_topic
from ringline.wire.phoenix import Version, negotiate, read_subprotocols
from ringline.wire.phoenix_socket import (
    ChannelClosed,
    ChannelOpened,
    Disconnect,
    Effect,
    JoinRequested,
    Send,
    SocketProtocol,
)
from ringline.wire.websocket_frames import text_frame

_log = structlog.get_logger(__name__)

UNAVAILABLE = "unavailable"


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
        connection = _Connection(
            self._watchers, viewer, version=version, payloads=self._payloads, limits=self._limits
        )
        with self._watchers.standing(viewer, connection.credential_revoked):
            if not await self._watchers.admit(viewer):
                raise _Refused
            socket = await WebSocket.accept(request, subprotocol, bounds=WATCHER)
            with self._watchers.present(connection):
                await connection.serve(socket)
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
    """The connection's credential is no longer valid."""


class _Connection:
    """One events socket, from the 101 to the close."""

    def __init__(
        self,
        watchers: Watchers,
        viewer: Viewer,
        *,
        version: Version,
        payloads: Payloads,
        limits: SocketLimits,
    ) -> None:
        self._watchers = watchers
        self._payloads = payloads
        self._viewer = viewer
        self._limits = limits
        self._protocol = SocketProtocol(version, limits.channels)
        self._socket: WebSocket | None = None
        self._outbox: Outbox | None = None
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._followers: dict[str, Follower] = {}
        self._end: asyncio.Future[Disconnect] = asyncio.get_running_loop().create_future()

    def credential_revoked(self) -> None:
        """Close: the token's key or operator was revoked."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_DISCONNECTED, "revoked"))

    def server_stops(self) -> None:
        """Close: the client will reconnect to the next server."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_RESTARTING, "restart"))

    async def serve(self, socket: WebSocket) -> None:
        """Talk to the client until either side closes."""
        self._socket = socket
        outbox = self._outbox = Outbox(socket, self._watchers.tick, overrun=socket.abort)
        socket.on_resumed = outbox.resumed
        tasks = [
            asyncio.create_task(self._read(socket)),
            asyncio.create_task(self._watch_idle(socket)),
        ]
        try:
            await asyncio.wait({*tasks, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for topic in [*self._joining, *self._followers]:
                self._stop(topic)
            await asyncio.gather(*tasks, return_exceptions=True)
            outbox.flush()
            outbox.close()
        if self._end.done():
            goodbye = self._end.result()
            await socket.close(goodbye.code, goodbye.reason)

    async def _read(self, socket: WebSocket) -> None:
        try:
            await socket.receive_all(self._take)
        except Exception as error:  # a bug ends only this socket, and is logged
            _log.error("socket_failed", error=type(error).__name__)
            self._disconnect(Disconnect(phoenix_socket.CLOSE_BAD_FRAME, "internal"))

    def _take(self, message: Message) -> None:
        self._carry_out(self._protocol.receive(message))

    async def _watch_idle(self, socket: WebSocket) -> None:
        await socket.silent_for(self._limits.silent_s)
        self._disconnect(Disconnect(phoenix_socket.CLOSE_DISCONNECTED, "idle"))

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    if self._outbox is not None:
                        self._outbox.send(text_frame(frame))
                case JoinRequested():
                    self._join(effect)
                case ChannelOpened():
                    pass  # the join's task continues on its own
                case ChannelClosed(topic):
                    self._stop(topic)
                case Disconnect():
                    self._disconnect(effect)

    def _disconnect(self, goodbye: Disconnect) -> None:
        if not self._end.done():
            self._end.set_result(goodbye)

    def _join(self, request: JoinRequested) -> None:
        try:
            topic = self._topic(request.topic)
        except TopicRefused as refused:
            self._carry_out(self._protocol.refuse_join(request, refused.reason))
            return
        # The topic is silent from here to the reply: anything that an older channel still sent
        # would be sent again after the position in the reply.
        self._stop(request.topic)
        self._joining[request.topic] = asyncio.create_task(self._follow(request, topic))

    def _topic(self, name: str) -> Topic:
        """Return the topic of a channel's name. Raises TopicRefused."""
        return read_topic(name, self._viewer.scope.workspace_id)

    async def _follow(self, request: JoinRequested, topic: Topic) -> None:
        """Reply to a join, then send the topic's events."""
        try:
            await self._join_and_follow(request, topic)
        except OutboxClosed:
            pass
        except Unavailable:
            self._give_up(request, UNAVAILABLE)
        except Exception as error:  # a bug ends only this channel, and is logged
            _log.error("join_failed", error=type(error).__name__)
            self._give_up(request, phoenix_socket.JOIN_CRASHED)

    async def _join_and_follow(self, request: JoinRequested, topic: Topic) -> None:
        name, scope, store = request.topic, self._viewer.scope, self._watchers.log_store
        since = read_since(request.payload.get("since"))
        if since is not None and self._socket is not None:
            await self._socket.begin_replay()
        start = await resolve(store, scope, since=since, replay_limit=self._limits.replay_events)
        response: dict[str, object] = {"position": str(start.position)}
        if start.recovered is not None:
            response["recovered"] = start.recovered
        accepted = self._protocol.accept_join(request, response)
        # An older channel of the topic is closed here; this task must not be cancelled with it.
        task = self._joining.pop(name, None)
        self._carry_out(accepted)
        if not accepted or task is None or self._outbox is None:
            return  # it was left in the meantime
        self._close_twins(name, topic)
        self._joining[name] = task
        dialect = InTextFrames(EventsSocket(self._protocol.version, name, payloads=self._payloads))
        subscription = Subscription(scope, topic, dialect, OnLoss.STOP, self._lost_position)
        follower = await follow(
            self._watchers.hub,
            store,
            subscription=subscription,
            since=start.position,
            outbox=self._outbox,
        )
        del self._joining[name]
        self._followers[name] = follower

    def _close_twins(self, name: str, topic: Topic) -> None:
        """Close channels that follow the same topic under another name."""
        for other in self._protocol.topics:
            if other != name and self._topic(other) == topic:
                self._carry_out(self._protocol.close_channel(other))

    def _give_up(self, request: JoinRequested, reason: str) -> None:
        """Refuse a join, or break the channel if it was already accepted."""
        self._joining.pop(request.topic, None)
        refused = self._protocol.refuse_join(request, reason)
        self._carry_out(refused or self._protocol.break_channel(request.topic))

    def _lost_position(self, follower: Follower) -> None:
        """Close so that the client resumes: it lost a durable frame."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_RESUME, "resume"))

    def _stop(self, topic: str) -> None:
        """Stop sending a topic's events."""
        joining = self._joining.pop(topic, None)
        if joining is not None:
            joining.cancel()
        follower = self._followers.pop(topic, None)
        if follower is not None:
            follower.close()
