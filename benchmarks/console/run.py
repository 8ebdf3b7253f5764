"""`make bench ARGS=console`: the budgets of the console (its load, its smoothness, its memory)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.console.browser import Console, Smoothness, console, gzipped_kb
from benchmarks.generators import Generator as Process
from benchmarks.report import PAGE, Row, Section, percentile
from benchmarks.rpc import data
from benchmarks.servers import Server, dev, directory
from ringline.cli.console_build import is_current

READY_S = 180.0
SLOW = 4.0
#: Calls that are reported while the others go on, to see when they are painted.
_NEW_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run measures."""

    calls: int
    few: int
    talkers: int
    events_per_s: float
    seconds: float
    heap_s: float
    rounds: int


FULL = Size(calls=1_000, few=100, talkers=50, events_per_s=100, seconds=30, heap_s=1_800, rounds=3)
TINY = Size(calls=12, few=6, talkers=2, events_per_s=10, seconds=2, heap_s=2, rounds=1)


@dataclass
class Figures:
    """What was measured."""

    first_kb: list[float] = field(default_factory=list[float])
    first_reads: list[float] = field(default_factory=list[float])
    others_kb: dict[str, float] = field(default_factory=dict[str, float])
    others_reads: dict[str, float] = field(default_factory=dict[str, float])
    row_ms: list[float] = field(default_factory=list[float])
    keys_ms: list[float] = field(default_factory=list[float])
    slow_row_ms: list[float] = field(default_factory=list[float])
    slow_keys_ms: list[float] = field(default_factory=list[float])
    smooth: list[Smoothness] = field(default_factory=list[Smoothness])
    slow: list[Smoothness] = field(default_factory=list[Smoothness])
    frames_per_s: list[float] = field(default_factory=list[float])
    painted_ms: list[float] = field(default_factory=list[float])
    heap_mb: list[float] = field(default_factory=list[float])
    grown_mb: list[float] = field(default_factory=list[float])
    current_s: list[float] = field(default_factory=list[float])


def console_budgets(*, tiny: bool = False, seconds: float | None = None) -> Section:
    """Measure; `seconds` is how long the memory is watched instead of half an hour."""
    if not is_current(PAGE.parents[1]):
        raise SystemExit("The console's build is older than its sources: `make console` builds it.")
    size = TINY if tiny else FULL
    heap_s = seconds or size.heap_s
    figures = Figures()
    with directory() as place:
        with _watched(place / "few", size.few, size) as (server, tab, _):
            _measure_load(server, tab, figures, rounds=size.rounds)
            _measure_return(server, tab, place / "few", figures=figures)
        with _watched(place / "many", size.calls, size) as (server, tab, callers):
            _measure_smoothness(server, tab, callers, size=size, figures=figures)
            _measure_memory(tab, callers, heap_s, figures=figures)
    return _section(size, heap_s, figures)


@contextlib.contextmanager
def _watched(data_dir: Path, calls: int, size: Size) -> Generator[tuple[Server, Console, Process]]:
    """Run a server with calls, and a tab on its board."""
    with dev(data_dir) as (server, _):
        order = {
            "port": server.port,
            "key": server.ready["secret_key"],
            "others": calls - size.talkers,
            "talkers": size.talkers,
            "events_per_s": size.events_per_s,
        }
        callers = Process("benchmarks.console.callers", order)
        try:
            callers.hear(READY_S)
            with console(server.base_url) as tab:
                tab.sign_in(server.ready["console_url"])
                yield server, tab, callers
        finally:
            callers.end()


def _measure_load(server: Server, tab: Console, figures: Figures, *, rounds: int) -> None:
    first = tab.load()
    figures.first_kb.append(gzipped_kb(first.files))
    figures.first_reads.append(first.reads)
    known = set(first.files)
    asked = {"action": "list_calls", "fields": ["callUuid"], "page": {"limit": 1}}
    (call,) = data(server.port, server.ready["secret_key"], asked)["results"]
    paths = {"call": f"calls/{call['callUuid']}", "calls": "calls", "profile": "settings/profile"}
    for name, path in paths.items():
        loaded = tab.go(f"/console/live/{path}")
        figures.others_kb[name] = gzipped_kb([url for url in loaded.files if url not in known])
        figures.others_reads[name] = loaded.reads
    for _ in range(rounds):
        row, keys = tab.first_row_ms()
        figures.row_ms.append(row)
        figures.keys_ms.append(keys)
    tab.slow_down(SLOW)
    for _ in range(rounds):
        row, keys = tab.first_row_ms()
        figures.slow_row_ms.append(row)
        figures.slow_keys_ms.append(keys)
    tab.slow_down(1)


def _measure_return(server: Server, tab: Console, data_dir: Path, *, figures: Figures) -> None:
    """Kill the server, start it again on its data and its port, and wait for the board."""
    tab.load()
    port = server.port
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    with dev(data_dir, port=port):
        figures.current_s.append(tab.current_s())


def _measure_smoothness(
    server: Server, tab: Console, callers: Process, *, size: Size, figures: Figures
) -> None:
    tab.load()
    for _ in range(size.rounds):
        for slow, into in ((1.0, figures.smooth), (SLOW, figures.slow)):
            tab.slow_down(slow)
            callers.tell(str(size.seconds + 2))
            before = tab.frames
            into.append(tab.watch(size.seconds))
            figures.frames_per_s.append((tab.frames - before) / size.seconds)
            callers.hear(size.seconds + READY_S)
        tab.slow_down(1)
        callers.tell(str(size.seconds))
        figures.painted_ms += _paint(server, tab, size.seconds)
        callers.hear(size.seconds + READY_S)


def _paint(server: Server, tab: Console, seconds: float) -> list[float]:
    """Report calls while others go on; return how long after each's event its row was there."""
    created: dict[str, float] = {}
    until = time.monotonic() + seconds - 1
    while time.monotonic() < until:
        number = f"bench-{time.monotonic_ns()}"
        tab.await_text(number)
        call = {"direction": "inbound", "status": "ringing", "fromNumber": number, "toNumber": "+1"}
        asked = {"action": "create_call", "input": call, "fields": ["startedAt"]}
        told = data(server.port, server.ready["secret_key"], asked)
        created[number] = datetime.fromisoformat(told["startedAt"]).timestamp() * 1_000
        tab.page.wait_for_timeout(_NEW_EVERY_S * 1_000)
    seen = tab.seen()
    return [seen[number] - at for number, at in created.items() if number in seen]


def _measure_memory(tab: Console, callers: Process, seconds: float, *, figures: Figures) -> None:
    tab.load()
    callers.tell(str(seconds + 10))
    tab.page.wait_for_timeout(5_000)
    before = tab.heap_mb()
    tab.page.wait_for_timeout(seconds * 1_000)
    figures.heap_mb.append(tab.heap_mb())
    figures.grown_mb.append(figures.heap_mb[-1] - before)


def _section(size: Size, heap_s: float, figures: Figures) -> Section:
    smooth, slow = figures.smooth, figures.slow
    rows = [
        Row("first load: JS and CSS, gzip", figures.first_kb, "KB", "≤ 230"),
        *(
            Row(f"the page {name}: JS and CSS beyond that", [kb], "KB", "≤ 40")
            for name, kb in figures.others_kb.items()
        ),
        Row("requests when the board is loaded", figures.first_reads, "", "≤ 10"),
        *(
            Row(f"requests when the page {name} opens", [reads], "", "≤ 10")
            for name, reads in figures.others_reads.items()
        ),
        Row(f"first row painted, {size.few} calls", figures.row_ms, "ms", "≤ 1,000"),
        Row("a key moves to it", figures.keys_ms, "ms", "≤ 1,000"),
        Row("first row painted, CPU 4 times as slow", figures.slow_row_ms, "ms", "≤ 2,000"),
        Row("a key moves to it, CPU 4 times as slow", figures.slow_keys_ms, "ms", "≤ 2,000"),
        Row("frames over 20 ms", [one.over(20) for one in smooth], "%", "≤ 1"),
        Row("longest frame", [max(one.frames_ms, default=0) for one in smooth], "ms", "≤ 50"),
        Row("main thread busy", [one.busy for one in smooth], "%", "≤ 35"),
        Row("frames over 34 ms, CPU 4 times as slow", [one.over(34) for one in slow], "%", "≤ 5"),
        Row("event to painted, p50", [percentile(figures.painted_ms, 50)], "ms"),
        Row("event to painted, p95", [percentile(figures.painted_ms, 95)], "ms", "≤ 100"),
        Row("heap at the end", figures.heap_mb, "MB", "≤ 60"),
        Row(f"heap grown in {heap_s / 60:.0f} min", figures.grown_mb, "MB", "≤ 5 in 30 min"),
        Row("board current after a restart", figures.current_s, "s", "≤ 2"),
    ]
    return Section(
        "console",
        "The console",
        f"The board in a headless Chromium, 1440 × 900, on the server's machine. {size.calls} "
        f"calls, of which {size.talkers} are sessions that talk on rows in view, with "
        f"{size.events_per_s:.0f} events a second ({median(figures.frames_per_s):.0f} frames of "
        f"the feed were counted), watched for {size.seconds:.0f} s. The server is killed with "
        "SIGKILL and started again on its data; the time counts from when it is ready. "
        f"{_browser_version()}.",
        rows,
    )


def _browser_version() -> str:
    told = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "Chromium"
