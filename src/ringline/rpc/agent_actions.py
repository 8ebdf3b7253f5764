"""The rules of the actions on agents (events socket, 5.2): those of `services/agents.py`."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from ringline.domain.spelling import camel, snake
from ringline.ports import Row, Transaction
from ringline.rpc.context import ActionContext, Values
from ringline.services.agents import BadSettings, NameTaken, TooManyAgents
from ringline.wire.rpc import RpcRefused, refuse

#: The column of the input `name`; all others are called like their inputs.
_NAME = "display_name"


def check_agent(context: ActionContext, values: Values) -> None:
    """Check an agent's model and webhook. Raises RpcRefused."""
    columns = {snake(name): value for name, value in values.items() if name != "name"}
    with _translated():
        context.services.agents.check(context.caller.scope, columns)


async def check_row(
    context: ActionContext,
    transaction: Transaction,
    *,
    before: Row | None,
    columns: Mapping[str, Any],
) -> None:
    """Check an agent against what is stored. Raises RpcRefused."""
    rules = context.services.agents
    with _translated():
        if before is None:
            await rules.check_new(transaction, columns)
        else:
            await rules.check_change(transaction, before, values=columns)


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except BadSettings as bad:
        raise _refuse(bad.columns, bad.problem) from None
    except NameTaken:
        raise _refuse((_NAME,), "has already been taken") from None
    except TooManyAgents as many:
        problem = f"the workspace's tier has at most {many.most} agents"
        raise refuse("invalid_changes", problem) from None


def _refuse(columns: tuple[str, ...], problem: str) -> RpcRefused:
    fields = tuple("name" if column == _NAME else camel(column) for column in columns)
    variables = {"field": fields[0]}
    return refuse("invalid_attribute", problem, variables=variables, fields=fields)
