"""One events socket as a protocol without I/O (events socket, 3.5).

The shell feeds it frames and carries out the effects it returns; which topics exist
and who may join them is decided outside, through `accept_join` or `refuse_join`.

What a client's message does depends on whether its topic is joined:

    message            not joined              joined, same ref or none   joined, another ref
    phx_join           ask                     ask (it will take over)    ask (take over)
    phx_leave          ok                      ok, phx_close              dropped
    anything else      unmatched topic         unknown event              dropped

A pending join counts as not joined; leaving cancels it. The events channel handles no
events of its own, so every other event is unknown, and the channel stays open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from ringline.domain import socket_limits
from ringline.wire import phoenix
from ringline.wire.phoenix import EMPTY, Payload, PhoenixError, PhoenixMessage, Version

MAX_CHANNELS = socket_limits.CHANNELS.most

UNMATCHED_TOPIC = "unmatched topic"
UNKNOWN_EVENT = "unknown event"
TOO_MANY_CHANNELS = "too many channels joined"
JOIN_CRASHED = "join crashed"
UNAUTHORIZED = "unauthorized"
NOT_FOUND = "not_found"

#: Why the server closes a socket. Never 1000, after which old clients do not reconnect.
CLOSE_DISCONNECTED = 1001  # revoked, or its token expired
CLOSE_BAD_FRAME = 1011
CLOSE_RESTARTING = 1012
CLOSE_RESUME = 4001  # a durable frame was lost: rejoin with `since`


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame's payload."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """A client asks to join: answer with `accept_join` or `refuse_join`.

    `payload` is the join's object, e.g. `{"since": …}`; anything else counts as `{}`.
    """

    topic: str
    join_ref: object
    ref: object
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """The channel is open: broadcasts of the topic may be sent from here on."""

    topic: str


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """The channel is closed: stop sending the topic's broadcasts."""

    topic: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the socket with this code; further frames are ignored."""

    code: int
    reason: str


_EncodeEnd: TypeAlias = Callable[[Version, object, str], bytes]
Effect: TypeAlias = Send | JoinRequested | ChannelOpened | ChannelClosed | Disconnect


class SocketProtocol:
    """The state of one socket: its version, its channels, its pending joins."""

    def __init__(self, version: Version, max_channels: int = MAX_CHANNELS) -> None:
        self.version = version
        self._max_channels = max_channels
        self._channels: dict[str, object] = {}
        self._waiting: dict[str, JoinRequested] = {}
        self._ended = False

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the joined topics."""
        return tuple(self._channels)

    def receive(self, frame: str | bytes) -> list[Effect]:
        """Process a frame, text as str and binary as bytes; return the effects."""
        if self._ended:
            return []
        try:
            message = phoenix.decode(frame, self.version)
        except PhoenixError as error:
            self._ended = True
            return [Disconnect(error.close_code, error.message)]
        if message.topic == phoenix.HEARTBEAT_TOPIC and message.event == phoenix.HEARTBEAT:
            return [self._reply(message, ok=True)]
        match message.event:
            case phoenix.JOIN:
                return self._join(message)
            case phoenix.LEAVE:
                return self._leave(message)
            case _:
                return self._other(message)

    def accept_join(self, request: JoinRequested, response: Payload = EMPTY) -> list[Effect]:
        """Open the channel; an older one of the topic is closed after the reply (3.5)."""
        if self._ended or self._waiting.get(request.topic) is not request:
            return []  # left or joined again in the meantime
        del self._waiting[request.topic]
        effects: list[Effect] = [self._reply(_asked(request), ok=True, response=response)]
        if request.topic in self._channels:
            old = self._channels.pop(request.topic)
            effects.append(Send(phoenix.encode_close(self.version, old, request.topic)))
            effects.append(ChannelClosed(request.topic))
        self._channels[request.topic] = request.join_ref
        effects.append(ChannelOpened(request.topic))
        return effects

    def refuse_join(self, request: JoinRequested, reason: str) -> list[Effect]:
        """Answer a join with an error; `UNMATCHED_TOPIC` for a topic that does not exist.

        An older channel of the topic is closed: the client gave it up by joining again.
        """
        if self._ended or self._waiting.get(request.topic) is not request:
            return []
        del self._waiting[request.topic]
        matched = reason != UNMATCHED_TOPIC
        effects: list[Effect] = [
            self._reply(_asked(request), ok=False, response={"reason": reason}, matched=matched)
        ]
        return effects + self.close_channel(request.topic)

    def close_channel(self, topic: str) -> list[Effect]:
        """Close a channel from the server's side; the client does not rejoin."""
        return self._end_channel(topic, phoenix.encode_close)

    def break_channel(self, topic: str) -> list[Effect]:
        """Report a channel as crashed; the client rejoins by its timer."""
        return self._end_channel(topic, phoenix.encode_error)

    def _join(self, message: PhoenixMessage) -> list[Effect]:
        topic = message.topic
        known = topic in self._channels or topic in self._waiting
        taken = len(self._channels.keys() | self._waiting.keys())
        if not known and taken >= self._max_channels:
            return [self._reply(message, ok=False, response={"reason": TOO_MANY_CHANNELS})]
        # Version 1 has no join_ref; the join's ref stands for it.
        join_ref = message.join_ref if message.join_ref is not None else message.ref
        payload = message.payload
        members = cast("dict[str, object]", payload) if isinstance(payload, dict) else {}
        request = JoinRequested(topic, join_ref, message.ref, members)
        self._waiting[topic] = request
        return [request]

    def _leave(self, message: PhoenixMessage) -> list[Effect]:
        topic = message.topic
        ok = self._reply(message, ok=True)
        waiting = self._waiting.get(topic)
        if waiting is not None:
            if message.join_ref not in (None, waiting.join_ref):
                return [] if topic in self._channels else [ok]
            del self._waiting[topic]
        elif topic in self._channels and self._is_stale(message):
            return []
        return [ok, *self.close_channel(topic)]

    def _other(self, message: PhoenixMessage) -> list[Effect]:
        if message.topic not in self._channels:
            response = {"reason": UNMATCHED_TOPIC}
            return [self._reply(message, ok=False, response=response, matched=False)]
        if self._is_stale(message):
            return []
        return [self._reply(message, ok=False, response={"reason": UNKNOWN_EVENT})]

    def _is_stale(self, message: PhoenixMessage) -> bool:
        live = self._channels[message.topic]
        return message.join_ref is not None and message.join_ref != live

    def _end_channel(self, topic: str, encode_end: _EncodeEnd) -> list[Effect]:
        if self._ended or topic not in self._channels:
            return []
        join_ref = self._channels.pop(topic)
        # What is still to be sent on the channel comes before its end.
        return [ChannelClosed(topic), Send(encode_end(self.version, join_ref, topic))]

    def _reply(
        self, message: PhoenixMessage, *, ok: bool, response: Payload = EMPTY, matched: bool = True
    ) -> Send:
        return Send(
            phoenix.encode_reply(self.version, message, ok=ok, response=response, matched=matched)
        )


def _asked(request: JoinRequested) -> PhoenixMessage:
    return PhoenixMessage(
        request.join_ref, request.ref, request.topic, phoenix.JOIN, request.payload
    )
