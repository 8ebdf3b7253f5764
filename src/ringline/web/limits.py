"""Limits of sockets and streams, as values.

A server uses the defaults: those that a client notices are rows of `domain/limits.py`, the
others are internal intervals. Tests pass limits that they can reach.
"""

from dataclasses import dataclass, field

from ringline.domain import limits, openai_limits, socket_limits, v1_limits


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """The limits of an events socket."""

    #: A client that sends no frame for this long is closed (events socket, 3.2).
    silent_s: float = socket_limits.SOCKET_SILENT_S.most
    channels: int = socket_limits.CHANNELS.most
    #: How long a long poll waits for messages, and how long a session outlives its last one (3.8).
    poll_window_s: float = socket_limits.POLL_WINDOW_S.most
    poll_gone_s: float = socket_limits.POLL_GONE_S.most
    #: How many events a join can catch up on (contract, 2).
    replay_events: int = socket_limits.REPLAY_EVENTS.most


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The limits of the streams of a call or a conversation (live streams, 2.2, 2.5, 2.6)."""

    watchers: int = socket_limits.WATCHERS.most
    #: How often a stream of server-sent events sends a heartbeat.
    heartbeat_s: float = 30.0
    #: How often a WebSocket is pinged, and how long it may be silent.
    ping_every_s: float = 30.0
    silent_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RealtimeLimits:
    """The limits of a realtime voice session."""

    #: The wait for `session.start`.
    start_s: float = limits.START_S.most
    #: The wait for the first frame in OpenAI's protocol, without which the call begins too.
    begin_s: float = openai_limits.BEGIN_MS.most / 1000
    #: How often the client is pinged, and how long it may be silent.
    ping_every_s: float = 25.0
    silent_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RestLimits:
    """The limits of the routes of `/v1` (live streams, 1.1)."""

    #: How long a request may take once it has arrived.
    deadline_s: float = v1_limits.DEADLINE_S.most


@dataclass(frozen=True, slots=True)
class WebLimits:
    """The limits of every surface."""

    sockets: SocketLimits = field(default_factory=SocketLimits)
    streams: StreamLimits = field(default_factory=StreamLimits)
    realtime: RealtimeLimits = field(default_factory=RealtimeLimits)
    rest: RestLimits = field(default_factory=RestLimits)
