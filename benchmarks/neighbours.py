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
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import cores
from benchmarks.contacts import fill
from benchmarks.generators import Generator as Process
from benchmarks.generators import Silent
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.neighbours_table import Flooded, Size, recorded, say, section, tell
from benchmarks.queries import make
from benchmarks.report import Section
from benchmarks.rounds import AFTER_S, MOST_MB, Measured
from benchmarks.servers import Server, dev, directory
from ringline.domain.ids import Prefix, parse_id

SECONDS = 20.0

#: How long generators and commands may take to be ready.
READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Generators:
    """The two neighbours' processes, and the priorities that they have."""

    quiet: Process
    hostile: Process
    priority: str


def neighbours(
    *,
    tiny: bool = False,
    seconds: float | None = None,
    only: Sequence[str] = (),
    record: Path | None = None,
    partly: Callable[[Section], None] = lambda part: None,
) -> Section:
    """Flood each surface; call `partly` with what there is after each.

    A surface whose rounds `record` holds already is not flooded again, so that a long run
    can be made in parts.
    """
    size = _size(seconds or SECONDS, tiny=tiny)
    held = recorded(record, size)
    flooded: list[Flooded] = []
    with directory() as place:
        keys = _prepare(place / "data", size)
        for name in only or SURFACES:
            flooded.append(held.get(name) or Flooded(name))
            if name not in held:
                _flood(flooded[-1], place / "data", keys, size, record)
            say(f"{name}: {' | '.join(flooded[-1].cells())}")
            partly(section(flooded, size))
    return section(flooded, size)


def _size(seconds: float, *, tiny: bool) -> Size:
    if tiny:
        return Size(1_000, 50, 1, 1.5, 1.5)
    rounds = max(3, min(5, round(seconds / 20)))
    return Size(100_000, 5_000, rounds, min(10.0, seconds / rounds), seconds / rounds)


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
        hostile_id = parse_id(Prefix.WORKSPACE, hostile["workspace_id"])
        assert hostile_id is not None
        fill(server.address, str(hostile_id), size.contacts, 0)
        asyncio.run(make(server.address, hostile_id, size.conversations))
        return {"quiet": server.ready["secret_key"], "hostile": hostile["secret_key"]}


def _flood(
    flooded: Flooded, data_dir: Path, keys: Mapping[str, str], size: Size, record: Path | None
) -> None:
    """Measure one surface, on a server that is started for it."""
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(_serve(data_dir))
            place = stack.enter_context(cores.apart([server.own]))
            generators = stack.enter_context(
                _generators(server, keys, flooded.name, tiny=size.rounds == 1)
            )
            generators.quiet.tell("1")  # a warm-up, in which the voice's processes start
            generators.quiet.hear(1 + AFTER_S)
            for number in range(2 * size.rounds):
                place()
                _round(flooded, number, server, generators, size, record)
    except (Silent, psutil.NoSuchProcess, subprocess.TimeoutExpired) as problem:
        flooded.ended = f"(ended: {_sentence(problem)})"
        tell({"surface": flooded.name, "attack": None, "ended": flooded.ended}, record)


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
    tell(made, record)
    if measured.stopped:
        raise Silent(f"the server took over {MOST_MB} MB")


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
def _generators(
    server: Server, keys: Mapping[str, str], surface: str, *, tiny: bool
) -> Generator[Generators]:
    with contextlib.ExitStack() as stack:
        quiet = Process("benchmarks.quiet", {"port": server.port, "key": keys["quiet"]})
        stack.callback(quiet.end)
        first = quiet.hear(READY_S)["priority"]
        order = {"port": server.port, "key": keys["hostile"], "surface": surface, "normal": tiny}
        hostile = Process("benchmarks.hostile", order)
        stack.callback(hostile.end)
        last = hostile.hear(READY_S)["priority"]
        yield Generators(quiet, hostile, f"{first}, {last}")
