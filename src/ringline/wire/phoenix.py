"""Phoenix Channels: frames as bytes and as messages (events socket, 3).

Two versions of the text format are supported, chosen by `vsn` at connect: V2 is an array of five,
`[join_ref, ref, topic, event, payload]`; V1 an object without a join_ref. Binary frames only exist
in V2 (3.7). Everything the server encodes here is one WebSocket text frame's payload.  A broadcast
carries no join_ref, so all listeners of a topic that use the same version share the same bytes:
`encode_broadcast` takes a payload that is already JSON.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

from ringline.domain import limits, socket_limits
from ringline.wire.strict_json import JsonProblem, NotUtf8, StrictDecoder, encode

HEARTBEAT_TOPIC = "phoenix"
HEARTBEAT = "heartbeat"
JOIN = "phx_join"
LEAVE = "phx_leave"
REPLY = "phx_reply"
CLOSE = "phx_close"
ERROR = "phx_error"

#: The subprotocol the server accepts whenever a client offers any (events socket, 3.2).
SUBPROTOCOL = "phoenix"
_BEARER = "base64url.bearer.phx."

_NUMBER = "(0|[1-9][0-9]{0,8})"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    r"(?P<pre>-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_PUSH, _REPLY, _BROADCAST = 0, 1, 2  # kind bytes of binary frames
_MAX_FIELD = 255
#: The close codes for frames that cannot be decoded (3.5).
_BAD_FRAME, _NOT_UTF8 = 1011, 1007

Payload: TypeAlias = Mapping[str, object]
EMPTY: Payload = {}


class Version(StrEnum):
    """The text format that a socket uses."""

    V1 = "1.0.0"
    V2 = "2.0.0"


class PhoenixError(ValueError):
    """A frame that cannot be decoded; close the socket with `close_code` (3.5)."""

    def __init__(self, message: str, close_code: int = _BAD_FRAME) -> None:
        super().__init__(message)
        self.message = message
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class PhoenixMessage:
    """One frame in either direction; `payload` is JSON, or bytes if binary.

    The refs are usually texts; a client's may be any JSON and are repeated unchanged.
    """

    join_ref: object
    ref: object
    topic: str
    event: str
    payload: object


class _V2(msgspec.Struct, array_like=True, frozen=True):
    join_ref: object
    ref: object
    topic: str
    event: str
    payload: object


class _V1(msgspec.Struct, frozen=True):
    topic: str
    event: str
    payload: object = None
    ref: object = None
    join_ref: object = None


_DECODERS: Mapping[Version, StrictDecoder[_V1] | StrictDecoder[_V2]] = {
    Version.V1: StrictDecoder(_V1),
    Version.V2: StrictDecoder(_V2),
}
_PUSHED = StrictDecoder(_V2, marks=None)
_NAME, _TOPIC = socket_limits.NAME_BYTES.most, socket_limits.TOPIC_BYTES.most
_LONG_NAME = f"ref and join_ref have at most {_NAME} bytes, topic {_TOPIC}"


def negotiate(vsn: str | None) -> Version | None:
    """Choose the version for a `vsn` parameter; None means refuse with 403.

    Absent means 1.0.0; otherwise it must be SemVer and match `~> 1.0.0` or `~> 2.0.0`.
    """
    if vsn is None:
        return Version.V1
    match = _SEMVER.fullmatch(vsn)
    if match is None or match[2] != "0" or (match["pre"] and match[3] == "0"):
        return None
    return {"1": Version.V1, "2": Version.V2}.get(match[1])


@dataclass(frozen=True, slots=True)
class SubprotocolOffer:
    """A client's offer of subprotocols: whether there is one, and the token in it."""

    answer: str | None
    token: str | None


def read_subprotocols(header: str | None) -> SubprotocolOffer:
    """Read a `Sec-WebSocket-Protocol` header (3.2): what to accept, and the token.

    The token is base64 in the standard alphabet without padding; base64url is accepted too.
    An unreadable one counts as no token.
    """
    names = [name.strip() for name in (header or "")[: limits.OFFER_CHARACTERS.most].split(",")]
    if not any(names):
        return SubprotocolOffer(None, None)
    for name in names:
        if name.startswith(_BEARER):
            return SubprotocolOffer(SUBPROTOCOL, _read_token(name.removeprefix(_BEARER)))
    return SubprotocolOffer(SUBPROTOCOL, None)


def spell_subprotocols(token: str) -> tuple[str, str]:
    """Return the subprotocols with which a client offers its token."""
    encoded = base64.b64encode(token.encode()).decode("ascii").rstrip("=")
    return SUBPROTOCOL, _BEARER + encoded


def _read_token(encoded: str) -> str | None:
    standard = encoded.replace("-", "+").replace("_", "/")
    try:
        decoded = binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
        return decoded.decode("utf-8") or None
    except ValueError:
        return None


def decode(frame: str | bytes, version: Version) -> PhoenixMessage:
    """Decode a client's frame: text as str, binary as bytes. Raises PhoenixError."""
    if isinstance(frame, bytes):
        if version is Version.V1:
            raise PhoenixError("binary frames do not exist in version 1")
        return _decode_push(frame)
    message = _read_text(frame, _DECODERS[version])
    # They are repeated.
    if (
        _is_long(message.ref, _NAME)
        or _is_long(message.join_ref, _NAME)
        or _is_long(message.topic, _TOPIC)
    ):
        raise PhoenixError(_LONG_NAME)
    return message


def decode_pushed(frame: str | bytes) -> PhoenixMessage:
    """Decode a server's text frame, in version 2. Raises PhoenixError."""
    return _read_text(frame, _PUSHED)


def _read_text(
    frame: str | bytes, decoder: StrictDecoder[_V1] | StrictDecoder[_V2]
) -> PhoenixMessage:
    try:
        read = decoder.decode(frame)
    except NotUtf8 as problem:
        raise PhoenixError(problem.message, _NOT_UTF8) from None
    except JsonProblem as problem:
        raise PhoenixError(problem.message) from None
    return PhoenixMessage(read.join_ref, read.ref, read.topic, read.event, read.payload)


def _is_long(name: object, most: int) -> bool:
    """Return whether a name is over its bound; a character has one to four bytes."""
    match name:
        case None:
            return False
        case str():
            return len(name) > most // 4 and len(name.encode()) > most
        case _:
            try:
                return len(encode(name)) > most
            except (ValueError, OverflowError, RecursionError):  # an unbounded number
                return True


def _decode_push(frame: bytes) -> PhoenixMessage:
    """Decode a client's binary push: kind 0, four lengths, four texts, data (3.7)."""
    if len(frame) < 5 or frame[0] != _PUSH:
        raise PhoenixError("a binary frame from a client must be a push")
    if sum(frame[1:5]) + 5 > len(frame):
        raise PhoenixError("a binary frame ends within its texts")
    texts: list[str] = []
    start = 5
    for length in frame[1:5]:
        try:
            texts.append(frame[start : start + length].decode("utf-8"))
        except UnicodeDecodeError:
            raise PhoenixError("a binary frame's text is not valid UTF-8", _NOT_UTF8) from None
        start += length
    if any("\0" in text for text in texts):
        raise PhoenixError("text must not contain U+0000")
    join_ref, ref, topic, event = texts
    return PhoenixMessage(join_ref or None, ref or None, topic, event, frame[start:])


def encode_binary_push(message: PhoenixMessage, data: bytes) -> bytes:
    """Encode a client's binary push; each text has at most 255 bytes."""
    names = (message.join_ref or "", message.ref or "", message.topic, message.event)
    texts = [str(name).encode() for name in names]
    if max(map(len, texts)) > _MAX_FIELD:
        raise ValueError("a text of a binary frame is longer than 255 bytes")
    return bytes([_PUSH, *map(len, texts)]) + b"".join(texts) + data


def encode_message(message: PhoenixMessage, version: Version) -> bytes:
    """Encode a text frame for either direction."""
    return _frame(
        version,
        message.join_ref,
        ref=message.ref,
        topic=message.topic,
        event=message.event,
        payload=encode(message.payload),
    )


def encode_reply(
    version: Version,
    to: PhoenixMessage,
    *,
    ok: bool,
    response: Payload = EMPTY,
    matched: bool = True,
) -> bytes:
    """Encode a reply; without a join_ref if the topic is not `matched`."""
    payload = encode({"status": "ok" if ok else "error", "response": response})
    return _frame(
        version,
        to.join_ref if matched else None,
        ref=to.ref,
        topic=to.topic,
        event=REPLY,
        payload=payload,
    )


def encode_broadcast(version: Version, topic: str, *, event: str, payload: bytes) -> bytes:
    """Encode a broadcast of a payload that is already JSON: the same bytes for all."""
    return _frame(version, None, ref=None, topic=topic, event=event, payload=payload)


def encode_close(version: Version, join_ref: object, topic: str) -> bytes:
    """Encode the end of a channel; the client does not rejoin."""
    return _frame(version, join_ref, ref=join_ref, topic=topic, event=CLOSE, payload=b"{}")


def encode_error(version: Version, join_ref: object, topic: str) -> bytes:
    """Encode the failure of a channel; the client rejoins by timer."""
    return _frame(
        version,
        join_ref,
        ref=join_ref,
        topic=topic,
        event=ERROR,
        payload=b'{"reason":"channel_crash"}',
    )


def encode_heartbeat(version: Version, ref: str) -> bytes:
    """Encode a client's heartbeat."""
    return _frame(version, None, ref=ref, topic=HEARTBEAT_TOPIC, event=HEARTBEAT, payload=b"{}")


def _frame(
    version: Version, join_ref: object, *, ref: object, topic: str, event: str, payload: bytes
) -> bytes:
    head = (encode(join_ref), encode(ref), encode(topic), encode(event))
    if version is Version.V2:
        return b"[%b,%b,%b,%b,%b]" % (*head, payload)
    return b'{"topic":%b,"event":%b,"payload":%b,"ref":%b}' % (head[2], head[3], payload, head[1])
