"""What is measured of a contestant, and what makes a measurement doubtful."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.fanout.contestants import Contestant, Ringline
from benchmarks.fanout.programs import Crowd

#: Characters of what is said in an event.
TEXT = 300
LONG_TEXT = 16 * 1024
#: Deliveries per second at a fixed rate.
STEADY = 20_000
#: In flight at once, while only handshakes are made.
FLIGHT = 64
#: One of them is sent by each idle client in so many seconds.
HEARTBEAT_S = 30.0
#: Beyond this the generator was the limit; below, the server did not have its core.
BUSY_GENERATOR, BUSY_SERVER = 0.9, 0.95
_STALLED = 10  # percent
_QUIETS = 50  # that are waited for

#: All that is known of a measurement, as it is written to the file.
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """How it is published: ticks per second, 0 being as fast as it goes, and events of each."""

    name: str
    burst: int = 1
    steady: bool = False
    durable: bool = False

    def rate(self, count: int) -> float:
        """Return the ticks per second for so many subscribers."""
        return STEADY / count / self.burst if self.steady else 0


ONE, FOUR, SIXTEEN = Phase("one"), Phase("4", burst=4), Phase("16", burst=16)
FIXED = Phase("fixed", steady=True)
DURABLE = Phase("one, durable", durable=True)
FIXED_DURABLE = Phase("fixed, durable", steady=True, durable=True)


@dataclass(frozen=True, slots=True)
class Lab:
    """Where the programs are, how long a phase lasts, and the bytes of Ringline's frames."""

    generator: Path
    place: Path
    seconds: float
    #: How long nothing must come, or be done, before the next measurement.
    quiet_s: float
    frames: dict[str, int]

    def crowd(
        self,
        contestant: Contestant,
        count: int,
        *,
        stream: str = "ws",
        topics: int = 1,
        to_stall: int = 0,
    ) -> Crowd:
        """Open so many subscribers, some percent of them for being stalled."""
        subscribers = contestant.subscribers(count, stream=stream, topics=topics)
        crowd = Crowd(self.generator, contestant.port, subscribers=subscribers, place=self.place)
        crowd.open(to_stall=to_stall)
        return crowd

    def length(self, contestant: Contestant, stream: str) -> int:
        """Return how long a text must be, for frames as long as Ringline's."""
        if isinstance(contestant, Ringline):
            return TEXT
        return self.frames[stream] - contestant.around[stream]


def frame_bytes(lab: Lab, ringline: Ringline, stream: str) -> int:
    """Return the bytes of Ringline's frame around a text of the length that is measured."""
    crowd = lab.crowd(ringline, 1, stream=stream)
    ringline.publish(100, 1, length=TEXT)
    came = crowd.measure(2 * lab.quiet_s)
    ringline.stop()
    crowd.close()
    return round(came["bytes"] / came["deliveries"])


def fan(
    lab: Lab,
    contestant: Contestant,
    count: int,
    *,
    phases: Sequence[Phase],
    stream: str = "ws",
    topics: int = 1,
) -> list[Record]:
    """Measure phases of publishing, over the same connections."""
    before = contestant.resident()
    crowd = lab.crowd(contestant, count, stream=stream, topics=topics)
    try:
        grown = (contestant.resident() - before) / count
        return [
            _phase(lab, contestant, crowd, phase=phase, stream=stream, topics=topics)
            | {"bytes_per_connection": grown}
            for phase in phases
            if isinstance(contestant, Ringline) or not phase.durable
        ]
    finally:
        crowd.close()
        rest(lab, contestant)


def _phase(
    lab: Lab, contestant: Contestant, crowd: Crowd, *, phase: Phase, stream: str, topics: int
) -> Record:
    if isinstance(contestant, Ringline):
        contestant.kind = "durable" if phase.durable else "ephemeral"
    length = lab.length(contestant, stream)
    heard_by = crowd.count // topics
    contestant.publish(phase.rate(heard_by), phase.burst, length=length, topics=topics)
    crowd.measure(lab.seconds / 4)  # a warm-up
    before = contestant.cpu_s()
    came = crowd.measure(lab.seconds)
    used = contestant.cpu_s() - before
    contestant.stop()
    drain(lab, crowd)
    deliveries = max(1, came["deliveries"])
    return came | {
        "contestant": contestant.name,
        "phase": phase.name,
        "subscribers": crowd.count,
        "stream": stream,
        "topics": topics,
        "cpu_us": used * 1e6 / deliveries,
        "server_busy": used / came["seconds"],
        "bytes_per_message": came["bytes"] / deliveries,
        "doubts": doubts(came, used / came["seconds"], phase=phase, count=crowd.count),
    }


def drain(lab: Lab, crowd: Crowd) -> None:
    """Read until nothing comes any more."""
    for _ in range(_QUIETS):
        if not crowd.measure(lab.quiet_s)["deliveries"]:
            return


def doubts(came: Record, busy: float, *, phase: Phase, count: int) -> list[str]:
    """Say why a measurement may not show what the server does."""
    found: list[str] = []
    if came["busy"] > BUSY_GENERATOR:
        found.append(f"the generator was busy for {came['busy']:.0%} of the time")
    if not phase.steady and not phase.durable and busy < BUSY_SERVER:
        found.append(f"the server had {busy:.0%} of its core")
    if came["lost"]:
        found.append(f"{came['lost']} messages were lost")
    if came["open"] != count:
        found.append(f"{count - came['open']} connections were closed")
    return found


def rest(lab: Lab, contestant: Contestant) -> None:
    """Wait until a contestant has noticed that its clients are gone."""
    for _ in range(_QUIETS):
        before = contestant.cpu_s()
        time.sleep(lab.quiet_s)
        if contestant.cpu_s() - before < 0.1 * lab.quiet_s:
            return


# -- clients that do not read -----------------------------------------------------------------


def stalled(lab: Lab, contestant: Contestant, count: int, *, seconds: float) -> Record:
    """Let a tenth of the clients never read large events; measure the others."""
    if isinstance(contestant, Ringline):
        contestant.kind = "ephemeral"
    around = 0 if isinstance(contestant, Ringline) else contestant.around["ws"]
    rate = STEADY / 2 / count
    crowd = lab.crowd(contestant, count, to_stall=_STALLED)
    kernel = kernel_tcp()
    try:
        contestant.publish(rate, 1, length=LONG_TEXT - around)
        crowd.measure(lab.seconds)
        undisturbed = crowd.measure(seconds / 3)
        memory = contestant.resident()
        some = crowd.ask(f"stall {_STALLED}")["stalled"]
        crowd.measure(seconds)  # while the buffers fill
        others = crowd.measure(seconds / 3)
        grown = contestant.resident() - memory
        contestant.stop()
        drain(lab, crowd)  # what is left in the kernel is for those who do not read
        return {
            "contestant": contestant.name,
            "subscribers": count,
            "stalled": some,
            "undisturbed_p99_ms": undisturbed["p99_ms"],
            "others_p99_ms": others["p99_ms"],
            "others_per_s": others["deliveries"] / others["seconds"],
            "offered_per_s": rate * (count - some),
            "grown_bytes": grown / max(1, some),
            "kernel_bytes": (kernel_tcp() - kernel) / max(1, some),
            "lost": others["lost"],
        }
    finally:
        contestant.stop()
        crowd.close()
        rest(lab, contestant)


def kernel_tcp() -> int:
    """Return the bytes that the kernel holds for TCP (Linux; else 0)."""
    try:
        text = Path("/proc/net/sockstat").read_text()
    except OSError:
        return 0
    (line,) = [line.split() for line in text.splitlines() if line.startswith("TCP:")]
    return int(line[line.index("mem") + 1]) * 4096


# -- clients to which nothing happens ---------------------------------------------------------


def idle(lab: Lab, contestant: Contestant, count: int, *, stream: str) -> Record:
    """Measure what an idle connection takes, and heartbeats where the clients send them."""
    lab.crowd(contestant, 20, stream=stream).close()  # what is allocated once
    rest(lab, contestant)
    before = contestant.resident()
    crowd = lab.crowd(contestant, count, stream=stream)
    try:
        rest(lab, contestant)
        made = {
            "contestant": contestant.name,
            "subscribers": count,
            "stream": stream,
            "bytes_per_connection": (contestant.resident() - before) / count,
        }
        if stream == "ws":
            seconds = 4 * lab.seconds
            used = contestant.cpu_s()
            beats = crowd.ask(f"beat {seconds} {HEARTBEAT_S}")
            made["heartbeats_per_s"] = beats["beats"] / beats["seconds"]
            made["busy"] = (contestant.cpu_s() - used) / beats["seconds"]
        return made
    finally:
        crowd.close()
        rest(lab, contestant)


def handshakes(lab: Lab, contestant: Contestant) -> Record:
    """Open connections and reset them, over and over."""
    crowd = Crowd(
        lab.generator,
        contestant.port,
        subscribers=contestant.subscribers(FLIGHT, stream="ws"),
        place=lab.place,
    )
    try:
        crowd.ask(f"shake {lab.seconds / 4} {FLIGHT}")
        before = contestant.cpu_s()
        came = crowd.ask(f"shake {lab.seconds} {FLIGHT}")
        used = contestant.cpu_s() - before
    finally:
        crowd.close()
        rest(lab, contestant)
    return came | {
        "contestant": contestant.name,
        "cpu_us": used * 1e6 / max(1, came["done"]),
        "server_busy": used / came["seconds"],
        "per_s_and_core": came["done"] / used if used else 0.0,
    }
