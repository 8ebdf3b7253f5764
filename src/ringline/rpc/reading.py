"""Reading records: one statement for the rows asked for, one per relationship followed.

What a request asks for is first turned into a *plan*: SQL text, the order of its values,
and how a row becomes a record. A plan depends on the shape of the request alone (fields,
filter without its values, sort, kind of page), and the latest plans are kept, so that
most requests compose no SQL at all.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa

from ringline.ports import Row, Rows
from ringline.rpc.filters import EVERYTHING, Shape, read_filter
from ringline.rpc.keyset import behind, whole
from ringline.rpc.kinds import Kind, Map, Moment, ToolList
from ringline.rpc.pages import Cursors, KeysetPage, OffsetPage, kinds_of, purpose_of, read_page
from ringline.rpc.resources import RESOURCES, Resource
from ringline.rpc.selection import Selection
from ringline.rpc.sorting import BY_ID, SortKey, read_sort
from ringline.rpc.statements import (
    Column,
    Source,
    condition,
    directed,
    keyset_statement,
    literal,
    order_of,
    related_statement,
    rows_of,
    sort_value,
    source_of,
    with_sort_values,
)
from ringline.schema.sql import Prepared
from ringline.wire.rpc import refuse

#: Most records of a list without pages, and of one relationship of one record.
MAX_LIST = 10_000
#: Most records in one answer; nested selections multiply.
MAX_RECORDS = 100_000
#: Plans that are kept; the oldest goes first, and is made again if it is wanted.
PLANS_KEPT = 512
#: Longest text of a statement that is kept, so that huge filters do not fill the memory.
MAX_KEPT_TEXT = 32 * 1024

#: A record ready for JSON. A struct is made and encoded faster than a dict.
Record: TypeAlias = msgspec.Struct


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A request for a list, as it came; `scope` are columns that must have a value."""

    resource: Resource
    selection: Selection
    filter: object = None
    sort: object = None
    page: object = None
    pages: bool = True
    scope: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class _Node:
    """How rows become records: the first `width` values of a row, in their order.

    A record's attributes are called `v0`, `v1` …, its members as they were asked for; what
    is related comes behind the fields.
    """

    make: Callable[..., Record]
    width: int
    shown: tuple[tuple[str, Callable[[Any], object]], ...]
    related: tuple["_Branch", ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """A relationship that is followed: from a column of our rows to one of theirs.

    `attribute` is where it is put in our records.
    """

    attribute: str
    ours: int
    theirs: int
    many: bool
    statement: Prepared
    node: _Node


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement and how its rows become records; cursors hold the values at `sorted_by`."""

    statement: Prepared
    node: _Node
    sorted_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Built:
    """Records, and of each how many records it is with all that hangs on it."""

    records: list[Record]
    weights: list[int] | None


class Reader:
    """Answers reads of any resource."""

    def __init__(self, cursor_secrets: Sequence[str]) -> None:
        self._cursors = Cursors(cursor_secrets)
        self._plans: dict[Hashable, _Plan] = {}

    async def list(self, rows: Rows, request: ListRequest) -> object:
        """Return the records of a list, or a page of them, ready for JSON.

        Raises RpcRefused, and what fetching raises.
        """
        shape, values = read_filter(request.resource, request.filter)
        keys = read_sort(request.resource, request.sort)
        page = read_page(request.page)
        if page is not None and not request.pages:
            raise refuse("unknown_error")
        given: dict[str, object] = {f"f{at}": value for at, value in enumerate(values)}
        given.update(request.scope)
        where = _Where(request.resource, shape, tuple(name for name, _ in request.scope))
        query = _Query(where, request.selection, keys)
        match page:
            case None:
                return await self._whole(rows, query, given)
            case OffsetPage():
                return await self._offset_page(rows, query, given, page)
            case KeysetPage():
                return await self._keyset_page(rows, query, given, page)

    async def one(
        self, rows: Rows, resource: Resource, selection: Selection, row_id: UUID
    ) -> Record | None:
        """Return one record, None if there is none. Raises what fetching raises."""
        query = _Query(_Where(resource, EVERYTHING, ("id",)), selection)
        plan = self._plan(("one", query), lambda: _plan_one(query))
        found = await rows.fetch(plan.statement.text, plan.statement.arguments(id=row_id))
        built = await _build(rows, plan.node, found)
        return built.records[0] if built.records else None

    async def _whole(self, rows: Rows, query: "_Query", given: Mapping[str, object]) -> object:
        plan = self._plan(("whole", query), lambda: _plan_whole(query))
        found = await rows.fetch(plan.statement.text, plan.statement.arguments(**given))
        if len(found) > MAX_LIST:
            raise refuse("result_too_large", variables={"limit": MAX_LIST})
        return (await _build(rows, plan.node, found)).records

    async def _offset_page(
        self, rows: Rows, query: "_Query", given: Mapping[str, object], page: OffsetPage
    ) -> object:
        plan = self._plan(("offset", query, page.limit), lambda: _plan_offset(query, page.limit))
        values = plan.statement.arguments(**given, offset=page.offset)
        found = await rows.fetch(plan.statement.text, values)
        built = await _build(rows, plan.node, found[: page.limit])
        return {
            "results": built.records,
            "hasMore": len(found) > page.limit,
            "limit": page.limit,
            "offset": page.offset,
            "count": await self._count(rows, query.where, given) if page.count else None,
            "type": "offset",
        }

    async def _keyset_page(
        self, rows: Rows, query: "_Query", given: Mapping[str, object], page: KeysetPage
    ) -> object:
        keys, resource = query.keys or (BY_ID,), query.where.resource
        purpose = purpose_of(resource, keys)
        at: Mapping[str, object] = given
        nulls: tuple[bool, ...] | None = None
        if page.cursor is not None:
            values = self._cursors.read(purpose, page.cursor, kinds_of(resource, keys))
            nulls = tuple(value is None for value in values)
            at = {**given, **{f"c{place}": value for place, value in enumerate(values)}}
        plan = self._plan(
            ("keyset", query, page.limit, page.backward, nulls),
            lambda: _plan_keyset(query, keys, page, nulls),
        )
        found = await rows.fetch(plan.statement.text, plan.statement.arguments(**at))
        shown = found[: page.limit]
        if page.backward:
            shown = shown[::-1]
        built = await _build(rows, plan.node, shown)
        ends = [
            self._cursors.make(purpose, [row[place] for place in plan.sorted_by])
            for row in (*shown[:1], *shown[-1:])
        ]
        return {
            "results": built.records,
            "hasMore": len(found) > page.limit,
            "limit": page.limit,
            "after": page.after,
            "before": page.before,
            "previousPage": ends[0] if ends else None,
            "nextPage": ends[-1] if ends else None,
            "count": await self._count(rows, query.where, given) if page.count else None,
            "type": "keyset",
        }

    async def _count(self, rows: Rows, where: "_Where", given: Mapping[str, object]) -> int:
        statement = self._plan(("count", where), lambda: _plan_count(where)).statement
        return (await rows.fetch(statement.text, statement.arguments(**given)))[0][0]

    def _plan(self, key: Hashable, make: Callable[[], _Plan]) -> _Plan:
        plan = self._plans.get(key)
        if plan is None:
            plan = make()
            if len(plan.statement.text) <= MAX_KEPT_TEXT:
                if len(self._plans) >= PLANS_KEPT:
                    del self._plans[next(iter(self._plans))]
                self._plans[key] = plan
        return plan


# -- plans --------------------------------------------------------------------------------


class _Where(NamedTuple):
    """Which rows: a filter's shape, and columns that must have a value."""

    resource: Resource
    shape: Shape
    scope: tuple[str, ...]

    def conditions(self, source: Source) -> list[Any]:
        """Compose what must hold."""
        held: list[Any] = [
            source.column(name) == sa.bindparam(name, type_=source.column(name).type)
            for name in self.scope
        ]
        return held if self.shape == EVERYTHING else [*held, condition(source, self.shape)]


class _Query(NamedTuple):
    """The shape of a list, but for its page: whose values are the same is planned once."""

    where: _Where
    selection: Selection
    keys: tuple[SortKey, ...] = ()

    def select(self) -> tuple[Source, list[Column], list[Any], _Node]:
        """Return the rows, the columns, what must hold, and how rows become records."""
        source = source_of(self.where.resource)
        columns, node = _node(source, self.selection)
        return source, columns, self.where.conditions(source), node


def _plan_one(query: _Query) -> _Plan:
    source, columns, where, node = query.select()
    return _Plan(Prepared(rows_of(source, columns, where)), node)


def _plan_whole(query: _Query) -> _Plan:
    source, columns, where, node = query.select()
    if query.keys:
        by = [directed(sort_value(source, key), key) for key in query.keys]
    else:
        by = [source.column(name) for name in source.resource.order]
    statement = rows_of(source, columns, where).order_by(*by).limit(literal(MAX_LIST + 1))
    return _Plan(Prepared(statement), node)


def _plan_offset(query: _Query, limit: int) -> _Plan:
    source, columns, where, node = query.select()
    by = [directed(sort_value(source, key), key) for key in query.keys or (BY_ID,)]
    statement = rows_of(source, columns, where).order_by(*by).limit(literal(limit + 1))
    return _Plan(Prepared(statement.offset(sa.bindparam("offset", type_=sa.BigInteger))), node)


def _plan_keyset(
    query: _Query, keys: tuple[SortKey, ...], page: KeysetPage, nulls: tuple[bool, ...] | None
) -> _Plan:
    source, columns, where, node = query.select()
    columns, sorted_by = with_sort_values(source, columns, keys)
    order = order_of(source.resource, keys)
    if page.backward:
        order = order.reversed
    regions = whole(order) if nulls is None else behind(order, nulls)
    statement = keyset_statement(source, columns, where, order, sorted_by, regions, page.limit + 1)
    return _Plan(Prepared(statement), node, sorted_by)


def _plan_count(where: _Where) -> _Plan:
    source = source_of(where.resource)
    counted = [sa.func.count().label("count")]
    return _Plan(Prepared(rows_of(source, counted, where.conditions(source))), _NOTHING)


_NOTHING = _Node(msgspec.defstruct("Record", []), 0, (), ())


def _node(source: Source, selection: Selection) -> tuple[list[Column], _Node]:
    """Return the columns that records need, the fields' first, and how they become records."""
    columns: list[Column] = []
    shown: list[tuple[str, Callable[[Any], object]]] = []
    for place, name in enumerate(selection.fields):
        field = source.field(name)
        columns.append(source.value(field).label(f"v{place}"))
        show = _show(field.kind)
        if show is not None:
            shown.append((f"v{place}", show))
    width = len(columns)
    branches: list[_Branch] = []
    for place, (name, inner) in enumerate(selection.related, width):
        relationship = source.resource.relationship_index[name]
        columns.append(source.column(relationship.ours).label(f"v{place}"))
        target = source_of(RESOURCES[relationship.target])
        theirs, node = _node(target, inner)
        tie = target.column(relationship.theirs).label(f"v{len(theirs)}")
        statement = Prepared(
            related_statement(target, [*theirs, tie], relationship, MAX_RECORDS + 1)
        )
        branches.append(
            _Branch(f"v{place}", place, len(theirs), relationship.many, statement, node)
        )
    names = (*selection.fields, *(name for name, _ in selection.related))
    return columns, _Node(_record_type(names, width), width, tuple(shown), tuple(branches))


def _record_type(names: Sequence[str], width: int) -> Callable[..., Record]:
    """Make the type of records with these members, of which so many are fields."""
    attributes: list[Any] = [
        (f"v{place}", Any) if place < width else (f"v{place}", Any, None)
        for place in range(len(names))
    ]
    spelt = {f"v{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Record", attributes, rename=spelt)


def _show(kind: Kind) -> Callable[[Any], object] | None:
    match kind:
        case Moment():
            return _moment
        case Map() | ToolList():
            return _json
        case _:
            return None


def _moment(moment: datetime) -> str:
    # The database gives times in UTC, ending in +00:00.
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def _json(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


# -- records ------------------------------------------------------------------------------


async def _build(rows: Rows, node: _Node, found: Sequence[Row]) -> _Built:
    """Make records of rows, with what is related to them. Raises RpcRefused, and fetching."""
    make, width = node.make, node.width
    records = [make(*row[:width]) for row in found]
    for name, show in node.shown:
        for record in records:
            value = getattr(record, name)
            if value is not None:
                setattr(record, name, show(value))
    if not node.related:
        return _Built(records, None)
    weights = [1] * len(records)
    for branch in node.related:
        await _follow(rows, branch, found, records, weights)
    return _Built(records, weights)


async def _follow(
    rows: Rows,
    branch: _Branch,
    found: Sequence[Row],
    records: Sequence[Record],
    weights: list[int],
) -> None:
    """Put what a relationship leads to into records, and add its weight to theirs."""
    ids = {row[branch.ours] for row in found} - {None}
    theirs: Sequence[Row] = ()
    if ids:
        theirs = await rows.fetch(branch.statement.text, branch.statement.arguments(ids=list(ids)))
        _bound(len(theirs))
    built = await _build(rows, branch.node, theirs)
    places: dict[object, list[int]] = {}
    for place, row in enumerate(theirs):
        places.setdefault(row[branch.theirs], []).append(place)
    total = 0
    for at, row in enumerate(found):
        mine = places.get(row[branch.ours], ())
        if len(mine) > MAX_LIST:
            raise refuse("result_too_large", variables={"limit": MAX_LIST})
        if branch.many:
            related: object = [built.records[place] for place in mine]
        else:
            related = built.records[mine[0]] if mine else None
        setattr(records[at], branch.attribute, related)
        weight = len(mine) if built.weights is None else sum(built.weights[i] for i in mine)
        weights[at] += weight
        total += weight
        _bound(total)


def _bound(records: int) -> None:
    if records > MAX_RECORDS:
        raise refuse("result_too_large", variables={"limit": MAX_RECORDS})
