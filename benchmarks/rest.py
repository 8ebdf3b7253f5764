"""The reads of `/v1` beside handlers written by hand."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import cores
from benchmarks.call_rows import AGENTS, CALLS_PER_TRANSCRIPT, TURNS, fill
from benchmarks.contest import BY_HAND, CONNECTIONS, HEADS, OURS, Contestant, Figures, measure
from benchmarks.report import Grid, Row, Section, ratios
from benchmarks.servers import UNLIMITED, Server, bench, directory, peer
from benchmarks.sockets import connect, request
from ringline.storage.database import POOL_SIZE

PEER = "benchmarks.peers.handwritten_rest"
UNLIMITED_V1 = {**UNLIMITED, "RINGLINE_RATE_V1_PER_MINUTE": "0"}


@dataclass(frozen=True, slots=True)
class Size:
    calls: int
    others: int
    rounds: int
    seconds: float


FULL = Size(calls=100_000, others=5_000, rounds=7, seconds=0.8)
TINY = Size(calls=1_000, others=50, rounds=1, seconds=0.1)


def rest(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(directory())
        server = stack.enter_context(bench(place / "data", UNLIMITED_V1))
        fill(server.address, server.ready["workspace_id"], size.calls, size.others)
        by_hand = stack.enter_context(peer(PEER, server))
        contestants = [
            Contestant(OURS, server.port, lambda: server.cpu().server),
            Contestant(BY_HAND, by_hand.port, by_hand.cpu),
        ]
        stack.enter_context(cores.apart([server.own, by_hand.own]))
        key = server.ready["secret_key"]
        paths = _paths(server, key)
        for path in paths.values():
            _check(contestants, key, path)
        figures = {read: {one.name: Figures() for one in contestants} for read in paths}
        order, reads = random.Random(1), list(paths)
        for _ in range(size.rounds):
            order.shuffle(reads)
            for read in reads:
                order.shuffle(contestants)
                for one in contestants:
                    measure(
                        one,
                        lambda: server.cpu().database,
                        asked=f"{_head(paths[read], key)}\r\nHost: bench\r\n\r\n".encode(),
                        seconds=size.seconds,
                        figures=figures[read][one.name],
                    )
    return _section(size, {read: figures[read] for read in paths})


def _paths(server: Server, key: str) -> Mapping[str, str]:
    """Return what is read, and its path."""
    calls = json.loads(_get(server.port, key, "/v1/calls"))["calls"]
    newest = next(call for call in calls if call["agent_id"])  # the server has one of its own
    agent, call = newest["agent_id"], newest["call_id"]
    return {
        "`/v1/agents`, 20": "/v1/agents",
        "`/v1/agents/{id}`": f"/v1/agents/{agent}",
        "`/v1/calls`, 20": "/v1/calls",
        "`/v1/calls`, 50 of an agent, completed": (
            f"/v1/calls?page_size=50&agent_id={agent}&status=completed"
        ),
        "`/v1/calls/{id}`": f"/v1/calls/{call}",
        "`/v1/calls/{id}/transcript`": f"/v1/calls/{call}/transcript",
    }


def _head(path: str, key: str) -> str:
    return f"GET {path} HTTP/1.1\r\nAuthorization: Bearer {key}"


def _get(port: int, key: str, path: str) -> bytes:
    with connect(port) as connection:
        status, body = request(connection, _head(path, key))
    if status != 200:
        raise SystemExit(f"{path} answered {status}: {body[:300].decode('utf-8', 'replace')}")
    return body


def _check(contestants: list[Contestant], key: str, path: str) -> None:
    """Refuse to measure contestants that do not answer the same, on the next page too."""
    for _ in ("first", "second"):
        ours, theirs = (_get(one.port, key, path) for one in contestants)
        if ours != theirs:
            raise SystemExit(f"{BY_HAND} answers other bytes to {path}.")
        token = json.loads(ours).get("next_page_token")
        if token is None:
            return
        path += f"{'&' if '?' in path else '?'}page_token={token}"


def _section(size: Size, figures: Mapping[str, Mapping[str, Figures]]) -> Section:
    rows: list[Row] = []
    for read, both in figures.items():
        ours, theirs = both[OURS], both[BY_HAND]
        cpu, rate = ratios(ours.server_us, theirs.server_us), ratios(theirs.per_s, ours.per_s)
        rows.append(Row(f"{read}: server's CPU, {OURS} ÷ {BY_HAND}", cpu, "", "≤ 1.5"))
        rows.append(Row(f"{read}: requests/s, {BY_HAND} ÷ {OURS}", rate, "", "≤ 1.5"))
    return Section(
        "rest",
        "The reads of `/v1` beside handlers by hand",
        f"{size.calls:,} calls of a workspace with {AGENTS} agents beside {size.others:,} of "
        f"another; of {CALLS_PER_TRANSCRIPT} calls one has a transcript of {TURNS} turns, and such "
        f"a call is read. {CONNECTIONS} connections that stay open, each with one request at a "
        "time. Both ways work on one embedded database under the same role, row-level security and "
        f"a transaction per request, with {POOL_SIZE} connections each, and answer the same bytes. "
        f"CPU is per request, that of each way's own process. {cores.how()} Median (least – "
        f"greatest) of {size.rounds} rounds of {size.seconds:g} s, in which reads and ways take "
        "turns in shuffled order; ratios are taken within a round.",
        rows,
        Grid(
            (*HEADS, "of its core"),
            [
                (f"{read}: {name}", figures[read][name].cells())
                for read in figures
                for name in (OURS, BY_HAND)
            ],
        ),
    )
