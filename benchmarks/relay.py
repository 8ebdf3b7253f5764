"""Two-way voice sessions: what the gateway adds to a frame, beside other relays.

The provider is in the relay's process; in `benchmarks.relay_upstream` it is at a socket.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import cores
from benchmarks.relay_contestants import (
    Contestant,
    Run,
    delays,
    each,
    measure,
    no_tickets,
    peer,
    recording_agent,
    tickets,
)
from benchmarks.relay_server import MODEL
from benchmarks.report import Grid, Row, Section, percentile, ratios, show
from benchmarks.servers import directory, relaying

RUNS = 5
#: Where the knee is looked for: so many sessions, until the p99 of a frame is over the goal.
LADDER, LADDER_S, KNEE_MS = (50, 100, 150, 200, 250, 300, 400, 500), 5.0, 10.0


@dataclass(frozen=True, slots=True)
class Size:
    sessions: int
    seconds: float
    warm_up_s: float
    barge_in_s: float
    #: How long the memory is left to settle, with so many silent sessions, and after so many.
    settle_s: float
    idle: int
    churn: int


FULL = Size(50, 10.0, warm_up_s=1.0, barge_in_s=2.0, settle_s=1.0, idle=200, churn=1_000)
TINY = Size(3, 0.5, warm_up_s=0.2, barge_in_s=1.0, settle_s=0.0, idle=2, churn=4)


def relay(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    ours: list[Run] = []
    recorded: list[Run] = []
    naive: list[Run] = []
    bare: list[Run] = []
    with (
        directory() as place,
        _contestants(place) as (ringline, recording, other, floor),
        cores.apart([one.own for one in (ringline, other, floor)]),
    ):
        # First: later sessions would find what earlier ones have freed.
        idle_kb, growth_kb = _memory(ringline, size)
        for number in (1,) if tiny else range(RUNS + 1):
            contestants = ringline, recording, other, floor
            round_ = [_measure(one, size, place) for one in contestants]
            if number:  # the first is a warm-up
                for runs, run in zip((ours, recorded, naive, bare), round_, strict=True):
                    runs.append(run)
        barge_in = _barge_in(ringline, size, place)
        knee = [(5, 5)] if tiny else [_knees(ringline, other, place) for _ in range(3)]
    cpu = ratios([run.cpu_us for run in ours], [run.cpu_us for run in naive])
    recording_cpu = ratios([run.cpu_us for run in recorded], [run.cpu_us for run in ours])
    floor_cpu = ratios([run.cpu_us for run in bare], [run.cpu_us for run in naive])
    every = ours, recorded, naive, bare
    busy = max(run.busy for runs in every for run in runs)
    grid = Grid(
        ["Ringline", "Ringline, recording", "naive relay", "bare relay"],
        [
            *delays("voice", every),
            each("CPU per frame, µs", every, lambda run: run.cpu_us),
            (
                f"most sessions with a p99 of at most {KNEE_MS:.0f} ms",
                [show([one for one, _ in knee]), "", show([two for _, two in knee]), ""],
            ),
        ],
    )
    return Section(
        "relay",
        "Two-way voice sessions",
        f"{size.sessions} sessions, each with a frame of 40 ms in both directions all the time, "
        f"for {size.seconds:.0f} s, and the same against a relay of PyPI's `websockets` that "
        "parses and writes JSON both ways and does nothing else; one after the other, in turns, "
        "both on uvloop. For both the provider is in the process of the relay and speaks JSON, "
        "which Ringline's voice reads and writes with msgspec and the naive relay with `json`. "
        "So the provider costs no socket here; in the next section it is at the other end of one. "
        "A frame carries the moment it was made: its age is taken where the provider gets it, and "
        "where the client has read it. "
        "The bare relay is the floor: it copies bytes and parses nothing, so it costs what the "
        "kernel, uvloop and the provider cost in all of them. "
        "Recorded calls are the same server's; the thread that writes their files counts. "
        f"{cores.how()} The clients were busy for {busy:.0%} "
        "of the time at most.",
        [
            Row("CPU per frame: Ringline / naive relay", cpu, "", "≤ 0.5"),
            Row("CPU per frame: bare relay / naive relay", floor_cpu, ""),
            Row("CPU per frame: recorded / not recorded", recording_cpu, "", "≤ 1.15"),
            Row("client → voice, p99", [percentile(run.inward, 99) for run in ours], "ms", "≤ 10"),
            Row("voice → client, p99", [percentile(run.outward, 99) for run in ours], "ms", "≤ 10"),
            Row(
                "the caller speaks → the last frame of speech at the client", barge_in, "ms", "≤ 20"
            ),
            Row("memory of a live session, silent", [idle_kb], "KB", "< 200"),
            Row(f"growth over {size.churn:,} sessions, per session", [growth_kb], "KB", "0"),
        ],
        grid,
    )


def _measure(relay_: Contestant, size: Size, place: Path) -> Run:
    return measure(
        relay_,
        place,
        sessions=size.sessions,
        seconds=size.seconds,
        warm_up_s=size.warm_up_s,
    )


def _barge_in(relay_: Contestant, size: Size, place: Path) -> list[float]:
    """Return how long after the interruption the last frame of speech came, per session."""
    talking = relay_.sessions(size.sessions)
    try:
        talking.talk(size.warm_up_s)
        _noted(relay_.process, place)
        talk = talking.talk(size.barge_in_s, interrupt=True)
        _, interrupted = _noted(relay_.process, place)
    finally:
        talking.close()
    if len(interrupted) != size.sessions or len(talk.arrivals) != size.sessions:
        raise SystemExit("Not every session was interrupted.")
    late: list[float] = []
    moments = sorted(interrupted)
    for number, seen in enumerate(
        sorted(talk.arrivals.values(), key=lambda seen: _moment_of(seen, "speech"))
    ):
        last = max((at for at, kind in seen if kind == "audio"), default=moments[number])
        late.append(max(0.0, (last - moments[number]) / 1e6))
    return late


def _moment_of(seen: list[tuple[int, str]], kind: str) -> int:
    return next((at for at, what in seen if what == kind), 0)


def _knees(ours: Contestant, naive: Contestant, place: Path) -> tuple[int, int]:
    return _knee(ours, place), _knee(naive, place)


def _knee(relay_: Contestant, place: Path) -> int:
    """Return the most sessions of the ladder that a relay carries in time."""
    most = 0
    for count in LADDER:
        run = _measure(relay_, replace(FULL, sessions=count, seconds=LADDER_S), place)
        if max(percentile(run.inward, 99), percentile(run.outward, 99)) > KNEE_MS:
            break
        most = count
    return most


def _memory(relay_: Contestant, size: Size) -> tuple[float, float]:
    """Return what a silent session keeps, and what a closed one leaves behind (KB)."""
    relay_.sessions(1, speak=False).close()  # what is allocated once
    time.sleep(size.settle_s)
    before = relay_.resident_kb()
    silent = relay_.sessions(size.idle, speak=False)
    kept = (relay_.resident_kb() - before) / size.idle
    silent.close()
    time.sleep(size.settle_s)
    residents: list[float] = []
    for _ in range(2):  # the heap settles in the first
        for _ in range(0, size.churn, size.idle):
            relay_.sessions(size.idle, speak=False).close()
        time.sleep(size.settle_s)
        residents.append(relay_.resident_kb())
    return kept, (residents[1] - residents[0]) / size.churn


@contextlib.contextmanager
def _contestants(place: Path) -> Generator[tuple[Contestant, Contestant, Contestant, Contestant]]:
    with (
        relaying(place / "data") as server,
        peer("naive_relay") as naive,
        peer("bare_relay") as bare,
    ):
        recorded = {"agent_id": recording_agent(server, MODEL)}
        yield (
            _contestant(server.process, server.port, tickets(server, {"config": {"model": MODEL}})),
            _contestant(server.process, server.port, tickets(server, recorded)),
            _contestant(*naive, no_tickets),
            _contestant(*bare, no_tickets),
        )


def _contestant(
    process: subprocess.Popen[bytes], port: int, offers: Callable[[int], list[str]]
) -> Contestant:
    return Contestant(process, port, offers, lambda place: _noted(process, place)[0])


def _noted(process: subprocess.Popen[bytes], place: Path) -> tuple[list[float], list[int]]:
    """Return the ages of the frames that a process's voice heard, and its interruptions."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{place / 'noted'}\n".encode())
    process.stdin.flush()
    process.stdout.readline()
    said = json.loads((place / "noted").read_text())
    return said["ages_ms"], said["interrupted_ns"]
