"""Validation rules of agents, some of which the configs of sessions share.

RPC and `/v1` reject an agent with a flaw, and a session with one does not start (realtime voice,
4). The rules are the same over both; `services/agents.py` has those that need the database.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ringline.domain.agent import BuiltinTool, Tool
from ringline.domain.agent_models import is_byom


@dataclass(frozen=True, slots=True)
class Flaw:
    """An invalid value: its path, as members and indexes, and what is wrong with it."""

    path: tuple[str | int, ...]
    problem: str

    def path_from(self, root: str) -> str:
        """Format the path as a client would write it: `tools[1].name`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return root + "".join(steps)


def tool_flaws(tools: Iterable[Tool]) -> Iterator[Flaw]:
    """Yield a flaw for each tool without a name or with a name already used."""
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if not tool.name.strip():
            yield Flaw((index, "name"), "must not be empty")
        elif tool.name in names:
            yield Flaw((index, "name"), "is the name of another tool")
        names.add(tool.name)


def agent_tool_flaws(tools: Iterable[Tool]) -> Iterator[Flaw]:
    """Yield the flaws of an agent's own tools (live streams, 5)."""
    tools = tuple(tools)
    yield from tool_flaws(tools)
    for index, tool in enumerate(tools):
        if tool.name in tuple(BuiltinTool):
            yield Flaw((index, "name"), "is the name of a built-in tool")
        problem = _schema_problem(tool.parameters)
        if problem:
            yield Flaw((index, "parameters"), problem)


def _schema_problem(schema: Mapping[str, Any]) -> str:
    """Return why an object is no JSON Schema of an object; "" if it is one."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("type", "object") != "object":
        return 'must be a JSON Schema whose type is "object"'
    if not isinstance(properties, dict) or not all(
        isinstance(one, dict | bool) for one in cast("dict[str, object]", properties).values()
    ):
        return "must be a JSON Schema: its properties are an object of schemas"
    if not isinstance(required, list) or not all(
        isinstance(name, str) for name in cast("list[object]", required)
    ):
        return "must be a JSON Schema: what is required is a list of names"
    return ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Settings of an agent that do not go together: their columns, and what is wrong."""

    columns: tuple[str, ...]
    problem: str


def mismatches(settings: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Yield what does not go together in an agent's settings, by the names of their columns."""
    window = ("call_window_start", "call_window_end")
    start, end = (settings.get(name) for name in window)
    if (start is None) != (end is None):
        yield Mismatch(window, "must both be set, or neither")
    elif start is not None and start == end:
        yield Mismatch(window, "must not be the same")
    if is_byom(settings["model"]) and settings.get("webhook_url") is None:
        yield Mismatch(("webhook_url",), "is required for a byom model, whose words it sends")
    builtin = settings.get("builtin_tools", ())
    if len(set(builtin)) < len(builtin):
        yield Mismatch(("builtin_tools",), "must name each tool once")
