"""A session of the events socket, whatever carries its frames (events socket, 3.4 to 3.7).

The protocol is pure (`wire/phoenix_socket.py`). This shell gives it the client's messages,
decides which topics exist, and subscribes joined channels to the hub. A join that asks for a
position gets its reply first and then the history, at the pace the carrier drains.

A session that waits has no task: its carrier calls `take` with each message, and `left` once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

import structlog

from ringline.domain import socket_limits
from ringline.domain.credentials import Key, KeyKind
from ringline.domain.events import CallEnded
from ringline.domain.topics import ALL_EVENTS, AllEvents, CallEvents, Topic
from ringline.domain.unavailable import Unavailable
from ringline.services.follow import (
    Follower,
    OnLoss,
    Resolved,
    Subscription,
    follow,
    resolve,
)
from ringline.services.found_calls import CallFinder
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.services.presence import Presence, PresencePush
from ringline.services.remaining import is_left
from ringline.services.stream_ledger import StreamSurface
from ringline.web.limits import SocketLimits
from ringline.web.watchers import Viewer, Watchers, read_since
from ringline.wire import phoenix_socket
from ringline.wire.dialect import Dialect
from ringline.wire.events_socket import (
    CallNamed,
    EventsSocket,
    Payloads,
    TopicRefused,
    WholeLog,
    encode_payload,
    read_topic,
)
from ringline.wire.listed_events import encode_pushed
from ringline.wire.phoenix import Version, encode_broadcast
from ringline.wire.phoenix_socket import (
    ChannelClosed,
    ChannelOpened,
    Disconnect,
    Effect,
    JoinRequested,
    Send,
    SocketProtocol,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What the sessions of a process share."""

    watchers: Watchers
    presence: Presence
    calls: CallFinder
    limits: SocketLimits
    #: Of the topics `events` and `call:…`, and of `log`.
    payloads: Payloads = field(default_factory=lambda: Payloads(encode_payload))
    log_payloads: Payloads = field(default_factory=lambda: Payloads(encode_pushed))


UNAVAILABLE = "unavailable"
JOINS_AT_ONCE = socket_limits.JOINS_AT_ONCE.most

#: What a channel may ask for.
_Asked: TypeAlias = AllEvents | CallNamed | WholeLog


class Carrier(Protocol):
    """What carries a session's frames: a WebSocket, or the answers to a client's polls.

    The writing part is an outbox's sink.
    """

    @property
    def paused(self) -> bool:
        """Return whether no more bytes are accepted now."""
        ...

    def when_resumed(self, callback: Callable[[], None]) -> None:
        """Call back whenever bytes are accepted again."""
        ...

    def write(self, data: bytes) -> None:
        """Write frames; never blocks. After the end they are discarded."""
        ...

    def write_shared(self, data: bytes) -> None:
        """Write frames that many sessions get, which the hub has charged for."""
        ...

    def frame(self, payload: bytes) -> bytes:
        """Frame a message's payload."""
        ...

    def framed(self, dialect: Dialect) -> Dialect:
        """Return a dialect in this carrier's frames."""
        ...

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history."""
        ...

    def say_goodbye(self, code: int, reason: str) -> None:
        """Close, after what has been written, with a close code."""
        ...

    def abort(self) -> None:
        """Cut the client off."""
        ...


class EventsSession:
    """One session, from its beginning to its end."""

    __slots__ = (
        "_carrier",
        "_followers",
        "_goodbye",
        "_is_sign_in",
        "_joining",
        "_outbox",
        "_presence_is_stale",
        "_present_on",
        "_protocol",
        "_services",
        "_topics",
        "_turns",
        "_viewer",
    )

    def __init__(self, services: SessionServices, viewer: Viewer, *, version: Version) -> None:
        self._services = services
        self._viewer = viewer
        self._protocol = SocketProtocol(version, services.limits.channels)
        self._carrier: Carrier | None = None
        self._outbox: Outbox | None = None
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._followers: dict[str, Follower] = {}
        #: What the open channels follow.
        self._topics: dict[str, Topic | WholeLog] = {}
        #: Whether the token stands on a person's sign-in.
        self._is_sign_in = False
        #: Taken by joins that ask the database.
        self._turns = asyncio.Semaphore(JOINS_AT_ONCE)
        self._goodbye: Disconnect | None = None
        #: The channel on which the client is told who is present.
        self._present_on: str | None = None
        self._presence_is_stale = False

    # -- from outside -------------------------------------------------------------------

    def admitted(self, key: Key) -> None:
        """Note the key on which the client's token stands: it decides about `log`."""
        self._is_sign_in = key.kind is KeyKind.CONSOLE

    def credential_revoked(self) -> None:
        """Close: the token's key or operator was revoked."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_DISCONNECTED, "revoked"))

    def token_expired(self) -> None:
        """Close: the token has expired."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_DISCONNECTED, "expired"))

    def server_stops(self) -> None:
        """Close: the client will reconnect to the next server."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_RESTARTING, "restart"))

    def silent(self) -> None:
        """Close: the client has sent nothing for too long."""
        self._disconnect(Disconnect(phoenix_socket.CLOSE_DISCONNECTED, "idle"))

    # -- from the carrier ---------------------------------------------------------------

    def begin(self, carrier: Carrier) -> None:
        """Begin to talk to the client."""
        self._carrier = carrier
        if self._goodbye is not None:  # it was ended before it began
            carrier.say_goodbye(self._goodbye.code, self._goodbye.reason)
            return
        self._outbox = Outbox(carrier, self._services.watchers.tick, overrun=carrier.abort)
        carrier.when_resumed(self._resumed)

    def take(self, message: str | bytes) -> None:
        """Handle a message: a text one is a `str`."""
        try:
            self._carry_out(self._protocol.receive(message))
        except Exception as error:  # a bug ends only this session, and is logged
            _log.error("socket_failed", error=type(error).__name__)
            self._disconnect(Disconnect(phoenix_socket.CLOSE_BAD_FRAME, "internal"))

    def left(self) -> None:
        """Stop: the client is gone, or has said goodbye."""
        for topic in [*self._joining, *self._followers]:
            self._stop(topic)
        self._disappear()
        outbox, self._outbox, self._carrier = self._outbox, None, None
        if outbox is not None:
            outbox.flush()
            outbox.close()

    def _resumed(self) -> None:
        """Go on: the carrier accepts bytes again."""
        if self._outbox is not None:
            self._outbox.resumed()
            if self._presence_is_stale:
                self._show_presence()

    # -- who is present -----------------------------------------------------------------

    def presence_changed(self, push: PresencePush) -> None:
        """Tell the client, unless it does not read: then it gets the whole list once it does."""
        name, outbox, carrier = self._present_on, self._outbox, self._carrier
        if name is None or outbox is None or carrier is None:
            return
        if not outbox.is_free:
            self._presence_is_stale = True
            return
        version = self._protocol.version
        frame = push.framed(
            (type(carrier), version, name),
            lambda: carrier.frame(
                encode_broadcast(version, name, event=push.event, payload=push.payload)
            ),
        )
        outbox.send(frame)

    def _appear(self, name: str) -> None:
        """Begin to tell the client on a channel, and list it, once for the socket."""
        presence, scope = self._services.presence, self._viewer.scope
        if self._present_on is None:
            presence.enter(scope, self, key=self._viewer.present_as)
        self._present_on = name
        self._show_presence()

    def _show_presence(self) -> None:
        self._presence_is_stale = False
        self.presence_changed(self._services.presence.state(self._viewer.scope))

    def _disappear(self) -> None:
        if self._present_on is not None:
            self._present_on = None
            self._presence_is_stale = False
            self._services.presence.leave(self._viewer.scope, self)

    # -- what follows -------------------------------------------------------------------

    def _disconnect(self, goodbye: Disconnect) -> None:
        if self._goodbye is not None:
            return
        self._goodbye = goodbye
        carrier = self._carrier
        if carrier is not None:
            self.left()
            carrier.say_goodbye(goodbye.code, goodbye.reason)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    if self._outbox is not None and self._carrier is not None:
                        self._outbox.send(self._carrier.frame(frame))
                case JoinRequested():
                    self._join(effect)
                case ChannelOpened():
                    pass  # the join's task continues on its own
                case ChannelClosed(name):
                    self._stop(name)
                    if name not in self._protocol.topics:  # nobody has taken it over
                        self._topics.pop(name, None)
                        if name == self._present_on:
                            self._disappear()
                case Disconnect():
                    self._disconnect(effect)

    def _join(self, request: JoinRequested) -> None:
        try:
            asked = read_topic(request.topic, self._viewer.scope.workspace_id)
            if isinstance(asked, WholeLog) and not self._is_sign_in:
                raise TopicRefused(phoenix_socket.UNAUTHORIZED)
        except TopicRefused as refused:
            self._carry_out(self._protocol.refuse_join(request, refused.reason))
            return
        # The topic is silent from here to the reply: anything that an older channel still sent
        # would be sent again after the position in the reply.
        self._stop(request.topic)
        self._joining[request.topic] = asyncio.create_task(self._follow(request, asked))

    async def _follow(self, request: JoinRequested, asked: _Asked) -> None:
        """Reply to a join, then send the topic's events."""
        try:
            async with self._turns:
                found = await self._find(request, asked)
            if found is None:
                self._give_up(request, phoenix_socket.NOT_FOUND)
            else:
                topic, start = found
                followed = asked if isinstance(asked, WholeLog) else topic
                await self._accept_and_follow(request, topic, followed=followed, start=start)
        except OutboxClosed:
            pass
        except Unavailable:
            self._give_up(request, UNAVAILABLE)
        except Exception as error:  # a bug ends only this channel, and is logged
            _log.error("join_failed", error=type(error).__name__)
            self._give_up(request, phoenix_socket.JOIN_CRASHED)
        finally:
            if self._joining.get(request.topic) is asyncio.current_task():
                del self._joining[request.topic]

    async def _find(self, request: JoinRequested, asked: _Asked) -> tuple[Topic, Resolved] | None:
        """Find what a join asks for, and where it starts; None if nothing of it is left to send.

        In this sequence: so the end of a call that has not ended comes after the start.
        """
        scope, store = self._viewer.scope, self._services.watchers.log_store
        since = read_since(request.payload.get("since"))
        if since is not None and self._carrier is not None:
            await self._carrier.begin_replay()
        start = await resolve(
            store, scope, since=since, replay_limit=self._services.limits.replay_events
        )
        if not isinstance(asked, CallNamed):
            return ALL_EVENTS, start
        call = await self._services.calls.find(scope, asked.name)
        if call is None:
            return None
        topic, after = CallEvents(call.id), start.position.offset
        if call.ended_at is not None and not (
            start.recovered
            and await is_left(store, scope, topic=topic, after=after, kind=CallEnded)
        ):
            return None
        return topic, start

    async def _accept_and_follow(
        self, request: JoinRequested, topic: Topic, *, followed: Topic | WholeLog, start: Resolved
    ) -> None:
        name, watchers = request.topic, self._services.watchers
        response: dict[str, object] = {"position": str(start.position)}
        if start.recovered is not None:
            response["recovered"] = start.recovered
        accepted = self._protocol.accept_join(request, response)
        self._carry_out(accepted)  # an older channel of the topic is closed here
        if not accepted or self._outbox is None or self._carrier is None:
            return  # it was left in the meantime
        self._topics[name] = followed
        if followed == ALL_EVENTS:
            self._appear(name)
        self._close_twins(name, followed)
        services = self._services
        shared = services.log_payloads if isinstance(followed, WholeLog) else services.payloads
        dialect = EventsSocket(self._protocol.version, name, payloads=shared)
        subscription = Subscription(
            self._viewer.scope,
            topic,
            self._carrier.framed(dialect),
            OnLoss.STOP,
            self._lost_position,
            on_end=partial(self._topic_ended, name),
            missed_after=start.missed_after,
            subscriber=self._viewer.subscriber(StreamSurface.EVENTS_SOCKET),
        )
        follower = await follow(
            watchers.hub,
            watchers.log_store,
            subscription=subscription,
            since=start.position,
            outbox=self._outbox,
        )
        if self._joining.get(name) is asyncio.current_task():
            self._followers[name] = follower

    def _topic_ended(self, name: str, follower: Follower) -> None:
        """Close a channel behind the last event of its topic."""
        self._joining.pop(name, None)  # the join's task, if that event was past
        self._carry_out(self._protocol.close_channel(name))
        follower.close()

    def _close_twins(self, name: str, followed: Topic | WholeLog) -> None:
        """Close channels that follow the same under another name."""
        for other in self._protocol.topics:
            if other != name and self._topics.get(other) == followed:
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
        joining = self._joining.get(topic)
        # Not the join that takes the topic over; nothing here holds its task, which would hold us.
        if joining is not None and joining is not asyncio.current_task():
            del self._joining[topic]
            joining.cancel()
        follower = self._followers.pop(topic, None)
        if follower is not None:
            follower.close()
