"""A guard before aiohttp's parser of WebSocket frames. Pure.

Unmasked frames must be refused (RFC 6455, 5.1), which aiohttp does not do. A message that is
too long must not reset the connection, or the close frame would be lost: its bytes are
discarded instead. Frames are counted here too, however small, so that the parser gets only as
many as it may handle (`frame_gate.py`). Only headers are read; each length says where the next
frame begins.
"""

PROTOCOL_ERROR = 1002
TOO_LARGE = 1009
_CONTINUATION, _FIRST_CONTROL, _CLOSE = 0x0, 0x8, 0x8
_FINAL = 0x80
#: This many bytes of a frame cost as much as another frame.
CHARGED_BYTES = 16 * 1024
_MASKING_KEY = 4  # bytes


class FrameGuard:
    """Passes on valid frames; after a violation only the client's close frame."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""  # not examined yet, from `_at` on
        self._at = 0
        self._head = bytearray()
        self._left = 0
        self._swallow = False
        self._message_bytes = 0
        #: The close code of the first rule that the client broke (RFC 6455, 7.4.1).
        self.violation: int | None = None
        #: Frames examined, a large one counting as several, and messages passed on, so far.
        self.frames = 0
        self.messages = 0

    @property
    def holds(self) -> bool:
        """Return whether frames are waiting to be examined."""
        return bool(self._rest)

    def feed(self, data: bytes, most: int | None = None) -> bytes:
        """Take bytes from the client; return those for the parser, with whole headers.

        With `most`, at most so many more frames are examined; the rest waits for the
        next call.
        """
        data, at = self._take_rest(data)
        last = None if most is None else self.frames + most
        passed: list[bytes] = []
        while at < len(data) and self.violation != PROTOCOL_ERROR:
            if self._left:
                step = min(self._left, len(data) - at)
                if not self._swallow:
                    passed.append(data[at : at + step])
                self._left -= step
                at += step
                continue
            if last is not None and self.frames >= last:
                self._rest, self._at = data, at
                break
            self._head.append(data[at])
            at += 1
            if len(self._head) == 2 and not self._head[1] & 0x80:
                self.violation = PROTOCOL_ERROR
            elif (length := _payload_length(self._head)) is not None:
                self._begin(length)
                if not self._swallow:
                    passed.append(bytes(self._head))
                self._head.clear()
        return b"".join(passed)

    def _take_rest(self, data: bytes) -> tuple[bytes, int]:
        """Return the bytes to examine, and from where, without copying a long rest."""
        rest, at = self._rest, self._at
        self._rest, self._at = b"", 0
        if not rest:
            return data, 0
        return (rest, at) if not data else (rest[at:] + data, 0)

    def _begin(self, length: int) -> None:
        """Begin a frame whose header is complete."""
        self._judge(self._head[0] & 0x0F, length)
        self._left = length + _MASKING_KEY
        self.frames += 1 + length // CHARGED_BYTES
        if self._head[0] & _FINAL and not self._swallow:
            self.messages += 1

    def _judge(self, opcode: int, length: int) -> None:
        """Decide on a frame; the fragments of a message count together."""
        if opcode >= _FIRST_CONTROL:
            self._swallow = self.violation is not None and opcode != _CLOSE
            return
        self._message_bytes = length + (self._message_bytes if opcode == _CONTINUATION else 0)
        if self._message_bytes > self._max_bytes and self.violation is None:
            self.violation = TOO_LARGE
        self._swallow = self.violation is not None


def _payload_length(head: bytearray) -> int | None:
    """Return a frame's payload length once its header is complete (RFC 6455, 5.2)."""
    if len(head) < 2:
        return None
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if not extended:
        return short
    if len(head) < 2 + extended:
        return None
    return int.from_bytes(head[2 : 2 + extended], "big")
