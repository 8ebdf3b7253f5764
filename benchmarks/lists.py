"""A list action beside the same by hand and the same the usual way."""

from __future__ import annotations

import contextlib
import json
import random
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import cores
from benchmarks.contacts import fill
from benchmarks.contest import BY_HAND, CONNECTIONS, HEADS, OURS, Contestant, Figures, measure
from benchmarks.report import Grid, Row, Section, ratios
from benchmarks.rpc import message, run
from benchmarks.servers import bench, directory, peer
from ringline.storage.database import POOL_SIZE

ASKED = {"action": "list_contacts", "fields": ["id", "fullName"], "page": {"limit": 20}}
USUAL = "FastAPI, pydantic, SQLAlchemy's ORM"

#: The peers: their module, and what they need that Ringline does not (the group `bench`).
PEERS = {
    BY_HAND: ("benchmarks.peers.handwritten", ()),
    USUAL: ("benchmarks.peers.usual", ("fastapi", "uvicorn", "httptools")),
}


@dataclass(frozen=True, slots=True)
class Size:
    contacts: int
    others: int
    rounds: int
    seconds: float


FULL = Size(contacts=100_000, others=5_000, rounds=15, seconds=1.5)
TINY = Size(contacts=500, others=50, rounds=1, seconds=0.2)


def lists(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(directory())
        server = stack.enter_context(bench(place / "data"))
        fill(server.address, server.ready["workspace_id"], size.contacts, size.others)
        asked = message(server.ready["secret_key"], ASKED)
        contestants = [Contestant(OURS, server.port, lambda: server.cpu().server)]
        processes = [server.own]
        for name in _present():
            made = stack.enter_context(peer(PEERS[name][0], server))
            contestants.append(Contestant(name, made.port, made.cpu))
            processes.append(made.own)
        stack.enter_context(cores.apart(processes))
        _check(contestants, server.ready["secret_key"])
        figures = {one.name: Figures() for one in contestants}
        order = random.Random(1)
        for _ in range(size.rounds):
            order.shuffle(contestants)
            for one in contestants:
                measure(
                    one,
                    lambda: server.cpu().database,
                    asked=asked,
                    seconds=size.seconds,
                    figures=figures[one.name],
                )
    return _section(size, figures)


def _present() -> list[str]:
    present: list[str] = []
    for name, (_, needs) in PEERS.items():
        missing = [package for package in needs if find_spec(package) is None]
        if missing:
            print(
                f"Left out: {name}; it needs {', '.join(missing)} (dependency group `bench`).",
                file=sys.stderr,
            )
        else:
            present.append(name)
    return present


def _check(contestants: list[Contestant], key: str) -> None:
    """Refuse to measure contestants that do not do the same."""
    after = ""
    for page in ("first", "second"):
        asked = {**ASKED, "page": {"limit": 20, **({"after": after} if after else {})}}
        answers = {one.name: run(one.port, key, asked) for one in contestants}
        ours = json.loads(answers[OURS])["data"]
        if len(ours["results"]) != 20:
            raise SystemExit("The page is not full.")
        for name, answer in answers.items():
            if json.loads(answer)["data"]["results"] != ours["results"]:
                raise SystemExit(f"{name} answers other records on the {page} page.")
        if BY_HAND in answers and answers[BY_HAND] != answers[OURS]:
            raise SystemExit(f"{BY_HAND} answers other bytes on the {page} page.")
        after = ours["nextPage"]


def _section(size: Size, figures: dict[str, Figures]) -> Section:
    ours = figures[OURS]
    rows: list[Row] = []
    if by_hand := figures.get(BY_HAND):
        cpu = ratios(ours.server_us, by_hand.server_us)
        rows.append(Row(f"server's CPU: {OURS} ÷ {BY_HAND}", cpu, "", "≤ 1.5"))
    if usual := figures.get(USUAL):
        rate = ratios(ours.per_s, usual.per_s)
        rows.append(Row(f"requests/s: {OURS} ÷ {USUAL}", rate, "", "≥ 2"))
    return Section(
        "lists",
        "A list action beside other ways to write it",
        "`list_contacts` with `id` and `fullName`, `page: {limit: 20}`, out of "
        f"{size.contacts:,} contacts of a workspace beside {size.others:,} of another; "
        f"{CONNECTIONS} connections that stay open, each with one request at a time. All work "
        "on one embedded database under the same role, row-level security and a transaction "
        f"per request, with {POOL_SIZE} connections each, and answer the same records; the one by "
        "hand answers the same bytes. CPU is per request, that of each way's own process. "
        f"{cores.how()} Median (least – greatest) of {size.rounds} rounds of "
        f"{size.seconds:g} s, in which the ways take turns in shuffled order; ratios are taken "
        "within a round.",
        rows,
        Grid(
            (*HEADS, "of its core"),
            [(name, figures[name].cells()) for name in (OURS, *PEERS) if name in figures],
        ),
    )
