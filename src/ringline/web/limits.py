"""Limits of what holds a connection open, as values that are handed in.

A server takes the defaults: those that a client meets are rows of `domain/limits.py`, the
others are intervals of our own. Tests hand in limits that they can reach.
"""

from dataclasses import dataclass, field

from ringline.domain import limits


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """The limits of an events socket."""

    #: A client that sends no frame for so long is closed (events socket, 3.2).
    silent_s: float = limits.SOCKET_SILENT_S.most
    channels: int = limits.CHANNELS.most
    #: Events that a join resumes over (contract, 2).
    replay_events: int = limits.REPLAY_EVENTS.most


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The limits of the streams of one call (live streams, 2.2, 2.5, 2.6)."""

    watchers: int = limits.WATCHERS_PER_CALL.most
    #: How often a transcript stream sends a heartbeat; two unread ones cut it off.
    heartbeat_s: float = 30.0
    #: How often a WebSocket is pinged, and how long it may be silent.
    ping_every_s: float = 30.0
    silent_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RealtimeLimits:
    """The limits of a session of realtime voice."""

    #: The wait for `session.start`.
    start_s: float = limits.START_S.most
    #: How often the client is pinged, and how long it may be silent.
    ping_every_s: float = 25.0
    silent_s: float = 60.0


@dataclass(frozen=True, slots=True)
class WebLimits:
    """The limits of every surface."""

    sockets: SocketLimits = field(default_factory=SocketLimits)
    streams: StreamLimits = field(default_factory=StreamLimits)
    realtime: RealtimeLimits = field(default_factory=RealtimeLimits)
