"""From an event's commit to a watcher's socket, and what a watcher costs."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import Row, Section, percentile
from benchmarks.servers import Cpu, Server, bench, directory
from benchmarks.sockets import Watchers

RATE, SECONDS, WATCHERS, RUNS = 200, 5, 100, 5
MANY, MANY_RATE, MANY_SECONDS, MANY_RUNS = 1_000, 20, 5, 3
IDLE_S = 3


def latency(*, tiny: bool = False) -> Section:
    from_commit: list[list[float]] = []
    from_submit: list[list[float]] = []
    used: list[Cpu] = []
    with directory() as place, bench(place / "data") as server:
        watchers = Watchers(server.port, server.ready["secret_key"], WATCHERS)
        _run(server, watchers, RATE, 1, place / "moments")  # a warm-up
        for _ in range(1 if tiny else RUNS):
            before = server.cpu()
            moments, arrived = _run(server, watchers, RATE, SECONDS, place / "moments")
            used.append(server.cpu().since(before))
            pairs = [(moments[name], at) for seen in arrived for name, at in seen.items()]
            from_submit.append([(at - stamp[0]) / 1e6 for stamp, at in pairs])
            from_commit.append([(at - stamp[1]) / 1e6 for stamp, at in pairs])
        watchers.close()
    return Section(
        "events",
        "An event's way: from its commit to the sockets of its watchers",
        f"{RATE} events/s of one call, each with a row of the transcript, through the journal, "
        f"for {SECONDS} s; {WATCHERS} watchers of the events socket in another process. All "
        "deliveries count; the moment of the commit is when its transaction has returned.",
        [
            Row("commit → frame, p50", _each(from_commit, 50), "ms", "< 5"),
            Row("commit → frame, p99", _each(from_commit, 99), "ms", "< 25"),
            Row("submit → frame (with the commit), p50", _each(from_submit, 50), "ms"),
            Row("submit → frame (with the commit), p99", _each(from_submit, 99), "ms"),
            Row("server's CPU per event", _per(used, RATE * SECONDS, "server"), "µs"),
            Row("PostgreSQL's CPU per event", _per(used, RATE * SECONDS, "database"), "µs"),
        ],
    )


def many_watchers(*, tiny: bool = False) -> Section:
    kilobytes: list[float] = []
    used: list[Cpu] = []
    p99: list[list[float]] = []
    with directory() as place:
        for number in range(1 if tiny else MANY_RUNS):
            with bench(place / f"data-{number}") as server:
                _run(server, None, MANY_RATE, 1, place / "moments")
                before, _ = server.resident()
                watchers = Watchers(server.port, server.ready["secret_key"], MANY)
                watchers.read_until_quiet(IDLE_S)
                kilobytes.append((server.resident()[0] - before) * 1000 / MANY)
                cpu = server.cpu()
                moments, arrived = _run(
                    server, watchers, MANY_RATE, MANY_SECONDS, place / "moments"
                )
                used.append(server.cpu().since(cpu))
                p99.append(
                    [(at - moments[name][1]) / 1e6 for seen in arrived for name, at in seen.items()]
                )
                watchers.close()
    deliveries = MANY * MANY_RATE * MANY_SECONDS
    return Section(
        "watchers",
        f"{MANY:,} watchers",
        f"{MANY:,} sockets that have joined a workspace's events: their memory while nothing "
        f"happens, then {MANY_RATE} events/s for {MANY_SECONDS} s, that is "
        f"{MANY * MANY_RATE:,} deliveries/s.",
        [
            Row("memory of an idle watcher", kilobytes, "KB"),
            Row("server's CPU per delivery", _per(used, deliveries, "server"), "µs"),
            Row("commit → frame, p50", _each(p99, 50), "ms"),
            Row("commit → frame, p99", _each(p99, 99), "ms"),
        ],
    )


def _run(
    server: Server, watchers: Watchers | None, rate: int, seconds: int, path: Path
) -> tuple[dict[str, list[int]], list[dict[str, int]]]:
    """Let events happen; return their moments and each watcher's arrivals, all of them."""
    stdin, stdout = server.process.stdin, server.process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(f"{rate} {seconds} {path}\n".encode())
    stdin.flush()
    arrived: list[dict[str, int]] = []
    if watchers is not None:
        watchers.read_until_quiet(LONGEST_S)
        arrived = watchers.arrivals()
    stdout.readline()
    moments = json.loads(path.read_text())
    if any(seen.keys() != moments.keys() for seen in arrived):
        raise SystemExit("a watcher has lost or doubled an event")
    return moments, arrived


LONGEST_S = 10.0


def _each(runs: list[list[float]], percent: float) -> list[float]:
    return [percentile(run, percent) for run in runs]


def _per(used: list[Cpu], count: int, part: str) -> list[float]:
    return [getattr(cpu, part) * 1e6 / count for cpu in used]
