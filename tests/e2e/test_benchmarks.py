"""Benchmarks run, with little data and briefly, up to their tables."""

import pytest

from tests.e2e.program import dry_benchmark

LIMIT_S = 110


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lists", "| aiohttp by hand |"),
        ("rest", "| `/v1/calls/{id}/transcript`: aiohttp by hand |"),
        ("pages", "| `--phoneE164` |"),
        ("queries", "| 3: `call.participants.call` |"),
        ("relay", "| CPU per frame, µs |"),
        ("voices", "| cascade: from the synthesiser |"),
        ("rollover", "| from frame to frame across a rollover, p99 |"),
        ("usage", "| `sum_usage` of the month, p99 |"),
        ("byom", "| the answer → the request for its speech, p99, ms |"),
        ("webhooks", "| commit → first byte, p99 |"),
        ("ledger", "| `gatewayMs`, alone, p99 |"),
        ("detection", "| pink noise, 10 dB |"),
    ],
)
def test_a_benchmark_is_tried_out(name: str, shown: str) -> None:
    tried = dry_benchmark(name, limit_s=LIMIT_S)
    assert tried.returncode == 0, tried.stderr
    assert shown in tried.stdout
