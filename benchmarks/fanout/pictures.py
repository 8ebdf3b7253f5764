"""The plots of the benchmark: what a delivery costs, and how late it is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.fanout.contestants import RINGLINE
from benchmarks.fanout.measure import FIXED, FOUR, ONE, SIXTEEN
from benchmarks.fanout.results import NAMES, Results

_OURS, _THEIRS = "#1f5fbf", "#9aa5b1"
_PHASES = {ONE.name: "one at a time", FOUR.name: "4 per tick", SIXTEEN.name: "16 per tick"}
_INCHES = (9, 3.4)


def draw(results: Results, folder: Path) -> None:
    """Write the plots."""
    few, _ = results.counts()
    cost = Figure(figsize=_INCHES, layout="constrained")
    for place, (phase, title) in zip(cost.subplots(1, 3), _PHASES.items(), strict=True):
        found = {name: results.figures(name, phase, count=few) for name in NAMES}
        _bars(place, title, {name: runs for name, runs in found.items() if runs})
    cost.suptitle(f"CPU time per delivery, µs ({few:,} sockets; median, least and greatest)")
    cost.savefig(folder / "fanout-cpu.svg", metadata={"Date": None})
    late = Figure(figsize=_INCHES, layout="constrained")
    for place, count in zip(late.subplots(1, 2), results.counts(), strict=True):
        found = {
            name: results.figures(name, FIXED.name, count=count, figure="p99_ms") for name in NAMES
        }
        _bars(place, f"{count:,} sockets", {name: runs for name, runs in found.items() if runs})
    late.suptitle("Latency at 20,000 deliveries/s, p99 in ms (median, least and greatest)")
    late.savefig(folder / "fanout-latency.svg", metadata={"Date": None})


def _bars(place: Axes, title: str, found: Mapping[str, Sequence[float]]) -> None:
    names = sorted(found, key=lambda name: statistics.median(found[name]), reverse=True)
    medians = [statistics.median(found[name]) for name in names]
    around = [
        [median - min(found[name]) for name, median in zip(names, medians, strict=True)],
        [max(found[name]) - median for name, median in zip(names, medians, strict=True)],
    ]
    colours = [_OURS if name == RINGLINE else _THEIRS for name in names]
    bars = place.barh(names, medians, xerr=around, color=colours, ecolor="#444444", capsize=2)
    place.bar_label(bars, [f" {median:.2g}" for median in medians], padding=6)
    place.set_title(title)
    place.spines[["top", "right"]].set_visible(False)
    place.margins(x=0.25)
