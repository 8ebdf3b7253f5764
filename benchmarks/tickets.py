"""What it takes to mint a ticket and to redeem it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from benchmarks import cores
from benchmarks.report import Row, Section, percentile
from benchmarks.servers import Cpu, Server, bench, directory
from benchmarks.sockets import connect, post, upgrade

TICKETS, RUNS = 300, 5
CLIENTS, EACH = 16, 100
MINT = "/v3/realtime-sessions"
CONFIG = {"config": {"model": "local/attendant"}}


def tickets(*, tiny: bool = False) -> Section:
    one, many = Measured([]), Measured([])
    clients, each = (2, 5) if tiny else (CLIENTS, EACH)
    with directory() as place, bench(place / "data") as server, cores.apart([server.own]):
        key = server.ready["secret_key"]
        for number in range(2 if tiny else RUNS + 1):
            alone = _run(server, key, clients=1, each=TICKETS)
            at_once = _run(server, key, clients=clients, each=each)
            if number:  # the first is a warm-up
                one.runs.append(alone)
                many.runs.append(at_once)
    return Section(
        "tickets",
        "Tickets",
        f"A mint over an open connection; a redemption over a new one, until the upgrade is "
        f"answered (101), and its close. One client, one request after another, {TICKETS} in a "
        f"run; and {CLIENTS} clients at once, {EACH} each: a server that sleeps between requests "
        f"pays for waking up, one that is busy does not. {cores.how()}",
        [
            Row("mint, p50", [percentile(run.minted, 50) for run in one.runs], "ms", "< 5"),
            Row("mint, p99", [percentile(run.minted, 99) for run in one.runs], "ms"),
            Row("redeem, p50", [percentile(run.redeemed, 50) for run in one.runs], "ms", "< 5"),
            Row("redeem, p99", [percentile(run.redeemed, 99) for run in one.runs], "ms"),
            *_cpu(one, "one client", goals=False),
            *_cpu(many, f"{CLIENTS} clients", goals=True),
        ],
    )


@dataclass(frozen=True)
class Run:
    """What one run took: in ms as the clients saw it, and of the CPU."""

    minted: list[float]
    redeemed: list[float]
    minting: Cpu
    redeeming: Cpu


@dataclass(frozen=True)
class Measured:
    """The runs of one number of clients."""

    runs: list[Run]


def _run(server: Server, key: str, *, clients: int, each: int) -> Run:
    """Mint and redeem with some clients at once."""
    with ThreadPoolExecutor(clients) as threads:
        before = server.cpu()
        made = list(threads.map(lambda _: _mint(server.port, key, each), range(clients)))
        between = server.cpu()
        opened = list(threads.map(lambda mint: _redeem(server.port, mint[0]), made))
        after = server.cpu()
    minted = list(chain.from_iterable(took for _, took in made))
    return Run(
        minted, list(chain.from_iterable(opened)), between.since(before), after.since(between)
    )


def _mint(port: int, key: str, count: int) -> tuple[list[str], list[float]]:
    secrets: list[str] = []
    took: list[float] = []
    with connect(port) as connection:
        for _ in range(count):
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


def _cpu(measured: Measured, who: str, *, goals: bool) -> list[Row]:
    """The CPU of a mint and a redemption, of the server and its database."""
    return [
        Row(
            f"{what}, {who}: {name}",
            [getattr(used(run), part) * 1e6 / len(run.minted) for run in measured.runs],
            "µs",
            goal if goals and part == "server" else "",
        )
        for what, used, goal in (
            ("mint", lambda run: run.minting, "≤ 333"),
            ("redeem and close", lambda run: run.redeeming, "≤ 500"),
        )
        for part, name in (("server", "server's CPU"), ("database", "PostgreSQL's CPU"))
    ]
