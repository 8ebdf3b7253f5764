"""The runs of an agent's tools at its webhook, as the conversation sees them (live streams, 5).

A response that calls such tools is a round of them; what calls of one response are asked for,
is asked for at once, and followed up together (`tool_calls.py`). A response that is stopped, by
the caller's speech or by the client, takes its questions with it: they are closed, the model is
told, and what comes all the same is dropped. A caller who speaks while the agent waits in
silence stops nothing, or each "hello?" would lose them a booking.
"""

from dataclasses import replace

import msgspec

from ringline.domain import voice, webhook_limits
from ringline.domain.agent_tools import CancelTools, InvokeTool, ToolRunner
from ringline.domain.call_vocabulary import AuditType
from ringline.domain.events import CallAudit
from ringline.domain.ids import Prefix, format_id
from ringline.domain.responses import Response
from ringline.domain.talk import TurnTaking, with_result
from ringline.domain.tool_calls import TOO_MANY, OpenCall, OpenCalls, runs_among
from ringline.domain.turns import Draft

#: Most rounds of tools for one turn of the caller.
MAX_ROUNDS = webhook_limits.TOOL_ROUNDS.most
#: Most tools of a call that its agent's webhook is asked for at once.
MAX_RUNS = webhook_limits.CALL_TOOLS.most
#: Most bytes of a tool's arguments, as JSON.
MAX_ARGUMENTS = webhook_limits.TOOL_ARGUMENT_BYTES.most
#: Most characters of a result in the audit trail.
MAX_AUDITED = webhook_limits.AUDITED_RESULT.most

#: The code of the audit event that is a question to the agent's webhook, and has its id.
INVOCATION = "tool_invocation"

# Results of tools whose webhook is not asked, or is not listened to any more.
TOO_MANY_ROUNDS = '{"error":"too_many_rounds"}'
NO_WEBHOOK = '{"error":"tool_failed","reason":"no_webhook"}'
LARGE_ARGUMENTS = '{"error":"tool_failed","reason":"arguments_too_large"}'
CANCELLED = '{"error":"tool_failed","reason":"cancelled"}'


def run_tool(
    talk: TurnTaking, response: Response, *, call: voice.ToolCall, draft: Draft
) -> TurnTaking:
    """Have a tool of the agent run at its webhook, or tell the model why it is not.

    A model that goes on calling after the last round is told so once, and answers that; if it
    calls again, the agent is silent until somebody speaks.
    """
    rounds = talk.rounds if response.is_round else talk.rounds + 1
    goes_on = rounds <= MAX_ROUNDS + 1
    response = replace(response, is_round=True, own_results=True, called=response.called or goes_on)
    talk = replace(talk, response=response, rounds=rounds)
    refusal = _why_not(talk, call)
    if refusal is None:
        return _invoke(talk, response, call=call, draft=draft)
    if goes_on or not talk.responds_by_itself:
        draft.orders.append(voice.ToolResult(call.tool_call_id, refusal))
    return with_result(talk, response.id) if goes_on else talk


def _why_not(talk: TurnTaking, call: voice.ToolCall) -> str | None:
    """Return the result of a call whose webhook is not asked; None if it is."""
    if talk.rounds > MAX_ROUNDS:
        return TOO_MANY_ROUNDS
    if talk.tools_run_by is not ToolRunner.WEBHOOK:
        return NO_WEBHOOK
    if len(runs_among(talk.calls)) >= MAX_RUNS:
        return TOO_MANY
    if len(msgspec.json.encode(call.arguments)) > MAX_ARGUMENTS:
        return LARGE_ARGUMENTS
    return None


def _invoke(
    talk: TurnTaking, response: Response, *, call: voice.ToolCall, draft: Draft
) -> TurnTaking:
    run = InvokeTool(draft.new_id(), draft.now, response.turn_id, call.name, call.arguments)
    draft.orders.append(run)
    detail: dict[str, object] = {
        "name": run.name,
        "arguments": run.arguments,
        "toolCallId": format_id(Prefix.TOOL_CALL, run.id),
        "turnId": format_id(Prefix.TURN, run.turn_id),
    }
    draft.report(
        CallAudit(audit_type=AuditType.TOOL_CALL, code=INVOCATION, detail=detail), event_id=run.id
    )
    open_call = OpenCall(
        call.tool_call_id,
        response.id,
        in_turn=response.has_results,
        runner=ToolRunner.WEBHOOK,
        run_id=run.id,
        name=run.name,
    )
    return replace(talk, calls=(*talk.calls, open_call))


def audit_run(call: OpenCall, result: str, *, draft: Draft) -> None:
    """Record what a tool has returned; a long result only by its length."""
    if call.run_id is None:
        raise AssertionError("only what the webhook was asked for has such a result")
    detail: dict[str, object] = {
        "name": call.name,
        "toolCallId": format_id(Prefix.TOOL_CALL, call.run_id),
    }
    if len(result) <= MAX_AUDITED:
        detail["result"] = msgspec.json.decode(result)
    else:
        detail["characters"] = len(result)
    draft.report(CallAudit(audit_type=AuditType.TOOL_RESULT, code="tool_result", detail=detail))


def stop_runs(talk: TurnTaking, response_id: str, *, draft: Draft) -> TurnTaking:
    """Give up what a response has asked for, since it was stopped, and tell the model."""
    stopped = tuple(call for call in runs_among(talk.calls) if call.response_id == response_id)
    draft.orders += [voice.ToolResult(call.id, CANCELLED) for call in stopped]
    give_up(stopped, draft)
    return replace(talk, calls=tuple(call for call in talk.calls if call not in stopped))


def give_up(calls: OpenCalls, draft: Draft) -> None:
    """Close the questions among calls that nobody waits for any more."""
    runs = runs_among(calls)
    ids = tuple(call.run_id for call in runs if call.run_id is not None)
    if ids:
        draft.orders.append(CancelTools(ids))
    for call in runs:
        audit_run(call, CANCELLED, draft=draft)
