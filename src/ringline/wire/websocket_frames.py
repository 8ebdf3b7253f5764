"""WebSocket frames, unfragmented (RFC 6455, 5.2): a server's, and a client's, which are masked.

A message for many connections is framed once and its bytes are written to each.
"""

from struct import Struct

from ringline.wire.websocket_reader import Unmask

_FIN, _MASKED = 0x80, 0x80
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
#: The heads of frames: what a frame is, and its length in the shortest form.
_SHORT, _MEDIUM, _LONG = Struct("!BB"), Struct("!BBH"), Struct("!BBQ")
_MASKED_MEDIUM = Struct("!BBH4s")
#: How long a head is that begins with such a length; all others take two bytes.
_HEADS = {126: 4, 127: 10}
_MAX_MEDIUM = 0xFFFF
_MAX_CONTROL = 125  # bytes in a control frame (RFC 6455, 5.5)


def text_frame(payload: bytes) -> bytes:
    """Frame a UTF-8 payload as one text message."""
    length = len(payload)
    if _MAX_CONTROL < length <= _MAX_MEDIUM:  # most are
        return _MEDIUM.pack(_FIN | _TEXT, 126, length) + payload
    return _frame(_TEXT, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """Frame a ping of at most 125 bytes."""
    assert len(payload) <= _MAX_CONTROL, "a ping carries at most 125 bytes"
    return _frame(_PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Frame the pong for a ping: the same bytes, at most 125."""
    return _frame(_PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Frame a close; a reason over 123 bytes is truncated at a character."""
    text = reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore").encode()
    return _frame(_CLOSE, code.to_bytes(2, "big") + text)


def masked_text_frame(payload: bytes, key: bytes, *, mask: Unmask) -> bytes:
    """Frame a UTF-8 payload as one text message of a client."""
    length = len(payload)
    if not _MAX_CONTROL < length <= _MAX_MEDIUM:
        return masked(text_frame(payload), key, mask=mask)
    data = bytearray(payload)  # most are of this size
    mask(key, data)
    return _MASKED_MEDIUM.pack(_FIN | _TEXT, _MASKED | 126, length, key) + data


def masked(frame: bytes, key: bytes, *, mask: Unmask) -> bytes:
    """Make a client's frame of a server's; `key` is four random bytes (RFC 6455, 5.3)."""
    size = frame[1]
    head = _HEADS.get(size, 2)
    data = bytearray(frame[head:])
    mask(key, data)
    return b"".join((frame[:1], bytes((_MASKED | size,)), frame[2:head], key, data))


def _frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length <= _MAX_CONTROL:
        return _SHORT.pack(_FIN | opcode, length) + payload
    if length <= _MAX_MEDIUM:
        return _MEDIUM.pack(_FIN | opcode, 126, length) + payload
    return _LONG.pack(_FIN | opcode, 127, length) + payload
