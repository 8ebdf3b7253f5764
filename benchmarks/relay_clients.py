"""The clients of the relay benchmark: many two-way sessions, from one process by hand.

Each session sends a frame every 40 ms, the sessions spread over that time, and reads what
comes. How busy this process was is told with the result, so that it can be checked that the
server is what was measured.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks import relay_frames
from benchmarks.sockets import connect, text_frame, upgrade

_PERIOD_NS = relay_frames.FRAME_MS * 1_000_000
#: What stands before a frame's base64: a relay's event, or a provider's that was passed on.
_AUDIO = re.compile(
    rb'''{"type": ?(?:"audio\.delta", ?"audio"|"response\.output_audio\.delta",.*?"delta"): ?"'''
)
#: As much of a frame's base64 as its moment can be in.
_HEAD_TEXT = 64
_START_S = 10.0


class Frames(Protocol):
    """Makes frames, and tells their age by their base64."""

    def base64_of_now(self) -> str: ...

    def age_of_text_ms(self, audio: str | bytes) -> float: ...


@dataclass(frozen=True, slots=True)
class Talk:
    """What came of some seconds: frames both ways, the ages of those that came (ms)."""

    sent: int
    ages_ms: list[float]
    busy: float
    #: Moments (ns) of what came: `speech.started` and each frame, of the interrupted sessions.
    arrivals: dict[int, list[tuple[int, str]]]


@dataclass(slots=True)
class _Session:
    connection: socket.socket
    due: int = 0
    read: bytearray = field(default_factory=bytearray)


class Sessions:
    """Sessions that have started and talk."""

    def __init__(
        self,
        port: int,
        offers: list[str],
        *,
        speak: bool = True,
        prompt: str = "",
        frames: Frames = relay_frames,
    ) -> None:
        self._frames = frames
        self._poll = select.epoll()
        self._sessions: dict[int, _Session] = {}
        start = text_frame(json.dumps({"type": "session.start", "config": {}}))
        for offer in offers:
            connection = connect(port)
            rest = upgrade(connection, "/v3/realtime", offer)
            connection.sendall(start)
            session = _Session(connection)
            session.read += rest
            connection.settimeout(_START_S)
            while b"session.started" not in session.read:
                more = connection.recv(65536)
                if not more:
                    raise SystemExit(f"A session did not start: {bytes(session.read)!r}")
                session.read += more
            session.read.clear()
            if prompt:
                typed = {"type": "text.input", "text": prompt}
                connection.sendall(text_frame(json.dumps(typed)))
            if speak:
                connection.sendall(text_frame(json.dumps({"type": "response.create"})))
            connection.setblocking(False)
            self._sessions[connection.fileno()] = session
            self._poll.register(connection, select.EPOLLIN)

    def talk(self, seconds: float, *, interrupt: bool = False) -> Talk:
        """Send and read for so long; interrupt each session once, half way."""
        used, begun = time.process_time(), time.monotonic_ns()
        until = begun + round(seconds * 1e9)
        step = _PERIOD_NS // max(1, len(self._sessions))
        schedule = sorted(self._sessions.values(), key=lambda session: session.connection.fileno())
        for number, session in enumerate(schedule):
            session.due = begun + number * step
        middle = (begun + until) // 2
        sent, ages, at = 0, list[float](), 0
        arrivals: dict[int, list[tuple[int, str]]] = {}
        told = set[int]()
        while (now := time.monotonic_ns()) < until:
            while schedule and schedule[at].due <= now:
                session = schedule[at]
                audio = self._frames.base64_of_now()
                frame = text_frame('{"type":"audio.append","audio":"' + audio + '"}')
                session.connection.sendall(frame)
                sent += 1
                if interrupt and now >= middle and session.connection.fileno() not in told:
                    told.add(session.connection.fileno())
                    typed = {"type": "text.input", "text": "interrupt"}
                    session.connection.sendall(text_frame(json.dumps(typed)))
                session.due += _PERIOD_NS
                at = (at + 1) % len(schedule)
            wait_s = (schedule[at].due - now) / 1e9 if schedule else 0.01
            for number, _ in self._poll.poll(max(0.0, min(wait_s, (until - now) / 1e9))):
                self._read(number, ages, arrivals if interrupt else None)
        lasted = (time.monotonic_ns() - begun) / 1e9
        return Talk(sent, ages, (time.process_time() - used) / lasted, arrivals)

    def _read(
        self, number: int, ages: list[float], arrivals: dict[int, list[tuple[int, str]]] | None
    ) -> None:
        session = self._sessions[number]
        data = os.read(number, 262144)
        if not data:
            raise SystemExit("The server closed a session.")
        session.read += data
        for payload in _frames(session.read):
            if audio := _AUDIO.match(payload):
                start = audio.end()
                ages.append(self._frames.age_of_text_ms(payload[start : start + _HEAD_TEXT]))
                kind = "audio"
            else:
                kind = "speech" if b"speech.started" in payload else "other"
            if arrivals is not None:
                arrivals.setdefault(number, []).append((time.monotonic_ns(), kind))

    def close(self) -> None:
        self._poll.close()
        for session in self._sessions.values():
            session.connection.close()


def _frames(read: bytearray) -> list[bytes]:
    """Take the whole frames out of what was read; a server's frames are not masked."""
    found: list[bytes] = []
    at = 0
    while len(read) - at >= 2:
        size, head = read[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(read[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(read[at + 2 : at + 10], "big"), 10
        if len(read) - at < head + size:
            break
        if read[at] & 0x0F == 1:
            found.append(bytes(read[at + head : at + head + size]))
        at += head + size
    del read[:at]
    return found
