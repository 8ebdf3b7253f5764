"""The operators' SIP users, and whether they are available for calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ringline.domain.operators import OperatorAvailability, StatusSource
from ringline.ports import Rows, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import operator_statuses, sip_users
from ringline.services.callers import Caller

_SIP_USER = sa.select(sip_users.c.id, sip_users.c.sip_username, sip_users.c.user_id)
_BY_ID = Prepared(_SIP_USER.where(sip_users.c.id == sa.bindparam("wanted", type_=sa.Uuid)))
_BY_NAME = Prepared(
    _SIP_USER.where(sip_users.c.sip_username == sa.bindparam("wanted", type_=sa.Text))
)
_WRITTEN = (
    "workspace_id",
    "environment",
    "id",
    "sip_user_id",
    "status",
    "source",
    "changed_by_user_id",
)
_MOVES = ("status", "source", "changed_by_user_id")


def _set() -> Prepared:
    columns = operator_statuses.c
    values = {name: sa.bindparam(name, type_=columns[name].type) for name in _WRITTEN}
    written = insert(operator_statuses).values(values)
    new = written.excluded
    changed = sa.or_(*(columns[name].is_distinct_from(new[name]) for name in _MOVES))
    moved: dict[str, Any] = {name: new[name] for name in _MOVES}
    # Update the row even if nothing changed, so that it is locked and its id is returned.
    moved["updated_at"] = sa.case((changed, sa.func.now()), else_=columns.updated_at)
    return Prepared(
        written.on_conflict_do_update(
            constraint="operator_statuses_workspace_id_environment_sip_user_id_key", set_=moved
        ).returning(columns.id)
    )


_SET = _set()


@dataclass(frozen=True, slots=True)
class SipUser:
    """A SIP user, and the member of the team it belongs to."""

    id: UUID
    name: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class NewStatus:
    """A new status of an operator; `by` is the user who sets it, if there is one."""

    sip_user_id: UUID
    status: OperatorAvailability
    source: StatusSource | None
    by: UUID | None = None


async def find_sip_user(rows: Rows, wanted: UUID | str) -> SipUser | None:
    """Find a SIP user by its id or its name."""
    statement = _BY_ID if isinstance(wanted, UUID) else _BY_NAME
    found = await rows.fetch(statement.text, statement.arguments(wanted=wanted))
    if not found:
        return None
    return SipUser(found[0]["id"], found[0]["sip_username"], found[0]["user_id"])


async def check_own_sip_users(rows: Rows, caller: Caller, *, names: Sequence[str]) -> None:
    """Check that a caller may act as each of these SIP users. Raises NotOwnName."""
    for name in names:
        sip_user = await find_sip_user(rows, name)
        caller.act_for(None if sip_user is None else sip_user.user_id)


async def set_status(transaction: Transaction, new: NewStatus, *, new_id: UUID) -> UUID:
    """Set a SIP user's status; return the status's id, which is `new_id` if it had none.

    Raises EntryRefused if the SIP user does not exist.
    """
    scope = transaction.scope
    values = _SET.arguments(
        workspace_id=scope.workspace_id,
        environment=scope.environment.value,
        id=new_id,
        sip_user_id=new.sip_user_id,
        status=new.status.value,
        source=None if new.source is None else new.source.value,
        changed_by_user_id=new.by,
    )
    return (await transaction.fetch(_SET.text, values))[0]["id"]
