"""Maps constraint violations to problems of the request.

The database names the violated constraint; the tables say which column it is about, and
the action which input is written there. PostgreSQL's messages quote rows and are never read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ringline.domain.spelling import snake
from ringline.ports import EntryRefused, Violation
from ringline.rpc.action import Action, ActionKind
from ringline.rpc.inputs import bad_value_type
from ringline.schema.tables import metadata
from ringline.wire.rpc import RpcProblem, problem

#: The columns that every key and reference includes.
_SCOPE_COLUMNS = frozenset({"workspace_id", "environment"})


class Requirement(Enum):
    """What a constraint requires, and the message if it is violated."""

    UNIQUE = "has already been taken"
    REFERENCE = "does not exist"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint and its column, empty if it is about several."""

    requirement: Requirement
    column: str


def _constraints() -> Iterator[tuple[str, Constraint]]:
    names = postgresql.dialect().identifier_preparer
    for table in metadata.tables.values():
        for constraint in table.constraints:
            match constraint:
                case sa.ForeignKeyConstraint():
                    requirement, columns = Requirement.REFERENCE, constraint.column_keys
                case sa.UniqueConstraint() | sa.PrimaryKeyConstraint():
                    requirement, columns = Requirement.UNIQUE, constraint.columns.keys()
                case _:  # values are checked before they are written
                    continue
            name = names.format_constraint(constraint)
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
    """Return the problem for what the database refused; None if it is a bug."""
    if action.kind is ActionKind.DESTROY and refused.violation is Violation.REFERENCE:
        return problem("invalid_changes", "it is still in use")
    broken = CONSTRAINTS.get(refused.constraint)
    if broken is not None:
        return _broken(action, broken)
    if refused.violation is not Violation.BAD_VALUE:
        return None
    if action.is_read:
        return problem("invalid_query")
    if action.kind is ActionKind.GENERIC:
        return problem("invalid_argument")
    return problem("invalid_changes", "a value cannot be stored")


def _broken(action: Action, broken: Constraint) -> RpcProblem:
    for input_ in action.inputs:
        if broken.column == (input_.column or snake(input_.name)):
            return problem(
                bad_value_type(action),
                broken.requirement.value,
                variables={"field": input_.name},
                fields=(input_.name,),
            )
    return problem("invalid_changes", "it does not fit what is stored")
