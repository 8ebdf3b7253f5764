"""The benchmarks of RPC run: with little data, for a moment, each to its tables."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.program import environment

LIMIT_S = 110


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lists", "| aiohttp by hand |"),
        ("pages", "| `--phoneE164` |"),
        ("queries", "| 3: `call.participants.call` |"),
    ],
)
def test_a_benchmark_is_tried_out(name: str, shown: str) -> None:
    tried = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--dry", name],
        cwd=Path(__file__).parents[2],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert tried.returncode == 0, tried.stderr
    assert shown in tried.stdout
