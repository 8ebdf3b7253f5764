"""What `benchmarks.neighbours` tells: each round as it comes, and the table of all."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import cores
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.quiet import EVENTS_PER_S, PATIENCE_S, RPC_PER_S, VOICE_EVERY_S, WATCHERS
from benchmarks.report import Grid, Row, Section, percentile, ratios, show
from benchmarks.rounds import Figures, Record, doubts, figures_of

GOAL = 3

HEADS = {
    "rpc_p50": "RPC p50, ms",
    "rpc_p99": "RPC p99, ms",
    "fanout_p99": "fan-out p99, ms",
    "voice_p50": "voice's answer p50, ms",
    "voice_p99": "voice's answer p99, ms",
}
#: Those that have the goal.
BOUNDED = {"rpc_p99": "RPC p99", "fanout_p99": "fan-out p99", "voice_p99": "voice's answer p99"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, and how many pairs of rounds of which length."""

    contacts: int
    conversations: int
    rounds: int
    quiet_s: float
    attacked_s: float


@dataclass(slots=True)
class Flooded:
    """What came of one surface."""

    name: str
    quiet: list[Figures] = field(default_factory=list[Figures])
    attacked: list[Figures] = field(default_factory=list[Figures])
    records: list[Record] = field(default_factory=list[Record])
    ended: str = ""

    def pair(self, figure: str) -> tuple[list[float], list[float]]:
        """Return a figure's values quiet and attacked, of whole pairs.

        The voice's p99 is one of all rounds' answers.
        """
        whole = len(self.attacked)
        quiet, attacked = (
            _values(rounds[:whole], figure) for rounds in (self.quiet, self.attacked)
        )
        return quiet, attacked

    def cells(self) -> list[str]:
        if not self.attacked:
            return [self.ended, *[""] * (len(HEADS) + 3)]
        under = [record for record in self.records if record["attack"]]
        return [
            *(_change(*self.pair(figure)) for figure in HEADS),
            _failed(under),
            _attack(under),
            f"{statistics.median(record['server'] for record in under):.0%}",
            f"{max(record['peak_mb'] for record in under):.0f}" + f" {self.ended}".rstrip(),
        ]


def recorded(record: Path | None, size: Size) -> dict[str, Flooded]:
    """Return the surfaces of which a file has every round, of the same length."""
    found: dict[str, Flooded] = {}
    lines = record.read_text().splitlines() if record is not None and record.exists() else []
    for made in map(json.loads, lines):
        if "ended" in made or (made["attack"] and made["attack"]["seconds"] < size.attacked_s):
            continue
        flooded = found.setdefault(made["surface"], Flooded(made["surface"]))
        (flooded.attacked if made["attack"] else flooded.quiet).append(figures_of(made))
        flooded.records.append(made)
    return {
        name: flooded
        for name, flooded in found.items()
        if len(flooded.quiet) == len(flooded.attacked) == size.rounds
    }


def tell(made: Record, record: Path | None) -> None:
    """Print what is worth a look as it comes, and whether it can be believed."""
    if record is not None:
        with record.open("a") as file:
            file.write(json.dumps(made) + "\n")
    if "ended" in made:
        say(f"{made['surface']}: {made['ended']}")
        return
    attack, probe = made["attack"], made["probe"]
    figures = ", ".join(f"{head} {made[name]:.1f}" for name, head in HEADS.items() if name in made)
    figures += f", longest {max(made['voice']):.1f}"
    cpu = ", ".join(f"{name} {made[name]:.0%}" for name in ("server", "database", "workers"))
    say(
        f"{made['surface']} {made['round']}, {'attacked' if attack else 'quiet'}: {figures}; "
        f"failed {sum(made['failed'].values())} of {sum(made['asked'].values())}; "
        f"CPU: {cpu}, probe {probe['busy']:.0%}"
        + (_attacker(attack) + _attack([made]) if attack else "")
    )
    for doubt in doubts(made):
        say(f"  Doubtful: {doubt}")


def _attacker(attack: Record) -> str:
    return f", attacker {attack['busy']:.0%} (waited for its core {attack['delayed']:.0%}); "


def say(line: str) -> None:
    """Tell of progress: the table is for standard output."""
    print(line, file=sys.stderr, flush=True)


def _values(rounds: Sequence[Figures], figure: str) -> list[float]:
    if figure == "voice_p99":
        return [percentile([took for one in rounds for took in one.voice], 99)]
    return [getattr(one, figure) for one in rounds]


def _change(quiet: Sequence[float], attacked: Sequence[float]) -> str:
    paired = ratios(attacked, quiet)
    spread = f", {min(paired):.1f} – {max(paired):.1f}" if len(paired) > 1 else ""
    times = statistics.median(paired)
    return f"{show(quiet)} → {show(attacked)} (× {times:.1f}{spread})"


def _failed(under: Sequence[Record]) -> str:
    failed = sum(sum(record["failed"].values()) for record in under)
    return f"{failed} of {sum(sum(record['asked'].values()) for record in under)}"


def _attack(under: Sequence[Record]) -> str:
    """Say what came of attacks most often, per second."""
    seconds = sum(record["attack"]["seconds"] for record in under)
    counted: dict[str, int] = {}
    for record in under:
        for what, times in record["attack"]["counted"].items():
            counted[what] = counted.get(what, 0) + times
    most = sorted(counted.items(), key=lambda pair: -pair[1])[:4]
    return ", ".join(f"{what}: {times / seconds:.1f}" for what, times in most)


def _validity(records: Sequence[Record]) -> str:
    """Say how far the figures are the server's own."""
    if not records:
        return ""
    busy = max(record["probe"]["busy"] for record in records)
    late = max(record["probe"]["lag_p99_ms"] for record in records)
    delayed = max(record["delayed"] for record in records)
    doubtful = sum(bool(doubts(record)) for record in records)
    return (
        f" The quiet generator used at most {busy:.0%} of a core and was late by at most "
        f"{late:.1f} ms (p99 of a round), others kept the server from its core for at most "
        f"{delayed:.0%} of a round; {doubtful} of {len(records)} rounds are doubtful."
    )


def _how(size: Size, records: Sequence[Record]) -> str:
    priorities = sorted({record["priority"] for record in records}) or ["not started"]
    return (
        f"The quiet workspace lists contacts ({RPC_PER_S} requests/s, whether those before are "
        f"answered or not), records calls ({EVENTS_PER_S}/s), which {WATCHERS} watchers of its "
        "events socket are shown (fan-out: from the request to each watcher's frame), and types "
        f"to the local voice, {VOICE_EVERY_S:g} s after its last answer (to the first audio of "
        "the next). The hostile one, with one key or none, floods one surface after another, "
        "whatever it is answered. Each cell is quiet → under attack, medians of "
        f"{size.rounds} pairs of rounds ({size.quiet_s:.3g} s alone, {size.attacked_s:.3g} s under "
        "attack), and their ratio (the least – the greatest of a pair); the voice's p99 is one of "
        "all rounds' answers. What is not answered in "
        f"{PATIENCE_S:.0f} s has failed and counts with the time that passed. The attack is what "
        "came of it, per second, most first. Limits are the defaults, the server is started for "
        f"each surface, memory is its greatest. {cores.how()} Quiet and hostile generator are "
        f"processes of their own ({'; '.join(priorities)})."
    )


def section(flooded: Sequence[Flooded], size: Size) -> Section:
    """Make the table of what has been measured so far."""
    whole = [one for one in flooded if one.attacked]
    rows: list[Row] = []
    for figure, what in BOUNDED.items():
        changes = {one.name: _ratios(one, figure) for one in whole}
        if changes:
            worst = max(changes, key=lambda name: statistics.median(changes[name]))
            title = f"{what}, attacked ÷ quiet, on the surface where it is most (`{worst}`)"
            rows.append(Row(title, changes[worst], "", f"≤ {GOAL}"))
    records = [record for one in flooded for record in one.records]
    return Section(
        "neighbours",
        "A quiet workspace beside a hostile one",
        _how(size, records) + _validity(records),
        rows,
        Grid(
            [*HEADS.values(), "failed", "the attack, per second", "of its core", "memory, MB"],
            [(f"{SURFACES[one.name].what} (`{one.name}`)", one.cells()) for one in flooded],
        ),
    )


def _ratios(one: Flooded, figure: str) -> list[float]:
    quiet, attacked = one.pair(figure)
    return ratios(attacked, quiet)
