"""Reading records: one statement for the rows, and one per relationship followed.

A request is first turned into a *plan*: SQL text, the sequence of its values, and how a row
becomes a record. A plan depends only on the request's shape (fields, filter without values,
sort, kind of page), and the latest plans are cached, so that most requests compose no SQL.
The cache's keys are the shapes themselves: large plans are not cached, which bounds the memory
without computing a digest for each request.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from ringline.domain import limits
from ringline.ports import Rows
from ringline.rpc.filters import (
    EVERYTHING,
    SELECT_EFFORT,
    FilterShape,
    effort_of,
    nodes_of,
)
from ringline.rpc.keyset import behind, whole
from ringline.rpc.kinds import AnswerLatency, Dialogue, Kind, Map, Timestamp, ToolList
from ringline.rpc.pages import Cursors, KeysetPage, OffsetPage, Page, kinds_of, purpose_of
from ringline.rpc.records import (
    AnswerRecord,
    Branch,
    Budget,
    Node,
    ResultTooLarge,
    build,
    fixed_bytes,
    most_bytes,
    texts_of,
)
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import Selection
from ringline.rpc.sorting import BY_ID, SortKey
from ringline.rpc.statements import (
    PLAN_BY_VALUES,
    Column,
    Source,
    condition,
    directed,
    keyset_statement,
    literal,
    related_statement,
    rows_of,
    sort_of,
    sort_value,
    source_of,
    with_sort_values,
)
from ringline.schema.sql import Prepared
from ringline.services.callers import Pace, at_once

#: The memory of a field, relationship or filter node in a cached plan, as measured.
_NODE_BYTES = 2048


@dataclass(frozen=True, slots=True)
class ListRequest:
    """Which records to list; `values` holds the filter's values by parameter name."""

    resource: Resource
    selection: Selection
    shape: FilterShape = EVERYTHING
    values: Sequence[object] = ()
    keys: tuple[SortKey, ...] = ()
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The records of a list or page.

    `first` and `last` are the cursors of a keyset page's ends; `count`, if requested,
    counts the whole list.
    """

    records: list[AnswerRecord]
    has_more: bool = False
    count: int | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement and how its rows become records.

    Cursors hold the values at `sorted_by`. `most_bytes` is the maximum size of all rows, None
    if a single row may be large.
    """

    statement: Prepared
    node: Node
    most_bytes: int | None = 0
    sorted_by: tuple[int, ...] = ()

    @property
    def characters(self) -> int:
        """Return the length of all its statements."""
        return len(self.statement.text) + self.node.characters


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Which plans are cached, and which are made without a thread."""

    kept: int = limits.CACHED_PLANS.most
    #: A larger plan is made again each time.
    kept_bytes: int = limits.PLAN_BYTES.most
    #: A plan with more effort is made in a thread, one at a time.
    effort: int = limits.PLAN_EFFORT.most


class Reader:
    """Reads records of any resource."""

    def __init__(
        self, cursor_secrets: Sequence[str], plan_limits: PlanLimits | None = None
    ) -> None:
        self._limits = plan_limits or PlanLimits()
        self._cursors = Cursors(cursor_secrets)
        self._plans: dict[Hashable, _Plan] = {}
        self._making = asyncio.Lock()  # one large plan at a time

    async def list(
        self,
        rows: Rows,
        request: ListRequest,
        *,
        fixed: tuple[tuple[str, object], ...] = (),
        pace: Pace = at_once,
    ) -> Listed:
        """Return the records of a list or page; `fixed` restricts columns to values.

        Raises ResultTooLarge, BadCursor, and the errors of fetching.
        """
        given: dict[str, object] = {f"f{at}": value for at, value in enumerate(request.values)}
        given.update(fixed)
        where = _Where(request.resource, request.shape, tuple(name for name, _ in fixed))
        query = _Query(where, request.selection, request.keys)
        budget = Budget(rows, pace)
        if request.values:
            await rows.fetch(PLAN_BY_VALUES, ())
        match request.page:
            case None:
                return await self._whole(budget, query, given=given)
            case OffsetPage() as page:
                return await self._offset_page(budget, query, given=given, page=page)
            case KeysetPage() as page:
                return await self._keyset_page(budget, query, given=given, page=page)

    async def one(
        self,
        rows: Rows,
        resource: Resource,
        *,
        selection: Selection,
        row_id: UUID,
        pace: Pace = at_once,
    ) -> AnswerRecord | None:
        """Return one record, or None. Raises ResultTooLarge, and the errors of fetching."""
        query = _Query(_Where(resource, EVERYTHING, ("id",)), selection)
        plan = await self._plan("one", query, page=(), make=lambda: _plan_one(query))
        found = await rows.fetch(plan.statement.text, plan.statement.arguments(id=row_id))
        records = await build(Budget(rows, pace), plan.node, found=found)
        return records[0] if records else None

    async def _whole(
        self, budget: Budget, query: "_Query", *, given: Mapping[str, object]
    ) -> Listed:
        plan = await self._plan("whole", query, page=(), make=lambda: _plan_whole(query))
        values = plan.statement.arguments(**given)
        found = await budget.fetch(plan.statement, values, most_bytes=plan.most_bytes)
        if len(found) > limits.LIST_RECORDS.most:
            raise ResultTooLarge(limits.LIST_RECORDS)
        return Listed(await build(budget, plan.node, found=found))

    async def _offset_page(
        self, budget: Budget, query: "_Query", *, given: Mapping[str, object], page: OffsetPage
    ) -> Listed:
        plan = await self._plan(
            "offset", query, page=(page.limit,), make=lambda: _plan_offset(query, page.limit)
        )
        values = plan.statement.arguments(**given, offset=page.offset)
        found = await budget.fetch(plan.statement, values, most_bytes=plan.most_bytes)
        records = await build(budget, plan.node, found=found[: page.limit])
        count = await self._count(budget.rows, query.where, given=given) if page.count else None
        return Listed(records, len(found) > page.limit, count)

    async def _keyset_page(
        self, budget: Budget, query: "_Query", *, given: Mapping[str, object], page: KeysetPage
    ) -> Listed:
        keys, resource = query.keys or (BY_ID,), query.where.resource
        purpose = purpose_of(resource, keys)
        at: Mapping[str, object] = given
        nulls: tuple[bool, ...] | None = None
        if page.cursor is not None:
            values = self._cursors.read(purpose, page.cursor, kinds=kinds_of(resource, keys))
            nulls = tuple(value is None for value in values)
            at = {**given, **{f"c{index}": value for index, value in enumerate(values)}}
        plan = await self._plan(
            "keyset",
            query,
            page=(page.limit, page.backward, nulls),
            make=lambda: _plan_keyset(query, keys, page=page, nulls=nulls),
        )
        found = await budget.fetch(
            plan.statement, plan.statement.arguments(**at), most_bytes=plan.most_bytes
        )
        shown = found[: page.limit]
        if page.backward:
            shown = shown[::-1]
        records = await build(budget, plan.node, found=shown)
        ends = [
            self._cursors.make(purpose, [row[index] for index in plan.sorted_by])
            for row in (*shown[:1], *shown[-1:])
        ]
        count = await self._count(budget.rows, query.where, given=given) if page.count else None
        first, last = (ends[0], ends[-1]) if ends else (None, None)
        return Listed(records, len(found) > page.limit, count, first, last)

    async def _count(self, rows: Rows, where: "_Where", *, given: Mapping[str, object]) -> int:
        query = _Query(where, _NO_FIELDS)
        statement = (
            await self._plan("count", query, page=(), make=lambda: _plan_count(where))
        ).statement
        return (await rows.fetch(statement.text, statement.arguments(**given)))[0][0]

    async def _plan(
        self, way: str, query: "_Query", *, page: Hashable, make: Callable[[], "_Plan"]
    ) -> "_Plan":
        key = (way, query, page)
        plan = self._plans.get(key)
        if plan is None:
            if query.effort <= self._limits.effort:
                plan = make()
            else:  # it takes tenths of a second, which would block all other requests
                async with self._making:
                    plan = await asyncio.to_thread(make)
            if query.nodes * _NODE_BYTES + plan.characters <= self._limits.kept_bytes:
                if len(self._plans) >= self._limits.kept:
                    del self._plans[next(iter(self._plans))]
                self._plans[key] = plan
        return plan


# -- plans --------------------------------------------------------------------------------


class _Where(NamedTuple):
    """Which rows: a filter's shape, and columns restricted to a value."""

    resource: Resource
    shape: FilterShape
    fixed: tuple[str, ...]

    def conditions(self, source: Source) -> list[Any]:
        """Compose the conditions."""
        held: list[Any] = [
            source.column(name) == sa.bindparam(name, type_=source.column(name).type)
            for name in self.fixed
        ]
        if self.resource.only is not None:
            held.append(self.resource.only)
        return held if self.shape == EVERYTHING else [*held, condition(source, self.shape)]


class _Query(NamedTuple):
    """The shape of a list without its page; equal shapes share a plan."""

    where: _Where
    selection: Selection
    keys: tuple[SortKey, ...] = ()

    @property
    def nodes(self) -> int:
        """Return the number of parts in the shape."""
        return nodes_of(self.where.shape) + self.selection.nodes + self._sorted_by

    @property
    def effort(self) -> int:
        """Return the effort to compose it, in predicates on a column.

        After a cursor, every item of the sort appears with all the others.
        """
        where, fields = self.where, self.selection
        shape = effort_of(where.resource, where.shape)
        return shape + fields.nodes + SELECT_EFFORT * fields.relationships + 2 * self._sorted_by**2

    @property
    def _sorted_by(self) -> int:
        return sum(1 + len(key.path) for key in self.keys)

    def select(self) -> tuple[Source, list[Column], list[Any], Node]:
        """Return the rows, the columns, the conditions, and how rows become records."""
        source = source_of(self.where.resource)
        columns, node = _node(source, self.selection)
        return source, columns, self.where.conditions(source), node


def _plan_one(query: _Query) -> _Plan:
    source, columns, where, node = query.select()
    return _Plan(Prepared(rows_of(source, columns, where=where)), node)


def _plan_whole(query: _Query) -> _Plan:
    source, columns, where, node = query.select()
    if query.keys:
        by = [directed(sort_value(source, key), key) for key in query.keys]
    else:
        by = [source.column(name) for name in source.resource.default_sort]
    most = limits.LIST_RECORDS.most + 1
    statement = rows_of(source, columns, where=where).order_by(*by).limit(literal(most))
    return _Plan(Prepared(statement), node, node.most_bytes(most))


def _plan_offset(query: _Query, limit: int) -> _Plan:
    source, columns, where, node = query.select()
    by = [directed(sort_value(source, key), key) for key in query.keys or (BY_ID,)]
    statement = rows_of(source, columns, where=where).order_by(*by).limit(literal(limit + 1))
    statement = statement.offset(sa.bindparam("offset", type_=sa.BigInteger))
    return _Plan(Prepared(statement), node, node.most_bytes(limit + 1))


def _plan_keyset(
    query: _Query, keys: tuple[SortKey, ...], *, page: KeysetPage, nulls: tuple[bool, ...] | None
) -> _Plan:
    source, columns, where, node = query.select()
    columns, sorted_by = with_sort_values(source, columns, keys=keys)
    sort = sort_of(source.resource, keys)
    if page.backward:
        sort = sort.reversed
    regions = whole(sort) if nulls is None else behind(sort, nulls)
    most = page.limit + 1
    statement = keyset_statement(
        source, columns, where=where, sort=sort, sorted_by=sorted_by, regions=regions, most=most
    )
    return _Plan(Prepared(statement), node, node.most_bytes(most, len(keys)), sorted_by)


def _plan_count(where: _Where) -> _Plan:
    source = source_of(where.resource)
    counted = [sa.func.count().label("count")]
    return _Plan(Prepared(rows_of(source, counted, where=where.conditions(source))), _NOTHING)


_NO_FIELDS = Selection(())
_NOTHING = Node(msgspec.defstruct("Record", []), 0)


def _node(source: Source, selection: Selection) -> tuple[list[Column], Node]:
    """Return the columns for the records, fields first, and how they become records."""
    columns: list[Column] = []
    shown: list[tuple[str, Callable[[Any], object]]] = []
    for index, name in enumerate(selection.fields):
        field = source.field(name)
        columns.append(source.value(field).label(f"v{index}"))
        show = _show(field.kind)
        if show is not None:
            shown.append((f"v{index}", show))
    width = len(columns)
    branches: list[Branch] = []
    for index, (name, inner) in enumerate(selection.related, width):
        relationship = source.resource.relationship_index[name]
        columns.append(source.ours(relationship).label(f"v{index}"))
        target = source_of(RESOURCES[relationship.target])
        theirs, node = _node(target, inner)
        tie = target.column(relationship.theirs).label(f"v{len(theirs)}")
        statement = Prepared(
            related_statement(
                target,
                [*theirs, tie],
                relationship=relationship,
                most=limits.ANSWER_RECORDS.most + 1,
            )
        )
        branches.append(Branch(f"v{index}", index, len(theirs), relationship.many, statement, node))
    names = (*selection.fields, *(name for name, _ in selection.related))
    kinds = [source.field(name).kind for name in selection.fields]
    return columns, Node(
        make=_record_type(names, width),
        width=width,
        shown=tuple(shown),
        related=tuple(branches),
        row_bytes=most_bytes(kinds),
        fixed=fixed_bytes(names, kinds),
        texts=texts_of(kinds),
    )


def _record_type(names: Sequence[str], width: int) -> Callable[..., AnswerRecord]:
    """Make the type of records with these members; the first so many are fields."""
    attributes: list[Any] = [
        (f"v{index}", Any) if index < width else (f"v{index}", Any, None)
        for index in range(len(names))
    ]
    member_names = {f"v{index}": name for index, name in enumerate(names)}
    return msgspec.defstruct("Record", attributes, rename=member_names)


def _show(kind: Kind) -> Callable[[Any], object] | None:
    match kind:
        case Timestamp():
            return _moment
        case Map() | ToolList() | Dialogue() | AnswerLatency():
            return _json
        case _:
            return None


def _moment(moment: datetime) -> str:
    # The database returns times in UTC, ending in +00:00.
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def _json(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
