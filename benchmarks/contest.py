"""Ringline beside other programs that answer the same requests: how they are measured.

The contestants work on one database in one run. Rounds are outermost and the contestants
shuffled within each, so that whatever drifts on the machine touches all of them; ratios are
taken within a round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.load import load
from benchmarks.report import brief, percentile

CONNECTIONS = 64
OURS, BY_HAND = "Ringline", "aiohttp by hand"

#: What a contestant's cells are, but for the core's.
HEADS = ("server's CPU, µs", "PostgreSQL's CPU, µs", "requests/s", "p50, ms", "p99, ms")

#: Below this the client was the limit, or somebody else had the server's core.
BUSY_ENOUGH = 0.9


@dataclass(slots=True)
class Figures:
    """One contestant's figures, a value per round."""

    server_us: list[float] = field(default_factory=list[float])
    database_us: list[float] = field(default_factory=list[float])
    per_s: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])
    p99_ms: list[float] = field(default_factory=list[float])
    busy: list[float] = field(default_factory=list[float])

    def cells(self) -> list[str]:
        return [
            brief(self.server_us),
            brief(self.database_us),
            brief(self.per_s),
            brief(self.p50_ms),
            brief(self.p99_ms),
            f"{statistics.median(self.busy):.0%}",
        ]


@dataclass(frozen=True, slots=True)
class Contestant:
    name: str
    port: int
    cpu: Callable[[], float]


def measure(
    one: Contestant,
    database: Callable[[], float],
    *,
    asked: bytes,
    seconds: float,
    figures: Figures,
) -> None:
    """Let a contestant answer a request over and over; `database` is PostgreSQL's CPU time."""
    with load(one.port, CONNECTIONS) as lines:
        lines.run(asked, seconds / 4)  # a warm-up
        before, database_s = one.cpu(), database()
        burst = lines.run(asked, seconds)
        used, database_s = one.cpu() - before, database() - database_s
    count = len(burst.took_ms)
    figures.server_us.append(used * 1e6 / count)
    figures.database_us.append(database_s * 1e6 / count)
    figures.per_s.append(count / burst.seconds)
    figures.p50_ms.append(percentile(burst.took_ms, 50))
    figures.p99_ms.append(percentile(burst.took_ms, 99))
    figures.busy.append(used / burst.seconds)
    if used / burst.seconds < BUSY_ENOUGH or burst.busy > BUSY_ENOUGH:
        print(
            f"{one.name}: the server had {used / burst.seconds:.0%} of its core, "
            f"the client was busy for {burst.busy:.0%}.",
            file=sys.stderr,
        )
