"""Two-way voice sessions: what the gateway adds to a frame, beside other relays."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks import cores
from benchmarks.relay_clients import Sessions, Talk
from benchmarks.relay_server import MODEL
from benchmarks.report import Grid, Row, Section, brief, percentile, ratios, show
from benchmarks.servers import LIMIT_S, Server, directory, relaying, seconds_of
from benchmarks.sockets import connect, post

RUNS = 5
#: Where the knee is looked for: so many sessions, until the p99 of a frame is over the goal.
LADDER, LADDER_S, KNEE_MS = (50, 100, 150, 200, 250, 300, 400, 500), 5.0, 10.0
MINT = "/v3/realtime-sessions"


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


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant's round: ages of frames both ways (ms), CPU per frame (µs)."""

    inward: list[float]
    outward: list[float]
    cpu_us: float
    busy: float


class Contestant:
    """A relay under test: Ringline, Ringline with an agent that records, or a peer."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        port: int,
        key: str | None,
        *,
        agent_id: str | None = None,
    ) -> None:
        self._process = process
        self.port = port
        self._key = key
        self._asks = {"agent_id": agent_id} if agent_id else {"config": {"model": MODEL}}
        self.own = psutil.Process(process.pid)

    def sessions(self, count: int, *, speak: bool = True) -> Sessions:
        return Sessions(self.port, self.offers(count), speak=speak)

    def offers(self, count: int) -> list[str]:
        """Return what each session's upgrade offers: a ticket, where there are tickets."""
        if self._key is None:
            return [""] * count
        with connect(self.port) as connection:
            secrets = [
                post(connection, MINT, self._key, self._asks)["client_secret"] for _ in range(count)
            ]
        return [f"\r\nSec-WebSocket-Protocol: opper-ticket.{secret}" for secret in secrets]

    def own_cpu_s(self) -> float:
        return seconds_of(self.own)

    def resident_kb(self) -> float:
        return self.own.memory_info().rss / 1000

    def noted(self, place: Path) -> tuple[list[float], list[int]]:
        """Return the ages of the frames that the voice heard, and its interruptions."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{place / 'noted'}\n".encode())
        stdin.flush()
        stdout.readline()
        said = json.loads((place / "noted").read_text())
        return said["ages_ms"], said["interrupted_ns"]


def relay(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    ours: list[Run] = []
    recorded: list[Run] = []
    naive: list[Run] = []
    bare: list[Run] = []
    with (
        directory() as place,
        _contestants(place) as (ringline, recording, other, floor),
        _apart(ringline, other, floor),
    ):
        # First: later sessions would find what earlier ones have freed.
        idle_kb, growth_kb = _memory(ringline, size)
        for number in (1,) if tiny else range(RUNS + 1):
            each = (ringline, recording, other, floor)
            round_ = [_measure(one, size, place) for one in each]
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
            _each("client → voice, p50, ms", every, lambda run: percentile(run.inward, 50)),
            _each("client → voice, p99, ms", every, lambda run: percentile(run.inward, 99)),
            _each("voice → client, p50, ms", every, lambda run: percentile(run.outward, 50)),
            _each("voice → client, p99, ms", every, lambda run: percentile(run.outward, 99)),
            _each("CPU per frame, µs", every, lambda run: run.cpu_us),
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
        "which Ringline's voice reads and writes with msgspec and the naive relay with `json`. A "
        "frame carries the moment it was made: its age is taken where the provider gets it, and "
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
    talking = relay_.sessions(size.sessions)
    try:
        talking.talk(size.warm_up_s)
        relay_.noted(place)
        before = relay_.own_cpu_s()
        talk: Talk = talking.talk(size.seconds)
        used = relay_.own_cpu_s() - before
        inward, _ = relay_.noted(place)
        if len(inward) < 0.9 * talk.sent:
            raise SystemExit(f"Of {talk.sent} frames {len(inward)} were heard.")
        return Run(inward, talk.ages_ms, used * 1e6 / (talk.sent + len(talk.ages_ms)), talk.busy)
    finally:
        talking.close()


def _barge_in(relay_: Contestant, size: Size, place: Path) -> list[float]:
    """Return how long after the interruption the last frame of speech came, per session."""
    talking = relay_.sessions(size.sessions)
    try:
        talking.talk(size.warm_up_s)
        relay_.noted(place)
        talk = talking.talk(size.barge_in_s, interrupt=True)
        _, interrupted = relay_.noted(place)
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


def _each(
    name: str, contestants: Sequence[list[Run]], figure: Callable[[Run], float]
) -> tuple[str, list[str]]:
    return name, [brief([figure(run) for run in runs]) for runs in contestants]


@contextlib.contextmanager
def _contestants(place: Path) -> Generator[tuple[Contestant, Contestant, Contestant, Contestant]]:
    with (
        relaying(place / "data") as server,
        _peer("naive_relay") as naive,
        _peer("bare_relay") as bare,
    ):
        yield _ringline(server), _recording(server), naive, bare


def _ringline(server: Server) -> Contestant:
    return Contestant(server.process, server.port, server.ready["secret_key"])


def _recording(server: Server) -> Contestant:
    """Return the same server, whose calls are recorded: 16 kHz, so that both ways resample."""
    key = server.ready["secret_key"]
    agent = {"name": "Recorded", "model": MODEL, "recordingEnabled": True, "consentRequired": False}
    asked = {"action": "create_ai_agent", "input": agent, "fields": ["id"]}
    with connect(server.port) as connection:
        post(connection, "/v1/workspace/recording", key, {"enabled": True}, method="PATCH")
        made = post(connection, "/rpc/public/run", key, asked)
    return Contestant(server.process, server.port, key, agent_id=made["data"]["id"])


@contextlib.contextmanager
def _peer(name: str) -> Generator[Contestant]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{name}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Contestant(process, int(process.stdout.readline()), None)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()


@contextlib.contextmanager
def _apart(*relays: Contestant) -> Generator[None]:
    with cores.apart([relay_.own for relay_ in relays]):
        yield
