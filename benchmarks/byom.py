"""What a BYOM turn costs besides the receiver's own time: the gateway's part, leg by leg."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import time
from array import array
from base64 import b64encode
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks import cores
from benchmarks.report import Grid, Row, Section, brief, percentile
from benchmarks.servers import LIMIT_S, UNLIMITED, Server, dev, directory
from benchmarks.sockets import connect, post
from benchmarks.sounds import bounds, pcm_of, synthesise

#: How many calls talk at once, and how many turns each takes in a round.
PARALLEL = {1: 30, 10: 20, 50: 10}
LOCAL_PARALLEL = {1: 8, 10: 4}
RUNS = 3
GOAL_MS = 20
PHRASE = "what are your opening hours"
_HZ, _PIECE_MS = 16_000, 40
_PIECE_S, _PIECE_BYTES = _PIECE_MS / 1000, 2 * _HZ * _PIECE_MS // 1000
_SPOKEN_MS, _SILENCE_MS = 400, 200
#: Callers do not all begin at once, nor go on in step.
_START_S, _PAUSE_S = 2.0, 0.6
#: A sawtooth of 150 Hz, which a detector takes for speech.
_BUZZ = array("h", [at * 150 % 16_000 - 8_000 for at in range(_HZ * _SPOKEN_MS // 1000)]).tobytes()
_QUIET = bytes(_PIECE_BYTES)
_NUMBER = re.compile(r"Turn (\d+)\.")

#: The legs of a turn: what is shown of it, and the moments where it begins and ends.
LEGS = (
    ("the turn is recognised → its request", "heard", "asked"),
    ("the answer → the request for its speech", "answered", "to_speak"),
    ("the speech → the caller", "spoke", "sounded"),
)
_WITH_PARTS = (
    ("the last speech → the request, with the recognition", "spoken", "asked"),
    ("the answer → the caller, with the synthesis", "answered", "sounded"),
)

#: The moments of one turn, by name.
Turn = Mapping[str, int]


@dataclass
class Spoken:
    """The turns of one model, by how many calls there were and by round."""

    model: str
    sound: bytes
    rounds: dict[int, list[list[Turn]]] = field(default_factory=dict[int, list[list[Turn]]])

    def each(self, calls: int, legs: Sequence[tuple[str, str, str]], percent: int) -> list[float]:
        """Return a percentile of what legs took together in a turn (ms), for each round."""
        return [
            percentile([took_ms(turn, legs) for turn in turns], percent)
            for turns in self.rounds[calls]
        ]


def took_ms(turn: Turn, legs: Sequence[tuple[str, str, str]]) -> float:
    """Return how long legs of a turn took together."""
    return sum(turn[until] - turn[since] for _, since, until in legs) / 1e6


def byom(*, tiny: bool = False) -> Section:
    spoken = Spoken("byom/bench", _BUZZ)
    local = Spoken("byom/local", _phrase())
    with directory() as place, _receiving() as receiver, _server(receiver, place) as server:
        bench = _Bench(server, receiver, place)
        for one in () if tiny else (spoken, local):
            bench.talk(one, 2, 2)  # a warm-up
        for _ in range(1 if tiny else RUNS):
            for one, parallel in ((spoken, PARALLEL), (local, LOCAL_PARALLEL)):
                for calls, turns in ({2: 2} if tiny else parallel).items():
                    made = bench.talk(one, calls, turns)
                    one.rounds.setdefault(calls, []).append(made)
    return Section(
        "byom",
        "A BYOM turn",
        "Calls whose agents' brain is a webhook on this machine, which answers at once. The "
        "callers speak a turn, hear the answer and speak again, at the pace of speech. With "
        "`byom/bench`, recogniser and speech are endpoints on this machine too: what remains "
        "between their answers and the next request, or the caller's first audio, is the "
        "gateway's own, the ways through the kernel and the clients' reading included. Where to "
        "ask and the secret are read from the database for each turn. With `byom/local` the "
        "server recognises and speaks itself. What is told of it begins with the last "
        f"{_PIECE_MS} ms of speech that the caller sends, and holds the {_SILENCE_MS} ms of "
        f"silence that end a turn, the decoding of {len(local.sound) / 2 / _HZ:.1f} s of speech, "
        f"by one process for all calls, and the synthesis. {cores.how()}",
        [
            *(
                Row(
                    f"{_calls(calls)}: the gateway's own part, p{percent}",
                    spoken.each(calls, LEGS, percent),
                    "ms",
                    f"≤ {GOAL_MS}",
                )
                for calls in spoken.rounds
                for percent in (50, 99)
            ),
            *(
                Row(
                    f"`byom/local`, {_calls(calls)}: {leg[0]}, p{percent}",
                    local.each(calls, [leg], percent),
                    "ms",
                )
                for calls in local.rounds
                for leg in _WITH_PARTS
                for percent in (50, 99)
            ),
        ],
        Grid(
            [_calls(calls) for calls in spoken.rounds],
            [
                (
                    f"{leg[0]}, p{percent}, ms",
                    [brief(spoken.each(calls, [leg], percent)) for calls in spoken.rounds],
                )
                for leg in LEGS
                for percent in (50, 99)
            ],
        ),
    )


def _phrase() -> bytes:
    """Speak the phrase, without the silence at its end, which would end the turn too early."""
    (sound,) = asyncio.run(synthesise([PHRASE]))
    _, end_ms = bounds(sound)
    return pcm_of(sound[: round(end_ms * _HZ / 1000)])


def _calls(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"


class _Receiver:
    """The process of the receiver and the endpoints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{int(self._answer())}"

    def noted(self, file: Path) -> dict[str, Any]:
        """Return the moments since last asked."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{file}\n".encode())
        self._process.stdin.flush()
        self._answer()
        return json.loads(file.read_text())

    def _answer(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def _receiving() -> Generator[_Receiver]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.byom_receiver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield _Receiver(process)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def _server(receiver: _Receiver, place: Path) -> Generator[Server]:
    """Run a server with a cascade at the endpoints, on a core of its own."""
    stages = "".join(
        f'[cascade.bench.{stage}]\nurl = "{receiver.url}/v1"\nmodel = "m"\n'
        for stage in ("transcription", "chat", "speech")
    )
    voices_file = place / "voices.toml"
    voices_file.write_text(f'[cascade.bench]\nvoices = ["one"]\n{stages}', "utf-8")
    settings = {
        **UNLIMITED,
        "RINGLINE_WEBHOOK_ALLOW_PRIVATE": "1",
        "RINGLINE_VOICES_FILE": str(voices_file),
    }
    with (
        dev(place / "data", settings) as (server, _),
        cores.apart([psutil.Process(server.own.pid)]) as pin,
    ):
        pin()
        yield server


class _Bench:
    """A server, the receiver, and an agent of each model."""

    def __init__(self, server: Server, receiver: _Receiver, place: Path) -> None:
        self._server = server
        self._receiver = receiver
        self._file = place / "noted"
        self._agents: dict[str, str] = {}

    def talk(self, spoken: Spoken, calls: int, turns: int) -> list[Turn]:
        """Let callers talk; return the moments of their turns. SystemExit if one is missing."""
        agent = self._agent(spoken.model)
        self._receiver.noted(self._file)
        callers = asyncio.run(self._talk(agent, calls, turns, spoken.sound))
        noted = self._receiver.noted(self._file)
        found: list[Turn] = []
        for caller in callers:
            # A call's turns are asked for one after another.
            asked = noted["of_calls"][caller.call_id]
            for heard, (began, answered) in zip(caller.turns, asked, strict=True):
                number = heard.pop("number", 0)
                of_number = noted["numbered"].get(str(number), {})
                found.append({**heard, "asked": began, "answered": answered, **of_number})
        return found

    async def _talk(self, agent: str, calls: int, turns: int, sound: bytes) -> list[_Caller]:
        async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
            callers = [await _Caller.open(http, self._server, stack, agent) for _ in range(calls)]
            await asyncio.gather(
                *(caller.talk(turns, sound, random.Random(at)) for at, caller in enumerate(callers))
            )
        return callers

    def _agent(self, model: str) -> str:
        if model not in self._agents:
            phrases = [{"text": PHRASE, "intent": "fallback"}]
            agent = {
                "name": model,
                "model": model,
                "webhookUrl": f"{self._receiver.url}/turns",
                "local": {"phrases": phrases},
            }
            asked = {"action": "create_ai_agent", "input": agent, "fields": ["id"]}
            with connect(self._server.port) as connection:
                key = self._server.ready["secret_key"]
                self._agents[model] = post(connection, "/rpc/public/run", key, asked)["data"]["id"]
        return self._agents[model]


class _Caller:
    """A call, whose microphone sends a piece every 40 ms."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.call_id = ""
        self.turns: list[dict[str, int]] = []

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, server: Server, stack: AsyncExitStack, agent: str
    ) -> _Caller:
        headers = {"Authorization": f"Bearer {server.ready['secret_key']}"}
        url = f"{server.base_url}/v3/realtime"
        caller = cls(await stack.enter_async_context(http.ws_connect(url, headers=headers)))
        detection = {"type": "server_vad", "silence_duration_ms": _SILENCE_MS}
        config = {"input_transcription": True, "turn_detection": detection}
        start = {"type": "session.start", "agent_id": agent, "config": config}
        await caller._socket.send_str(json.dumps(start))
        caller.call_id = (await caller._until("session.started"))["call_id"]
        return caller

    async def talk(self, turns: int, sound: bytes, pauses: random.Random) -> None:
        """Speak so many turns, each after a pause, and note when its answer sounds."""
        await asyncio.sleep(pauses.random() * _START_S)
        for _ in range(turns):
            await self._play(_QUIET, round(pauses.random() * _PAUSE_S / _PIECE_S))
            await self._play(sound)
            turn = {"spoken": time.monotonic_ns() - _PIECE_MS * 1_000_000}  # when it was sent
            silence = asyncio.create_task(self._play(_QUIET, 1_000_000))
            said = await self._until("transcript.committed")
            if number := _NUMBER.fullmatch(said["transcript"]):
                turn["number"] = int(number[1])
            turn["sounded"] = await self._moment("audio.delta")
            self.turns.append(turn)
            await self._until("response.completed")
            silence.cancel()
            await asyncio.gather(silence, return_exceptions=True)

    async def _moment(self, kind: str) -> int:
        await self._until(kind)
        return time.monotonic_ns()

    async def _until(self, kind: str) -> dict[str, Any]:
        while True:
            event = await self._socket.receive_json(timeout=LIMIT_S)
            if event["type"] in ("error", "session.terminating"):
                raise SystemExit(f"A call failed: {event['error']}")
            if event["type"] == kind:
                return event

    async def _play(self, sound: bytes, times: int = 1) -> None:
        pieces = [
            sound[at : at + _PIECE_BYTES].ljust(_PIECE_BYTES, b"\0")
            for at in range(0, len(sound), _PIECE_BYTES)
        ]
        frames = [
            json.dumps({"type": "audio.append", "audio": b64encode(piece).decode()})
            for piece in pieces
        ]
        began = time.perf_counter()
        for at in range(times * len(frames)):
            await self._socket.send_str(frames[at % len(frames)])
            await asyncio.sleep(began + (at + 1) * _PIECE_S - time.perf_counter())
