"""What the actions of SIP access do (events socket, 5.3; contract, 6).

There is no telephony yet, so no credential is issued and none is left to revoke; who may
ask for which is settled all the same.
"""

from uuid import UUID

import sqlalchemy as sa

from ringline.ports import Rows
from ringline.rpc.acting import Acting, Values
from ringline.schema.sql import Prepared
from ringline.schema.tables import sip_users, users
from ringline.wire.rpc import refuse

#: How each input names an operator: the statement that finds their user's id.
_OPERATORS = {
    "operatorEmail": Prepared(
        sa.select(users.c.id.label("user_id")).where(
            sa.func.lower(users.c.email) == sa.func.lower(sa.bindparam("named", type_=sa.Text))
        )
    ),
    "sipUserId": Prepared(
        sa.select(sip_users.c.user_id).where(sip_users.c.id == sa.bindparam("named", type_=sa.Uuid))
    ),
    # An operator's agent is named like the line that they answer.
    "agentName": Prepared(
        sa.select(sip_users.c.user_id).where(
            sip_users.c.sip_username == sa.bindparam("named", type_=sa.Text)
        )
    ),
}


async def issue_sip_access(acting: Acting, values: Values) -> object:
    """Find whose access it would be; without telephony there is none to issue.

    An operator token asks for its own operator, who need not be named.
    """
    operator = acting.caller.operator
    named = {name: values[name] for name in _OPERATORS if values.get(name) is not None}
    if not named and operator is None:
        raise refuse("required", variables={"field": "operatorEmail"}, fields=("operatorEmail",))
    async with acting.desk.ledger.read(acting.caller.log) as rows:
        found = {await _user(rows, name, value) for name, value in named.items()}
    if None in found:
        raise refuse("not_found")
    if operator is not None and found - {operator.id}:
        raise refuse("forbidden")
    if len(found) > 1:
        raise refuse("invalid_argument", "the inputs name different operators", fields=tuple(named))
    raise refuse("not_configured", variables={"capability": "telephony"})


async def revoke_sip_access(acting: Acting, values: Values) -> object:
    """Revoke what was issued for a SIP user name; what is not there is revoked."""
    operator = acting.caller.operator
    if operator is not None:
        async with acting.desk.ledger.read(acting.caller.log) as rows:
            user_id = await _user(rows, "agentName", values["sipUsername"])
        if user_id != operator.id:
            raise refuse("forbidden")
    return {"revoked": True}


async def _user(rows: Rows, how: str, named: object) -> UUID | None:
    """Find the member of the team whom an input names."""
    statement = _OPERATORS[how]
    found = await rows.fetch(statement.text, statement.arguments(named=named))
    return found[0]["user_id"] if found else None
