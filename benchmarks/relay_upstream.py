"""Two-way voice sessions whose provider is at the other end of a WebSocket, beside other relays.

This is what users run; in `benchmarks.relay` the provider is in the relay's process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
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
from benchmarks.report import Grid, Row, Section, percentile, ratios
from benchmarks.servers import directory
from benchmarks.voices import MODELS, providers, server_beside

MODEL = "openai/gpt-realtime-2.1"
HEADS = "Ringline", "Ringline, recording", "naive relay", "bare relay"


@dataclass(frozen=True, slots=True)
class Size:
    sessions: int
    seconds: float
    rounds: int
    warm_up_s: float = 1.0


FULL = Size(50, 10.0, rounds=5)
TINY = Size(3, 0.5, rounds=1, warm_up_s=0.2)


def relay_upstream(*, tiny: bool = False) -> Section:
    return measured(TINY if tiny else FULL, warm_up=not tiny)


def measured(size: Size, *, warm_up: bool = True) -> Section:
    """Measure in turns, after a round that does not count."""
    every: tuple[list[Run], ...] = ([], [], [], [])
    with directory() as place, _contestants(place) as contestants:
        for number in range(size.rounds + warm_up):
            runs = [_measure(one, size, place) for one in contestants]
            if number or not warm_up:
                for found, run in zip(every, runs, strict=True):
                    found.append(run)
    ours, recorded, naive, bare = ([run.cpu_us for run in runs] for runs in every)
    busy = max(run.busy for runs in every for run in runs)
    return Section(
        "relay-upstream",
        "Two-way voice sessions with a provider's connection",
        f"{size.sessions} sessions, each with a frame of 40 ms in both directions all the time, "
        f"for {size.seconds:.0f} s, as in the section before; but the provider is a process of its "
        "own at the other end of a WebSocket, as it is for users. Four relays take turns, and only "
        f"one of them works at a time: Ringline with `{MODEL}`; the same server with an agent that "
        "records, whose thread that writes files counts; a naive relay of PyPI's `websockets` on "
        "both sides, which parses and writes JSON with `json` both ways and does nothing else; and "
        "a bare relay, the floor: it passes bytes on and parses nothing after the handshakes, so "
        "it costs what the kernel and uvloop cost. All run on uvloop. A frame carries the moment "
        "it was made: its age is taken where the provider gets it, and where the client has read "
        "it, so what those two take counts for each relay. CPU is that of the relay's process "
        f"alone, with all its threads. {cores.how()} The provider runs there too. The clients "
        f"were busy for {busy:.0%} of the time at most.",
        [
            Row("CPU per frame: Ringline / naive relay", ratios(ours, naive), "", "≤ 0.5"),
            Row("CPU per frame: bare relay / naive relay", ratios(bare, naive), ""),
            Row("CPU per frame: recorded / not recorded", ratios(recorded, ours), "", "≤ 1.15"),
            *(
                Row(f"{way}, p99", [percentile(ages, 99) for ages in rounds], "ms", "≤ 10")
                for way, rounds in (
                    ("client → provider", [run.inward for run in every[0]]),
                    ("provider → client", [run.outward for run in every[0]]),
                )
            ),
        ],
        Grid(
            HEADS,
            [
                *delays("provider", every),
                each("CPU per frame, µs", every, lambda run: run.cpu_us),
            ],
        ),
    )


def _measure(contestant: Contestant, size: Size, place: Path) -> Run:
    run = measure(
        contestant,
        place,
        sessions=size.sessions,
        seconds=size.seconds,
        warm_up_s=size.warm_up_s,
    )
    if len(run.outward) < 0.9 * run.sent:
        raise SystemExit(f"{run.sent} frames were sent, and only {len(run.outward)} came.")
    return run


@contextlib.contextmanager
def _contestants(place: Path) -> Generator[list[Contestant]]:
    """Run the relays on one core, their provider on the others."""
    with (
        providers() as provider,
        server_beside(provider, place) as server,
        peer("naive_relay_upstream", provider.urls["realtime"]) as naive,
        peer("bare_relay_upstream", provider.urls["realtime"]) as bare,
    ):
        recorded = {"agent_id": recording_agent(server, MODEL)}
        ours = server.process, server.port
        contestants = [
            Contestant(process, port, offers, provider.heard, MODELS[MODEL], "Speak.")
            for process, port, offers in (
                (*ours, tickets(server, {"config": {"model": MODEL}})),
                (*ours, tickets(server, recorded)),
                (*naive, no_tickets),
                (*bare, no_tickets),
            )
        ]
        relays = {one.process.pid: one.own for one in contestants}
        with cores.apart(relays.values(), [provider.own]):
            yield contestants
