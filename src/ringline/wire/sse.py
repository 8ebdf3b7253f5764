"""Server-sent events: writing a stream, and reading one (WHATWG HTML, 9.2).

Streams here send unnamed events whose data is one line of JSON, comments as heartbeats,
and one named event, `error`, after which the server closes (live streams, 2.2).
"""

import codecs
import re
from dataclasses import dataclass

HEARTBEAT = b": hb\n\n"
NOT_RECOVERED = b": not recovered\n\n"  # the requested position is not recoverable (contract, 2)

#: A stream's response headers (live streams, 2.2).
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Referrer-Policy": "no-referrer",
}

_LINE_END = re.compile(rb"\r\n|\r|\n")


def encode_opening(position: str) -> bytes:
    """Encode a stream's first block, with its start position (contract, 2).

    It has no data, so an `EventSource` dispatches nothing; it only stores the position.
    """
    return b": ok\nid: %b\n\n" % position.encode()


def encode_event(data: bytes, event_id: str | None = None, *, name: str | None = None) -> bytes:
    """Encode one event; data with several lines becomes several `data:` lines."""
    head = b""
    if event_id is not None:
        assert not set(event_id) & set("\r\n\0"), "an event id is one line"
        head += b"id: %b\n" % event_id.encode()
    if name is not None:
        assert not set(name) & set("\r\n"), "an event's name is one line"
        head += b"event: %b\n" % name.encode()
    if b"\n" in data or b"\r" in data:  # our JSON is one line
        data = _LINE_END.sub(b"\ndata: ", data)
    return head + b"data: %b\n\n" % data


def encode_dropped(count: int) -> bytes:
    """Encode the comment that so many frames were dropped since the last one (2.6)."""
    return b": dropped %d\n\n" % count


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event as an `EventSource` dispatches it; `last_event_id` may be older."""

    name: str
    data: str
    last_event_id: str


class SseProblem(ValueError):
    """A stream cannot be decoded: an event is larger than the decoder's bound."""


class SseDecoder:
    """Decodes a stream piece by piece; pieces may be cut anywhere.

    An unfinished event at the end of the stream is discarded, as the standard says.
    `last_event_id` is what to resume with, from this stream or the one before;
    `retry_ms` is the delay that the server asked for.
    """

    def __init__(self, last_event_id: str = "", max_event_bytes: int = 1 << 20) -> None:
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self._max = max_event_bytes
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._line: list[str] = []  # of the line that has not ended
        self._line_size = 0
        self._at_start = True
        self._after_cr = False
        self._reset()

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Add bytes; return the events they complete. Raises SseProblem."""
        text = self._text.decode(data)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        self._after_cr = text.endswith("\r")
        events: list[ServerSentEvent] = []
        first, *others = re.split(r"\r\n|\r|\n", text)
        self._hold(first)
        for line in others:
            if (event := self._take("".join(self._line))) is not None:
                events.append(event)
            self._line, self._line_size = [], 0
            self._hold(line)
        if self._line_size + self._size > self._max:
            raise SseProblem("an event is larger than allowed")
        return events

    def _hold(self, piece: str) -> None:
        if piece:
            self._line.append(piece)
            self._line_size += len(piece)

    def _take(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                self._size += len(value) + 1
                self._data.append(value)
            case "event":
                self._name = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if re.fullmatch("[0-9]{1,9}", value):
                self.retry_ms = int(value)
            case _:  # a comment, or an unknown field
                pass
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        self.last_event_id = self._id
        data, name = self._data, self._name
        self._reset()
        return ServerSentEvent(name or "message", "\n".join(data), self._id) if data else None

    def _reset(self) -> None:
        self._id = self.last_event_id
        self._data: list[str] = []
        self._name = ""
        self._size = 0
