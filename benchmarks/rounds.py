"""One round of `benchmarks.neighbours`: the quiet workspace alone, or under attack."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import psutil

from benchmarks import cores
from benchmarks.generators import Generator
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.quiet import PATIENCE_S
from benchmarks.report import percentile
from benchmarks.servers import Server

#: How long a generator may take to say what came of a round, after it.
AFTER_S = 4 * PATIENCE_S
#: How long an attack runs before it is measured under, and on after that.
LEAD_S, TAIL_S = 1.0, 0.5
#: A server is left alone until it has nothing to do, but not for longer than this.
REST_S, LOOK_S, AT_REST = 15.0, 0.5, 0.1
#: More memory than this ends an attack, so that it does not end the machine.
MOST_MB = 4_000

#: What makes a round doubtful: a probe this busy, or this late (p99); a server that waited
#: for its core for this share of the time, because others had it.
BUSY, LATE_MS, DELAYED = 0.5, 3.0, 0.1

#: All that is known of a round, as it is written to a file.
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the quiet workspace measured in a round, in ms."""

    rpc_p50: float
    rpc_p99: float
    fanout_p99: float
    voice_p50: float
    #: Each of its answers: a round alone has too few for a percentile.
    voice: tuple[float, ...]


class Measured:
    """One round: the quiet neighbour at work, alone or under attack."""

    def __init__(self, server: Server, quiet: Generator, attacker: Generator | None) -> None:
        self._server = server
        self._quiet = quiet
        self._attacker = attacker
        self._peak_mb = 0.0
        #: Whether the attack had to be ended, because the server took too much memory.
        self.stopped = False
        self.figures = Figures(0, 0, 0, 0, ())

    def run(self, seconds: float) -> Record:
        """Measure; return the record. Raises Silent, psutil.NoSuchProcess."""
        rested_s = self._rest()
        if self._attacker is not None:
            self._attacker.tell(str(LEAD_S + seconds + TAIL_S))
            time.sleep(LEAD_S)
        before, begun, delayed_s = (
            self._server.cpu(),
            time.monotonic(),
            cores.delayed_s(self._server.process.pid),
        )
        self._quiet.tell(str(seconds))
        quiet = self._quiet.hear(seconds + AFTER_S, self._guard)
        used, lasted = self._server.cpu().since(before), time.monotonic() - begun
        delayed_s = cores.delayed_s(self._server.process.pid) - delayed_s
        attack = None
        if self.stopped:
            attack = {"counted": {}, "seconds": seconds, "busy": 0.0, "delayed": 0.0, "broken": []}
        elif self._attacker is not None:
            attack = self._attacker.hear(LEAD_S + TAIL_S + AFTER_S, self._guard)
        took = quiet["took"]
        self.figures = Figures(
            percentile(took["rpc"], 50),
            percentile(took["rpc"], 99),
            percentile(took["fanout"], 99),
            percentile(took["voice"], 50),
            tuple(took["voice"]),
        )
        return {
            **asdict(self.figures),
            "asked": {name: len(times) for name, times in took.items()},
            "failed": quiet["failed"],
            "watchers": quiet["watchers"],
            "probe": {"busy": quiet["busy"], "lag_p99_ms": percentile(quiet["lag"], 99)},
            "server": used.server / lasted,
            "delayed": delayed_s / lasted,
            "database": used.database / lasted,
            "workers": used.voice / lasted,
            "peak_mb": self._peak_mb,
            "rested_s": rested_s,
            "attack": attack,
        }

    def _rest(self) -> float:
        """Wait until the server and its database have nothing to do; return how long."""
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < REST_S:
            before = self._server.cpu()
            time.sleep(LOOK_S)
            if self._server.process.poll() is not None:
                raise psutil.NoSuchProcess(self._server.process.pid)
            used = self._server.cpu().since(before)
            if used.server + used.database + used.voice < LOOK_S * AT_REST:
                return waited
        return waited

    def _guard(self) -> None:
        """Note the server's memory; end an attack that takes too much of it."""
        held_mb = self._server.own.memory_info().rss / 1e6
        self._peak_mb = max(self._peak_mb, held_mb)
        if held_mb > MOST_MB and self._attacker is not None and not self.stopped:
            self._attacker.end()
            self.stopped = True


def figures_of(made: Record) -> Figures:
    """Return the figures of a round that was written to a file."""
    kept = {one.name: made[one.name] for one in fields(Figures)}
    return Figures(**{**kept, "voice": tuple(made["voice"])})


def doubts(made: Record) -> list[str]:
    """Say why a round may not show what the server does."""
    attack, probe = made["attack"], made["probe"]
    found: list[str] = []
    if probe["busy"] > BUSY:
        found.append(f"the probe was busy for {probe['busy']:.0%} of the time.")
    if probe["lag_p99_ms"] > LATE_MS:
        found.append(f"the probe itself was late by {probe['lag_p99_ms']:.1f} ms (p99).")
    if made["delayed"] > DELAYED:
        found.append(f"others kept the server from its core for {made['delayed']:.0%}.")
    if attack is not None and not SURFACES[made["surface"]].answers(attack["counted"]):
        found.append("the server answered nothing of the attack.")
    if attack is not None and attack["broken"]:
        found.append(f"the attack broke: {attack['broken'][0]}")
    return found
