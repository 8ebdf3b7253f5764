"""What the agent plans for its call, by calling a built-in tool (`builtin_tools.py`).

A plan waits on the response that called the tool until that has been played, then on the
conversation until it is quiet; `call.py` carries it out. The audit trail tells of each.
"""

from dataclasses import replace

import msgspec

from ringline.domain import voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.builtin_tools import (
    BUILTIN_TOOLS,
    DROPPED,
    SEND_DIGITS,
    order_of,
    result_of,
)
from ringline.domain.call_vocabulary import AuditType
from ringline.domain.events import CallAudit
from ringline.domain.responses import Plan, Response
from ringline.domain.talk import TurnTaking
from ringline.domain.tool_calls import MAX_OPEN, TOO_MANY, OpenCall, answered, find_call
from ringline.domain.turns import Draft


def plan_call(
    talk: TurnTaking, response: Response, *, call: voice.ToolCall, draft: Draft
) -> TurnTaking:
    """Plan what a built-in tool does; a bad argument has its result at once."""
    audit_call(call, draft)
    order, row = order_of(call.name, call.arguments), BUILTIN_TOOLS[call.name]
    if talk.builtins.has_results:
        response = replace(response, called=True)
        if order is None or len(talk.calls) >= MAX_OPEN:
            result = result_of(call.name, None) if order is None else TOO_MANY
            draft.orders.append(voice.ToolResult(call.tool_call_id, result))
            audit_result(call.name, result, draft=draft)
            response = replace(response, own_results=True, has_results=True)
            return replace(talk, response=response)
        open_call = OpenCall(
            call.tool_call_id,
            response.id,
            in_turn=response.has_results,
            runner=ToolRunner.CALL,
        )
        talk = replace(talk, calls=(*talk.calls, open_call))
    elif order is None:
        audit_result(call.name, result_of(call.name, None), draft=draft)
        return talk
    call_id = call.tool_call_id if talk.builtins.has_results else ""
    plan = Plan(order, call.name, call_id, row.at_once)
    if row.at_once:
        return replace(talk, response=response, plans=(*talk.plans, plan))
    return replace(talk, response=replace(response, plans=(*response.plans, plan)))


def drop_plans(talk: TurnTaking, plans: tuple[Plan, ...], *, draft: Draft) -> TurnTaking:
    """Tell the model that what it planned is not done; nothing follows."""
    for plan in plans:
        if plan.name:
            audit_result(plan.name, DROPPED, draft=draft)
        if (call := find_call(talk.calls, plan.tool_call_id)) is not None:
            draft.orders.append(voice.ToolResult(call.id, DROPPED))
            talk = replace(talk, calls=answered(talk.calls, call))
    return talk


def drop_goodbye(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Let the call go on, which the agent was about to end."""
    ends = tuple(plan for plan in talk.plans if plan.ends_call)
    kept = tuple(plan for plan in talk.plans if not plan.ends_call)
    return drop_plans(replace(talk, plans=kept), ends, draft=draft)


def audit_call(call: voice.ToolCall, draft: Draft) -> None:
    """Record that the agent called a built-in tool; digits may be somebody's PIN."""
    detail: dict[str, object] = {"name": call.name}
    if call.name != SEND_DIGITS:
        detail["arguments"] = call.arguments
    draft.report(CallAudit(audit_type=AuditType.TOOL_CALL, code="tool_call", detail=detail))


def audit_result(name: str, result: str, *, draft: Draft) -> None:
    """Record what became of a built-in tool's call."""
    detail: dict[str, object] = {"name": name, "result": msgspec.json.decode(result)}
    draft.report(CallAudit(audit_type=AuditType.TOOL_RESULT, code="tool_result", detail=detail))


def without(plans: tuple[Plan, ...], call_ids: tuple[str, ...]) -> tuple[Plan, ...]:
    """Return the plans but those of some tool calls."""
    return tuple(plan for plan in plans if plan.tool_call_id not in call_ids)
