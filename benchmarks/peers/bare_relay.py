"""The floor of a relay: bytes come and go, and nothing is parsed, decoded or encoded.

What it costs is the kernel, uvloop, the timers of the provider and its stamps, so it shows how
much of another relay's figure is that relay's own work. It speaks only as much of a WebSocket
as the benchmark's clients need: their frames arrive whole, and a large one is audio.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from benchmarks import relay_frames
from benchmarks.relay_server import report
from ringline.wire.websocket_frames import text_frame
from ringline.wire.websocket_handshake import answer_upgrade

_HEAD = len('{"type":"audio.append","audio":"')
_KEY_AT, _MEDIUM_AT, _STAMP = 4, 8, 16
_LEAST_AUDIO = 1_000
_KEY_HEADER = b"sec-websocket-key: "
STARTED = text_frame(b'{"type": "session.started"}')

_ages: list[float] = []


def accept(head: bytes) -> bytes:
    """Answer a client's request for a WebSocket."""
    lines = head.split(b"\r\n")
    key = next(line for line in lines if line.lower().startswith(_KEY_HEADER))
    return answer_upgrade(key[len(_KEY_HEADER) :].decode(), None, headers={})


class BareRelay(asyncio.Protocol):
    """One session."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._upgraded = False
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # so that uvloop writes at once

    def data_received(self, data: bytes) -> None:
        if len(data) >= _LEAST_AUDIO:
            self._hear(data)
        elif not self._upgraded:
            self._upgrade(data)
        elif b"session.start" in _unmasked(data):
            self._transport.write(STARTED)
            if b"response.create" in _unmasked(data):
                self._begin()
        else:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _upgrade(self, head: bytes) -> None:
        self._upgraded = True
        self._transport.write(accept(head))

    def _hear(self, data: bytes) -> None:
        """Hear frames of audio as the provider, which looks at their stamps only."""
        while data:
            at = _MEDIUM_AT + _HEAD
            stamp = _xor(data[at : at + _STAMP], data[_KEY_AT:_MEDIUM_AT])
            _ages.append(relay_frames.age_of_text_ms(stamp))
            data = data[_MEDIUM_AT + int.from_bytes(data[2:_KEY_AT], "big") :]

    def _begin(self) -> None:
        self._due = self._loop.time()
        self._speak()

    def _speak(self) -> None:
        """Pass on what the provider says: a message every 40 ms."""
        audio = relay_frames.base64_of_now()
        self._transport.write(text_frame(f'{{"type":"audio.delta","audio":"{audio}"}}'.encode()))
        self._due += relay_frames.FRAME_S
        self._timer = self._loop.call_at(self._due, self._speak)


def _xor(data: bytes, key: bytes) -> bytes:
    size = len(data)
    whole = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ whole).to_bytes(size, "big")


def _unmasked(data: bytes) -> bytes:
    """Return the payloads of short frames."""
    found = b""
    while data:
        size = data[1] & 0x7F
        found += _xor(data[6 : 6 + size], data[2:6])
        data = data[6 + size :]
    return found


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(BareRelay, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        report(Path(line.strip()), _ages, [])


if __name__ == "__main__":
    uvloop.run(serve())
