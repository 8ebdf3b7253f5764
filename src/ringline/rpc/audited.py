"""Entries of the audit log for actions on records, in the transaction that changes them.

An entry names the record and the fields that differ from before, so an update that changes
nothing leaves none. A secret cannot be compared; giving one counts as changing it.
"""

from typing import Any

from ringline.domain.audit import Target
from ringline.domain.spelling import camel
from ringline.ports import Row, Transaction
from ringline.rpc import plain_rows
from ringline.rpc.action import Action
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.identity import Identity
from ringline.rpc.resource import Resource
from ringline.services.audit import record
from ringline.services.found_calls import find_call

_STAMP = "updated_at"


async def note_created(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    row_id: Any,
    values: Values,
) -> None:
    """Note that a member of the team created a record."""
    if context.auditor.actor is not None:
        row = await plain_rows.find(transaction, resource, identity=Identity("id", row_id))
        if row is None:
            raise AssertionError("a record that was created is there")
        named = tuple(one.name for one in action.inputs if one.name in values)
        await _note(context, transaction, action=action, resource=resource, row=row, fields=named)


async def note_changed(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    before: Row,
    values: Values,
) -> None:
    """Note what a member of the team changed of a record, if anything."""
    if context.auditor.actor is None:
        return
    after = await plain_rows.find(transaction, resource, identity=Identity("id", before["id"]))
    if after is None:  # another request deleted it meanwhile
        return
    changed = [
        _field_of(resource, name)
        for name, value in before.items()
        if name != _STAMP and after[name] != value
    ]
    changed += [one.name for one in action.inputs if one.sealed and one.name in values]
    if changed:
        fields = tuple(dict.fromkeys(changed))
        await _note(
            context, transaction, action=action, resource=resource, row=after, fields=fields
        )


async def note_deleted(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    before: Row,
) -> None:
    """Note that a member of the team deleted a record."""
    if context.auditor.actor is not None:
        await _note(context, transaction, action=action, resource=resource, row=before)


async def _note(
    context: ActionContext,
    transaction: Transaction,
    *,
    action: Action,
    resource: Resource,
    row: Row,
    fields: tuple[str, ...] = (),
) -> None:
    entry = context.auditor.entry(
        action.name,
        Target(resource.name, row["id"], str(row[resource.titled] if resource.titled else "")),
        environment=None if action.team else context.caller.scope.environment,
        fields=fields,
        call_uuid=await _call_of(transaction, row),
    )
    await record(transaction, entry)


async def _call_of(transaction: Transaction, row: Row) -> str | None:
    """Return the `callUuid` of the call that a record is, or belongs to."""
    if "call_uuid" in row:
        return row["call_uuid"]
    if "call_id" not in row:
        return None
    call = await find_call(transaction, row["call_id"])
    return None if call is None else call.uuid


def _field_of(resource: Resource, column: str) -> str:
    """Return the name by which clients know a column."""
    stored = (
        field.name
        for field in resource.fields
        if getattr(resource.column(field), "name", None) == column
    )
    return next(stored, camel(column))
