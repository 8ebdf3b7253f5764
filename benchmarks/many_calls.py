"""The console's requests out of a million calls."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import call_rows, contacts, cores, filling
from benchmarks.call_reads import OPEN, Read, make_rare, reads
from benchmarks.load import load
from benchmarks.plans import indexes_of, plan_of
from benchmarks.report import Grid, Row, Section, brief, percentile
from benchmarks.rpc import data, message
from benchmarks.servers import Server, bench, directory
from ringline.domain.log import Environment, Scope
from ringline.rpc.reader import Reader
from ringline.schema.names import ROLES
from ringline.storage.data_directory import DATABASE
from ringline.storage.stores import Stores

GOAL_MS = 100


@dataclass(frozen=True, slots=True)
class Size:
    calls: int
    contacts: int
    rounds: int
    seconds: float


FULL = Size(calls=1_000_000, contacts=100_000, rounds=5, seconds=0.5)
TINY = Size(calls=2_000, contacts=500, rounds=1, seconds=0.01)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, the indexes of its plan, and how long its answers took, by round."""

    read: Read
    bytes: bytes
    indexes: Sequence[str]
    took_ms: list[list[float]] = field(default_factory=list[list[float]])

    def each(self, percent: float) -> list[float]:
        return [percentile(took, percent) for took in self.took_ms]

    def cells(self) -> list[str]:
        names = ", ".join(f"`{name.removesuffix('_idx')}`" for name in self.indexes) or "none"
        return [brief(self.each(50)), brief(self.each(95)), names]


def many_calls(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(directory())
        server = stack.enter_context(bench(place / "data"))
        _fill(server, size)
        asked = _asked(server)
        stack.enter_context(cores.apart([server.own]))
        lines = stack.enter_context(load(server.port, 1))
        order = random.Random(1)
        for number in (1,) if tiny else range(size.rounds + 1):
            for one in order.sample(asked, len(asked)):
                burst = lines.run(one.bytes, size.seconds)
                if number:  # the first round is a warm-up
                    one.took_ms.append(burst.took_ms)
    slowest = max(asked, key=lambda one: statistics.median(one.each(50)))
    return Section(
        "calls",
        "The console of a workspace of a million calls",
        f"What the console's pages ask for when they open, by RPC, one request after the other: "
        f"{size.calls:,} calls of a workspace, {OPEN} of them under way, beside "
        f"{size.calls // 20:,} of another, and {size.contacts:,} contacts; one call has the rare "
        "number, status, cause and length. Pages of calls hold 50, with their agents, contacts and "
        "participants. The last column has the indexes of PostgreSQL's plan for the list itself. "
        f"{cores.how()} Median (least – greatest) of {size.rounds} rounds of {size.seconds:g} s "
        "for each request, in shuffled order; a percentile is taken within a round.",
        [Row(f"the slowest, p50: {slowest.read.what}", slowest.each(50), "ms", f"≤ {GOAL_MS}")],
        Grid(
            ("p50, ms", "p95, ms", "indexes"),
            [(f"{one.read.page}: {one.read.what}", one.cells()) for one in asked],
        ),
    )


def _fill(server: Server, size: Size) -> None:
    async def rare(
        connection: asyncpg.Connection[Any], workspace_id: UUID, _count: int, _others: int
    ) -> None:
        await make_rare(connection, workspace_id)

    owner = server.ready["workspace_id"]
    call_rows.fill(server.address, owner, size.calls, size.calls // 20)
    contacts.fill(server.address, owner, size.contacts, size.contacts // 20)
    filling.fill(server.address, rare, workspace_id=owner, count=0, others=0)


def _asked(server: Server) -> list[Asked]:
    """Return the requests, once each was answered."""
    key, scope = server.ready["secret_key"], _scope(server)
    newest = {
        "action": "list_calls",
        "fields": ["callUuid", "startedAt", "aiAgentId"],
        "filter": {"aiAgentId": {"isNil": False}},
        "sort": "-startedAt",
        "page": {"limit": 1},
    }
    (call,) = data(server.port, key, newest)["results"]
    first = {**newest, "filter": {}, "page": {"limit": 50}}
    after = data(server.port, key, first)["nextPage"]
    wanted = reads(call, after)
    for read in wanted:
        data(server.port, key, read.asked)
    plans = asyncio.run(_plans(server, scope, wanted))
    return [
        Asked(read, message(key, read.asked), indexes_of(plan))
        for read, plan in zip(wanted, plans, strict=True)
    ]


def _scope(server: Server) -> Scope:
    return Scope(UUID(server.ready["workspace_id"]), Environment.LIVE)


async def _plans(server: Server, scope: Scope, wanted: Sequence[Read]) -> list[str]:
    reader = Reader([server.ready["signing_secret"]])
    dsn = server.address.dsn(ROLES.server, DATABASE)
    stores = await Stores.open(dsn, UUID(int=1), claim=False)
    try:
        return [
            await plan_of(stores, scope, reader=reader, resource=read.resource, asked=read.asked)
            for read in wanted
        ]
    finally:
        await stores.close()
