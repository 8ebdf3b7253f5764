"""The usage ledger: how fast a month of it is read, and what it costs to keep.

What it costs is measured at sessions that are told, again and again, that a response is over:
with what that used, and without. All else is the same, so the difference is the ledger's.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import cores, usage_rows
from benchmarks.load import load
from benchmarks.report import Grid, Row, Section, brief, percentile
from benchmarks.rpc import data, message
from benchmarks.servers import Server, bench, directory
from benchmarks.voice_providers import REPORTS, REPORTS_EVERY_S
from benchmarks.voices import Providers, providers, server_of, sessions_with, talk

MODEL = "openai/gpt-realtime-2.1"
PAGE = 20
FIELDS = ["id", "callUuid", "model", "kind", "usd", "occurredAt"]
DAY = {"gte": f"{usage_rows.MONTH}-10T00:00:00Z", "lt": f"{usage_rows.MONTH}-11T00:00:00Z"}
GOAL_MS = 200


@dataclass(frozen=True, slots=True)
class Size:
    rows: int
    rounds: int
    read_s: float
    sessions: int
    talk_s: float


FULL = Size(rows=1_000_000, rounds=5, read_s=2.0, sessions=10, talk_s=10.0)
TINY = Size(rows=2_000, rounds=1, read_s=0.02, sessions=2, talk_s=1.0)

_TELL, _TELL_NOT = REPORTS
#: What is compared: what the provider is told to do, and whether the client is told of it.
WITHOUT, LEDGER, TOLD = "no usage", "usage", "usage, and the client is told"
WAYS: Mapping[str, Mapping[str, object]] = {
    WITHOUT: {"config": {"instructions": _TELL_NOT}},
    LEDGER: {"config": {"instructions": _TELL}},
    TOLD: {"config": {"instructions": _TELL}, "usage_events": True},
}


@dataclass(slots=True)
class Way:
    """The figures of one way, a value for each round."""

    inward: list[list[float]] = field(default_factory=list[list[float]])
    outward: list[list[float]] = field(default_factory=list[list[float]])
    frame_us: list[float] = field(default_factory=list[float])
    database_us: list[float] = field(default_factory=list[float])
    rows: list[int] = field(default_factory=list[int])
    server_s: list[float] = field(default_factory=list[float])
    database_s: list[float] = field(default_factory=list[float])


def usage(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    # The first round is a warm-up.
    rounds = (1,) if tiny else range(size.rounds + 1)
    ways = _costs(size, rounds)
    reads = _reads(size, rounds)
    return Section(
        "usage",
        "The usage ledger",
        f"The first table says what it costs to keep: {size.sessions} sessions with a provider on "
        f"this machine hear and say a frame every 40 ms for {size.talk_s:.0f} s, while the "
        f"provider tells every {REPORTS_EVERY_S * 1000:.0f} ms that a response is over: without "
        "its usage, with it, and to a client that asked for `session.usage`. Each usage is a row, "
        "some thirty times as often as in a conversation. A frame's age is taken when the other "
        "side has read it, as for `voices`. The second table says how it is read: a workspace has "
        f"{size.rows:,} rows of one month, {usage_rows.ROWS_PER_CALL} of each call, of "
        f"{usage_rows.AGENTS} agents and {len(usage_rows.MODELS)} models, beside those of another; "
        "one client asks by RPC, one request after the other. `list_usage` has pages of "
        f"{PAGE}. CPU for a row is the difference to sessions without usage, round by round. "
        f"{cores.how()}",
        [*_rows_of_reads(reads), *_rows_of_costs(ways)],
        Grid(
            list(WAYS),
            [
                _cells("client → provider, p50, ms", ways, lambda way: _each(way.inward, 50)),
                _cells("client → provider, p99, ms", ways, lambda way: _each(way.inward, 99)),
                _cells("provider → client, p50, ms", ways, lambda way: _each(way.outward, 50)),
                _cells("provider → client, p99, ms", ways, lambda way: _each(way.outward, 99)),
                _cells("server's CPU per frame, µs", ways, lambda way: way.frame_us),
                _cells("PostgreSQL's CPU per frame, µs", ways, lambda way: way.database_us),
            ],
        ),
    )


def _each(rounds: Sequence[Sequence[float]], percent: float) -> list[float]:
    return [percentile(ages, percent) for ages in rounds]


def _cells(
    name: str, ways: Mapping[str, Way], of: Callable[[Way], list[float]]
) -> tuple[str, list[str]]:
    return name, [brief(of(ways[way])) for way in WAYS]


# -- what it costs ------------------------------------------------------------------------


def _costs(size: Size, rounds: Sequence[int]) -> dict[str, Way]:
    found = {way: Way() for way in WAYS}
    order = random.Random(1)
    with directory() as place, providers() as ours, server_of(ours, place) as server:
        for number in rounds:
            for name in order.sample(list(WAYS), len(WAYS)):
                figures = found[name] if number else Way()
                _measure(name, server, figures, size=size, providers=ours, place=place)
    return found


def _measure(
    name: str, server: Server, way: Way, *, size: Size, providers: Providers, place: Path
) -> None:
    with sessions_with(MODEL, server, count=size.sessions, **WAYS[name]) as talking:
        rows, before = _count(server), server.cpu()
        said = talk(talking, providers, place=place, model=MODEL, seconds=size.talk_s)
        used, rows = server.cpu().since(before), _count(server) - rows
    if (rows > 0) != (name != WITHOUT):
        raise SystemExit(f"{name}: the ledger has {rows} rows more.")
    frames = len(said.inward) + len(said.outward)
    way.inward.append(said.inward)
    way.outward.append(said.outward)
    way.frame_us.append(used.server * 1e6 / frames)
    way.database_us.append(used.database * 1e6 / frames)
    way.server_s.append(used.server)
    way.database_s.append(used.database)
    way.rows.append(rows)


def _count(server: Server) -> int:
    """Return how many rows the ledger has."""
    page = {"limit": 1, "offset": 0, "count": True}
    asked = {"action": "list_usage", "fields": ["id"], "page": page}
    return data(server.port, server.ready["secret_key"], asked)["count"]


def _rows_of_costs(ways: Mapping[str, Way]) -> list[Row]:
    """Return what a row costs: the difference to the same without it, round by round."""
    without = ways[WITHOUT]
    rows: list[Row] = []
    for name in (LEDGER, TOLD):
        way = ways[name]
        for whose, mine, theirs in (
            ("server's", way.server_s, without.server_s),
            ("PostgreSQL's", way.database_s, without.database_s),
        ):
            more = [
                (one - other) * 1e6 / count
                for one, other, count in zip(mine, theirs, way.rows, strict=True)
            ]
            rows.append(Row(f"{name}: {whose} CPU for a row", more, "µs"))
    return rows


# -- how it is read -----------------------------------------------------------------------


@dataclass(slots=True)
class Read:
    """A request, and how long its answers took, by round."""

    what: str
    asked: bytes
    took_ms: list[list[float]] = field(default_factory=list[list[float]])
    goal: str = ""


def _reads(size: Size, rounds: Sequence[int]) -> list[Read]:
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(directory())
        server = stack.enter_context(bench(place / "data"))
        usage_rows.fill(
            server.address, server.ready["workspace_id"], size.rows, others=size.rows // 20
        )
        reads = list(_asked(server, size.rows))
        stack.enter_context(cores.apart([server.own]))
        lines = stack.enter_context(load(server.port, 1))
        order = random.Random(1)
        for number in rounds:
            for read in order.sample(reads, len(reads)):
                burst = lines.run(read.asked, size.read_s)
                if number:
                    read.took_ms.append(burst.took_ms)
    return reads


def _asked(server: Server, count: int) -> list[Read]:
    """Return the requests, once their answers have been looked at."""
    key = server.ready["secret_key"]
    summing = {"action": "sum_usage", "input": {"month": usage_rows.MONTH}}
    totals = data(server.port, key, summing)["totals"]
    listing = {"action": "list_usage", "fields": FIELDS, "page": {"limit": PAGE}}
    middle = {**listing, "sort": "occurredAt", "filter": {"occurredAt": DAY}}
    (row,) = data(
        server.port,
        key,
        {**middle, "fields": ["callUuid", "agentId"], "page": {"limit": 1}},
    )["results"]
    if sum(total["text_items"] for total in totals) != count // 2:  # every second row has one
        raise SystemExit("The sums are not those of the rows.")
    latest = {**listing, "sort": "-occurredAt"}
    reads = [
        Read("`sum_usage` of the month", message(key, summing), goal=f"≤ {GOAL_MS}"),
        Read("`list_usage`, the first page", message(key, listing)),
        Read("`list_usage`, the latest", message(key, latest)),
    ]
    for what, asked in (
        ("of a day", middle),
        ("of a call", {**listing, "filter": {"callUuid": row["callUuid"]}}),
        ("of an agent, the latest", {**latest, "filter": {"agentId": row["agentId"]}}),
        ("of a kind, the latest", {**latest, "filter": {"kind": "session"}}),
    ):
        if len(data(server.port, key, asked)["results"]) != PAGE:
            raise SystemExit(f"The page {what} is not full.")
        reads.append(Read(f"`list_usage` {what}", message(key, asked)))
    return reads


def _rows_of_reads(reads: Sequence[Read]) -> list[Row]:
    return [
        Row(f"{read.what}, p{percent}", _each(read.took_ms, percent), "ms", read.goal)
        for read in reads
        for percent in (50, 99)
    ]
