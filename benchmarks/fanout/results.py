"""What came of the benchmark: a file of every measurement, and the table of the goals."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fanout.contestants import LIMIT, NCHAN, NODE_WS, RINGLINE, SOCKET_IO
from benchmarks.fanout.measure import (
    DURABLE,
    FIXED,
    FIXED_DURABLE,
    FLIGHT,
    FOUR,
    LONG_TEXT,
    ONE,
    SIXTEEN,
    STEADY,
    TEXT,
    Record,
)
from benchmarks.report import Grid, Row, Section, brief, conditions, ratios

#: In the order of the table's columns.
NAMES = (RINGLINE, LIMIT, NCHAN, NODE_WS, SOCKET_IO)
PEERS = (NCHAN, NODE_WS, SOCKET_IO)
#: A difference of less than this is no evidence.
EVIDENCE = 1.25


@dataclass(slots=True)
class Results:
    """Every measurement, in the order of the rounds."""

    fans: list[Record] = field(default_factory=list[Record])
    idle: list[Record] = field(default_factory=list[Record])
    handshakes: list[Record] = field(default_factory=list[Record])
    stalled: list[Record] = field(default_factory=list[Record])
    rpc: list[Record] = field(default_factory=list[Record])
    #: What was not measured, and why.
    skipped: list[str] = field(default_factory=list[str])
    _round: int = 1

    def end_round(self) -> None:
        """Number what was measured since the last round."""
        for record in (*self.fans, *self.handshakes, *self.stalled, *self.rpc):
            record.setdefault("round", self._round)
        self._round += 1

    def write(self, path: Path) -> None:
        """Write all measurements as JSON."""
        whole = {
            "conditions": conditions(),
            "skipped": self.skipped,
            "fans": self.fans,
            "idle": self.idle,
            "handshakes": self.handshakes,
            "stalled": self.stalled,
            "rpc": self.rpc,
        }
        path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")

    def figures(
        self,
        name: str,
        phase: str,
        *,
        count: int,
        stream: str = "ws",
        topics: int = 1,
        figure: str = "cpu_us",
    ) -> list[float]:
        """Return a contestant's figure of a phase, a value for each round."""
        return [
            record[figure]
            for record in self.fans
            if (record["contestant"], record["phase"]) == (name, phase)
            and (record["topics"] > 1) == (topics > 1)
            and (topics > 1 or (record["subscribers"], record["stream"]) == (count, stream))
        ]

    def counts(self) -> tuple[int, int]:
        """Return how many subscribers there were, the fewer first."""
        counts = {r["subscribers"] for r in self.fans if r["topics"] == 1 and r["stream"] == "ws"}
        return min(counts), max(counts)

    def section(self, *, pictures: bool) -> Section:
        """Return the table of everybody's figures and that of the goals."""
        few, many = self.counts()
        doubted = sum(bool(record["doubts"]) for record in self.fans)
        sizes = [
            statistics.median(self.figures(RINGLINE, "one", count=few, stream=stream, figure=_SIZE))
            for stream in ("ws", "sse")
        ]
        shown = (
            "\n\n![CPU time per delivery](benchmarks/fanout-cpu.svg)\n\n"
            "![Latency at a fixed rate](benchmarks/fanout-latency.svg)"
            if pictures
            else ""
        )
        goals = [*self._speed(few), *self._speed(many), *self._others(few)]
        skipped = "".join(f" Not measured: {why}." for why in self.skipped)
        return Section(
            "fanout",
            "The fan-out beside its peers",
            f"Subscribers on one core are sent events with a text of {TEXT} characters by a server "
            "on the other. Ringline's have session tokens and have joined `events` in Phoenix "
            "version 2; its events are partials of turns, or turns, which are published after "
            f"their commit. Its frames have {sizes[0]:.0f} bytes, of server-sent events "
            f"{sizes[1]:.0f}; the peers' are as long. C is a loop that only calls `send`, once "
            "per frame. As fast as it goes, a tick begins when the one before has been written; "
            "nginx is published to from outside, which its figure does not hold. "
            f"{self._round - 1} rounds, the contestants shuffled in each; ratios are of pairs of "
            f"a round, and one between {1 / EVIDENCE:.2g} and {EVIDENCE:.2f} shows no difference. "
            f"{doubted} of {len(self.fans)} measurements were doubtful: a core that was not the "
            "server's, a client that was busy, a message lost. Every one, with its doubts, is "
            f"in [fanout.json](benchmarks/fanout.json).{skipped}{shown}",
            [row for row in goals if row.runs],
            self._grid(few, many),
        )

    def _grid(self, few: int, many: int) -> Grid:
        rows: list[tuple[str, list[str]]] = []

        def add(what: str, of: Callable[[str], list[float]]) -> None:
            rows.append((what, [brief(found) if (found := of(name)) else "" for name in NAMES]))

        for count in (few, many):
            for phase in (ONE, FOUR, SIXTEEN):
                each = "one event at a time" if phase is ONE else f"{phase.burst} events per tick"
                add(
                    f"{count:,} sockets, {each}: CPU per delivery, µs",
                    lambda name, count=count, phase=phase: self.figures(
                        name, phase.name, count=count
                    ),
                )
            for figure, percent in (("p50_ms", 50), ("p99_ms", 99)):
                add(
                    f"{count:,} sockets, {STEADY:,} deliveries/s: p{percent}, ms",
                    lambda name, count=count, figure=figure: self.figures(
                        name, FIXED.name, count=count, figure=figure
                    ),
                )
        add(
            f"{few:,} sockets, one durable event at a time: CPU per delivery, µs",
            lambda name: self.figures(name, DURABLE.name, count=few),
        )
        add(
            f"{few:,} sockets, {STEADY:,} durable deliveries/s: p99 with the commit, ms",
            lambda name: self.figures(name, FIXED_DURABLE.name, count=few, figure="p99_ms"),
        )
        add(
            f"{few:,} streams of server-sent events, one event at a time: CPU per delivery, µs",
            lambda name: self.figures(name, ONE.name, count=few, stream="sse"),
        )
        topics = max(record["topics"] for record in self.fans)
        heard_by = max(r["subscribers"] for r in self.fans if r["topics"] > 1) // topics
        add(
            f"{topics:,} topics of {heard_by}: CPU per event, µs",
            lambda name: [
                heard_by * cpu for cpu in self.figures(name, ONE.name, count=0, topics=topics)
            ],
        )
        add("CPU per handshake, µs", lambda name: _of(self.handshakes, name, "cpu_us"))
        add(
            f"memory of a connection among {few:,}, KB",
            lambda name: [
                size / 1000
                for size in self.figures(name, ONE.name, count=few, figure="bytes_per_connection")[
                    :1
                ]
            ],
        )
        for what, figure, unit in (
            ("the others' p99, ms", "others_p99_ms", 1),
            ("memory of each, KB", "grown_bytes", 1000),
            ("the kernel's memory of each, KB", "kernel_bytes", 1000),
        ):
            add(
                f"a tenth never reads, {LONG_TEXT // 1024} KiB per event: {what}",
                lambda name, figure=figure, unit=unit: [
                    value / unit for value in _of(self.stalled, name, figure)
                ],
            )
        return Grid(NAMES, rows)

    def _speed(self, count: int) -> list[Row]:
        """Return the goals of so many subscribers."""
        rows: list[Row] = []

        def paired(what: str, phase: str, other: str, goal: str, figure: str = "cpu_us") -> None:
            ours = self.figures(RINGLINE, phase, count=count, figure=figure)
            theirs = self.figures(other, phase, count=count, figure=figure)
            if ours and len(ours) == len(theirs):
                rows.append(
                    Row(f"{count:,} sockets, {what} / {other}", ratios(ours, theirs), "", goal)
                )

        paired("one event at a time: CPU per delivery, Ringline", ONE.name, NCHAN, "≤ 1.05")
        paired("one event at a time: CPU per delivery, Ringline", ONE.name, LIMIT, "≤ 2.0")
        for phase in (FOUR, SIXTEEN):
            ours = self.figures(RINGLINE, phase.name, count=count)
            best = self._best_peer(phase.name, count)
            if best and len(ours) == len(best):
                what = f"{phase.burst} events per tick: CPU per delivery, Ringline / the best peer"
                rows.append(Row(f"{count:,} sockets, {what}", ratios(ours, best), "", "≤ 0.6"))
        paired(f"{STEADY:,}/s: p99, Ringline", FIXED.name, NCHAN, "≤ 1", "p99_ms")
        return rows

    def _best_peer(self, phase: str, count: int) -> list[float]:
        each = [self.figures(name, phase, count=count) for name in PEERS]
        return [min(figures) for figures in zip(*filter(None, each), strict=True)]

    def _others(self, few: int) -> list[Row]:
        stalled = [record for record in self.stalled if record["contestant"] == RINGLINE]
        rows = [
            Row(
                "a tenth never reads: the others' p99 / undisturbed",
                [record["others_p99_ms"] / record["undisturbed_p99_ms"] for record in stalled],
                "",
                "≤ 1.2",
            ),
            Row(
                "memory of a client that never reads, in frames",
                [record["grown_bytes"] / LONG_TEXT for record in stalled],
                "frames",
                "< 64",
            ),
            Row(
                "the kernel's memory of a client that never reads",
                [record["kernel_bytes"] / 1024 for record in stalled],
                "KiB",
                "< 64",
            ),
        ]
        for record in self.idle:
            what = "stream of server-sent events" if record["stream"] == "sse" else "joined socket"
            goal = "≤ 6" if record["stream"] == "sse" else "≤ 8"
            kilobytes = [record["bytes_per_connection"] / 1000]
            rows.append(
                Row(
                    f"memory of an idle {what} among {record['subscribers']:,}",
                    kilobytes,
                    "KB",
                    goal,
                )
            )
        beats = max(self.idle, key=lambda record: (record["stream"] == "ws", record["subscribers"]))
        rows += [
            Row(
                f"{beats['subscribers']:,} idle sockets with {beats['heartbeats_per_s']:.0f} "
                "heartbeats/s: of a core",
                [100 * beats["busy"]],
                "%",
                "< 5",
            ),
            Row(
                f"handshakes with a session token, {FLIGHT} at a time",
                _of(self.handshakes, RINGLINE, "per_s_and_core"),
                "/s and core",
                "≥ 6,000",
            ),
            Row("an RPC alone, p99", [record["alone_p99_ms"] for record in self.rpc], "ms"),
            Row(
                f"an RPC beside {STEADY:,} deliveries/s to {few:,} sockets, p50",
                [record["beside_p50_ms"] for record in self.rpc],
                "ms",
            ),
            Row(
                f"an RPC beside {STEADY:,} deliveries/s to {few:,} sockets, p99",
                [record["beside_p99_ms"] for record in self.rpc],
                "ms",
            ),
        ]
        return rows


_SIZE = "bytes_per_message"


def _of(records: Sequence[Record], name: str, figure: str) -> list[float]:
    return [record[figure] for record in records if record["contestant"] == name]
