"""Composes a request's SQL: records, filters, sorts and pages.

Statements are composed once per shape of request; values are parameters named `f0`, `f1` …
(the filter's, in sequence), `c0` … (the cursor's), `offset`, `ids` and `fixed`. A limit is
part of the text, so that the planner knows how few rows are needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.sql.util import ClauseAdapter

from ringline.rpc.filters import VALUELESS, All, Either, FilterShape, Not, Predicate, Related
from ringline.rpc.keyset import Region, Sort, Term
from ringline.rpc.kinds import Choice, Kind, PhoneNumber, Text, sql_type
from ringline.rpc.resource import Expression, Field, Relationship, Resource
from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import SortKey, field_of

Column: TypeAlias = "sa.Label[Any]"

#: Has the statements of a transaction planned for their values. One plan for all values walks a
#: whole list for the rare ones, whose rows an index finds at once.
PLAN_BY_VALUES = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"

#: How many characters of unbounded text a sort compares.
SORTED_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Source:
    """A resource's rows in a statement: its table, an alias or a sub-select."""

    resource: Resource
    rows: sa.FromClause

    def column(self, name: str) -> Expression:
        """Return a column of the rows."""
        return self.rows.c[name]

    def value(self, field: Field) -> Expression:
        """Return a field's column or expression."""
        if field.through is not None:
            name, beyond = field.through
            relationship = self.resource.relationship_index[name]
            return self.reach(relationship, lambda other: other.value(other.field(beyond)))
        column = self.resource.column(field)
        assert column is not None, "a field that is not read through another has a column"
        return self._over_rows(column)

    def ours(self, relationship: Relationship) -> Expression:
        """Return what a relationship's records are found by."""
        if isinstance(relationship.ours, str):
            return self.column(relationship.ours)
        return self._over_rows(relationship.ours)

    def _over_rows(self, expression: Expression) -> Expression:
        """Return an expression over the table as one over the rows."""
        if self.rows is self.resource.table:
            return expression
        return ClauseAdapter(self.rows).traverse(expression)

    def field(self, name: str) -> Field:
        """Return a field's value by its name."""
        return self.resource.field_index[name]

    def related(self, relationship: Relationship) -> tuple["Source", sa.ColumnElement[bool]]:
        """Return the rows of a relationship, and the join condition."""
        target = RESOURCES[relationship.target]
        others = target.table.alias()
        tie = others.c[relationship.theirs] == self.ours(relationship)
        if relationship.latest is None:
            return Source(target, others), tie
        latest = (
            sa.select(others)
            .where(tie)
            .order_by(others.c[relationship.latest].desc(), others.c.id.desc())
            .limit(literal(1))
            .correlate_except(others)
            .subquery()
        )
        return Source(target, latest), sa.true()

    def reach(
        self, relationship: Relationship, value: Callable[["Source"], Expression]
    ) -> Expression:
        """Return a value of the related row, null without one."""
        other, tie = self.related(relationship)
        found = sa.select(value(other)).select_from(other.rows).where(tie)
        return found.correlate_except(other.rows).scalar_subquery()


def literal(number: int) -> sa.ColumnElement[int]:
    """Return a number as part of the SQL text."""
    return sa.literal_column(str(number), sa.Integer)


def source_of(resource: Resource) -> Source:
    """Return a resource's stored rows."""
    return Source(resource, resource.table)


# -- filters ------------------------------------------------------------------------------


def condition(source: Source, shape: FilterShape) -> sa.ColumnElement[bool]:
    """Compose a filter; its values are the parameters `f0`, `f1` …."""
    return _Composing().compose(source, shape)


class _Composing:
    def __init__(self) -> None:
        self._numbers = count()

    def compose(self, source: Source, shape: FilterShape) -> sa.ColumnElement[bool]:
        match shape:
            case Predicate(name, operator):
                return self._test(source, source.field(name), operator=operator)
            case All(parts):
                return sa.and_(sa.true(), *(self.compose(source, part) for part in parts))
            case Either(parts):
                return sa.or_(sa.false(), *(self.compose(source, part) for part in parts))
            case Not(inner):
                return sa.not_(self.compose(source, inner))
            case Related(name, inner):
                relationship = source.resource.relationship_index[name]
                return self._exists(source, relationship, inner=inner)

    def _exists(
        self, source: Source, relationship: Relationship, *, inner: FilterShape
    ) -> sa.ColumnElement[bool]:
        other, tie = source.related(relationship)
        found = sa.select(literal(1)).select_from(other.rows)
        found = found.where(tie, self.compose(other, inner))
        return sa.exists(found.correlate_except(other.rows))

    def _test(self, source: Source, field: Field, *, operator: str) -> sa.ColumnElement[bool]:
        # A semi-join, which can use an index; it finds no row without the other one.
        if field.through is not None and not (operator in VALUELESS and field.null):
            name, beyond = field.through
            relationship = source.resource.relationship_index[name]
            return self._exists(source, relationship, inner=Predicate(beyond, operator))
        column = source.value(field)
        match operator:
            case "is_nil":
                return column.is_(None)
            case "is_set":
                return column.is_not(None)
            case _:
                name = f"f{next(self._numbers)}"
                return _compare(column, operator, name=name, type_=sql_type(field.kind))


def _compare(column: Expression, operator: str, *, name: str, type_: Any) -> sa.ColumnElement[bool]:
    value = sa.bindparam(name, type_=type_)
    match operator:
        case "eq":
            return column == value
        case "not_eq":
            return column != value
        case "in":
            return column == sa.any_(sa.bindparam(name, type_=ARRAY(type_)))
        case "gt":
            return column > value
        case "gte":
            return column >= value
        case "lt":
            return column < value
        case "lte":
            return column <= value
        case "contains":
            return sa.func.strpos(column, value) > 0
        case "starts_with":
            return sa.func.starts_with(column, value)
        case "ends_with":
            return sa.func.right(column, sa.func.length(value)) == value
        case _:
            raise AssertionError(f"{operator} is not in the table of operators")


# -- sorts --------------------------------------------------------------------------------


def sort_of(resource: Resource, keys: Sequence[SortKey]) -> Sort:
    """Return a sort with its keys' nullability."""
    return Sort(tuple(keys), tuple(_nullable(resource, key) for key in keys))


def _nullable(resource: Resource, key: SortKey) -> bool:
    if key.path:
        return True
    _, field = field_of(resource, key)
    column = resource.column(field)
    return bool(column.nullable) if isinstance(column, sa.Column) else field.null


def sort_value(source: Source, key: SortKey) -> Expression:
    """Return the sort expression: text by bytes, unbounded text by its beginning."""
    if key.path:
        first, *rest = key.path
        inner = SortKey(tuple(rest), key.field)
        relationship = source.resource.relationship_index[first]
        return source.reach(relationship, lambda other: sort_value(other, inner))
    field = source.field(key.field)
    return _sortable(source.value(field), field.kind)


def _sortable(value: Expression, kind: Kind) -> Expression:
    if isinstance(kind, Text) and kind.max_length is None:
        value = sa.func.left(value, SORTED_LENGTH)
    if (
        isinstance(kind, Text | PhoneNumber | Choice)
        and getattr(value.type, "collation", None) != "C"
    ):
        value = sa.collate(value, "C")
    return value


def directed(value: Expression, key: SortKey, *, native: bool = False) -> Expression:
    """Sort by a value in a key's direction; `native` places nulls as an index does."""
    sorted_ = value.desc() if key.descending else value.asc()
    nulls_first = key.descending if native else key.nulls_first
    return sorted_.nulls_first() if nulls_first else sorted_.nulls_last()


# -- statements ---------------------------------------------------------------------------


def rows_of(
    source: Source, columns: Sequence[Expression], *, where: Sequence[Any]
) -> sa.Select[Any]:
    """Select columns of the rows that meet all conditions."""
    return sa.select(*columns).select_from(source.rows).where(*where)


def with_sort_values(
    source: Source, columns: Sequence[Column], *, keys: Sequence[SortKey]
) -> tuple[list[Column], tuple[int, ...]]:
    """Add missing sort values to the columns; return the sort values' indexes."""
    all_, indexes = list(columns), list[int]()
    for key in keys:
        value = sort_value(source, key)
        known = (index for index, column in enumerate(all_) if column.element is value)
        index = next(known, len(all_))
        if index == len(all_):
            all_.append(value.label(f"s{index}"))
        indexes.append(index)
    return all_, tuple(indexes)


def keyset_statement(
    source: Source,
    columns: Sequence[Column],
    *,
    where: Sequence[Any],
    sort: Sort,
    sorted_by: Sequence[int],
    regions: Sequence[Region],
    most: int,
) -> sa.SelectBase:
    """Select the first `most` rows of regions of a sort, by these columns."""
    values = [columns[index].element for index in sorted_by]
    limit = literal(most)
    parts: list[sa.Select[Any]] = []
    for number, region in enumerate(regions):
        terms = [
            _term(values, sort.keys[at], index=at, term=term) for at, term in enumerate(region)
        ]
        by = [
            directed(value, key, native=at < max(len(region), 1))
            for at, (value, key) in enumerate(zip(values, sort.keys, strict=True))
        ]
        selected: list[Expression] = list(columns)
        if len(regions) > 1:
            selected.append(literal(number).label("region"))
        part = rows_of(source, selected, where=[*where, *terms])
        parts.append(part.order_by(*by).limit(limit))
    if len(parts) == 1:
        return parts[0]
    page = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery("page")
    names = [columns[index].name for index in sorted_by]
    by = [directed(page.c[name], key) for name, key in zip(names, sort.keys, strict=True)]
    return sa.select(page).order_by(page.c.region, *by).limit(limit)


def _term(
    values: Sequence[Expression], key: SortKey, *, index: int, term: Term
) -> sa.ColumnElement[bool]:
    value, cursor = values[index], _cursor(values, index)
    match term:
        case Term.SAME:
            return value == cursor
        case Term.BEHIND:
            return value < cursor if key.descending else value > cursor
        case Term.BEHIND_WITH_REST:
            rest = range(index, len(values))
            row = sa.tuple_(*(values[at] for at in rest))
            cursors = sa.tuple_(*(_cursor(values, at) for at in rest))
            return row < cursors if key.descending else row > cursors
        case Term.NULL:
            return value.is_(None)
        case Term.VALUE:
            return value.is_not(None)


def _cursor(values: Sequence[Expression], index: int) -> sa.BindParameter[Any]:
    return sa.bindparam(f"c{index}", type_=values[index].type)


def related_statement(
    target: Source, columns: Sequence[Expression], *, relationship: Relationship, most: int
) -> sa.Select[Any]:
    """Select the rows related to any of `ids`, at most so many."""
    theirs = target.column(relationship.theirs)
    ids = sa.bindparam("ids", type_=ARRAY(theirs.type))
    found = rows_of(target, columns, where=[theirs == sa.any_(ids)])
    if relationship.latest is not None:
        latest = target.column(relationship.latest)
        by = (theirs, latest.desc(), target.column("id").desc())
        found = found.ext(distinct_on(theirs)).order_by(*by)
    elif relationship.many:
        found = found.order_by(*(target.column(name) for name in target.resource.default_sort))
    return found.limit(literal(most))
