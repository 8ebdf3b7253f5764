"""The benchmark of neighbours: its attacks reach the server, its probe gets its answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.generators import Generator
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.quiet import EVENTS_PER_S, RPC_PER_S, WATCHERS
from tests.e2e.program import Dev, dev, dry_benchmark, reachable_directory

LIMIT_S = 220
READY_S = 60
TRIES = 10


@pytest.fixture(scope="module")
def server() -> Iterator[Dev]:
    with reachable_directory() as place, dev(place / "data") as running:
        yield running


def order(server: Dev, **more: object) -> dict[str, object]:
    port = int(server.ring["base_url"].rpartition(":")[2])
    return {"port": port, "key": server.ring["secret_key"], "normal": True, **more}


def test_the_quiet_neighbour_measures_what_it_does(server: Dev) -> None:
    quiet = Generator("benchmarks.quiet", order(server))
    try:
        quiet.hear(READY_S)
        quiet.tell("1")
        made = quiet.hear(READY_S)
    finally:
        quiet.end()
    times = {name: len(took) for name, took in made["took"].items()}
    assert times["rpc"] == RPC_PER_S
    assert times["fanout"] == WATCHERS * EVENTS_PER_S
    assert times["voice"] >= 1
    assert made["watchers"] == WATCHERS
    assert all(made["failed"][name] < count for name, count in times.items())
    assert made["lag"]


@pytest.mark.parametrize("surface", SURFACES)
def test_an_attack_reaches_its_surface(server: Dev, surface: str) -> None:
    hostile = Generator("benchmarks.hostile", order(server, surface=surface))
    counted: dict[str, int] = {}
    try:
        hostile.hear(READY_S)
        for _ in range(TRIES):  # a server that is busy answers later
            hostile.tell("1")
            came = hostile.hear(READY_S)
            assert came["broken"] == []
            counted |= came["counted"]
            if SURFACES[surface].answers(counted):
                break
    finally:
        hostile.end()
    assert SURFACES[surface].answers(counted) > 0, counted


@pytest.mark.timeout(LIMIT_S + 20)
def test_the_benchmark_is_tried_out(tmp_path: Path) -> None:
    record = tmp_path / "rounds.jsonl"
    tried = dry_benchmark(
        *("neighbours", "--only", "rpc-flood", "--record", record), limit_s=LIMIT_S
    )
    assert tried.returncode == 0, tried.stderr
    quiet, attacked = map(json.loads, record.read_text().splitlines())
    assert quiet["attack"] is None
    assert SURFACES["rpc-flood"].answers(attacked["attack"]["counted"]) > 0
    assert "(`rpc-flood`) | " in tried.stdout
    for made in (quiet, attacked):
        assert made["asked"]["rpc"] == round(1.5 * RPC_PER_S)
        assert made["asked"]["rpc"] > made["failed"]["rpc"]
        assert made["asked"]["fanout"] > made["failed"]["fanout"]
