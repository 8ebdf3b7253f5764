"""Keyset pages deep in a large table, for every sort that has an index.

For each sort the same request is measured at several places of the same table: at the
beginning, in the middle, at nine tenths, and, where the field may be null, among the rows
without a value and across the border to them. Each place is found by its offset, which also
shows that the page behind its cursor holds the right records.
"""

from __future__ import annotations

import contextlib
import random
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import cores
from benchmarks.contacts import NULLS_PERCENT, fill
from benchmarks.load import Load, load
from benchmarks.report import Grid, Row, Section, brief, percentile, ratios
from benchmarks.rpc import data, message
from benchmarks.servers import Cpu, Server, bench, directory
from ringline.rpc.resources import RESOURCES

ACTION = {"action": "list_contacts", "fields": ["id", "fullName"]}
LIMIT = 20
CONNECTIONS = 8
PREFIXES = ("", "-", "++", "--")
NULLS_FIRST = ("-", "++")
FIRST, MIDDLE, LATE, NULLS, BORDER = "first", "middle", "90%", "without a value", "border"
LATER = (MIDDLE, LATE, NULLS, BORDER)
GOAL = 1.2

#: Measured beside the others to show what an index is for.
NO_INDEX = "updatedAt"
SLOW_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Size:
    contacts: int
    rounds: int
    seconds: float


FULL = Size(contacts=1_000_000, rounds=15, seconds=0.1)
TINY = Size(contacts=2_000, rounds=1, seconds=0.01)


@dataclass(slots=True)
class Place:
    """A page of a sort: how it is asked for, and its figures, a value per round."""

    sort: str
    name: str
    asked: bytes
    p50_ms: list[float] = field(default_factory=list[float])
    server_us: list[float] = field(default_factory=list[float])
    database_us: list[float] = field(default_factory=list[float])

    def note(self, p50_ms: float, cpu: Cpu) -> None:
        self.p50_ms.append(p50_ms)
        self.server_us.append(cpu.server * 1e6)
        self.database_us.append(cpu.database * 1e6)

    @property
    def cpu_us(self) -> list[float]:
        return [sum(pair) for pair in zip(self.server_us, self.database_us, strict=True)]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks the server, and for how many records there are."""

    port: int
    key: str
    count: int

    def page(self, page: Mapping[str, object], sort: str, **more: object) -> Any:
        return data(self.port, self.key, {**ACTION, "sort": sort, "page": page, **more})

    def message(self, page: Mapping[str, object], sort: str) -> bytes:
        return message(self.key, {**ACTION, "sort": sort, "page": page})

    def cursor(self, sort: str, rank: int) -> str:
        """Return the cursor behind which the page at a rank begins, after a look at it."""
        around = self.page({"offset": rank - 1, "limit": LIMIT + 1}, sort)["results"]
        first_two = {"id": {"in": [record["id"] for record in around[:2]]}}
        cursor = self.page({"limit": 1}, sort, filter=first_two)["nextPage"]
        if self.page({"limit": LIMIT, "after": cursor}, sort)["results"] != around[1:]:
            raise SystemExit(f"The page behind rank {rank} of {sort} is not the right one.")
        return cursor


def pages(*, tiny: bool = False) -> Section:
    size = TINY if tiny else FULL
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(directory())
        server = stack.enter_context(bench(place / "data"))
        fill(server.address, server.ready["workspace_id"], size.contacts, size.contacts // 20)
        asker = Asker(server.port, server.ready["secret_key"], size.contacts)
        stack.enter_context(cores.apart([server.own]))
        sorts: dict[str, dict[str, Place]] = {}
        for one in _places(asker):
            sorts.setdefault(one.sort, {})[one.name] = one
        lines = stack.enter_context(load(server.port, CONNECTIONS))
        order = random.Random(1)
        for number in (1,) if tiny else range(size.rounds + 1):
            for by_name in order.sample(list(sorts.values()), len(sorts)):
                if by_name[FIRST].sort == NO_INDEX and number > SLOW_ROUNDS:
                    continue
                # The pages of one sort right after each other: their ratio is what counts.
                for one in order.sample(list(by_name.values()), len(by_name)):
                    figures = _measure(one, server, lines, size.seconds)
                    if number:  # the first is a warm-up
                        one.note(*figures)
    return _section(size, sorts)


def _places(asker: Asker) -> Iterator[Place]:
    """Find the places of every sort."""
    contact = RESOURCES["Contact"]
    names = [one.name for one in contact.fields if one.name in contact.indexed]
    for name in (*names, NO_INDEX):
        nulls = 0
        if contact.field_index[name].null:
            asked = {"limit": 1, "offset": 0, "count": True}
            nulls = asker.page(asked, "id", filter={name: {"isNil": True}})["count"]
        for prefix in PREFIXES if name != NO_INDEX else PREFIXES[:1]:
            sort = f"{prefix}{name}"
            yield Place(sort, FIRST, asker.message({"limit": LIMIT}, sort))
            for where, rank in ranks(asker.count, nulls, prefix).items():
                page = {"limit": LIMIT, "after": asker.cursor(sort, rank)}
                yield Place(sort, where, asker.message(page, sort))


def ranks(count: int, nulls: int, prefix: str) -> dict[str, int]:
    """Return where the pages of a sort lie, counted from 0."""
    found = {MIDDLE: count // 2, LATE: count * 9 // 10}
    if nulls:
        first = prefix in NULLS_FIRST
        found[NULLS] = nulls // 2 if first else count - nulls // 2
        found[BORDER] = (nulls if first else count - nulls) - LIMIT // 2
    return found


def _measure(one: Place, server: Server, lines: Load, seconds: float) -> tuple[float, Cpu]:
    """Return the median time (ms) and the CPU of one request."""
    before = server.cpu()
    burst = lines.run(one.asked, seconds)
    used = server.cpu().since(before)
    return percentile(burst.took_ms, 50), used.shared_by(len(burst.took_ms))


def _section(size: Size, sorts: Mapping[str, Mapping[str, Place]]) -> Section:
    rows: list[tuple[str, list[str]]] = []
    slowest: list[tuple[float, list[float]]] = []
    dearest: list[tuple[float, list[float]]] = []
    for sort, by_name in sorts.items():
        first, later = by_name[FIRST], [by_name[name] for name in LATER if name in by_name]
        rows.append((_label(sort), [*_costs(first), *_compared(first, by_name)]))
        if sort != NO_INDEX:
            for one in later:
                slower = ratios(one.p50_ms, first.p50_ms)
                dearer = ratios(one.cpu_us, first.cpu_us)
                slowest.append((statistics.median(slower), slower))
                dearest.append((statistics.median(dearer), dearer))
    heads = (
        "first: p50, ms",
        "PostgreSQL, µs",
        "server, µs",
        *(f"{name} ÷ first" for name in LATER),
    )
    return Section(
        "pages",
        "A page deep in a large table",
        f"`list_contacts` with `id` and `fullName`, {LIMIT} records, out of {size.contacts:,} "
        f"contacts of which {NULLS_PERCENT}% have no `email` and as many no `phoneE164`, in "
        "every order that has an index (and one that has none), by keyset pages over "
        f"{CONNECTIONS} connections that stay open: the first page; pages in the middle, behind "
        "90%, among the rows without a value, and across the border to them. The last columns "
        "are ratios to the first page of the same order: of the time (p50) / of the CPU of "
        f"server and PostgreSQL together. {cores.how()} Medians of {size.rounds} rounds of "
        f"{size.seconds:g} s for each page, the pages of an order right after each other; ratios "
        "are taken within a round. The same page is asked for again and again, so all of them "
        "are read from memory.",
        [
            Row(
                "time: the slowest page ÷ the first of its order", max(slowest)[1], "", f"≤ {GOAL}"
            ),
            Row("CPU: the dearest page ÷ the first of its order", max(dearest)[1], "", f"≤ {GOAL}"),
        ],
        Grid(heads, rows),
    )


def _label(sort: str) -> str:
    return f"`{sort}`" if sort != NO_INDEX else f"`{sort}` (no index)"


def _costs(first: Place) -> list[str]:
    return [
        brief([statistics.median(runs)])
        for runs in (first.p50_ms, first.database_us, first.server_us)
    ]


def _compared(first: Place, by_name: Mapping[str, Place]) -> list[str]:
    cells: list[str] = []
    for name in LATER:
        one = by_name.get(name)
        if one is None:
            cells.append("–")
            continue
        slower = statistics.median(ratios(one.p50_ms, first.p50_ms))
        dearer = statistics.median(ratios(one.cpu_us, first.cpu_us))
        cells.append(f"{slower:.2f} / {dearer:.2f}")
    return cells
