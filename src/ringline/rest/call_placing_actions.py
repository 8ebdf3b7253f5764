"""What the routes do that place and end calls (live streams, 6.3.1 and 6.3.4; contract, 4)."""

from collections.abc import Mapping

from ringline.domain.call_window import within_call_window
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment
from ringline.domain.tiers import CONCURRENT_CALLS
from ringline.rest.call_control_actions import obey_request
from ringline.rest.route import Refused, Request
from ringline.services.sandbox_calls import AgentDisabled, NoSuchAgent, Placing
from ringline.services.session_places import TooManyCalls
from ringline.services.tiers import find_tier
from ringline.wire.call_commands import Action, Command
from ringline.wire.call_status import v1_status
from ringline.wire.times import seconds


async def place_call(request: Request) -> Mapping[str, object]:
    """Place a call; with a test key it is a sandbox call."""
    scope, given, sandbox = request.caller.scope, request.given, request.services.house.sandbox
    placing = Placing(
        agent_id=given["agent_id"],
        from_number=given["from_number"],
        to_number=given["to_number"],
        metadata=given.get("metadata"),
    )
    try:
        agent = await sandbox.find_agent(scope, placing.agent_id)
    except NoSuchAgent:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    except AgentDisabled:
        raise Refused("INVALID_ARGUMENT", "the agent is not enabled") from None
    if not within_call_window(agent, request.now):
        raise Refused("CALL_WINDOW_RESTRICTED")
    if scope.environment is Environment.LIVE:
        raise Refused("UNAVAILABLE", "there is no telephone line; a sk_test_ key places a call")
    async with request.services.repo.read(scope) as rows:
        most = CONCURRENT_CALLS[await find_tier(rows, scope)]
    try:
        row = await sandbox.place(scope, agent, placing=placing, most_calls=most)
    except TooManyCalls:
        raise Refused("RATE_LIMITED", f"the workspace has {most} calls at once already") from None
    return {
        "call_id": format_id(Prefix.CALL, row.id),
        "status": v1_status(row.status, answered=False),
        "direction": row.direction,
        "from_number": row.from_number,
        "to_number": row.to_number,
        "started_at": seconds(row.started_at),
    }


async def end_call(request: Request) -> None:
    """End a call that has not ended."""
    await obey_request(request, Command(Action.HANGUP))
