"""How long a caller waits for the attendant's answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.report import Row, Section, percentile
from benchmarks.servers import Cpu, Server, dev, directory
from ringline.client.conversation import Turn
from ringline.client.http import open_api
from ringline.client.realtime import CallReport, place_call
from ringline.wire.wav import Wav, read_wav

SOUND = Path(__file__).parents[1] / "examples" / "demo-call.wav"
RUNS = 3


def answers(*, tiny: bool = False) -> Section:
    turns: list[list[float]] = []
    used: list[Cpu] = []
    seconds: list[float] = []
    sound = read_wav(SOUND.read_bytes())
    with directory() as place, dev(place / "data") as (server, _):
        for _ in range(1 if tiny else RUNS):
            before = server.cpu()
            report = asyncio.run(_call(server, sound))
            used.append(server.cpu().since(before))
            seconds.append(len(report.recording.pcm) / 4 / report.recording.rate_hz)
            turns.append([wait for turn in report.turns if (wait := _wait(turn)) is not None])
    return Section(
        "answers",
        "The attendant's answer",
        f"`{SOUND.parent.name}/{SOUND.name}` played at real time by `ringline call`'s client, "
        f"{len(turns[0])} answers in a call: from the last 20 ms that the caller spoke in to the "
        "first audio of the answer, by the caller's clock. 500 ms of it are the silence that "
        "ends a turn (`silence_duration_ms`).",
        [
            Row("end of speech → answer's audio, p50", _each(turns, 50), "ms", "≤ 1000"),
            Row("end of speech → answer's audio, longest", _each(turns, 100), "ms", "≤ 1000"),
            Row("CPU per second of call: server", _per(used, seconds, "server"), "ms"),
            Row("CPU per second of call: voice", _per(used, seconds, "voice"), "ms"),
            Row("CPU per second of call: PostgreSQL", _per(used, seconds, "database"), "ms"),
        ],
    )


async def _call(server: Server, sound: Wav) -> CallReport:
    async with open_api(server.base_url, server.ready["secret_key"]) as api:
        return await place_call(
            api, sound, tell=lambda note: None, agent_id=server.ready["agent_id"]
        )


def _wait(turn: Turn) -> float | None:
    return turn.latency_ms


def _each(runs: list[list[float]], percent: float) -> list[float]:
    return [percentile(run, percent) for run in runs]


def _per(used: list[Cpu], seconds: list[float], part: str) -> list[float]:
    return [getattr(cpu, part) * 1000 / each for cpu, each in zip(used, seconds, strict=True)]
