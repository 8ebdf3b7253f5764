"""The other side of BYOM turns, in one process: a receiver, a recogniser and a speech endpoint.

The recogniser hears "Turn N." in every turn, N being another number each time; the receiver
answers "Answer N.", and the speech endpoint speaks a tone. So each request tells which turn it
belongs to. All answer at once, and note when: the first byte of what they are asked, and when
they began to write. The process prints its port; each line of its input names a file, into which
the moments (CLOCK_MONOTONIC, ns) since the last one are written.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import uvloop

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_NUMBER = re.compile(rb"(?:Turn|Answer) (\d+)\.")
_CALL = re.compile(rb'"call_id":"(call_\w+)"')
_TURN = b'"event":"turn"'

#: 100 ms of a tone of 200 Hz, at 24 kHz.
TONE = (b"\x00\x10" * 60 + b"\x00\xf0" * 60) * 20

_numbers = count(1)
#: By the number of a turn: `heard`, `asked`, `answered`, `to_speak`, `spoke`.
_numbered: dict[str, dict[str, int]] = defaultdict(dict)
#: By the call: when each of its turns was asked for, and answered.
_of_calls: dict[str, list[tuple[int, int]]] = defaultdict(list)

#: Takes a request's body and the moment of its first byte; returns the answer's body.
_Answer: TypeAlias = Callable[[bytes, int], bytes]


def _hear(_: bytes, began: int) -> bytes:
    number = str(next(_numbers))
    _numbered[number]["heard"] = time.monotonic_ns()
    return json.dumps({"text": f"Turn {number}."}).encode()


def _think(body: bytes, began: int) -> bytes:
    if _TURN not in body:
        return b"{}"
    # The newest turn is the last number, whatever was said before.
    numbers = _NUMBER.findall(body)
    number = numbers[-1].decode() if numbers else ""
    answer = json.dumps({"text": f"Answer {number}." if number else "Yes."}).encode()
    call = _CALL.search(body)
    assert call is not None
    answered = time.monotonic_ns()
    _of_calls[call[1].decode()].append((began, answered))
    if number:
        _numbered[number] |= {"asked": began, "answered": answered}
    return answer


def _speak(body: bytes, began: int) -> bytes:
    number = _NUMBER.search(body)
    assert number is not None
    _numbered[number[1].decode()] |= {"to_speak": began, "spoke": time.monotonic_ns()}
    return TONE


_ANSWERS: dict[bytes, tuple[bytes, _Answer]] = {
    b"/v1/audio/transcriptions": (b"application/json", _hear),
    b"/v1/audio/speech": (b"audio/pcm", _speak),
    b"/turns": (b"application/json", _think),
}


class Connection(asyncio.Protocol):
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
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(rest) < int(length[1]):
            return
        self._unread = b""
        kind, answer = _ANSWERS[head.split(b" ", 2)[1]]
        body = answer(rest, self._began)
        start = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(start % (kind, len(body)) + body)


def _write(path: Path) -> None:
    path.write_text(json.dumps({"numbered": _numbered, "of_calls": _of_calls}))
    _numbered.clear()
    _of_calls.clear()
    print("written", flush=True)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _write(Path(line.strip()))


if __name__ == "__main__":
    uvloop.run(main())
