"""Long polling of Phoenix Channels: bodies and answers (events socket, 3.8).

Every answer is HTTP 200; the status that counts is a member of its JSON, and the npm client knows
200, 204, 403, 410 and 500 as a poll's: any other makes it wait for ever. A message is a JSON
string in the answer's list. Each is kept with a comma behind it, so that joined messages are the
inside of the list, and many sessions can share their bytes.

A session's token is its name and the number of the answer that the client has; an answer's token
has the next number. So a poll acknowledges what was received, and one that repeats a token gets
the same answer again.
"""

import binascii
import re
from dataclasses import dataclass

from ringline.domain import socket_limits
from ringline.wire.phoenix_socket import (
    CLOSE_BAD_FRAME,
    CLOSE_DISCONNECTED,
    CLOSE_RESTARTING,
    CLOSE_RESUME,
)
from ringline.wire.strict_json import encode

PATH = "/socket/longpoll"
#: The media type of a body of many frames, one a line; any other body is one frame.
NDJSON = "application/x-ndjson"

OK, NOTHING, BAD_BODY, REFUSED, LATE, GONE, TOO_LARGE, FAILED = (
    200,
    204,
    400,
    403,
    408,
    410,
    413,
    500,
)
#: The statuses that a client takes as the answer to a poll.
POLL_STATUSES = frozenset({OK, NOTHING, REFUSED, GONE, FAILED})

_NOT_UTF8 = 1007
#: What a waiting poll is answered when the session ends, by the close code of a WebSocket.
ENDS = {
    CLOSE_DISCONNECTED: REFUSED,  # the client closes with 1008; it needs a fresh token
    _NOT_UTF8: FAILED,  # with 1011
    CLOSE_BAD_FRAME: FAILED,
    CLOSE_RESTARTING: GONE,  # with 3410; it reconnects and rejoins
    CLOSE_RESUME: GONE,
}

_TOKEN = re.compile(r"([A-Za-z0-9_-]{43})\.([0-9]{1,15})")
_MOST_FRAMES = socket_limits.POLL_FRAMES.most
_MOST_FRAME_BYTES = socket_limits.WATCH_FRAME_BYTES.most


class BodyRefused(ValueError):
    """A body that is refused whole, with a status; none of its frames was taken."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a body of frames is refused with {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class PollToken:
    """A session's name, and the number of the last answer that its client has."""

    session: str
    answer: int

    def __str__(self) -> str:
        """Spell the token."""
        return f"{self.session}.{self.answer}"


def read_token(text: str | None) -> PollToken | None:
    """Read a token; None if it cannot be one."""
    match = _TOKEN.fullmatch(text or "")
    return PollToken(match[1], int(match[2])) if match else None


def spell_message(frame: bytes) -> bytes:
    """Spell a frame, which is JSON, as a string in an answer's list, with a comma."""
    return encode(frame.decode()) + b","


def split_messages(messages: bytes, most: int) -> tuple[bytes, bytes]:
    """Split messages between two of them: at most so many bytes, but at least one, and the rest.

    A frame ends with a bracket or a brace, so that a quote, a comma and a quote are no part of it.
    """
    if len(messages) <= most:
        return messages, b""
    at = messages.rfind(b'","', 0, most + 1)  # its comma is the last byte that fits
    if at < 0:
        at = messages.find(b'","')
    return (messages, b"") if at < 0 else (messages[: at + 2], messages[at + 2 :])


def write_status(status: int) -> bytes:
    """Write an answer without messages, to whoever has no session."""
    return b'{"status":%d}' % status


def write_answer(status: int, token: PollToken | None, *, messages: bytes = b"") -> bytes:
    """Write the answer to a poll; the messages are as `spell_message` makes them."""
    named = b"null" if token is None else b'"%b"' % str(token).encode()
    return b'{"status":%d,"token":%b,"messages":[%b]}' % (status, named, messages[:-1])


def read_frames(body: bytes, media_type: str) -> list[str | bytes]:
    """Read a body's frames: text as `str`, binary as `bytes`. Raises BodyRefused.

    A line that begins like JSON is text, any other is base64 of a binary frame.
    """
    lines = [body]
    if media_type == NDJSON:
        if body.count(b"\n") > _MOST_FRAMES:  # the last line may end with one
            raise BodyRefused(TOO_LARGE)
        lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
    frames = [_read_frame(line) for line in lines if line]
    if len(frames) > _MOST_FRAMES:
        raise BodyRefused(TOO_LARGE)
    return frames


def _read_frame(line: bytes) -> str | bytes:
    is_text = line[:1] in (b"[", b"{")
    try:
        frame = line if is_text else binascii.a2b_base64(line, strict_mode=True)
        read = line.decode() if is_text else frame
    except ValueError:
        raise BodyRefused(BAD_BODY) from None
    if len(frame) > _MOST_FRAME_BYTES:
        raise BodyRefused(TOO_LARGE)
    return read
