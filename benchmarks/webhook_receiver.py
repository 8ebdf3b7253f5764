"""A receiver of webhooks that costs little: it answers every POST with 200 at once.

It prints its port, then answers each line of its input: `count` with how many requests came,
`report FILE` with that number once it has written {event id: moment of the request's first
byte (CLOCK_MONOTONIC, ns)}, `reset` with 0 when it has forgotten them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n"
BODY = b'{"received":true}'
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ID = re.compile(rb"(?i)\r\nwebhook-id: *(\S+)")

_arrived: dict[str, int] = {}


class Receiver(asyncio.Protocol):
    """One kept connection."""

    def __init__(self) -> None:
        self._unread = b""
        self._began = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._unread:
            self._began = time.monotonic_ns()
        self._unread += data
        while True:
            head, found, rest = self._unread.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not found or length is None or len(rest) < (size := int(length[1])):
                return
            name = _ID.search(head)
            _arrived.setdefault(name[1].decode() if name else "", self._began)
            self._unread = rest[size:]
            self._transport.write(ANSWER + BODY)


def _write(path: Path) -> None:
    path.write_text(json.dumps(_arrived))


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["report", path]:
                _write(Path(path))
            case ["reset"]:
                _arrived.clear()
            case _:
                pass
        print(len(_arrived), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
