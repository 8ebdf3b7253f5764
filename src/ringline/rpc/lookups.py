"""Look-ups of the records that a read's arguments name."""

from uuid import UUID

import sqlalchemy as sa

from ringline.ports import Rows
from ringline.rpc.action import Action, Fixed
from ringline.rpc.context import Values
from ringline.rpc.plain_rows import column_of
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.schema.sql import compiled

#: No row has this id: they are UUIDv7.
_NOBODY = UUID(int=0)


async def fixed_by(rows: Rows, action: Action, *, resource: Resource, values: Values) -> Fixed:
    """Return what a read's arguments restrict it to."""
    fixed: list[tuple[str, object]] = []
    for input_ in action.inputs:
        value = values.get(input_.name)
        if value is None:
            continue
        if input_.through is None:
            fixed.append((column_of(input_), value))
        else:
            fixed.append(await _beyond(rows, resource, through=input_.through, value=value))
    return tuple(fixed)


async def find_one(
    rows: Rows, action: Action, *, resource: Resource, values: Values
) -> UUID | None:
    """Return the id of the record that is meant; the latest if there are several."""
    table = resource.table
    fixed = await fixed_by(rows, action, resource=resource, values=values)
    statement = (
        sa.select(table.c.id)
        .where(*(table.c[name] == value for name, value in fixed))
        .order_by(table.c[action.latest].desc(), table.c.id.desc())
        .limit(1)
    )
    found = await rows.fetch(*compiled(statement))
    return found[0]["id"] if found else None


async def _beyond(
    rows: Rows, resource: Resource, *, through: tuple[str, str], value: object
) -> tuple[str, object]:
    """Turn a value of a related record into that record's key."""
    relationship = resource.relationship_index[through[0]]
    target = RESOURCES[relationship.target]
    column = target.column(target.field_index[through[1]])
    assert column is not None, "an argument is looked up in one step"
    assert isinstance(relationship.ours, str), "an argument is looked up by a column"
    statement = sa.select(target.table.c[relationship.theirs]).where(column == value)
    found = await rows.fetch(*compiled(statement))
    return relationship.ours, found[0][0] if found else _NOBODY
