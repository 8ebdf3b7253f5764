"""The bounds of the events socket, by WebSocket and by polls, and of a call's WebSocket.

`limits.py` says what a row means.
"""

from ringline.domain.limit import KIB, MIB, Limit

PAUSES = "the server stops reading for a while; nothing is lost or closed"

WATCH_FRAME_BYTES = Limit("a frame", 64 * KIB, "bytes", "close 1009")
FRAMES_PER_S = Limit("frames of one socket", 50, "frames/s", PAUSES)
FRAMES_BURST = Limit("frames of one socket at once", 200, "frames", PAUSES)
NAME_BYTES = Limit("`ref` and `join_ref`, each", 255, "bytes", "close 1011")
TOPIC_BYTES = Limit(
    "`topic`: `call:` and a `callUuid` of 255 characters", 1_025, "bytes", "close 1011"
)
JOINS_AT_ONCE = Limit(
    "joins of one socket that are looked up at once", 4, "joins", "the others wait for their turn"
)
CHANNELS = Limit("channels of one socket", 100, "channels", "`too many channels joined`")
REPLAY_EVENTS = Limit("events that a join can catch up on", 10_000, "events", "`recovered: false`")
PRESENT = Limit(
    "sockets that presence lists, in one environment of a workspace",
    1_000,
    "sockets",
    "joins, is told of the others, and is not listed",
)
PRESENCE_WINDOW_MS = Limit(
    "how long changes of presence are gathered", 50, "ms", "one `presence_diff` for all of them"
)
SOCKET_SILENT_S = Limit("an events socket without a frame from the client", 60, "s", "close 1001")
POLL_BYTES = Limit(
    "a body to `/socket/longpoll`, and the messages of a poll's answer",
    MIB,
    "bytes",
    "413, refused whole; the other messages come with the next poll",
)
POLL_FRAMES = Limit("frames of one body to `/socket/longpoll`", 100, "frames", "413, refused whole")
POLL_WINDOW_S = Limit(
    "a poll without a message, and a body that waits for those sent before", 10, "s", "204; 408"
)
POLL_GONE_S = Limit("a long-poll session without a poll", 15, "s", "it ends; the next one is 410")
WATCHERS = Limit(
    "live streams of one call, or of one conversation", 50, "streams", "429 `RATE_LIMITED`"
)

#: In the sequence of the page.
ROWS = (
    WATCH_FRAME_BYTES,
    FRAMES_PER_S,
    FRAMES_BURST,
    NAME_BYTES,
    TOPIC_BYTES,
    CHANNELS,
    JOINS_AT_ONCE,
    REPLAY_EVENTS,
    PRESENT,
    PRESENCE_WINDOW_MS,
    SOCKET_SILENT_S,
    POLL_BYTES,
    POLL_FRAMES,
    POLL_WINDOW_S,
    POLL_GONE_S,
    WATCHERS,
)
