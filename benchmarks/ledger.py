"""The gateway's share of the wait for an answer: by the ledger, and by the caller's clock."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64decode, b64encode
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

from benchmarks.report import Row, Section, percentile
from benchmarks.servers import Server, dev, directory
from ringline.client.http import open_api

MODEL, HZ, PIECE_S = "mock/echo", 24_000, 0.02
TURNS, CALLERS, BESIDE, RUNS = 200, 10, 50, 3
SPEECH_PIECES = 15  # 300 ms
_LOUD = b64encode(b"\x00\x20\x00\xe0" * (HZ // 100)).decode()
_QUIET = b64encode(bytes(2 * HZ // 50)).decode()


@dataclass
class Round:
    """What 200 answers took beyond the voice's share, in milliseconds."""

    ledger: list[float] = field(default_factory=list[float])
    caller: list[float] = field(default_factory=list[float])


def ledger(*, tiny: bool = False) -> Section:
    turns, callers, beside = (4, 2, 2) if tiny else (TURNS, CALLERS, BESIDE)
    rounds: dict[str, list[Round]] = {"quiet": [], "beside": []}
    with directory() as place, dev(place / "data") as (server, _):
        for _ in range(1 if tiny else RUNS):
            for name, others in (("quiet", 0), ("beside", beside)):
                rounds[name].append(asyncio.run(_round(server, turns // callers, callers, others)))
    return Section(
        "ledger",
        "The gateway's share of an answer",
        f"{turns} spoken turns of {callers} callers at once to `{MODEL}`, which answers at the end "
        f"of a turn, alone and with {beside} more sessions that hear and speak all the time. The "
        "ledger's `gatewayMs`, and what the caller waits beyond the ledger's `voiceMs`, from the "
        "last piece with speech that they sent to the first audio: the client's own process and "
        "both ways through the kernel are part of that.",
        [
            Row(f"{title}, {situation}, p{percent}", _each(rounds[name], part, percent), "ms", goal)
            for name, situation in (("quiet", "alone"), ("beside", f"{beside} sessions beside"))
            for part, title in (("ledger", "`gatewayMs`"), ("caller", "by the caller's clock"))
            for percent, goal in ((50, ""), (99, "≤ 20" if part == "ledger" else ""))
        ],
    )


def _each(rounds: list[Round], part: str, percent: float) -> list[float]:
    return [percentile(getattr(one, part), percent) for one in rounds]


async def _round(server: Server, turns: int, callers: int, beside: int) -> Round:
    done = Round()
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        others = [await _Session.open(http, server, stack) for _ in range(beside)]
        running = [asyncio.create_task(other.chatter()) for other in others]
        sessions = [await _Session.open(http, server, stack) for _ in range(callers)]
        waits = await asyncio.gather(*(session.talk(turns) for session in sessions))
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(1)  # the last turns are written
        for session, waited_ms in zip(sessions, waits, strict=True):
            for took, wait_ms in zip(await _ledger(server, session.uuid), waited_ms, strict=True):
                done.ledger.append(took["gatewayMs"])
                done.caller.append(wait_ms - took["voiceMs"])
    return done


async def _ledger(server: Server, uuid: str) -> list[dict[str, int]]:
    body = {
        "action": "list_call_transcripts",
        "fields": ["role", "latency"],
        "filter": {"callUuid": {"eq": uuid}},
    }
    async with open_api(server.base_url, server.ready["secret_key"]) as api:
        url = f"{api.url}/rpc/public/run"
        async with api.http.post(url, json=body, headers=api.headers()) as answer:
            rows: list[dict[str, Any]] = (await answer.json())["data"]
    return [row["latency"] for row in rows if row["role"] == "assistant"]


class _Session:
    """A caller, whose microphone sends a piece every 20 ms."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.uuid = ""

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, server: Server, stack: AsyncExitStack
    ) -> _Session:
        headers = {"Authorization": f"Bearer {server.ready['secret_key']}"}
        url = f"{server.base_url}/v3/realtime"
        session = cls(await stack.enter_async_context(http.ws_connect(url, headers=headers)))
        await session.send("session.start", config={"model": MODEL})
        session.uuid = (await session.until("session.started"))["call_uuid"]
        return session

    async def send(self, kind: str, **members: object) -> None:
        await self._socket.send_str(json.dumps({"type": kind, **members}))

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            event = await self._socket.receive_json()
            if event["type"] == kind:
                return event

    async def chatter(self) -> None:
        """Hear silence, and speak for ten minutes."""
        await self.send("text.input", text="/long 600000")
        await self.send("response.create")
        reading = asyncio.create_task(self.until("nothing"))
        try:
            await self._play(_QUIET, 1_000_000)
        finally:
            reading.cancel()

    async def talk(self, turns: int) -> list[float]:
        """Speak so many turns; return how long each answer took to sound."""
        waits: list[float] = []
        for _ in range(turns):
            await self._play(_LOUD, SPEECH_PIECES)
            spoken_at = time.perf_counter() - PIECE_S  # when the last piece was sent
            silence = asyncio.create_task(self._play(_QUIET, 1_000_000))
            first = await self.until("audio.delta")
            waits.append((time.perf_counter() - spoken_at) * 1000)
            assert b64decode(first["audio"])
            await self.until("response.completed")
            silence.cancel()
            await asyncio.gather(silence, return_exceptions=True)
        return waits

    async def _play(self, audio: str, pieces: int) -> None:
        began = time.perf_counter()
        frame = json.dumps({"type": "audio.append", "audio": audio})
        for number in count():
            if number == pieces:
                return
            await self._socket.send_str(frame)
            await asyncio.sleep(began + (number + 1) * PIECE_S - time.perf_counter())
