"""The benchmark of the fan-out: pairs of a round, the best peer, and what is doubtful."""

from typing import Any

import pytest

from benchmarks.fanout.contestants import LIMIT, NCHAN, NODE_WS, RINGLINE
from benchmarks.fanout.measure import FIXED, FOUR, ONE, Record, doubts
from benchmarks.fanout.results import Results


def fan(name: str, phase: str, cpu_us: float, **more: Any) -> Record:
    return {
        "contestant": name,
        "phase": phase,
        "subscribers": 1_000,
        "stream": "ws",
        "topics": 1,
        "cpu_us": cpu_us,
        "p50_ms": 1.0,
        "p99_ms": cpu_us,
        "bytes_per_message": 622,
        "bytes_per_connection": 2_000,
        "doubts": [],
    } | more


def results_of(*rounds: dict[str, float]) -> Results:
    results = Results()
    for costs in rounds:
        for count in (1_000, 5_000):
            for name, cpu_us in costs.items():
                for phase in (ONE, FOUR, FIXED):
                    results.fans.append(fan(name, phase.name, cpu_us, subscribers=count))
        for name, cpu_us in costs.items():
            results.fans.append(fan(name, ONE.name, cpu_us, stream="sse"))
            results.fans.append(fan(name, ONE.name, cpu_us, topics=10, subscribers=50))
        results.end_round()
    idle = {"bytes_per_connection": 2_500, "subscribers": 100}
    results.idle = [
        {**idle, "stream": "sse"},
        {**idle, "stream": "ws", "heartbeats_per_s": 3, "busy": 0.01},
    ]
    return results


def test_a_ratio_is_of_a_pair_of_a_round() -> None:
    results = results_of(
        {RINGLINE: 6.0, LIMIT: 3.0, NCHAN: 12.0, NODE_WS: 8.0},
        {RINGLINE: 12.0, LIMIT: 6.0, NCHAN: 8.0, NODE_WS: 24.0},
    )
    rows = {row.what: row for row in results.section(pictures=False).rows}
    one = "1,000 sockets, one event at a time: CPU per delivery, Ringline"
    assert rows[f"{one} / {LIMIT}"].runs == [2.0, 2.0]
    assert rows[f"{one} / {NCHAN}"].runs == [0.5, 1.5]
    best = "1,000 sockets, 4 events per tick: CPU per delivery, Ringline / the best peer"
    assert rows[best].runs == [0.75, 1.5], "the best of each round, and C is no peer"
    assert rows[best].goal == "≤ 0.6"
    assert [record["round"] for record in results.fans] == sorted(
        record["round"] for record in results.fans
    )


def test_a_peer_that_is_not_installed_leaves_its_column_empty() -> None:
    results = results_of({RINGLINE: 6.0, LIMIT: 3.0})
    results.skipped = ["nginx has no nchan"]
    text = results.section(pictures=False).render()
    assert "Not measured: nginx has no nchan." in text
    assert (
        "| 1,000 sockets, one event at a time: CPU per delivery, µs | 6.00 | 3.00 |  |  |  |"
        in text
    )
    assert f"Ringline / {NCHAN}" not in text
    assert "the best peer" not in text
    assert "| 10 topics of 5: CPU per event, µs | 30.0 | 15.0 |" in text


@pytest.mark.parametrize(
    ("came", "busy", "phase", "found"),
    [
        ({}, 0.99, ONE, []),
        ({}, 0.2, FIXED, []),
        ({}, 0.8, ONE, ["the server had 80% of its core"]),
        ({"busy": 0.95}, 0.99, ONE, ["the generator was busy for 95% of the time"]),
        ({"lost": 3}, 0.99, ONE, ["3 messages were lost"]),
        ({"open": 7}, 0.99, ONE, ["3 connections were closed"]),
    ],
)
def test_what_makes_a_measurement_doubtful(
    came: dict[str, Any], busy: float, phase: Any, found: list[str]
) -> None:
    whole = {"busy": 0.3, "lost": 0, "open": 10} | came
    assert doubts(whole, busy, phase=phase, count=10) == found
