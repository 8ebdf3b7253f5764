"""A server's answer to a WebSocket's opening handshake (RFC 6455, 4.2.2)."""

import base64
import hashlib
from collections.abc import Mapping

#: What every server appends to the client's key (RFC 6455, 1.3).
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def answer_upgrade(key: str, subprotocol: str | None, *, headers: Mapping[str, str]) -> bytes:
    """Write the 101 that accepts a client's key, with a subprotocol if one was chosen.

    `headers` are further ones. Key and subprotocol are the client's own words, so they may hold
    neither CR nor LF, which no parsed header does.
    """
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if subprotocol:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a header must not contain a line break")
    return f"{head}\r\n\r\n".encode()


def accept_key(key: str) -> str:
    """Return the `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
