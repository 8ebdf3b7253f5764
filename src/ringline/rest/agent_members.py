"""Agents and their templates, as `/v1` takes and shows them (live streams, 6.2 and 6.12).

An agent's `ai_provider` and `ai_model` are the halves of its model, `tool_definitions` is a string
of JSON; all else is a column of the same or another name.
"""

from collections.abc import Mapping
from typing import Any, cast

from ringline.domain import limits, v1_limits
from ringline.domain.agent import BuiltinTool, Language
from ringline.domain.agent_models import AI_PROVIDERS, halves_of
from ringline.domain.agent_templates import AgentTemplate
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.call_window import ZONE
from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.voice import PastTurn
from ringline.rest.route import Input, Members
from ringline.rpc.kinds import BadValue, Boolean, Choice, Id, Text, TextList, ToolList
from ringline.rpc.resources import (
    GREETING_TEXT,
    IDLE_TIMEOUT,
    INSTRUCTIONS,
    TIME_OF_DAY,
    WEBHOOK_URL,
)
from ringline.services.agents import StoredAgent
from ringline.wire.strict_json import JsonProblem
from ringline.wire.times import seconds
from ringline.wire.tool_definitions import read_definitions, write_definitions

LANGUAGES = tuple(Language)
BUILTIN_TOOLS = tuple(BuiltinTool)
#: What a new agent has by the documentation of `/v1`; RPC's are the columns' own.
DEFAULTS: Mapping[str, Any] = {"language": Language.ENGLISH, "idle_timeout_seconds": 10}


class ToolDefinitions:
    """Tools in a string of JSON; they are stored as those of RPC are."""

    def cast(self, value: object) -> str:
        """Take the string."""
        if not isinstance(value, str):
            raise BadValue("must be a string that holds a JSON array")
        try:
            tools = read_definitions(value)
        except JsonProblem as problem:
            raise BadValue(f"must hold a JSON array of functions: {problem.message}") from None
        plain = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in tools
        ]
        try:
            return ToolList().cast(plain)
        except BadValue as bad:
            if not bad.path:
                raise
            index, *inside = bad.path
            where = ".".join([f"[{index}]", "function", *inside])
            raise BadValue(f"is wrong at {where}, which {bad.message}", **bad.vars) from None


# -- what is sent -----------------------------------------------------------------------------

_ZONE = str(ZONE)
NAME = Input(Member("display_name", Shape.TEXT, "its name, unique in the environment"), Text())
TEMPLATE_ID = Input(
    Member("template_id", Shape.TEXT, "the template that fills in what is left out", "none"),
    Id(Prefix.TEMPLATE),
)
SHAREABLE = Member(
    "shareable",
    Shape.BOOLEAN,
    "whether it is shared by a link; stored, without effect in this version",
)
#: What may be sent at the creation and in a change; the defaults are those of the creation.
SETTINGS = (
    Input(
        Member("language", Shape.TEXT, "what it speaks", f'"{DEFAULTS["language"]}"', LANGUAGES),
        Choice(LANGUAGES),
    ),
    Input(
        Member(
            "ai_provider", Shape.TEXT, "the first half of its model", '"byom"', words=AI_PROVIDERS
        ),
        Choice(AI_PROVIDERS),
    ),
    Input(
        Member(
            "ai_model",
            Shape.TEXT,
            "the second half of its model; null is the provider's first",
            "the provider's first",
            null=True,
        ),
        Text(),
    ),
    Input(
        Member("system_prompt", Shape.TEXT, "what its model is told to do", '""', null=True),
        INSTRUCTIONS,
    ),
    Input(
        Member(
            "webhook_url",
            Shape.TEXT,
            "where the events of its calls go and its tools are run; a `byom` agent must have one",
            "null",
            null=True,
        ),
        WEBHOOK_URL,
    ),
    Input(
        Member("greeting_text", Shape.TEXT, "what it says first", '""', null=True), GREETING_TEXT
    ),
    Input(
        Member("pre_call_announcement", Shape.TEXT, "what is said before that", '""', null=True),
        GREETING_TEXT,
    ),
    Input(
        Member("shareable", Shape.BOOLEAN, SHAREABLE.means, "false"),
        Boolean(),
    ),
    Input(
        Member(
            "tool_definitions",
            Shape.TEXT,
            "its own tools, which `webhook_url` runs: a string that holds a JSON array in OpenAI's "
            "function form",
            '"[]"',
        ),
        ToolDefinitions(),
    ),
    Input(
        Member("builtin_tools", Shape.TEXT, "the tools that calls run themselves", "[]", many=True),
        TextList(Choice(BUILTIN_TOOLS)),
    ),
    Input(
        Member(
            "call_window_start",
            Shape.TEXT,
            f"`HH:MM` in {_ZONE}: from when it may place calls; both ends are null or neither",
            "null",
            null=True,
        ),
        TIME_OF_DAY,
    ),
    Input(
        Member("call_window_end", Shape.TEXT, "`HH:MM`: until when", "null", null=True),
        TIME_OF_DAY,
    ),
    Input(
        Member(
            "recording_enabled",
            Shape.BOOLEAN,
            "whether its calls are recorded, if the workspace's switch is on",
            "false",
        ),
        Boolean(),
    ),
    Input(
        Member(
            "consent_required", Shape.BOOLEAN, "whether that takes the caller's consent", "true"
        ),
        Boolean(),
    ),
    Input(
        Member(
            "idle_timeout_seconds",
            Shape.INTEGER,
            "3 to 120: after how much silence of the caller `call.idle_silence` is sent; null: "
            "never",
            str(DEFAULTS["idle_timeout_seconds"]),
            null=True,
        ),
        IDLE_TIMEOUT,
    ),
)

#: Who said a turn of a playground's history.
ROLES: Mapping[str, TurnRole] = {"user": TurnRole.CALLER, "agent": TurnRole.AGENT}


class History:
    """The turns of a playground before the message."""

    def cast(self, value: object) -> tuple[PastTurn, ...]:
        """Take a list of objects with a role and a text."""
        most = v1_limits.PLAYGROUND_HISTORY.most
        if not isinstance(value, list):
            raise BadValue("must be a list")
        turns = cast("list[object]", value)
        if len(turns) > most:
            raise BadValue("must have at most %{max} members", max=most)
        return tuple(map(_turn, turns))


def _turn(value: object) -> PastTurn:
    turn = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    role, text = turn.get("role"), turn.get("text")
    if not isinstance(role, str) or role not in ROLES or not isinstance(text, str):
        raise BadValue("must hold objects of a role, `user` or `agent`, and a text")
    return PastTurn(ROLES[role], text)


MESSAGE = Input(
    Member("message", Shape.TEXT, "what the user says"),
    Text(max_length=limits.TYPED_CHARACTERS.most),
)
HISTORY = Input(
    Member(
        "history",
        Shape.OBJECT,
        "what was said before, oldest first",
        "[]",
        members=(
            Member("role", Shape.TEXT, "who said it", words=tuple(ROLES)),
            Member("text", Shape.TEXT, "what they said"),
        ),
        many=True,
    ),
    History(),
)

#: The columns of the members that are called differently.
COLUMNS: Mapping[str, str] = {
    "system_prompt": "instructions",
    "greeting_text": "greeting",
    "tool_definitions": "tools",
}
#: Columns in which null is stored as an empty text.
TEXTS = ("instructions", "greeting", "pre_call_announcement")
#: The members that a refused column is told by.
MEMBERS: Mapping[str, str] = {column: member for member, column in COLUMNS.items()} | {
    "model": "ai_model"
}

# -- what is shown ----------------------------------------------------------------------------

AGENT: Members = (
    Member("agent_id", Shape.TEXT, "the agent, `agt_…`"),
    Member("display_name", Shape.TEXT, "its name"),
    Member("template_id", Shape.TEXT, "the template that it began as", null=True),
    Member("language", Shape.TEXT, "what it speaks", words=LANGUAGES),
    Member("ai_provider", Shape.TEXT, "the half of its model before the first slash"),
    Member("ai_model", Shape.TEXT, "the half after it"),
    Member("system_prompt", Shape.TEXT, "what its model is told to do"),
    Member(
        "webhook_url",
        Shape.TEXT,
        "where the events of its calls go and its tools are run",
        null=True,
    ),
    Member("greeting_text", Shape.TEXT, "what it says first"),
    Member("pre_call_announcement", Shape.TEXT, "what is said before that"),
    SHAREABLE,
    Member("tool_definitions", Shape.TEXT, "its own tools: a string that holds a JSON array"),
    Member(
        "builtin_tools",
        Shape.TEXT,
        "the tools that calls run themselves",
        words=BUILTIN_TOOLS,
        many=True,
    ),
    Member("call_window_start", Shape.TEXT, "from when it may place calls", null=True),
    Member("call_window_end", Shape.TEXT, "until when; null with the start: always", null=True),
    Member("recording_enabled", Shape.BOOLEAN, "whether its calls are recorded"),
    Member("consent_required", Shape.BOOLEAN, "whether that takes the caller's consent"),
    Member(
        "idle_timeout_seconds",
        Shape.INTEGER,
        "after how much silence of the caller `call.idle_silence` is sent",
        null=True,
    ),
    Member(
        "status",
        Shape.TEXT,
        "`disabled`: it starts no sessions (`enabled` of RPC is false)",
        words=("active", "disabled"),
    ),
    Member("created_at", Shape.TIME, "when it was created"),
    Member("updated_at", Shape.TIME, "when it was last changed"),
)

TEMPLATE: Members = (
    Member("template_id", Shape.TEXT, "the template, `tpl_…`"),
    Member("name", Shape.TEXT, "its name"),
    Member("language", Shape.TEXT, "what its agent speaks", words=LANGUAGES),
    Member("greeting_text", Shape.TEXT, "what its agent says first"),
    Member("system_prompt", Shape.TEXT, "what its agent's model is told to do"),
    Member(
        "builtin_tools",
        Shape.TEXT,
        "the built-in tools that its agent has",
        words=BUILTIN_TOOLS,
        many=True,
    ),
)
REPLY: Members = (
    Member("reply", Shape.TEXT, "what it says; empty if it would call tools first"),
    Member(
        "tool_calls",
        Shape.OBJECT,
        "the tools that it would call",
        members=(
            Member("name", Shape.TEXT, "the tool's name"),
            Member("arguments", Shape.OBJECT, "its arguments"),
        ),
        many=True,
    ),
)
TEMPLATES: Members = (
    Member("templates", Shape.OBJECT, "the templates", members=TEMPLATE, many=True),
)


def show_agent(stored: StoredAgent) -> dict[str, object]:
    """Show an agent."""
    agent = stored.agent
    provider, model = halves_of(agent.model)
    template_id = stored.template_id
    return {
        "agent_id": format_id(Prefix.AGENT, agent.id),
        "display_name": agent.display_name,
        "template_id": template_id and format_id(Prefix.TEMPLATE, template_id),
        "language": agent.language,
        "ai_provider": provider,
        "ai_model": model,
        "system_prompt": agent.instructions,
        "webhook_url": agent.webhook_url,
        "greeting_text": agent.greeting,
        "pre_call_announcement": agent.pre_call_announcement,
        "shareable": agent.shareable,
        "tool_definitions": write_definitions(agent.tools),
        "builtin_tools": agent.builtin_tools,
        "call_window_start": agent.call_window_start,
        "call_window_end": agent.call_window_end,
        "recording_enabled": agent.recording_enabled,
        "consent_required": agent.consent_required,
        "idle_timeout_seconds": agent.idle_timeout_seconds,
        "status": "active" if agent.enabled else "disabled",
        "created_at": seconds(stored.created_at),
        "updated_at": seconds(stored.updated_at),
    }


def show_template(template: AgentTemplate) -> dict[str, object]:
    """Show a template."""
    return {
        "template_id": format_id(Prefix.TEMPLATE, template.id),
        "name": template.name,
        "language": template.language,
        "greeting_text": template.greeting,
        "system_prompt": template.instructions,
        "builtin_tools": template.builtin_tools,
    }
