"""The actions on queues: who takes waiting calls, and when (events socket, 5.3).

An operator token acts only for its own operator (RPC, "Who"), and so does the sign-in of
a person who is no admin.
"""

from uuid import UUID

from ringline.domain.external_call import Acceptor
from ringline.domain.operators import OperatorAvailability, StatusSource
from ringline.ports import Transaction
from ringline.rpc.call_actions import moment_of
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.refusals import bad_value, translated
from ringline.services.external_calls import accept_entry
from ringline.services.operators import NewStatus, find_sip_user, set_status


async def accept_call_queue_entry(
    context: ActionContext, transaction: Transaction, entry_id: UUID, values: Values
) -> None:
    """Accept a waiting call from its queue."""
    acceptor = await _acceptor(context, transaction, values=values)
    with translated("invalid_attribute"):
        await accept_entry(transaction, entry_id, acceptor=acceptor, moment=moment_of(context))


async def set_operator_status(
    context: ActionContext, transaction: Transaction, values: Values
) -> UUID:
    """Set the status of an operator's SIP user."""
    line = await find_sip_user(transaction, values["sipUserId"])
    if line is None:
        raise bad_value("sipUserId", type_="invalid_attribute")
    with translated():
        context.caller.act_for(line.user_id)
    usual = StatusSource.API if context.caller.person is None else StatusSource.CONSOLE
    source: str | None = values.get("source", usual)
    new = NewStatus(
        line.id,
        OperatorAvailability(values["status"]),
        None if source is None else StatusSource(source),
        context.caller.user_id,
    )
    return await set_status(transaction, new, new_id=context.services.new_id())


async def _acceptor(
    context: ActionContext, transaction: Transaction, *, values: Values
) -> Acceptor:
    """Return who accepts a call: a SIP user, or the name of an external agent."""
    line_id: UUID | None = values.get("sipUserId")
    name: str | None = values.get("agentName")
    line = None
    if line_id is not None:
        line = await find_sip_user(transaction, line_id)
        if line is None:
            raise bad_value("sipUserId", type_="invalid_attribute")
        if name not in (None, line.name):
            raise bad_value("agentName", type_="invalid_attribute")
    elif name is not None:
        line = await find_sip_user(transaction, name)
    with translated():
        context.caller.act_for(None if line is None else line.user_id)
    if line is not None:
        return Acceptor(line.name, line.id)
    if name is None:
        raise AssertionError("the table requires one of the two")
    return Acceptor(name)
