"""Benchmarks run, with little data and briefly, up to their tables."""

import shutil
import sys

import pytest

from tests.e2e.program import dry_benchmark
from tests.e2e.programs import find_program

LIMIT_S = 240

#: What one process tries out, one benchmark after another, and a row of each table.
READING = {
    "lists": "| aiohttp by hand |",
    "rest": "| `/v1/calls/{id}/transcript`: aiohttp by hand |",
    "pages": "| `--phoneE164` |",
    "calls": "| Calls: a rare cause | ",
    "queries": "| 3: `call.participants.call` |",
    "webhooks": "| commit → first byte, p99 |",
}
TALKING = {
    "relay": "| CPU per frame, µs |",
    "relay-upstream": "| provider → client, p99 | ms |",
    "voices": "| cascade: from the synthesiser |",
    "rollover": "| from frame to frame across a rollover, p99 |",
    "usage": "| `sum_usage` of the month, p99 |",
    "byom": "| the answer → the request for its speech, p99, ms |",
    "ledger": "| `gatewayMs`, alone, p99 |",
    "detection": "| pink noise, 10 dB |",
}


@pytest.mark.parametrize("shown", [READING, TALKING], ids=["reading", "talking"])
def test_benchmarks_are_tried_out(shown: dict[str, str]) -> None:
    tried = dry_benchmark(*shown, limit_s=LIMIT_S)
    assert tried.returncode == 0, tried.stderr + tried.stdout
    tables = tried.stdout.split("\n## ")
    assert len(tables) == len(shown)
    for (name, row), table in zip(shown.items(), tables, strict=True):
        assert row in table, name


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="it takes Linux and a C compiler"
)
def test_the_fan_out_is_tried_out() -> None:
    tried = dry_benchmark("fanout", limit_s=LIMIT_S)
    assert tried.returncode == 0, tried.stderr + tried.stdout
    assert "| CPU per handshake, µs |" in tried.stdout


def test_the_console_is_tried_out() -> None:
    find_program("chromium")
    tried = dry_benchmark("console", limit_s=LIMIT_S)
    assert tried.returncode == 0, tried.stderr + tried.stdout
    assert "| board current after a restart | s |" in tried.stdout
