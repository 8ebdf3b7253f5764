"""What the database refuses, told as problems of the request.

A constraint that was violated names itself; the tables say which column it is about, and
the action which input is written there. PostgreSQL's own texts quote rows and are never
looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.ports import EntryRefused, Violation
from ringline.rpc.action import Action, ActionKind
from ringline.rpc.inputs import bad_value_type
from ringline.rpc.names import snake
from ringline.schema.tables import metadata
from ringline.wire.rpc import RpcProblem, problem

#: What every key and reference holds besides what it is about.
_SCOPE_COLUMNS = frozenset({"workspace_id", "environment"})


class Requirement(Enum):
    """What a constraint asks for, and what is said to whoever breaks it."""

    UNIQUE = "has already been taken"
    REFERENCE = "does not exist"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint and the column that it is about, empty where it is about none alone."""

    requirement: Requirement
    column: str


def _constraints() -> Iterator[tuple[str, Constraint]]:
    names = postgresql.dialect().identifier_preparer
    for table in metadata.tables.values():
        for one in table.constraints:
            match one:
                case sa.ForeignKeyConstraint():
                    requirement, columns = Requirement.REFERENCE, one.column_keys
                case sa.UniqueConstraint() | sa.PrimaryKeyConstraint():
                    requirement, columns = Requirement.UNIQUE, one.columns.keys()
                case _:  # values are checked before they are written
                    continue
            name = names.format_constraint(one)
            if name is not None:
                yield name, Constraint(requirement, _subject(columns))
        for index in table.indexes:
            if index.unique:
                columns = [column.name for column in index.columns]
                yield names.format_index(index), Constraint(Requirement.UNIQUE, _subject(columns))


def _subject(columns: Iterable[str]) -> str:
    about = [name for name in columns if name not in _SCOPE_COLUMNS]
    return about[0] if len(about) == 1 else ""


CONSTRAINTS: Mapping[str, Constraint] = dict(_constraints())


def refused_problem(action: Action, refused: EntryRefused) -> RpcProblem | None:
    """Tell what the database refused as a problem of the request; None if it is a defect."""
    if action.kind is ActionKind.DESTROY and refused.why is Violation.REFERENCE:
        return problem("invalid_changes", "it is still in use")
    broken = CONSTRAINTS.get(refused.constraint)
    if broken is not None:
        return _broken(action, broken)
    if refused.why is not Violation.BAD_VALUE:
        return None
    if action.is_read:
        return problem("invalid_query")
    if action.kind is ActionKind.GENERIC:
        return problem("invalid_argument")
    return problem("invalid_changes", "a value cannot be stored")


def _broken(action: Action, broken: Constraint) -> RpcProblem:
    for one in action.inputs:
        if broken.column == (one.column or snake(one.name)):
            return problem(
                bad_value_type(action),
                broken.requirement.value,
                variables={"field": one.name},
                fields=(one.name,),
            )
    return problem("invalid_changes", "it does not fit what is stored")
