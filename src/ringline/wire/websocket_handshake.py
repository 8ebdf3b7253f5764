"""A server's answer to a WebSocket's opening handshake (RFC 6455, 4.2.2)."""

import base64
import hashlib
from collections.abc import Mapping

from ringline.wire.http_answer import write_head

#: What every server appends to the client's key (RFC 6455, 1.3).
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


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
    return write_head(101, answered)


def accept_key(key: str) -> str:
    """Return the `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
