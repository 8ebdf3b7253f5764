"""Load: one request, over and over, on many connections that stay open.

Each connection sends its next request when its answer is there. One process without an
event loop's layers spends about a tenth of what a server does, so that the server is what
is measured; how busy it was is told with the result, so that this can be checked.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass, field

from benchmarks.sockets import connect

_CLOCK = time.perf_counter_ns
_POLL_S = 0.5
_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of some seconds: how long each answer took (ms), how busy we were (0 to 1)."""

    seconds: float
    took_ms: list[float]
    busy: float


@dataclass(slots=True)
class _Line:
    """One connection: when its request left, and what is there of the answer."""

    connection: socket.socket
    sent: int = 0
    missing: int = 0
    read: bytearray = field(default_factory=bytearray)


class Load:
    """So many connections to a server."""

    def __init__(self, port: int, connections: int) -> None:
        self._poll = select.epoll()
        self._lines: dict[int, _Line] = {}
        for _ in range(connections):
            connection = connect(port)
            self._lines[connection.fileno()] = _Line(connection)
            self._poll.register(connection, select.EPOLLIN)

    def run(self, request: bytes, seconds: float) -> Burst:
        """Send for so long; return when every answer is there. SystemExit on a refusal."""
        used, begun = time.process_time(), _CLOCK()
        until = begun + round(seconds * 1e9)
        took: list[float] = []
        for line in self._lines.values():
            _send(line, request)
        open_lines = len(self._lines)
        while open_lines:
            for number, _ in self._poll.poll(_POLL_S):
                line = self._lines[number]
                if not _take(line):
                    continue
                now = _CLOCK()
                took.append((now - line.sent) / 1e6)
                if now < until:
                    _send(line, request)
                else:
                    open_lines -= 1
            if _CLOCK() > until + _LIMIT_S * 1e9:
                raise SystemExit("The server stopped answering.")
        lasted = (_CLOCK() - begun) / 1e9
        return Burst(lasted, took, (time.process_time() - used) / lasted)

    def close(self) -> None:
        self._poll.close()
        for line in self._lines.values():
            line.connection.close()


@contextlib.contextmanager
def load(port: int, connections: int) -> Generator[Load]:
    """Open connections for a block."""
    made = Load(port, connections)
    try:
        yield made
    finally:
        made.close()


def _send(line: _Line, request: bytes) -> None:
    line.missing, line.sent = 0, _CLOCK()
    line.read.clear()
    line.connection.sendall(request)


def _take(line: _Line) -> bool:
    """Read what is there; tell whether the answer is whole."""
    data = os.read(line.connection.fileno(), 65536)
    if not data:
        raise SystemExit("The server closed a connection under load.")
    line.read += data
    if not line.missing:
        line.missing = whole_length(line.read)
    return 0 < line.missing <= len(line.read)


def whole_length(read: bytes | bytearray) -> int:
    """Return how long an answer with this beginning is; 0 while its head is not there.

    Raises SystemExit where it is not a 200 of a length that is told.
    """
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(read[:end]).lower()
    if not head.startswith(b"http/1.1 200 "):
        raise SystemExit(f"The server answered {head[9:12].decode('ascii', 'replace')}.")
    place = head.find(b"\r\ncontent-length:")
    if place < 0:
        raise SystemExit("The server does not tell the length of its answer.")
    return end + 4 + int(head[place + 17 :].split(b"\r\n", 1)[0])
