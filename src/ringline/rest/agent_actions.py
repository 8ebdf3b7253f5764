"""What the routes of agents and their templates do (live streams, 6.2 and 6.12)."""

from collections.abc import Awaitable, Mapping
from typing import Any

from ringline.domain import v1_limits
from ringline.domain.agent_models import AskedModel
from ringline.domain.agent_templates import TEMPLATES, AgentTemplate, find_template
from ringline.rest import agent_members as shown
from ringline.rest.route import Listed, Refused, Request
from ringline.services.agents import (
    BadSettings,
    NameTaken,
    NoSuchAgent,
    StoredAgent,
    TooManyAgents,
)
from ringline.services.slots import NoSlot
from ringline.services.text_turns import ModelAway, NoTextTurn

Answer = Mapping[str, object]

#: What the service refuses with.
REFUSALS = (NoSuchAgent, NameTaken, TooManyAgents, BadSettings)


async def create_agent(request: Request) -> Answer:
    """Create an agent."""
    given, template = dict(request.given), None
    if "template_id" in given:
        template = find_template(given.pop("template_id"))
        if template is None:
            raise Refused("NOT_FOUND", "the template was not found")
    creating = request.services.agents.create(
        request.caller.scope,
        {
            **shown.DEFAULTS,
            **_begun(template),
            **_columns(given),
        },
        model=_asked_model(given) or AskedModel(),
        template_id=template and template.id,
        also=lambda rows, stored: request.keep(rows, shown.show_agent(stored)),
    )
    return await _agent(creating)


async def list_agents(request: Request) -> Listed:
    """List the agents."""
    size = request.page.size
    found = await request.services.agents.listed(
        request.caller.scope, size + 1, after=request.page.after
    )
    page = found[:size]
    last = (page[-1].created_at, page[-1].agent.id) if len(found) > size else None
    return Listed([shown.show_agent(stored) for stored in page], last)


async def get_agent(request: Request) -> Answer:
    """Return an agent."""
    scope, agent_id = request.caller.scope, request.ids["agent_id"]
    return await _agent(request.services.agents.find(scope, agent_id))


async def update_agent(request: Request) -> Answer:
    """Change an agent's settings; another provider brings its own first model."""
    changing = request.services.agents.change(
        request.caller.scope,
        request.ids["agent_id"],
        given=_columns(request.given),
        model=_asked_model(request.given),
    )
    return await _agent(changing)


async def delete_agent(request: Request) -> None:
    """Delete an agent."""
    try:
        await request.services.agents.delete(request.caller.scope, request.ids["agent_id"])
    except REFUSALS as refused:
        raise _refusal(refused) from None


async def ask_agent(request: Request) -> Answer:
    """Take one turn with an agent in text."""
    services, scope, given = request.services, request.caller.scope, request.given
    try:
        stored = await services.agents.find(scope, request.ids["agent_id"])
        reply = await services.house.playground.ask(
            scope, stored.agent, message=given["message"], history=given.get("history", ())
        )
    except REFUSALS as refused:
        raise _refusal(refused) from None
    except NoTextTurn as none:
        raise Refused("INVALID_ARGUMENT", none.problem) from None
    except ModelAway:
        raise Refused("UNAVAILABLE", "the agent's model does not answer now") from None
    except NoSlot:
        most = v1_limits.PLAYGROUND_TURNS.most
        raise Refused("RATE_LIMITED", f"{most} turns of the workspace are under way") from None
    calls = [{"name": call.name, "arguments": call.arguments} for call in reply.tool_calls]
    return {"reply": reply.text, "tool_calls": calls}


async def list_templates(_: Request) -> Answer:
    """List the templates."""
    return {"templates": [shown.show_template(template) for template in TEMPLATES]}


async def get_template(request: Request) -> Answer:
    """Return a template."""
    template = find_template(request.ids["template_id"])
    if template is None:
        raise Refused("NOT_FOUND")
    return shown.show_template(template)


def _begun(template: AgentTemplate | None) -> dict[str, object]:
    """Return the columns that a template fills in."""
    if template is None:
        return {}
    return {
        "language": template.language,
        "greeting": template.greeting,
        "instructions": template.instructions,
        "builtin_tools": list(template.builtin_tools),
    }


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent by its columns; the model's halves are not among them."""
    columns = {
        shown.COLUMNS.get(name, name): value
        for name, value in given.items()
        if name not in ("ai_provider", "ai_model")
    }
    for name in shown.TEXTS:
        if name in columns:
            columns[name] = columns[name] or ""
    return columns


def _asked_model(given: Mapping[str, Any]) -> AskedModel | None:
    """Return what is sent of the model's halves; None if nothing is."""
    if "ai_provider" not in given and "ai_model" not in given:
        return None
    name = given.get("ai_model")
    return AskedModel(given.get("ai_provider"), name, "ai_model" in given and name is None)


async def _agent(finding: Awaitable[StoredAgent]) -> Answer:
    try:
        return shown.show_agent(await finding)
    except REFUSALS as refused:
        raise _refusal(refused) from None


def _refusal(refused: Exception) -> Refused:
    """Return how what the service refuses is answered."""
    match refused:
        case NoSuchAgent():
            return Refused("NOT_FOUND")
        case NameTaken():
            return Refused("ALREADY_EXISTS", "another agent has this display_name")
        case TooManyAgents(most=most):
            return Refused("QUOTA_EXCEEDED", f"the workspace's tier has at most {most} agents")
        case BadSettings(columns=columns, problem=problem):
            names = " and ".join(shown.MEMBERS.get(column, column) for column in columns)
            return Refused("INVALID_ARGUMENT", f"{names} {problem}")
        case other:
            raise AssertionError(f"{type(other).__name__} is not what the service refuses with")
