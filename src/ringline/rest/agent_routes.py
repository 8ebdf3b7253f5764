"""The rows of the routes of agents and their templates (live streams, 6.1: rows 2 to 7, 44)."""

from dataclasses import replace

from ringline.domain.ids import Prefix
from ringline.rest import agent_actions as act
from ringline.rest import agent_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Boolean, Id, Timestamp

_TAG = "Agents"
_AGENTS = "/v1/agents"
_AGENT = f"{_AGENTS}/{{agent_id}}"
_TEMPLATES = "/v1/templates"

_AGENT_ID = PathId("agent_id", Prefix.AGENT, "the agent's id")
_TEMPLATE_ID = PathId("template_id", Prefix.TEMPLATE, "the template's id")


def _changed(one: Input) -> Input:
    """Return an input that stays as it is if it is not sent."""
    return replace(one, member=replace(one.member, default="unchanged"))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _AGENTS,
        "createAgent",
        _TAG,
        "Create an agent",
        act.create_agent,
        "The agent",
        "Without an `ai_model` it has the provider's first model, by preference one that there is "
        "a key for. RPC's `create_ai_agent` makes the same agents, by the same rules.",
        201,
        body=(shown.NAME, shown.TEMPLATE_ID, *shown.SETTINGS),
        answers=shown.AGENT,
        errors=("NOT_FOUND", "ALREADY_EXISTS", "QUOTA_EXCEEDED"),
        idempotent=True,
    ),
    Route(
        "GET",
        _AGENTS,
        "listAgents",
        _TAG,
        "List agents",
        act.list_agents,
        "A page of agents",
        answers=shown.AGENT,
        paging=Paging("agents", (Timestamp(), Id(Prefix.AGENT))),
    ),
    Route(
        "GET",
        _AGENT,
        "getAgent",
        _TAG,
        "Get an agent",
        act.get_agent,
        "The agent",
        ids=(_AGENT_ID,),
        answers=shown.AGENT,
    ),
    Route(
        "PATCH",
        _AGENT,
        "updateAgent",
        _TAG,
        "Change an agent",
        act.update_agent,
        "The agent as it is now",
        "Another `ai_provider` without an `ai_model` brings its first one. Calls that run go on as "
        "they began.",
        ids=(_AGENT_ID,),
        body=tuple(map(_changed, (shown.NAME, *shown.SETTINGS))),
        answers=shown.AGENT,
        errors=("ALREADY_EXISTS",),
    ),
    Route(
        "DELETE",
        _AGENT,
        "deleteAgent",
        _TAG,
        "Delete an agent",
        act.delete_agent,
        "It is deleted",
        "Its calls stay, and go on if they run. Numbers and conversations lose it, and what is "
        "owed to its webhook is dead.",
        204,
        ids=(_AGENT_ID,),
    ),
    Route(
        "PATCH",
        f"{_AGENT}/shareable",
        "shareAgent",
        _TAG,
        "Share an agent, or stop sharing it",
        act.update_agent,
        "The agent as it is now",
        "It is stored and shown; this version has no public page for browsers to call it from.",
        ids=(_AGENT_ID,),
        body=(Input(shown.SHAREABLE, Boolean()),),
        answers=shown.AGENT,
    ),
    Route(
        "POST",
        f"{_AGENT}/playground",
        "askAgent",
        _TAG,
        "Try an agent: one turn in text",
        act.ask_agent,
        "What it says",
        "No call: what is said is not stored, no event is written and no tool is run; what the "
        "model uses is in `list_usage`, without a call. A model that cannot answer in text is 400, "
        "one that does not answer now is 503.",
        ids=(_AGENT_ID,),
        body=(shown.MESSAGE, shown.HISTORY),
        answers=shown.REPLY,
    ),
    Route(
        "GET",
        _TEMPLATES,
        "listTemplates",
        _TAG,
        "List templates of agents",
        act.list_templates,
        "The templates",
        "`template_id` at the creation of an agent fills in what the request leaves out.",
        answers=shown.TEMPLATES,
    ),
    Route(
        "GET",
        f"{_TEMPLATES}/{{template_id}}",
        "getTemplate",
        _TAG,
        "Get a template of agents",
        act.get_template,
        "The template",
        ids=(_TEMPLATE_ID,),
        answers=shown.TEMPLATE,
    ),
)
