"""Turns rows into records, with related ones, within the limits of an answer.

If the rows are few and their kinds short, as is usual, they are fetched at once. All others
are fetched in portions and counted, against one budget for all statements of a request. A
related record is counted again in every record that includes it, because nested selections
multiply, in records and in bytes. The count is a lower bound, because JSON escapes some
characters; the engine checks the length of the finished answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec

from ringline.domain import limits
from ringline.ports import Row, Rows
from ringline.rpc.kinds import (
    STRUCTURED,
    AnswerLatency,
    Dialogue,
    Id,
    Kind,
    Map,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.schema.sql import Prepared
from ringline.services.callers import Pace, at_once

#: A record ready for JSON. A struct is created and encoded faster than a dict.
AnswerRecord: TypeAlias = msgspec.Struct

#: A member's bytes in an answer besides its name and value: `"":` and a comma.
_MEMBER_BYTES = 4
#: The characters of an id; of all other values only texts are longer.
_ID_BYTES = 36
#: The characters of a time.
_MOMENT_BYTES = 27


class ResultTooLarge(Exception):
    """An answer would be over a limit."""

    def __init__(self, limit: limits.Limit) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Node:
    """How rows become records: the first `width` values of a row, unchanged.

    A record's attributes are called `v0`, `v1` …, its members as the request names them;
    related records follow the fields. `row_bytes` is the maximum size of a row, None if it
    may be large; a record's size in an answer is `fixed` plus the values at `texts`.
    """

    make: Callable[..., AnswerRecord]
    width: int
    shown: tuple[tuple[str, Callable[[Any], object]], ...] = ()
    related: tuple["Branch", ...] = ()
    row_bytes: int | None = 0
    fixed: int = 0
    texts: tuple[int, ...] = ()

    def most_bytes(self, rows: int, sort_keys: int = 0) -> int | None:
        """Return the maximum size of so many rows, with their sort values."""
        if self.row_bytes is None:
            return None
        return rows * (self.row_bytes + sort_keys * limits.SHORT_TEXT_BYTES.most)

    @property
    def characters(self) -> int:
        """Return the length of the statements for all related records."""
        return sum(len(branch.statement.text) + branch.node.characters for branch in self.related)


@dataclass(frozen=True, slots=True)
class Branch:
    """A relationship to follow, from a column of our rows to one of theirs.

    `attribute` is the attribute of our records that holds it.
    """

    attribute: str
    ours: int
    theirs: int
    many: bool
    statement: Prepared
    node: Node


@dataclass(frozen=True, slots=True)
class _Built:
    """Records, and the number of records and bytes of each with its related ones."""

    records: list[AnswerRecord]
    weights: list[int]
    sizes: list[int]


class Budget:
    """One request's remaining bytes of rows.

    While fetching rows that may be large, it reserves as much as may arrive.
    """

    def __init__(self, rows: Rows, pace: Pace = at_once) -> None:
        self.rows = rows
        self._pace = pace
        self._left = limits.ANSWER_BYTES.most

    async def fetch(
        self, statement: Prepared, values: Sequence[object], *, most_bytes: int | None
    ) -> Sequence[Row]:
        """Fetch rows of at most so many bytes in all, None if a single row may be large.

        Raises ResultTooLarge if they exceed the budget, and the errors of fetching.
        """
        if most_bytes is not None and most_bytes <= limits.FETCH_BYTES.most:
            return await self.rows.fetch(statement.text, values)
        portion = limits.PORTION_ROWS if most_bytes is None else limits.SHORT_PORTION_ROWS
        await self._pace(limits.ANSWER_BYTES.most, 0)
        found = await self.rows.fetch_within(
            statement.text, values, most_bytes=self._left, portion=portion.most
        )
        if not found.complete:
            raise ResultTooLarge(limits.ANSWER_BYTES)
        self._left -= found.size
        await self._pace(limits.ANSWER_BYTES.most - self._left, 0)
        return found.rows


# -- sizes of kinds -------------------------------------------------------------------------


def most_bytes(kinds: Sequence[Kind]) -> int | None:
    """Return the maximum size of a row of such values, None if it may be large.

    Rows from before a bound was introduced may exceed it, so long kinds have no maximum.
    """
    total = 0
    for kind in kinds:
        match kind:
            case Text(None) | Map() | ToolList() | Dialogue() | TextList() | AnswerLatency():
                return None
            case Text() | PhoneNumber():
                total += limits.SHORT_TEXT_BYTES.most
            case _:
                total += _ID_BYTES
    return total


def fixed_bytes(names: Sequence[str], kinds: Sequence[Kind]) -> int:
    """Return a record's minimum size in an answer, without its texts."""
    return sum(len(name) + _MEMBER_BYTES for name in names) + len(kinds)


def texts_of(kinds: Sequence[Kind]) -> tuple[int, ...]:
    """Return the indexes of the values whose length varies."""
    return tuple(
        index
        for index, kind in enumerate(kinds)
        if isinstance(kind, (*STRUCTURED, Text, PhoneNumber, Id, Timestamp))
    )


def _length(value: object) -> int:
    match value:
        case str():
            return len(value) if value.isascii() else len(value.encode())
        case list():
            return sum(map(_length, cast("list[object]", value)))
        case UUID():
            return _ID_BYTES
        case datetime():
            return _MOMENT_BYTES
        case _:
            return 0


# -- records --------------------------------------------------------------------------------


async def build(budget: Budget, node: Node, *, found: Sequence[Row]) -> list[AnswerRecord]:
    """Build records with their related ones. Raises ResultTooLarge, and fetching."""
    if not node.related:
        return _make(node, found)
    return (await _build(budget, node, found=found)).records


def _make(node: Node, found: Sequence[Row]) -> list[AnswerRecord]:
    make, width = node.make, node.width
    records = [make(*row[:width]) for row in found]
    for name, show in node.shown:
        for record in records:
            value = getattr(record, name)
            if value is not None:
                setattr(record, name, show(value))
    return records


async def _build(budget: Budget, node: Node, *, found: Sequence[Row]) -> _Built:
    records = _make(node, found)
    fixed, texts = node.fixed, node.texts
    sizes = [fixed + sum([_length(row[index]) for index in texts]) for row in found]
    built = _Built(records, [1] * len(records), sizes)
    for branch in node.related:
        await _follow(budget, branch, found=found, ours=built)
    return built


async def _follow(budget: Budget, branch: Branch, *, found: Sequence[Row], ours: _Built) -> None:
    """Add a relationship's records to records, and their sizes."""
    ids = {row[branch.ours] for row in found} - {None}
    theirs: Sequence[Row] = ()
    if ids:
        most = limits.ANSWER_RECORDS.most + 1 if branch.many else len(ids)
        values = branch.statement.arguments(ids=list(ids))
        theirs = await budget.fetch(
            branch.statement, values, most_bytes=branch.node.most_bytes(most)
        )
        _bound(len(theirs), limits.ANSWER_RECORDS)
    built = await _build(budget, branch.node, found=theirs)
    indexes: dict[object, list[int]] = {}
    for index, row in enumerate(theirs):
        indexes.setdefault(row[branch.theirs], []).append(index)
    weights, sizes = 0, sum(ours.sizes)
    for at, row in enumerate(found):
        mine = indexes.get(row[branch.ours], ())
        _bound(len(mine), limits.LIST_RECORDS)
        if branch.many:
            related: object = [built.records[index] for index in mine]
        else:
            related = built.records[mine[0]] if mine else None
        setattr(ours.records[at], branch.attribute, related)
        weight = sum([built.weights[index] for index in mine])
        size = sum([built.sizes[index] for index in mine])
        ours.weights[at] += weight
        ours.sizes[at] += size
        weights += weight
        sizes += size
        _bound(weights, limits.ANSWER_RECORDS)
        _bound(sizes, limits.ANSWER_BYTES)


def _bound(found: int, limit: limits.Limit) -> None:
    if found > limit.most:
        raise ResultTooLarge(limit)
