"""A WebSocket's opening handshake: a client's request, and a server's answer (RFC 6455, 4)."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ringline.wire.http_answer import write_fields, write_head

#: What every server appends to the client's key (RFC 6455, 1.3).
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_ANSWER = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
#: The status of an answer that accepts.
SWITCHING = 101


def ask_upgrade(host: str, target: str, *, key: str, headers: Mapping[str, str]) -> bytes:
    """Write a client's request for a WebSocket; `key` is 16 random bytes in base64.

    Raises ValueError if a header would break out of its line.
    """
    asked = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    return write_fields(f"GET {target} HTTP/1.1", asked)


@dataclass(frozen=True, slots=True)
class UpgradeAnswer:
    """A server's answer: its status, and whether it opens the WebSocket that was asked for."""

    status: int
    accepts: bool


def read_answer(head: bytes, key: str) -> UpgradeAnswer:
    """Read the head of a server's answer. Raises ValueError if it is no answer of HTTP."""
    line = _ANSWER.match(head)
    if line is None:
        raise ValueError("this is no answer of HTTP")
    lines = [field.partition(b":") for field in head[line.end() :].split(b"\r\n")]
    fields = {name.lower(): value.strip(b" \t") for name, _, value in lines}
    status = int(line[1])
    accepts = (
        status == SWITCHING
        and fields.get(b"upgrade", b"").lower() == b"websocket"
        and fields.get(b"sec-websocket-accept") == accept_key(key).encode()
        # Neither was offered.
        and not fields.keys() & {b"sec-websocket-extensions", b"sec-websocket-protocol"}
    )
    return UpgradeAnswer(status, accepts)


def answer_upgrade(key: str, subprotocol: str | None, *, headers: Mapping[str, str]) -> bytes:
    """Write the 101 that accepts a client's key, with a subprotocol if one was chosen.

    `headers` are further ones. Key and subprotocol are the client's own words, so they may hold
    neither CR nor LF, which no parsed header does.
    """
    answered = {
        "Upgrade": "websocket",
        "Connection": "upgrade",
        "Sec-WebSocket-Accept": accept_key(key),
        **headers,
    }
    if subprotocol:
        answered["Sec-WebSocket-Protocol"] = subprotocol
    return write_head(SWITCHING, answered)


def accept_key(key: str) -> str:
    """Return the `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
