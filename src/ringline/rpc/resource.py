"""What a resource is: its rows, fields and relationships. `resources.py` is the table of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sqlalchemy as sa

from ringline.domain.events import EventData
from ringline.domain.ids import Prefix
from ringline.domain.spelling import snake
from ringline.ports import Row
from ringline.rpc.kinds import Kind
from ringline.rpc.names import by_name
from ringline.schema.tables import INDEXED_SORTS

Expression: TypeAlias = sa.ColumnElement[Any]

#: The events for a change of a row, from before (None if it is new) to after (None if it is
#: deleted).
Tells: TypeAlias = Callable[[Row | None, Row | None], Sequence[EventData]]


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a record; by default the column with its name in snake_case.

    `through` names a to-one relationship and a field of its target.
    """

    name: str
    kind: Kind
    null: bool = False
    column: Expression | None = None
    through: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Relationship:
    """Related records: those whose column `theirs` is our `ours`, a column or an expression.

    If a to-one relationship has several candidates, the `latest` by that column is used.
    """

    name: str
    target: str
    ours: str | Expression
    theirs: str = "id"
    many: bool = False
    null: bool = True
    latest: str | None = None

    @property
    def selects(self) -> int:
        """Return how many sub-selects following the relationship takes."""
        return 1 if self.latest is None else 2


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A kind of record: its rows, its fields and what they are related to.

    A list is sorted by the columns of `default_sort` if the request has no sort. `events_of`
    returns the events that report a written row; a `lasting` row cannot be deleted. If
    `operators` is set, operator tokens may follow relationships to it, in fields, filters and
    sorts, which is the case for everything they may list. So not for `User`, which holds the
    team's addresses, nor for `Organisation`, which no action lists (its id is in the records).
    `titled` is the column by which the audit log names a record. Lists leave out rows that are
    not `only` these.
    """

    name: str
    plural: str
    table: sa.Table
    prefix: Prefix
    fields: tuple[Field, ...]
    relationships: tuple[Relationship, ...] = ()
    operators: bool = False
    default_sort: tuple[str, ...] = ("inserted_at", "id")
    events_of: Tells | None = None
    lasting: Callable[[Row], bool] | None = None
    titled: str = ""
    only: sa.ColumnElement[bool] | None = None
    field_index: Mapping[str, Field] = field(init=False)
    relationship_index: Mapping[str, Relationship] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_index", by_name(self.fields))
        object.__setattr__(self, "relationship_index", by_name(self.relationships))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its fields and relationships."""
        return (*(field.name for field in self.fields), *(link.name for link in self.relationships))

    def column(self, wanted: Field) -> Expression | None:
        """Return a field's column or expression; None if read through a relationship."""
        if wanted.through is not None:
            return None
        return self.table.c[snake(wanted.name)] if wanted.column is None else wanted.column

    @property
    def indexed(self) -> frozenset[str]:
        """Return the names of the fields whose sorts use an index."""
        columns = ("id", *INDEXED_SORTS.get(self.table, ()))
        return frozenset(
            field.name
            for field in self.fields
            if isinstance(column := self.column(field), sa.Column) and column.name in columns
        )
