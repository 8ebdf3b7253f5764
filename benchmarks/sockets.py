"""Clients that cost little: sockets of the system, HTTP and WebSocket frames by hand.

A client in the same language as the server would take as much of the machine as the server
itself. Frames are noted with the moment they were read and parsed when a run is over.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

_EVENT_ID = re.compile(rb'"eventId":"(evt_[0-9A-Za-z]+)"')
_NONCE = base64.b64encode(bytes(16)).decode()


def request(connection: socket.socket, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request over a connection that stays open; return status and body."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    connection.sendall(f"{head}\r\nHost: bench\r\n{length}\r\n".encode() + body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _some(connection)
    top, _, rest = answer.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", top)
    missing = (int(found[1]) if found else 0) - len(rest)
    while missing > 0:
        more = _some(connection)
        rest, missing = rest + more, missing - len(more)
    return int(top.split(b" ", 2)[1]), rest


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(
    connection: socket.socket, path: str, key: str, body: object, *, method: str = "POST"
) -> dict[str, Any]:
    """Post JSON with a key; return the JSON of the answer."""
    head = (
        f"{method} {path} HTTP/1.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json"
    )
    status, answer = request(connection, head, json.dumps(body).encode())
    if status != 200:
        raise SystemExit(f"{path} answered {status}.")
    return json.loads(answer)


def upgrade(connection: socket.socket, path: str, more: str = "") -> bytes:
    """Open a WebSocket; return what came right behind the answer."""
    head = (
        f"GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_NONCE}{more}"
    )
    status, rest = request(connection, head)
    if status != 101:
        raise SystemExit(f"{path.partition('?')[0]} answered {status}.")
    return rest


def text_frame(text: str) -> bytes:
    """Write a masked text frame; the mask is zero, so the text stays as it is."""
    data = text.encode()
    head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else b""
    if not head:
        head = b"\x81\xfe" + len(data).to_bytes(2, "big")
    return head + bytes(4) + data


@dataclass(slots=True)
class _Watcher:
    """One connection: all it has read, and how much was there at which moment (ns)."""

    connection: socket.socket
    read: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list[int])
    moments: list[int] = field(default_factory=list[int])


class Watchers:
    """Many watchers of a workspace's events."""

    def __init__(self, port: int, key: str, count: int) -> None:
        with connect(port) as mint:
            token = post(mint, "/api/realtime/session", key, {})["token"]
        self._poll = select.epoll()
        self._watchers: dict[int, _Watcher] = {}
        join = text_frame(json.dumps(["1", "1", "events", "phx_join", {}]))
        for _ in range(count):
            connection = connect(port)
            upgrade(connection, f"/socket/websocket?vsn=2.0.0&session_token={token}")
            connection.sendall(join)
            if b'"ok"' not in _some(connection):
                raise SystemExit("a join was refused")
            connection.setblocking(False)
            self._watchers[connection.fileno()] = _Watcher(connection)
            self._poll.register(connection, select.EPOLLIN)

    def read_until_quiet(self, first_s: float, quiet_s: float = 0.5) -> None:
        """Note all frames until none has come for a while; wait longer for the first."""
        wait_s = first_s
        clock, watchers = time.monotonic_ns, self._watchers
        while ready := self._poll.poll(wait_s):
            wait_s = quiet_s
            for number, _ in ready:
                watcher = watchers[number]
                try:
                    data = os.read(number, 65536)
                except BlockingIOError:
                    continue
                if not data:
                    raise SystemExit("the server closed a watcher's connection")
                watcher.read += data
                watcher.ends.append(len(watcher.read))
                watcher.moments.append(clock())

    def arrivals(self) -> list[dict[str, int]]:
        """Return, for each watcher, when each event came; forget them."""
        found = [_arrivals(watcher) for watcher in self._watchers.values()]
        for watcher in self._watchers.values():
            watcher.read.clear()
            watcher.ends.clear()
            watcher.moments.clear()
        return found

    def close(self) -> None:
        self._poll.close()
        for watcher in self._watchers.values():
            watcher.connection.close()


def _arrivals(watcher: _Watcher) -> dict[str, int]:
    found: dict[str, int] = {}
    for match in _EVENT_ID.finditer(watcher.read):
        found[match[1].decode()] = watcher.moments[bisect_left(watcher.ends, match.end())]
    return found
