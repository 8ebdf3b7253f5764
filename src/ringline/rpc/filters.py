"""The `filter` grammar (4.7): parsed into a shape without values, and the values.

The shape is part of a cached statement's key; filters that differ only in their values share
it. `statements.py` composes a shape into SQL.

The cost of a filter is bounded before any work: each predicate, combinator and relationship
is a node, and so is an empty object, which must be read although it says nothing. Anything
that becomes a sub-select is counted separately as well, because composing it takes more than
ten times as long as a predicate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

import msgspec

from ringline.domain import limits
from ringline.domain.phone_numbers import read_e164
from ringline.domain.spelling import camel, snake
from ringline.rpc.kinds import (
    AnswerLatency,
    BadValue,
    Boolean,
    Dialogue,
    Integer,
    Kind,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.resource import Field, Resource
from ringline.rpc.resources import RESOURCES, related_resource
from ringline.wire.rpc import (
    RpcRefused,
    echoed,
    internal_problem,
    refuse,
    shown_value,
    suggestion,
)

#: The operators by the names that clients write, in snake_case.
COMPARISONS: Mapping[str, str] = {
    "eq": "eq",
    "equals": "eq",
    "not_eq": "not_eq",
    "not_equals": "not_eq",
    "in": "in",
    "greater_than": "gt",
    "gt": "gt",
    "greater_than_or_equal": "gte",
    "gte": "gte",
    "less_than": "lt",
    "lt": "lt",
    "less_than_or_equal": "lte",
    "lte": "lte",
    "is_nil": "is_nil",
    "contains": "contains",
    "string_starts_with": "starts_with",
    "string_ends_with": "ends_with",
}


#: What becomes of `is_nil`, by its value. That is part of the shape: a plan that does not know it
#: can use no index, and reads the whole table to find the calls that are open.
_NIL = {True: "is_nil", False: "is_set"}
#: The operators that compare with no parameter.
VALUELESS = frozenset(_NIL.values())


@dataclass(frozen=True, slots=True)
class Predicate:
    """One predicate: a field and an operator; its value, if it has one, is a parameter."""

    field: str
    operator: str


@dataclass(frozen=True, slots=True)
class Related:
    """A related record exists for which the rest is true."""

    relationship: str
    inner: "FilterShape"


@dataclass(frozen=True, slots=True)
class All:
    """All parts are true; true if there are none."""

    parts: tuple["FilterShape", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part is true; false if there are none."""

    parts: tuple["FilterShape", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not true."""

    inner: "FilterShape"


FilterShape: TypeAlias = Predicate | Related | All | Either | Not

EVERYTHING = All(())

#: The time to compose a sub-select, relative to a predicate on a column (measured: 0.7 to 0.9 ms
#: against 0.07).
SELECT_EFFORT = 12
_LONGEST_OPERATOR = max(map(len, COMPARISONS))


def read_filter(
    resource: Resource, given: object, *, operator: bool = False
) -> tuple[FilterShape, Sequence[Any]]:
    """Parse a filter into its shape and the values it names. Raises RpcRefused.

    An operator's filter may only follow relationships to what operators may list.
    """
    if given is None:
        return EVERYTHING, ()
    reading = _Reading(operator)
    return reading.read(resource, given, depth=1), reading.values


def nodes_of(shape: FilterShape) -> int:
    """Return how many nodes a shape has."""
    match shape:
        case All(parts) | Either(parts):
            return 1 + sum(map(nodes_of, parts))
        case Not(inner) | Related(_, inner):
            return 1 + nodes_of(inner)
        case Predicate():
            return 1


def effort_of(resource: Resource, shape: FilterShape) -> int:
    """Return the time to compose a shape, relative to a predicate on a column."""
    match shape:
        case All(parts) | Either(parts):
            return 1 + sum(effort_of(resource, part) for part in parts)
        case Not(inner):
            return 1 + effort_of(resource, inner)
        case Related(name, inner):
            relationship = resource.relationship_index[name]
            target = RESOURCES[relationship.target]
            return SELECT_EFFORT * relationship.selects + effort_of(target, inner)
        case Predicate(name):
            return 1 + SELECT_EFFORT * selects_of(resource, resource.field_index[name])


def selects_of(resource: Resource, field: Field) -> int:
    """Return how many sub-selects reading a field takes."""
    return 0 if field.through is None else resource.relationship_index[field.through[0]].selects


def operators_of(kind: Kind) -> tuple[str, ...]:
    """Return the operators that values of a kind can be compared with."""
    match kind:
        case Map() | ToolList() | Dialogue() | TextList() | AnswerLatency():
            return ("is_nil",)
        case Boolean():
            return ("eq", "not_eq", "is_nil")
        case Integer() | Number() | Timestamp():
            return ("eq", "not_eq", "in", "gt", "gte", "lt", "lte", "is_nil")
        case Text() | PhoneNumber():
            return ("eq", "not_eq", "in", "contains", "starts_with", "ends_with", "is_nil")
        case _:
            return ("eq", "not_eq", "in", "is_nil")


class _Reading:
    def __init__(self, operator: bool) -> None:
        self._operator = operator
        self.values: list[Any] = []
        self.nodes = 0
        self.selects = 0

    def read(self, resource: Resource, given: object, *, depth: int) -> FilterShape:
        _bound(depth, limits.FILTER_DEPTH)
        if not isinstance(given, dict):
            _fail("invalid_filter")
        members = cast("dict[str, object]", given)
        self._count(len(members) or 1)
        parts: list[FilterShape] = []
        for name, value in members.items():
            if name in ("and", "or", "not"):
                parts.append(self._combine(name, resource, value=value, depth=depth))
            elif (relationship := resource.relationship_index.get(name)) is not None:
                target = related_resource(relationship, operator=self._operator)
                self._count_selects(relationship.selects)
                parts.append(Related(relationship.name, self.read(target, value, depth=depth + 1)))
            elif (field := resource.field_index.get(name)) is not None:
                parts.append(self._predicates(resource, field, value=value, depth=depth + 1))
            else:
                known = resource.names
                _fail("unknown_filter_field", name, known=known, resource=resource.name)
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _count(self, nodes: int) -> None:
        self.nodes += nodes
        _bound(self.nodes, limits.FILTER_NODES)

    def _count_selects(self, selects: int) -> None:
        self.selects += selects
        _bound(self.selects, limits.FILTER_SELECTS)

    def _combine(self, word: str, resource: Resource, *, value: object, depth: int) -> FilterShape:
        members = cast("list[object]", value) if isinstance(value, list) else [value]
        parts = tuple(self.read(resource, member, depth=depth + 1) for member in members)
        if word == "or":
            return Either(parts)
        return All(parts) if word == "and" else Not(All(parts))

    def _predicates(
        self, resource: Resource, field: Field, *, value: object, depth: int
    ) -> FilterShape:
        _bound(depth, limits.FILTER_DEPTH)
        if not isinstance(value, dict):
            return self._test(resource, field, name="eq", operand=value)
        operands = cast("dict[str, object]", value)
        self._count(max(0, len(operands) - 1))  # the field itself counts as the first
        parts: list[FilterShape] = []
        for name, operand in operands.items():
            if name == "not":
                self._count(1)
                parts.append(Not(self._predicates(resource, field, value=operand, depth=depth + 1)))
            else:
                parts.append(self._test(resource, field, name=name, operand=operand))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _test(self, resource: Resource, field: Field, *, name: str, operand: object) -> Predicate:
        self._count_selects(selects_of(resource, field))
        operator = COMPARISONS.get(snake(name)) if len(name) <= _LONGEST_OPERATOR else None
        if operator is None or operator not in operators_of(field.kind):
            able = operators_of(field.kind)
            known = [
                camel(spelling) for spelling, operator in COMPARISONS.items() if operator in able
            ]
            shown = echoed(name)
            _fail("unknown_filter_operator", field.name, near=shown, known=known, operator=shown)
        try:
            if operator == "is_nil":
                return Predicate(field.name, _NIL[Boolean().cast(operand)])
            self.values.append(_operand(field.kind, operator, operand=operand))
        except BadValue:
            _fail("invalid_filter_value", field.name, value=shown_value(operand))
        return Predicate(field.name, operator)


def _operand(kind: Kind, operator: str, *, operand: object) -> object:
    if operator in ("contains", "starts_with", "ends_with"):
        if not isinstance(operand, str):
            raise BadValue
        return operand
    if operator == "in":
        if not isinstance(operand, list):
            raise BadValue
        members = cast("list[object]", operand)
        _bound(len(members), limits.FILTER_IN)
        return [_compared(kind, member) for member in members]
    return _compared(kind, operand)


def _compared(kind: Kind, operand: object) -> object:
    """Cast a value to compare with; keep blank text where it is a value."""
    if isinstance(kind, PhoneNumber) and isinstance(operand, str):
        # What was stored before numbers were read may be no number.
        return read_e164(operand) or Text().cast(operand) or ""
    cast = None if operand is None else kind.cast(operand)
    return "" if cast is None and operand is not None else cast


def _bound(found: int, limit: limits.Limit) -> None:
    if found > limit.most:
        raise refuse("filter_too_complex", variables={"limit": limit.most})


def _fail(
    reason: str, field: str = "", *, near: str = "", known: Iterable[str] = (), **variables: str
) -> NoReturn:
    problem = internal_problem(reason, echoed(field), **variables)
    meant = suggestion(near or echoed(field), known)
    raise RpcRefused(msgspec.structs.replace(problem, details={"reason": reason, **meant}))
