"""What it takes to mint a ticket and to redeem it."""

from __future__ import annotations

import time

from benchmarks import cores
from benchmarks.report import Row, Section, percentile
from benchmarks.servers import Cpu, bench, directory
from benchmarks.sockets import connect, post, upgrade

TICKETS, RUNS = 300, 5
MINT = "/v3/realtime-sessions"
CONFIG = {"config": {"model": "local/attendant"}}


def tickets(*, tiny: bool = False) -> Section:
    minted: list[list[float]] = []
    redeemed: list[list[float]] = []
    minting: list[Cpu] = []
    redeeming: list[Cpu] = []
    with directory() as place, bench(place / "data") as server, cores.apart([server.own]):
        key = server.ready["secret_key"]
        for number in range(2 if tiny else RUNS + 1):
            before = server.cpu()
            secrets, took = _mint(server.port, key)
            between = server.cpu()
            opened = _redeem(server.port, secrets)
            if number:  # the first is a warm-up
                minted.append(took)
                redeemed.append(opened)
                minting.append(between.since(before))
                redeeming.append(server.cpu().since(between))
    return Section(
        "tickets",
        "Tickets",
        f"One client, one request after another, {TICKETS} in a run: a mint over one open "
        "connection; a redemption over a new one, until the upgrade is answered (101). "
        f"{cores.how()}",
        [
            Row("mint, p50", [percentile(run, 50) for run in minted], "ms", "< 5"),
            Row("mint, p99", [percentile(run, 99) for run in minted], "ms"),
            Row("redeem, p50", [percentile(run, 50) for run in redeemed], "ms", "< 5"),
            Row("redeem, p99", [percentile(run, 99) for run in redeemed], "ms"),
            Row("mint, server's CPU", _each(minting, "server"), "µs", "≤ 333"),
            Row("mint, PostgreSQL's CPU", _each(minting, "database"), "µs"),
            Row("redeem and close, server's CPU", _each(redeeming, "server"), "µs", "≤ 500"),
            Row("redeem and close, PostgreSQL's CPU", _each(redeeming, "database"), "µs"),
        ],
    )


def _mint(port: int, key: str) -> tuple[list[str], list[float]]:
    secrets: list[str] = []
    took: list[float] = []
    with connect(port) as connection:
        for _ in range(TICKETS):
            begun = time.perf_counter()
            secrets.append(post(connection, MINT, key, CONFIG)["client_secret"])
            took.append((time.perf_counter() - begun) * 1000)
    return secrets, took


def _redeem(port: int, secrets: list[str]) -> list[float]:
    took: list[float] = []
    for secret in secrets:
        offer = f"\r\nSec-WebSocket-Protocol: opper-ticket.{secret}"
        begun = time.perf_counter()
        with connect(port) as connection:
            upgrade(connection, "/v3/realtime", offer)
            took.append((time.perf_counter() - begun) * 1000)
    return took


def _each(used: list[Cpu], part: str) -> list[float]:
    return [getattr(cpu, part) * 1e6 / TICKETS for cpu in used]
