"""What a client does when its socket is closed, by the close code: one table for all sockets.

Docs, the SDK's reconnection and a test read it. A code is a promise to programs, its reason text
is for people. 1006 is never sent: it is what clients see of a connection without a close frame,
a refused handshake included (RFC 6455, 7.4.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Socket(StrEnum):
    """The sockets that the server closes with a code."""

    EVENTS = "events_socket"
    CALL = "call_socket"
    VOICE = "voice_session"


class Action(StrEnum):
    """What a client does next."""

    RECONNECT = "reconnect"  # with the backoff that it has, and resume
    WAIT = "wait"  # the same, but with a fresh credential or after a pause
    GIVE_UP = "give_up"  # another try would end the same way


#: How long a client pauses after a failure that another try at once would meet again.
PAUSE_S = 5


@dataclass(frozen=True, slots=True)
class ClosePolicy:
    """One row: a close code of a socket."""

    socket: Socket
    code: int
    action: Action
    #: Why the socket is closed.
    why: str
    #: What to do, in words.
    then: str
    #: The next connection needs another token or ticket.
    fresh: bool = False
    #: How long to pause before it, in seconds.
    pause_s: int = 0


_EVENTS, _CALL, _VOICE = Socket.EVENTS, Socket.CALL, Socket.VOICE
_RECONNECT, _WAIT, _GIVE_UP = Action.RECONNECT, Action.WAIT, Action.GIVE_UP

_BROKEN = "the client breaks the protocol"
_MEND = "mend the client: the same would happen again"
_RESUME = "reconnect, and rejoin with `since`"
_LOST = "the connection was lost, or refused before it was open, which browsers do not tell apart"

ROWS: tuple[ClosePolicy, ...] = (
    ClosePolicy(
        _EVENTS,
        1000,
        _RECONNECT,
        "the client closed it, or something between the two did",
        f"nothing, if you closed it; else {_RESUME}",
    ),
    ClosePolicy(
        _EVENTS,
        1001,
        _WAIT,
        "the token's key or operator was revoked, its token has expired "
        "(`RINGLINE_SOCKET_CLOSE_AT_EXPIRY`), or nothing was heard of the client for 60 s",
        "mint a fresh token, reconnect, and rejoin with `since`",
        fresh=True,
    ),
    ClosePolicy(_EVENTS, 1002, _GIVE_UP, f"{_BROKEN} of WebSockets", _MEND),
    ClosePolicy(_EVENTS, 1006, _RECONNECT, _LOST, f"{_RESUME}; if it never opened, a fresh token"),
    ClosePolicy(_EVENTS, 1007, _GIVE_UP, "a text is not valid UTF-8", _MEND),
    ClosePolicy(_EVENTS, 1009, _GIVE_UP, "a frame is over 64 KiB", _MEND),
    ClosePolicy(
        _EVENTS,
        1011,
        _WAIT,
        "a frame cannot be decoded, or something went wrong in the server",
        f"pause {PAUSE_S} s, then {_RESUME}",
        pause_s=PAUSE_S,
    ),
    ClosePolicy(_EVENTS, 1012, _RECONNECT, "the server restarts", _RESUME),
    ClosePolicy(_EVENTS, 4001, _RECONNECT, "the client read too slowly and lost an event", _RESUME),
    ClosePolicy(_CALL, 1000, _GIVE_UP, "the call has ended, or the client closed it", "nothing"),
    ClosePolicy(
        _CALL,
        1001,
        _RECONNECT,
        "the server restarts, or its database is away (`UNAVAILABLE`)",
        "reconnect with `since`",
    ),
    ClosePolicy(_CALL, 1002, _GIVE_UP, f"{_BROKEN} of WebSockets", _MEND),
    ClosePolicy(
        _CALL, 1003, _GIVE_UP, "a command came as a binary frame (`INVALID_ARGUMENT`)", _MEND
    ),
    ClosePolicy(
        _CALL, 1006, _RECONNECT, _LOST, "reconnect with `since`; if it never opened, a fresh token"
    ),
    ClosePolicy(_CALL, 1007, _GIVE_UP, "a text is not valid UTF-8", _MEND),
    ClosePolicy(
        _CALL,
        1008,
        _WAIT,
        "the key or operator was revoked, or the token has expired (`UNAUTHENTICATED`)",
        "mint a fresh token, then reconnect with `since`",
        fresh=True,
    ),
    ClosePolicy(_CALL, 1009, _GIVE_UP, "a frame is over 64 KiB", _MEND),
    ClosePolicy(
        _CALL,
        1011,
        _WAIT,
        "something went wrong in the server (`INTERNAL`)",
        f"pause {PAUSE_S} s, then reconnect with `since`",
        pause_s=PAUSE_S,
    ),
    ClosePolicy(
        _VOICE,
        1000,
        _GIVE_UP,
        "the session is over: either side ended it, or a limit did",
        "nothing; `session.terminating` says why",
    ),
    ClosePolicy(
        _VOICE,
        1001,
        _WAIT,
        "the server is going down",
        "begin a new session, with a fresh ticket",
        fresh=True,
    ),
    ClosePolicy(_VOICE, 1002, _GIVE_UP, f"{_BROKEN} of WebSockets", _MEND),
    ClosePolicy(_VOICE, 1003, _GIVE_UP, "the client goes on sending binary frames", _MEND),
    ClosePolicy(_VOICE, 1006, _WAIT, _LOST, "begin a new session, with a fresh ticket", fresh=True),
    ClosePolicy(_VOICE, 1007, _GIVE_UP, "a text is not valid UTF-8", _MEND),
    ClosePolicy(
        _VOICE,
        1008,
        _GIVE_UP,
        "the session may not go on: its config, its credential, its limits or a client that does "
        "not read",
        "nothing by itself; `session.terminating` says why",
    ),
    ClosePolicy(_VOICE, 1009, _GIVE_UP, "a frame is too large", _MEND),
    ClosePolicy(
        _VOICE,
        1011,
        _WAIT,
        "the server, its storage or the voice failed",
        f"pause {PAUSE_S} s, then begin a new session, with a fresh ticket",
        fresh=True,
        pause_s=PAUSE_S,
    ),
)

#: The rows by socket and code.
POLICIES: Mapping[Socket, Mapping[int, ClosePolicy]] = {
    socket: {row.code: row for row in ROWS if row.socket is socket} for socket in Socket
}
