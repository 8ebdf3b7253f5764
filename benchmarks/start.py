"""How soon `ringline dev` is ready, and how much memory it takes."""

from __future__ import annotations

import time

from benchmarks.report import Row, Section
from benchmarks.servers import Server, bench, dev, directory

COLD_RUNS, WARM_RUNS, SIZE_RUNS = 3, 7, 3
SETTLE_S = 3.0
VOICE_LIMIT_S = 60.0


def start(*, tiny: bool = False) -> Section:
    cold: list[float] = []
    warm: list[float] = []
    ends: list[float] = []
    with directory() as place:
        for number in range(1 if tiny else COLD_RUNS):
            with dev(place / f"data-{number}") as (server, seconds):
                cold.append(seconds)
                server.end()
        for _ in range(1 if tiny else WARM_RUNS):
            with dev(place / "data-0") as (server, seconds):
                warm.append(seconds)
                begun = time.monotonic()
                server.end()
                ends.append(time.monotonic() - begun)
    return Section(
        "start",
        "The start of `ringline dev`",
        "From the start of the process until `/readyz` answers 200, database included; the "
        "first start makes and migrates the cluster.",
        [
            Row("first start", cold, "s"),
            Row("later starts", warm, "s", "< 2.5"),
            Row("SIGTERM until it has ended", ends, "s"),
        ],
    )


def size(*, tiny: bool = False) -> Section:
    alone: list[float] = []
    with_voice: list[float] = []
    workers: list[float] = []
    with directory() as place:
        for number in range(1 if tiny else SIZE_RUNS):
            with bench(place / f"data-{number}") as server:
                time.sleep(SETTLE_S)
                alone.append(server.resident()[0])
                server.end()
            with dev(place / f"data-{number}") as (server, _):
                _await_voice(server)
                own, voice = server.resident()
                with_voice.append(own)
                workers.append(voice)
                server.end()
    return Section(
        "size",
        "Resident memory, idle",
        "The server's own process, without PostgreSQL, nobody connected; then with the local "
        "voice warmed, whose workers are processes of their own.",
        [
            Row("server, no voice loaded", alone, "MB", "< 120"),
            Row("server, local voice warmed", with_voice, "MB"),
            Row("the local voice's workers", workers, "MB"),
        ],
    )


def _await_voice(server: Server) -> None:
    """Wait until the voice's workers are there and have nothing more to do."""
    deadline, last = time.monotonic() + VOICE_LIMIT_S, -1.0
    while time.monotonic() < deadline:
        time.sleep(SETTLE_S)
        used = server.cpu().voice
        if used > 0 and used == last:
            return
        last = used
    raise SystemExit("The voice does not come to rest.")
