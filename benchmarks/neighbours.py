"""What a quiet workspace notices of a hostile one that floods each surface in turn.

For each surface a server runs with its ordinary limits. The quiet neighbour (`quiet.py`)
and the hostile one (`hostile/`) are processes of their own. Rounds alternate: quiet alone,
then the same under attack; ratios are taken between the two of a pair. A server that hangs,
ends or takes all memory ends its surface, and the table says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import psutil

from benchmarks import cores
from benchmarks.contacts import fill
from benchmarks.generators import Generator as Process
from benchmarks.generators import Silent
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.queries import make
from benchmarks.quiet import EVENTS_PER_S, PATIENCE_S, RPC_PER_S, VOICE_EVERY_S, WATCHERS
from benchmarks.report import Grid, Row, Section, percentile, ratios, show
from benchmarks.servers import Server, dev, directory
from ringline.domain.ids import Prefix, parse_id

SECONDS = 20.0
GOAL = 3

#: How long a generator may take to be ready, and to say what came of a round after it.
READY_S, AFTER_S = 90.0, 4 * PATIENCE_S
#: How long an attack runs before it is measured under, and on after that.
LEAD_S, TAIL_S = 1.0, 0.5
#: A server is left alone until it has nothing to do, but not for longer than this.
REST_S, AT_REST = 15.0, 0.1
#: More memory than this ends an attack, so that it does not end the machine.
MOST_MB = 4_000

#: What makes a round doubtful: a probe this busy, or this late (p99); a server that waited
#: for its core for this share of the time, because others had it.
BUSY, LATE_MS, DELAYED = 0.5, 3.0, 0.1

Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    contacts: int
    conversations: int
    quiet_contacts: int
    rounds: int
    quiet_s: float
    attacked_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the quiet workspace measured in a round, in ms."""

    rpc_p50: float
    rpc_p99: float
    fanout_p99: float
    voice_p50: float
    voice_longest: float


HEADS = {
    "rpc_p50": "RPC p50, ms",
    "rpc_p99": "RPC p99, ms",
    "fanout_p99": "fan-out p99, ms",
    "voice_p50": "voice's answer p50, ms",
    "voice_longest": "voice's answer longest, ms",
}
#: Those that have the goal.
BOUNDED = {"rpc_p99": "RPC p99", "fanout_p99": "fan-out p99", "voice_longest": "voice's answer"}


@dataclass(frozen=True, slots=True)
class Generators:
    """The two neighbours' processes, and the priorities that they have."""

    quiet: Process
    hostile: Process
    priority: str


@dataclass(slots=True)
class Flooded:
    """What came of one surface."""

    name: str
    quiet: list[Figures] = field(default_factory=list[Figures])
    attacked: list[Figures] = field(default_factory=list[Figures])
    records: list[Record] = field(default_factory=list[Record])
    ended: str = ""

    def pair(self, figure: str) -> tuple[list[float], list[float]]:
        """Return a figure's values quiet and attacked, of whole pairs."""
        return tuple(  # type: ignore[return-value]
            [getattr(one, figure) for one in rounds[: len(self.attacked)]]
            for rounds in (self.quiet, self.attacked)
        )

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


def neighbours(
    *,
    tiny: bool = False,
    seconds: float | None = None,
    only: Sequence[str] = (),
    record: Path | None = None,
    partly: Callable[[Section], None] = lambda section: None,
) -> Section:
    """Flood each surface; call `partly` with what there is after each."""
    size = _size(seconds or SECONDS, tiny=tiny)
    flooded: list[Flooded] = []
    with directory() as place:
        keys = _prepare(place / "data", size)
        for name in only or SURFACES:
            flooded.append(Flooded(name))
            _flood(flooded[-1], place / "data", keys, size, record)
            section = _section(flooded, size)
            if section.grid is not None:
                _say(f"{name}: {' | '.join(section.grid.rows[-1][1])}")
            partly(section)
    return _section(flooded, size)


def _size(seconds: float, *, tiny: bool) -> Size:
    if tiny:
        return Size(1_000, 50, 50, 1, 1.5, 1.5)
    rounds = max(3, min(10, round(seconds / 20)))
    return Size(100_000, 5_000, 1_000, rounds, min(15.0, seconds / rounds), seconds / rounds)


def _prepare(data_dir: Path, size: Size) -> Mapping[str, str]:
    """Make the two workspaces; return their keys."""
    with dev(data_dir, {}) as (server, _):
        said = subprocess.run(
            [
                *(sys.executable, "-m", "ringline", "workspace", "create", "--name", "Hostile"),
                *("--json", "--data-dir", str(data_dir)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            timeout=READY_S,
        )
        hostile: dict[str, str] = json.loads(said.stdout)
        quiet_id, hostile_id = (_uuid(made["workspace_id"]) for made in (server.ready, hostile))
        fill(server.address, str(hostile_id), size.contacts, 0)
        fill(server.address, str(quiet_id), size.quiet_contacts, 0)
        asyncio.run(make(server.address, hostile_id, size.conversations))
        return {"quiet": server.ready["secret_key"], "hostile": hostile["secret_key"]}


def _uuid(text: str) -> UUID:
    return parse_id(Prefix.WORKSPACE, text) or UUID(text)


def _flood(
    flooded: Flooded, data_dir: Path, keys: Mapping[str, str], size: Size, record: Path | None
) -> None:
    """Measure one surface, on a server that is started for it."""
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(_serve(data_dir))
            place = stack.enter_context(cores.apart([server.own]))
            generators = stack.enter_context(_generators(server, keys, flooded.name))
            generators.quiet.tell("1")  # a warm-up, in which the voice's processes start
            generators.quiet.hear(1 + AFTER_S)
            for number in range(2 * size.rounds):
                place()
                _round(flooded, number, server, generators, size, record)
    except (Silent, psutil.NoSuchProcess, subprocess.TimeoutExpired) as problem:
        flooded.ended = f"(ended: {_sentence(problem)})"
        _tell({"surface": flooded.name, "attack": None, "ended": flooded.ended}, record)


def _round(
    flooded: Flooded,
    number: int,
    server: Server,
    generators: Generators,
    size: Size,
    record: Path | None,
) -> None:
    """Measure one round; every other one is under attack."""
    attacker = generators.hostile if number % 2 else None
    measured = Measured(server, generators.quiet, attacker)
    made = {"surface": flooded.name, "round": number // 2 + 1, "priority": generators.priority}
    made |= measured.run(size.attacked_s if attacker else size.quiet_s)
    (flooded.attacked if attacker else flooded.quiet).append(measured.figures)
    flooded.records.append(made)
    _tell(made, record)


def _sentence(problem: Exception) -> str:
    match problem:
        case psutil.NoSuchProcess():
            return "the server has died"
        case subprocess.TimeoutExpired():
            return "the server did not stop within a minute"
        case _:
            return str(problem)


@contextlib.contextmanager
def _serve(data_dir: Path) -> Generator[Server]:
    """Run a server with its ordinary settings; leave nothing behind, however it ends."""
    started: list[psutil.Process] = []
    try:
        with dev(data_dir, {}) as (server, _):
            started = server.own.children(recursive=True)
            yield server
    finally:
        for child in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@contextlib.contextmanager
def _generators(server: Server, keys: Mapping[str, str], surface: str) -> Generator[Generators]:
    with contextlib.ExitStack() as stack:
        quiet = Process("benchmarks.quiet", {"port": server.port, "key": keys["quiet"]})
        stack.callback(quiet.end)
        first = quiet.hear(READY_S)["priority"]
        order = {"port": server.port, "key": keys["hostile"], "surface": surface}
        hostile = Process("benchmarks.hostile", order)
        stack.callback(hostile.end)
        last = hostile.hear(READY_S)["priority"]
        yield Generators(quiet, hostile, f"{first}, {last}")


class Measured:
    """One round: the quiet neighbour at work, alone or under attack."""

    def __init__(self, server: Server, quiet: Process, attacker: Process | None) -> None:
        self._server = server
        self._quiet = quiet
        self._attacker = attacker
        self._peak_mb = 0.0
        self._stopped = False
        self.figures = Figures(0, 0, 0, 0, 0)

    def run(self, seconds: float) -> Record:
        """Measure; return the record. Raises Silent, psutil.NoSuchProcess."""
        rested_s = self._rest()
        if self._attacker is not None:
            self._attacker.tell(str(LEAD_S + seconds + TAIL_S))
            time.sleep(LEAD_S)
        before, begun, delayed_s = self._server.cpu(), time.monotonic(), self._server.delayed_s()
        self._quiet.tell(str(seconds))
        quiet = self._quiet.hear(seconds + AFTER_S, self._guard)
        used, lasted = self._server.cpu().since(before), time.monotonic() - begun
        delayed_s = self._server.delayed_s() - delayed_s
        attack = None
        if self._attacker is not None and not self._stopped:
            attack = self._attacker.hear(LEAD_S + TAIL_S + AFTER_S, self._guard)
        took = quiet["took"]
        self.figures = Figures(
            percentile(took["rpc"], 50),
            percentile(took["rpc"], 99),
            percentile(took["fanout"], 99),
            percentile(took["voice"], 50),
            max(took["voice"]),
        )
        if self._stopped:
            raise Silent(f"the server took over {MOST_MB} MB")
        return {
            **asdict(self.figures),
            "asked": {name: len(times) for name, times in took.items()},
            "failed": quiet["failed"],
            "watchers": quiet["watchers"],
            "probe": {"busy": quiet["busy"], "lag_p99_ms": percentile(quiet["lag"], 99)},
            "server": used.server / lasted,
            "delayed": delayed_s / lasted,
            "database": used.database / lasted,
            "voice": used.voice / lasted,
            "peak_mb": self._peak_mb,
            "rested_s": rested_s,
            "attack": attack,
        }

    def _rest(self) -> float:
        """Wait until the server has nothing to do; return how long that took."""
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < REST_S:
            before = self._server.cpu().server
            time.sleep(0.5)
            if self._server.process.poll() is not None:
                raise psutil.NoSuchProcess(self._server.process.pid)
            if self._server.cpu().server - before < 0.5 * AT_REST:
                return waited
        return waited

    def _guard(self) -> None:
        """Note the server's memory; end an attack that takes too much of it."""
        held_mb = self._server.own.memory_info().rss / 1e6
        self._peak_mb = max(self._peak_mb, held_mb)
        if held_mb > MOST_MB and self._attacker is not None and not self._stopped:
            self._attacker.end()
            self._stopped = True


def _tell(made: Record, record: Path | None) -> None:
    """Print what is worth a look as it comes, and whether it can be believed."""
    if record is not None:
        with record.open("a") as file:
            file.write(json.dumps(made) + "\n")
    if "ended" in made:
        _say(f"{made['surface']}: {made['ended']}")
        return
    attack, probe = made["attack"], made["probe"]
    figures = ", ".join(f"{head} {made[name]:.1f}" for name, head in HEADS.items())
    cpu = ", ".join(f"{name} {made[name]:.0%}" for name in ("server", "database", "voice"))
    _say(
        f"{made['surface']} {made['round']}, {'attacked' if attack else 'quiet'}: {figures}; "
        f"failed {sum(made['failed'].values())} of {sum(made['asked'].values())}; "
        f"CPU: {cpu}, probe {probe['busy']:.0%}"
        + (f", attacker {attack['busy']:.0%}; {_attack([made])}" if attack else "")
    )
    for doubt in _doubts(made):
        _say(f"  Doubtful: {doubt}")


def _doubts(made: Record) -> list[str]:
    attack, probe = made["attack"], made["probe"]
    doubts: list[str] = []
    if probe["busy"] > BUSY:
        doubts.append(f"the probe was busy for {probe['busy']:.0%} of the time.")
    if probe["lag_p99_ms"] > LATE_MS:
        doubts.append(f"the probe itself was late by {probe['lag_p99_ms']:.1f} ms (p99).")
    if made["delayed"] > DELAYED:
        doubts.append(f"others kept the server from its core for {made['delayed']:.0%}.")
    if attack is not None and not attack["counted"]:
        doubts.append("nothing came of the attack.")
    if attack is not None and attack["broken"]:
        doubts.append(f"the attack broke: {attack['broken'][0]}")
    return doubts


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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


def _section(flooded: Sequence[Flooded], size: Size) -> Section:
    whole = [one for one in flooded if one.attacked]
    rows: list[Row] = []
    for figure, what in BOUNDED.items():
        changes = {one.name: _ratios(one, figure) for one in whole}
        if changes:
            worst = max(changes, key=lambda name: statistics.median(changes[name]))
            title = f"{what}, attacked ÷ quiet, on the surface where it is most (`{worst}`)"
            rows.append(Row(title, changes[worst], "", f"≤ {GOAL}"))
    priorities = {record["priority"] for one in flooded for record in one.records}
    return Section(
        "neighbours",
        "A quiet workspace beside a hostile one",
        f"The quiet workspace lists contacts ({RPC_PER_S} requests/s, whether those before are "
        f"answered or not), records calls ({EVENTS_PER_S}/s), which {WATCHERS} watchers of its "
        "events socket are shown (fan-out: from the request to each watcher's frame), and types "
        f"to the local voice every {VOICE_EVERY_S:g} s and a bit (to the first audio of the "
        "answer). The hostile one, with one key or none, floods one surface after another "
        f"without reading rate limits or refusals. Quiet → under attack, medians of {size.rounds} "
        f"pairs of rounds ({size.quiet_s:g} s alone, {size.attacked_s:.3g} s under attack), and "
        "their ratio (the least – the greatest of a pair). What is not answered in "
        f"{PATIENCE_S:.0f} s has failed and counts with that time. The attack is what came of "
        "it, per second, most first. Limits are the defaults, the server is started for each "
        f"surface, memory is its greatest. {cores.how()} Quiet and hostile generator are "
        f"processes of their own ({'; '.join(sorted(priorities)) or 'none'}).",
        rows,
        Grid(
            [*HEADS.values(), "failed", "the attack, per second", "of its core", "memory, MB"],
            [(f"{SURFACES[one.name].what} (`{one.name}`)", one.cells()) for one in flooded],
        ),
    )


def _ratios(one: Flooded, figure: str) -> list[float]:
    quiet, attacked = one.pair(figure)
    return ratios(attacked, quiet)
