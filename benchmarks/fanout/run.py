"""The fan-out beside its peers: who takes part, in which order, and what is done with it.

Rounds are outermost and the contestants shuffled within each, so that whatever drifts on the
machine touches all of them; a ratio is taken within a round. The servers stay; their clients
come and go.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cores, rpc
from benchmarks.fanout import contestants as all_
from benchmarks.fanout import measure
from benchmarks.fanout.contestants import Contestant, Ringline
from benchmarks.fanout.measure import DURABLE, FIXED, FIXED_DURABLE, FOUR, ONE, SIXTEEN, Lab, Phase
from benchmarks.fanout.pictures import draw
from benchmarks.fanout.programs import Missing, build
from benchmarks.fanout.results import Results
from benchmarks.load import load
from benchmarks.report import PAGE, Section, percentile
from benchmarks.servers import directory

#: Where the file and the plots go.
FOLDER = PAGE.parent / "benchmarks"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 0.7
    few: int = 1_000
    many: int = 5_000
    topics: int = 1_000
    listeners: int = 5
    idle: int = 1_000
    idle_many: int = 10_000
    stalled: int = 200
    stalled_s: float = 4.0
    quiet_s: float = 0.2
    #: After so long no further round begins.
    most_s: float = 900.0
    #: Whether idle connections are measured on a server that has done nothing else.
    fresh: bool = True
    phases: tuple[Phase, ...] = (ONE, FOUR, SIXTEEN, FIXED)


TINY = Plan(
    rounds=1,
    seconds=0.05,
    few=10,
    many=12,
    topics=4,
    listeners=2,
    idle=10,
    idle_many=12,
    stalled=10,
    stalled_s=0.1,
    quiet_s=0.02,
    fresh=False,
    phases=(ONE, FIXED),
)


def fanout(*, tiny: bool = False) -> Section:
    """Measure; write the file and the plots, unless it is a trial."""
    plan, results = TINY if tiny else Plan(), Results()
    try:
        _measure(plan, results)
    except Missing as missing:
        raise SystemExit(str(missing)) from None
    if not tiny:
        FOLDER.mkdir(exist_ok=True)
        results.write(FOLDER / "fanout.json")
        draw(results, FOLDER)
    return results.section(pictures=not tiny)


def _measure(plan: Plan, results: Results) -> None:
    if sys.platform != "linux":
        raise Missing("The benchmark of the fan-out counts with epoll and /proc: it needs Linux.")
    with directory() as place:
        generator = build("generator", place)
        lab = Lab(generator, place, plan.seconds, plan.quiet_s, {})
        if plan.fresh:
            for number, (count, stream) in enumerate(_idle(plan)):
                with all_.ringline(place / f"fresh-{number}") as fresh, _pinned([fresh]):
                    results.idle.append(measure.idle(lab, fresh, count, stream=stream))
        with contextlib.ExitStack() as stack:
            present = _gather(stack, place, results)
            stack.enter_context(_pinned(present))
            ringline = next(one for one in present if isinstance(one, Ringline))
            for stream in ("ws", "sse"):
                lab.frames[stream] = measure.frame_bytes(lab, ringline, stream)
            if not plan.fresh:
                for count, stream in _idle(plan):
                    results.idle.append(measure.idle(lab, ringline, count, stream=stream))
            order, began = random.Random(1), time.monotonic()
            for number in range(plan.rounds):
                if number and time.monotonic() - began > plan.most_s:
                    break
                print(f"round {number + 1} of {plan.rounds}", file=sys.stderr, flush=True)
                order.shuffle(present)
                _round(lab, present, plan=plan, results=results)
                results.end_round()


def _gather(stack: contextlib.ExitStack, place: Path, results: Results) -> list[Contestant]:
    """Start the contestants that are installed; say which are not."""
    starts: list[Callable[[], contextlib.AbstractContextManager[Contestant]]] = [
        lambda: all_.ringline(place / "main"),
        lambda: all_.broadcaster(place),
        lambda: all_.nchan(place),
        all_.node_ws,
        all_.socket_io,
    ]
    present: list[Contestant] = []
    for start in starts:
        try:
            present.append(stack.enter_context(start()))
        except Missing as missing:
            print(f"skipped: {missing}", file=sys.stderr, flush=True)
            results.skipped.append(str(missing))
    return present


@contextlib.contextmanager
def _pinned(present: list[Contestant]) -> Iterator[None]:
    """Give the servers one core; PostgreSQL, publishers and clients the others."""
    own = sorted(os.sched_getaffinity(0))
    ours = [one.processes()[0] for one in present if isinstance(one, Ringline)]
    if len(own) > 1:
        for one in present:
            for process in one.beside():
                process.cpu_affinity(own[1:])
            for process in one.processes():
                process.cpu_affinity(own[:1])
    with cores.apart(ours):
        yield


def _round(lab: Lab, present: list[Contestant], *, plan: Plan, results: Results) -> None:
    """Measure everything once, of everybody."""
    durable = (DURABLE, FIXED_DURABLE)
    for one in present:
        results.fans += measure.fan(lab, one, plan.few, phases=[*plan.phases, *durable])
    for one in present:
        results.fans += measure.fan(lab, one, plan.many, phases=plan.phases)
    for one in present:
        if one.serves("sse"):
            results.fans += measure.fan(lab, one, plan.few, phases=[ONE, FIXED], stream="sse")
    for one in present:
        count = plan.topics * plan.listeners
        stream = one.stream_of_topics
        results.fans += measure.fan(
            lab, one, count, phases=[ONE], stream=stream, topics=plan.topics
        )
    for one in present:
        if one.shakes:
            results.handshakes.append(measure.handshakes(lab, one))
    for one in present:
        if one.holds_back:
            results.stalled.append(measure.stalled(lab, one, plan.stalled, seconds=plan.stalled_s))
    for one in present:
        if isinstance(one, Ringline):
            results.rpc.append(_rpc(lab, one, plan=plan))


def _idle(plan: Plan) -> list[tuple[int, str]]:
    """Return how many idle connections of which kinds are measured."""
    return [(plan.idle, "sse"), (plan.idle, "ws"), (plan.idle_many, "ws")]


def _rpc(lab: Lab, ringline: Ringline, *, plan: Plan) -> measure.Record:
    """Measure requests one after the other, without and with a fan-out beside them."""
    asked = rpc.message(
        ringline.ready["secret_key"],
        {"action": "list_contacts", "fields": ["id", "fullName"], "page": {"limit": 20}},
    )
    made: measure.Record = {}
    crowd = lab.crowd(ringline, plan.few)
    try:
        for name in ("alone", "beside"):
            if name == "beside":
                ringline.kind = "ephemeral"
                ringline.publish(FIXED.rate(plan.few), 1, length=measure.TEXT)
            with load(ringline.port, 1) as line:
                line.run(asked, lab.seconds / 4)
                took = line.run(asked, lab.seconds).took_ms
            made |= {f"{name}_p50_ms": percentile(took, 50), f"{name}_p99_ms": percentile(took, 99)}
    finally:
        ringline.stop()
        crowd.close()
        measure.rest(lab, ringline)
    return made
