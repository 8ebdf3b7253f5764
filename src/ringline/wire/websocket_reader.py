"""Reading WebSocket frames: bytes become messages (RFC 6455, 5 to 8). Pure.

`MessageReader` reads what a client sends to us, `ServerMessageReader` what a server does.

Give the reader bytes with `receive_data`; then call `next_event` until it returns None. Each
call reads at most one frame, so the caller decides how many are handled before others get
their turn (`web/frame_gate.py`).

A peer that breaks a rule is reported once, with the close code. From then on its frames are
only skipped, to find the close frame that answers ours: a connection that is reset because
the peer is still sending would lose our close frame. Extensions are not spoken here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import TypeAlias


class CloseCode(IntEnum):
    """Why a peer's frames end the connection (RFC 6455, 7.4.1)."""

    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    TOO_LARGE = 1009


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping, to be answered with its payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """A pong, asked for or not."""


@dataclass(frozen=True, slots=True)
class Part:
    """A frame that completes no message: a fragment, or one that is skipped."""


@dataclass(frozen=True, slots=True)
class Close:
    """The peer's close frame, the last that is read; `code` is None if it has none."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke a rule; the connection is to be closed with `code`."""

    code: CloseCode


#: A client's text message is a `str`, every other message `bytes`.
Event: TypeAlias = str | bytes | Ping | Pong | Part | Close | Violation

#: XOR data with a key of four bytes, in place (RFC 6455, 5.3).
Unmask: TypeAlias = Callable[[bytes, bytearray], None]

#: This many bytes of a frame count as another frame.
COUNTED_BYTES = 16 * 1024

_FIN, _MASKED = 0x80, 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_WHOLE_TEXT, _WHOLE_BINARY, _FIRST_CONTROL = _FIN | _TEXT, _FIN | _BINARY, _FIN | _CLOSE
_OPCODE = 0x0F
_MAX_CONTROL = 125  # bytes
_KEY = 4  # bytes
_CONTROLS = {_FIN | _CLOSE, _FIN | _PING, _FIN | _PONG}
#: The first bytes that a frame may have: reserved bits are zero, control frames are whole, and
#: only what was begun is continued.
_BETWEEN_MESSAGES = frozenset({_TEXT, _WHOLE_TEXT, _BINARY, _WHOLE_BINARY} | _CONTROLS)
_WITHIN_MESSAGE = frozenset({_CONTINUATION, _FIN | _CONTINUATION} | _CONTROLS)
#: Each form of the length: how many bytes follow the short one, and the least that they say.
_LENGTHS = {126: (2, 126), 127: (8, 1 << 16)}
#: The highest bit of a length is zero.
_TOO_LONG = 1 << 63
#: The close codes that may be sent, apart from the ranges of libraries and applications.
_CLOSE_CODES = {1000, 1001, 1002, 1003, *range(1007, 1015)}
_PRIVATE_CLOSE_CODES = range(3000, 5000)

#: The head of a masked frame of 126 to 65535 bytes: its first two bytes, its length, its key.
_read_head = Struct("!HH4s").unpack_from
_HEAD_BYTES = 8
_TEXT_HEAD = _WHOLE_TEXT << 8 | _MASKED | 126
#: The same of a server's frame, which has no key.
_read_server_head = Struct("!HH").unpack_from
_SERVER_HEAD_BYTES, _MAX_MEDIUM = 4, 0xFFFF
_WHOLE_MESSAGES = frozenset({_WHOLE_TEXT << 8 | 126, _WHOLE_BINARY << 8 | 126})

_PART, _PONGED = Part(), Pong()


def unmask(key: bytes, data: bytearray) -> None:
    """Unmask data in place, without a C routine for it."""
    size = len(data)
    whole = int.from_bytes((key * (size // _KEY + 1))[:size], "little")
    data[:] = (int.from_bytes(data, "little") ^ whole).to_bytes(size, "little")


def _keep(_: bytes, __: bytearray) -> None:
    """Leave data as it is: a server masks nothing."""


class MessageReader:
    """The messages of one client, of at most `max_bytes` each."""

    #: The highest bit of the second byte, and how many bytes of a key it announces.
    _mask_bit, _key_bytes = _MASKED, _KEY

    def __init__(self, max_bytes: int, unmask: Unmask = unmask) -> None:
        self._max_bytes = max_bytes
        self._most_at_once = min(max_bytes, COUNTED_BYTES - 1) + _HEAD_BYTES
        self._unmask = unmask
        self._data = b""  # not read yet, from `_at` on
        self._at = 0
        #: The frame that is still arriving: its first byte, its key, its payload so far (None if
        #: it is skipped), and how much is missing.
        self._first = 0
        self._key = b""
        self._payload: bytearray | None = None
        self._missing = 0
        #: The message that is arriving in fragments, if there is one, and whether it is text.
        self._message: bytearray | None = None
        self._is_text = False
        self._failed = False
        #: Whether the client has sent its close frame.
        self.closed = False
        #: The frames read so far; a large one counts as several.
        self.frames = 0

    @property
    def is_empty(self) -> bool:
        """Return whether all bytes have been read."""
        return not self._data

    @property
    def is_within_frame(self) -> bool:
        """Return whether the rest of a frame is missing that has been counted."""
        return self._missing > 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self.closed:
            return
        self._data = self._data[self._at :] + data if self._data else data
        self._at = 0

    @property
    def is_between_messages(self) -> bool:
        """Return whether nothing has been read in part, and more may come."""
        nothing_begun = not self._data and not self._missing and self._message is None
        return nothing_begun and not self._failed and not self.closed

    def whole_text(self, data: bytes) -> bytearray | None:
        """Return the payload of bytes that are one text message; None if they may not be.

        This is for messages of a common size between others (`is_between_messages`). It takes
        nothing: without a payload, or if it is not UTF-8, give the bytes to `receive_data`.
        """
        if not _MAX_CONTROL + _HEAD_BYTES < len(data) <= self._most_at_once:
            return None
        first, length, key = _read_head(data)
        if first != _TEXT_HEAD or length + _HEAD_BYTES != len(data):
            return None
        payload = bytearray(data)
        del payload[:_HEAD_BYTES]
        self._unmask(key, payload)
        return payload

    def next_event(self) -> Event | None:
        """Read one frame; return None if more bytes are needed."""
        if self._missing:
            return self._read_on()
        data, at = self._data, self._at
        if len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        length, start, least = second & 0x7F, at + 2, 0
        if length > _MAX_CONTROL:
            size, least = _LENGTHS[length]
            length = int.from_bytes(data[start : start + size], "big")
            start += size
        if second & _MASKED:
            start += _KEY
        if len(data) < start:
            return None
        self.frames += 1 + length // COUNTED_BYTES
        if self._failed:
            return self._skip(first, length=length, start=start)
        if second & _MASKED != self._mask_bit or not least <= length < _TOO_LONG:
            return self._fail(CloseCode.PROTOCOL_ERROR, length=length, start=start)
        if first != _WHOLE_TEXT or self._message is not None or length > self._max_bytes:
            problem = self._judge(first, length)
            if problem is not None:
                return self._fail(problem, length=length, start=start)
        end = start + length
        key, payload = data[start - self._key_bytes : start], bytearray(data[start:end])
        self._data, self._at = (data, end) if end < len(data) else (b"", 0)
        if len(payload) == length:
            if first != _WHOLE_TEXT:
                return self._complete(first, key, payload=payload)
            self._unmask(key, payload)
            return self._read_text(payload)
        self._first, self._key, self._payload = first, key, payload
        self._missing = length - len(payload)
        return None

    def _judge(self, first: int, length: int) -> CloseCode | None:
        """Return which rule a frame breaks, by its header."""
        if first not in (_BETWEEN_MESSAGES if self._message is None else _WITHIN_MESSAGE):
            return CloseCode.PROTOCOL_ERROR
        if first >= _FIRST_CONTROL:
            return CloseCode.PROTOCOL_ERROR if length > _MAX_CONTROL else None
        size = length if self._message is None else len(self._message) + length
        return CloseCode.TOO_LARGE if size > self._max_bytes else None

    def _read_on(self) -> Event | None:
        """Read the rest of a frame, as far as it has arrived."""
        data, at, payload = self._data, self._at, self._payload
        step = min(self._missing, len(data) - at)
        self._missing -= step
        if payload is not None:
            payload += data[at : at + step]
        self._drop(at + step)
        if self._missing:
            return None
        if payload is None:
            return _PART
        self._payload = None
        return self._complete(self._first, self._key, payload=payload)

    def _drop(self, at: int) -> None:
        """Forget what has been read, up to a place in the data."""
        if at < len(self._data):
            self._at = at
        else:
            self._data, self._at = b"", 0

    def _complete(self, first: int, key: bytes, *, payload: bytearray) -> Event:
        """Return what a whole frame means."""
        self._unmask(key, payload)
        if first == _WHOLE_TEXT:
            return self._read_text(payload)
        if first == _WHOLE_BINARY:
            return bytes(payload)
        if first >= _FIRST_CONTROL:
            return self._read_control(first & _OPCODE, bytes(payload))
        return self._read_fragment(first, payload)

    def _read_text(self, payload: bytearray) -> Event:
        """Read what a text message says."""
        try:
            return payload.decode()
        except UnicodeDecodeError:
            self._failed = True
            return Violation(CloseCode.INVALID_TEXT)

    def _read_fragment(self, first: int, payload: bytearray) -> Event:
        """Add a fragment to its message."""
        if self._message is None:
            self._is_text, self._message = first & _OPCODE == _TEXT, payload
        else:
            self._message += payload
        if not first & _FIN:
            return _PART
        message, self._message = self._message, None
        return self._read_text(message) if self._is_text else bytes(message)

    def _read_control(self, opcode: int, payload: bytes) -> Event:
        if opcode == _PING:
            return Ping(payload)
        if opcode == _PONG:
            return _PONGED
        self._end()
        return self._read_close(payload)

    def _fail(self, code: CloseCode, *, length: int, start: int) -> Violation:
        """Report a broken rule, and skip the frame."""
        self._failed = True
        self._message = None
        self._skip_payload(length, start)
        return Violation(code)

    def _skip(self, first: int, *, length: int, start: int) -> Event:
        """Skip a frame after a violation, unless it is the close frame."""
        if first & _OPCODE == _CLOSE:
            self._end()
            return Close()
        self._skip_payload(length, start)
        return _PART

    def _skip_payload(self, length: int, start: int) -> None:
        self._missing = max(0, start + length - len(self._data))
        self._drop(start + length)

    def _end(self) -> None:
        """Read nothing more: the client has sent its close frame."""
        self.closed = True
        self._data, self._at, self._message = b"", 0, None

    def _read_close(self, payload: bytes) -> Close | Violation:
        """Read a close frame's code and reason (RFC 6455, 5.5.1, 7.4)."""
        if not payload:
            return Close()
        code = int.from_bytes(payload[:2], "big")
        if len(payload) < 2 or not self._may_close_with(code):
            return Violation(CloseCode.PROTOCOL_ERROR)
        try:
            return Close(code, payload[2:].decode())
        except UnicodeDecodeError:
            return Violation(CloseCode.INVALID_TEXT)

    def _may_close_with(self, code: int) -> bool:
        """Return whether a close frame may have a code."""
        return code in _CLOSE_CODES or code in _PRIVATE_CLOSE_CODES


class ServerMessageReader(MessageReader):
    """The messages of one server, of at most `max_bytes` each: text ones as `bytes` too.

    Whoever reads JSON finds out whether it is UTF-8. Any close code is read: it only says why
    the server has gone.
    """

    _mask_bit, _key_bytes = 0, 0

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, _keep)
        self._most_at_once = min(max_bytes, _MAX_MEDIUM) + _SERVER_HEAD_BYTES

    def whole_message(self, data: bytes) -> bytes | None:
        """Return the payload of bytes that are one message; None if they may not be.

        This is for messages of a common size between others (`is_between_messages`), and takes
        nothing: without a payload, give the bytes to `receive_data`.
        """
        if not _MAX_CONTROL + _SERVER_HEAD_BYTES < len(data) <= self._most_at_once:
            return None
        first, length = _read_server_head(data)
        if length + _SERVER_HEAD_BYTES != len(data) or first not in _WHOLE_MESSAGES:
            return None
        return data[_SERVER_HEAD_BYTES:]

    def _read_text(self, payload: bytearray) -> Event:
        return bytes(payload)

    def _may_close_with(self, code: int) -> bool:
        return True
