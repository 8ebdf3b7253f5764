"""The actions on SIP access (events socket, 5.3; contract, 6).

There is no telephony yet, so no credential can be issued or revoked; the checks of who may
ask for which are in place already.
"""

from uuid import UUID

from ringline.ports import Rows
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.refusals import translated
from ringline.services.call_control import TELEPHONY
from ringline.services.operators import check_own_sip_users, find_sip_user
from ringline.services.team import find_member
from ringline.wire.rpc import refuse

#: The inputs that name an operator; `agentName` is the name of their SIP user.
_NAMING = ("operatorEmail", "sipUserId", "agentName")


def check_whose(context: ActionContext, values: Values) -> None:
    """Check that an operator is named; an operator token and a sign-in imply their own."""
    named = any(values.get(name) is not None for name in _NAMING)
    if not named and context.caller.user_id is None:
        raise refuse("required", variables={"field": "operatorEmail"}, fields=("operatorEmail",))


async def issue_sip_access(context: ActionContext, values: Values) -> object:
    """Find the operator; without telephony there is no access to issue.

    An operator token or a sign-in asks for its own operator, who need not be named.
    """
    named = {name: values[name] for name in _NAMING if values.get(name) is not None}
    async with context.services.repo.read(context.caller.scope) as rows:
        found = {await _user(rows, name, named=value) for name, value in named.items()}
    if None in found:
        raise refuse("not_found")
    with translated():
        for user_id in found:
            context.caller.act_for(user_id)
    if len(found) > 1:
        raise refuse("invalid_argument", "the inputs name different operators", fields=tuple(named))
    raise refuse("not_configured", variables={"capability": TELEPHONY})


async def revoke_sip_access(context: ActionContext, values: Values) -> object:
    """Revoke a SIP user's credentials; succeeds if there are none."""
    caller = context.caller
    if caller.user_id is not None:
        with translated():
            async with context.services.repo.read(caller.scope) as rows:
                await check_own_sip_users(rows, caller, names=[values["sipUsername"]])
    return {"revoked": True}


async def _user(rows: Rows, how: str, *, named: str | UUID) -> UUID | None:
    """Find the team member that an input names."""
    if how == "operatorEmail":
        member = await find_member(rows, str(named))
        return None if member is None else member.id
    line = await find_sip_user(rows, named)
    return None if line is None else line.user_id
