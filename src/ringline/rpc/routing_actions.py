"""The actions on routing rules: which agent answers a number, and why (live streams, 6.7)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ringline.domain import v1_limits
from ringline.domain.ids import Prefix
from ringline.domain.numbers import NumberChannel
from ringline.domain.routing import Outcome, Why
from ringline.ports import Row, Transaction
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.action_rows import creates, deletes, given, list_of, updates
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.fields import words
from ringline.rpc.kinds import Boolean, Id, PhoneNumber, Text
from ringline.rpc.number_resources import ROUTING_RULE
from ringline.rpc.refusals import bad_value
from ringline.services.numbers import NoSuchNumber
from ringline.services.routing import find_route
from ringline.services.routing_rules import (
    BadMatchValue,
    PriorityTaken,
    TooManyRules,
    check_new_rule,
    check_rule_change,
)
from ringline.wire.rpc import refuse

#: As text: what is longer is not looked at, and spaces are words of a pattern.
UTTERANCE = Text(max_length=None, max_bytes=4 * v1_limits.UTTERANCE.most, trim=False)


async def check_rule(
    context: ActionContext,
    transaction: Transaction,
    *,
    before: Row | None,
    columns: Mapping[str, Any],
) -> None:
    """Check a rule against what is stored. Raises RpcRefused."""
    bad = "invalid_attribute"
    try:
        if before is None:
            await check_new_rule(transaction, columns)
        else:
            await check_rule_change(transaction, before, values=columns)
    except BadMatchValue as value:
        raise bad_value("matchValue", value.problem, type_=bad) from None
    except PriorityTaken:
        raise bad_value("priority", "has already been taken", type_=bad) from None
    except NoSuchNumber:
        raise bad_value("phoneNumberId", "does not exist", type_=bad) from None
    except TooManyRules:
        most = v1_limits.ROUTING_RULES.most
        raise refuse("invalid_changes", f"the number has {most} rules already") from None


def check_question(context: ActionContext, values: Values) -> None:
    """Check what is asked about a route. Raises RpcRefused."""
    if values.get("silent") and values.get("utterance") is not None:
        raise bad_value("silent", "cannot be true with an utterance")


async def explain_route(context: ActionContext, values: Values) -> object:
    """Return who would answer, and why."""
    silent = values.get("silent", False)
    number = values.get("phoneNumberId") or values["phoneE164"]
    async with context.services.repo.read(context.caller.scope) as rows:
        try:
            route = await find_route(
                rows,
                number,
                utterance="" if silent else values.get("utterance"),
                channel=NumberChannel(values["channel"]),
            )
        except NoSuchNumber:
            raise refuse("not_found") from None
    return {
        "outcome": route.outcome,
        "why": route.why,
        "agent_id": route.agent_id,
        "rule_id": route.rule_id,
        "choices": list(route.choices),
    }


_AGENT = Input("targetAgentId", Id(Prefix.AGENT), True, False, "target_agent_id")
_RULE = (*given(ROUTING_RULE, "priority*", "matchType*", "matchValue"), _AGENT)

#: The rows of the table of actions (`actions.py`).
ROWS = (
    list_of(ROUTING_RULE),
    *(
        replace(action, row_rule=check_rule)
        for action in (
            creates(ROUTING_RULE, *given(ROUTING_RULE, "phoneNumberId*"), *_RULE),
            updates(ROUTING_RULE, *_RULE),
        )
    ),
    deletes(ROUTING_RULE),
    Action(
        "explain_route",
        ActionKind.GENERIC,
        "Say who would answer a number of yours, and why",
        inputs=(
            Input("phoneNumberId", Id(Prefix.PHONE_NUMBER)),
            Input("phoneE164", PhoneNumber()),
            Input("utterance", UTTERANCE),
            Input("silent", Boolean(), null=False, default=False),
            Input("channel", words(NumberChannel), null=False, default=NumberChannel.VOICE.value),
        ),
        one_of=(("phoneNumberId", "phoneE164"),),
        answers=(
            Answer("outcome", words(Outcome)),
            Answer("why", words(Why)),
            Answer("agent_id", Id(Prefix.AGENT), null=True),
            Answer("rule_id", Id(Prefix.ROUTING_RULE), null=True),
            Answer("choices", Id(Prefix.AGENT), many=True),
        ),
        rule=check_question,
        act=explain_route,
    ),
)
