"""What a caller's audio suffers from planned rollovers: how long it reaches no provider.

Provider and callers are one program here, so one clock measures both; the server is another.
The provider speaks as much of OpenAI's protocol as a session needs that is never answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import aiohttp
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.exceptions import ConnectionClosed

from benchmarks.report import Row, Section, percentile
from benchmarks.servers import UNLIMITED, Server, dev, directory
from benchmarks.voice_frames import FRAME_S, Frames

MODEL = "openai/gpt-realtime-2.1"
ROLLOVERS, SESSIONS, RUNS = 100, 10, 3
#: A connection is replaced at the first quiet moment after this.
AFTER_S = 0.5
LIMIT_S = 120.0
_FRAMES = Frames(24_000)


@dataclass
class Heard:
    """The frames of one session: on which connection each came, when, and how old it was."""

    arrivals: list[tuple[int, float, float]] = field(default_factory=list)

    def gaps_ms(self) -> list[float]:
        """Return, for each change of connections, the time between the frames around it."""
        new: list[tuple[int, float]] = []
        latest = 0.0
        for line, at, age_ms in self.arrivals:
            made_at = at - age_ms / 1000
            if made_at > latest + FRAME_S / 2:  # else it is heard again
                latest = made_at
                new.append((line, at))
        return [(at - before) * 1000 for (old, before), (line, at) in pairwise(new) if old != line]


@dataclass
class Provider:
    """A provider that notes what it hears, by the session's instructions."""

    heard: dict[str, Heard] = field(default_factory=lambda: defaultdict(Heard))
    lines: int = 0

    def gaps_ms(self) -> list[float]:
        """Return the gaps of all sessions."""
        return [gap for heard in self.heard.values() for gap in heard.gaps_ms()]

    async def converse(self, connection: ServerConnection) -> None:
        self.lines += 1
        line, of = self.lines, ""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionClosed):
            await connection.send('{"type":"session.created","session":{}}')
            async for message in connection:
                frame = json.loads(message)
                if frame["type"] == "session.update":
                    of = frame["session"].get("instructions", of)
                    await connection.send('{"type":"session.updated","session":{}}')
                elif frame["type"] == "input_audio_buffer.append":
                    age_ms = _FRAMES.age_of_text_ms(frame["audio"][:64])
                    self.heard[of].arrivals.append((line, loop.time(), age_ms))


def rollover(*, tiny: bool = False) -> Section:
    sessions, rollovers, runs = (2, 4, 1) if tiny else (SESSIONS, ROLLOVERS, RUNS)
    found = [asyncio.run(_measure(sessions, rollovers)) for _ in range(runs)]
    rows = [
        Row(
            f"from frame to frame across a rollover, p{percent}",
            [percentile(run, percent) for run in found],
            "ms",
            "≤ 240",
        )
        for percent in (50, 99)
    ]
    most = Row(
        "from frame to frame across a rollover, at most", [max(run) for run in found], "ms", "≤ 240"
    )
    return Section(
        "rollover",
        "Planned rollovers",
        f"{sessions} sessions with a provider on this machine replace their connections after "
        f"{AFTER_S} s, at the first quiet moment, while their callers send a frame every 40 ms. "
        f"Each run has {rollovers} rollovers. The gap is the time between the provider's last "
        "frame from the old connection and its first new frame from the next one; without a "
        "rollover it is 40 ms. Frames that are sent again, in case the caller had just begun to "
        "speak, do not count. The agent is silent at such a moment, so the caller hears no gap.",
        [*rows, most],
    )


async def _measure(sessions: int, rollovers: int) -> list[float]:
    """Return the gaps of so many rollovers, in ms."""
    provider = Provider()
    async with websocket_server(provider.converse, "127.0.0.1", 0, compression=None) as listening:
        port = listening.sockets[0].getsockname()[1]
        with directory() as place:
            async with _serving(place, f"http://127.0.0.1:{port}/v1") as server:
                done = asyncio.Event()
                callers = [_call(server, f"caller {n}", done) for n in range(sessions)]
                waiting = _until(provider, rollovers, done)
                async with asyncio.timeout(LIMIT_S):
                    await asyncio.gather(waiting, *callers)
    return provider.gaps_ms()[:rollovers]


async def _until(provider: Provider, rollovers: int, done: asyncio.Event) -> None:
    while len(provider.gaps_ms()) < rollovers:  # noqa: ASYNC110
        await asyncio.sleep(0.5)  # nothing signals it
    done.set()


@contextlib.asynccontextmanager
async def _serving(place: Path, url: str) -> AsyncGenerator[Server]:
    """Run a server; it is started in a thread, as it dials nobody before a session."""
    voices_file = place / "voices.toml"
    times = f"after_seconds = {AFTER_S}\nlatest_seconds = 60\n"
    voices_file.write_text(f'[rollover."openai/"]\n{times}', "utf-8")
    settings = {
        **UNLIMITED,
        "RINGLINE_OPENAI_API_KEY": "a key of the benchmark",
        "RINGLINE_OPENAI_URL": url,
        "RINGLINE_VOICES_FILE": str(voices_file),
    }
    with contextlib.ExitStack() as stack:
        starting = dev(place / "data", settings)
        server, _ = await asyncio.to_thread(stack.enter_context, starting)
        yield server


async def _call(server: Server, name: str, done: asyncio.Event) -> None:
    """Send a frame every 40 ms, of silence but for the moment that it carries."""
    loop = asyncio.get_running_loop()
    bearer = {"Authorization": f"Bearer {server.ready['secret_key']}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.base_url}/v3/realtime", headers=bearer) as socket,
    ):
        config = {"model": MODEL, "instructions": name}
        await socket.send_str(json.dumps({"type": "session.start", "config": config}))
        started = await socket.receive_json()
        if started["type"] != "session.started":
            raise SystemExit(f"The session did not start: {started}")
        due = loop.time()
        while not done.is_set():
            audio = _FRAMES.base64_of_now()
            await socket.send_str(f'{{"type":"audio.append","audio":"{audio}"}}')
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))
