"""What the benchmarks of the relay share: contestants, their rounds, and what a round tells."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import relay_frames
from benchmarks.relay_clients import Frames, Sessions
from benchmarks.report import brief, percentile
from benchmarks.servers import LIMIT_S, Server, seconds_of
from benchmarks.sockets import connect, post

MINT = "/v3/realtime-sessions"


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant's round: ages of frames both ways (ms), CPU per frame (µs)."""

    inward: list[float]
    outward: list[float]
    cpu_us: float
    #: How busy the clients' process was, and how many frames it sent.
    busy: float
    sent: int


@dataclass(frozen=True, slots=True)
class Contestant:
    """A relay under test: Ringline, Ringline with an agent that records, or a peer."""

    process: subprocess.Popen[bytes]
    port: int
    #: Returns what so many sessions' upgrades offer: tickets, where there are tickets.
    offers: Callable[[int], list[str]]
    #: Returns the ages of the frames that its provider heard since last asked (ms).
    heard: Callable[[Path], list[float]]
    frames: Frames = relay_frames
    prompt: str = ""

    def sessions(self, count: int, *, speak: bool = True) -> Sessions:
        return Sessions(
            self.port, self.offers(count), speak=speak, prompt=self.prompt, frames=self.frames
        )

    @property
    def own(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def own_cpu_s(self) -> float:
        return seconds_of(self.own)

    def resident_kb(self) -> float:
        return self.own.memory_info().rss / 1000


def tickets(server: Server, asks: Mapping[str, object]) -> Callable[[int], list[str]]:
    """Return how to mint so many tickets, as the headers that offer them."""

    def mint(count: int) -> list[str]:
        with connect(server.port) as connection:
            key = server.ready["secret_key"]
            secrets = [post(connection, MINT, key, asks)["client_secret"] for _ in range(count)]
        return [f"\r\nSec-WebSocket-Protocol: opper-ticket.{secret}" for secret in secrets]

    return mint


def no_tickets(count: int) -> list[str]:
    return [""] * count


def recording_agent(server: Server, model: str) -> str:
    """Create an agent whose calls are recorded: 16 kHz, so that both ways resample."""
    key = server.ready["secret_key"]
    agent = {"name": "Recorded", "model": model, "recordingEnabled": True, "consentRequired": False}
    asked = {"action": "create_ai_agent", "input": agent, "fields": ["id"]}
    with connect(server.port) as connection:
        post(connection, "/v1/workspace/recording", key, {"enabled": True}, method="PATCH")
        return post(connection, "/rpc/public/run", key, asked)["data"]["id"]


@contextlib.contextmanager
def peer(name: str, *arguments: str) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """Run another relay; yield its process and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{name}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()


def measure(
    relay: Contestant, place: Path, *, sessions: int, seconds: float, warm_up_s: float
) -> Run:
    """Talk for a while. SystemExit if the provider did not hear it."""
    talking = relay.sessions(sessions)
    try:
        talking.talk(warm_up_s)
        relay.heard(place)
        before = relay.own_cpu_s()
        talk = talking.talk(seconds)
        used = relay.own_cpu_s() - before
        inward = relay.heard(place)
    finally:
        talking.close()
    if len(inward) < 0.9 * talk.sent:
        raise SystemExit(f"Of {talk.sent} frames {len(inward)} were heard.")
    cpu_us = used * 1e6 / (talk.sent + len(talk.ages_ms))
    return Run(inward, talk.ages_ms, cpu_us, talk.busy, talk.sent)


def each(
    name: str, contestants: Sequence[list[Run]], figure: Callable[[Run], float]
) -> tuple[str, list[str]]:
    """Return a row of a grid: a figure of each contestant."""
    return name, [brief([figure(run) for run in runs]) for runs in contestants]


def delays(provider: str, contestants: Sequence[list[Run]]) -> list[tuple[str, list[str]]]:
    """Return the rows of a grid that tell the ages of frames, both ways."""
    return [
        each(f"client → {provider}, p50, ms", contestants, lambda run: percentile(run.inward, 50)),
        each(f"client → {provider}, p99, ms", contestants, lambda run: percentile(run.inward, 99)),
        each(f"{provider} → client, p50, ms", contestants, lambda run: percentile(run.outward, 50)),
        each(f"{provider} → client, p99, ms", contestants, lambda run: percentile(run.outward, 99)),
    ]
