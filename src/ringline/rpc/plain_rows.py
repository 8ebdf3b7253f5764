"""Writing plain rows: the default for create, update and destroy.

Statements only contain the given columns, so that the others keep their defaults or values.
The row before and after determines which events report the change (`Resource.events_of`);
they are written in the same transaction.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.events import Event
from ringline.domain.log import Scope
from ringline.domain.spelling import snake
from ringline.ports import Row, Rows, Transaction
from ringline.rpc.action import Action, Input
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.identity import Identity
from ringline.rpc.resource import Resource
from ringline.schema.columns import is_secret, readable
from ringline.schema.sql import compiled
from ringline.wire.rpc import refuse

#: How many characters of a sealed input remain readable, where any do.
_TAIL = 4

_NONE: Mapping[str, object] = {}


async def find(
    rows: Rows, resource: Resource, *, identity: Identity, lock: bool = False
) -> Row | None:
    """Find the row that is meant; lock it if it is to change."""
    table = resource.table
    wanted = sa.select(*readable(table)).where(table.c[identity.column] == identity.value)
    return await _fetch_one(rows, wanted.with_for_update() if lock else wanted)


async def create(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    values: Values,
) -> UUID:
    """Insert a row and append its event; return its id. Raises RpcRefused by its rule."""
    table, scope, row_id = resource.table, transaction.scope, context.services.new_id()
    presets = _NONE if action.presets is None else action.presets(context)
    given = _columns(context, action, values=values)
    columns = {**presets, **given, "id": row_id, **_scope_of(table, scope)}
    if action.row_rule is not None:
        await action.row_rule(context, transaction, before=None, columns=columns)
    statement = sa.insert(table).values(columns).returning(*readable(table))
    after = await _fetch_one(transaction, statement)
    _tell(context, transaction, resource=resource, before=None, after=after)
    return row_id


async def update(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    before: Row,
    values: Values,
) -> None:
    """Write a locked row's changes, if any, and append their event. Raises RpcRefused."""
    table, columns = resource.table, _columns(context, action, values=values)
    if not columns:
        return
    if action.row_rule is not None:
        await action.row_rule(context, transaction, before=before, columns=columns)
    new = {name: _bound(table.c[name], value) for name, value in columns.items()}
    differs = sa.or_(*(_differs(table.c[name], value) for name, value in new.items()))
    statement = (
        sa.update(table)
        .values({**new, "updated_at": sa.func.now()})
        .where(table.c.id == before["id"], differs)
        .returning(*readable(table))
    )
    after = await _fetch_one(transaction, statement)
    if after is not None:
        _tell(context, transaction, resource=resource, before=before, after=after)


def check_destroy(resource: Resource, before: Row) -> None:
    """Check that a row may be deleted at all. Raises RpcRefused."""
    if resource.lasting is not None and resource.lasting(before):
        raise refuse("invalid_changes", "it cannot be deleted")


async def destroy(
    context: ActionContext, transaction: Transaction, *, resource: Resource, before: Row
) -> None:
    """Delete a locked row and append its event. Raises EntryRefused if it is in use."""
    check_destroy(resource, before)
    table = resource.table
    await _fetch_one(transaction, sa.delete(table).where(table.c.id == before["id"]))
    _tell(context, transaction, resource=resource, before=before, after=None)


async def _fetch_one(rows: Rows, statement: sa.ClauseElement) -> Row | None:
    text, values = compiled(statement)
    found = await rows.fetch(text, values)
    return found[0] if found else None


def _columns(context: ActionContext, action: Action, *, values: Values) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for input_ in _given(action, values):
        value = values[input_.name]
        columns[column_of(input_)] = _stored(context, input_, value=value)
        if input_.tail:
            columns[input_.tail] = value[-_TAIL:]
    return columns


def _given(action: Action, values: Values) -> Iterable[Input]:
    return (input_ for input_ in action.inputs if input_.name in values)


def column_of(input_: Input) -> str:
    """Return the column that an input is written to, or that it selects rows by."""
    return input_.column or snake(input_.name)


def _stored(context: ActionContext, input_: Input, *, value: Any) -> Any:
    return context.services.seal(value) if input_.sealed and value is not None else value


def _scope_of(table: sa.Table, scope: Scope) -> Mapping[str, Any]:
    columns = {"workspace_id": scope.workspace_id, "environment": scope.environment.value}
    return {name: value for name, value in columns.items() if name in table.c}


def _differs(column: sa.Column[Any], value: sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    # A secret is not compared: we cannot read it, and each encryption has a new nonce.
    return sa.true() if is_secret(column) else column.is_distinct_from(value)


def _bound(column: sa.Column[Any], value: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(None, value, type_=column.type, unique=True)


def _tell(
    context: ActionContext,
    transaction: Transaction,
    *,
    resource: Resource,
    before: Row | None,
    after: Row,
) -> None:
    if resource.events_of is not None:
        changes = resource.events_of(before, after)
        transaction.append(
            *(Event(context.services.new_id(), context.now, data) for data in changes)
        )
