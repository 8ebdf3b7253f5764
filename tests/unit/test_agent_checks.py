"""The rules of agents' tools and of settings that must go together."""

from typing import Any

import pytest

from ringline.domain.agent import BuiltinTool, Tool
from ringline.domain.agent_checks import agent_tool_flaws, mismatches
from ringline.domain.agent_templates import TEMPLATES, find_template
from ringline.wire.strict_json import JsonProblem
from ringline.wire.tool_definitions import read_definitions, write_definitions

CLOCK = Tool(name="clock", parameters={"type": "object", "properties": {"zone": {}}})


@pytest.mark.parametrize("name", BuiltinTool)
def test_a_tool_is_not_called_like_a_built_in_one(name: str) -> None:
    (flaw,) = agent_tool_flaws([CLOCK, Tool(name=name)])
    assert (flaw.path, flaw.problem) == ((1, "name"), "is the name of a built-in tool")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"type": "array"}, "type"),
        ({"type": ["object"]}, "type"),
        ({"properties": []}, "properties"),
        ({"properties": {"a": "text"}}, "properties"),
        ({"required": "a"}, "required"),
        ({"required": [1]}, "required"),
    ],
)
def test_parameters_are_the_schema_of_an_object(parameters: dict[str, Any], problem: str) -> None:
    (flaw,) = agent_tool_flaws([Tool(name="a", parameters=parameters)])
    assert flaw.path == (0, "parameters")
    assert problem in flaw.problem


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"type": "object"},
        {"properties": {"a": {"type": "string"}, "b": True}, "required": ["a"], "$defs": {}},
    ],
)
def test_schemas_of_objects_are_taken(parameters: dict[str, Any]) -> None:
    assert not list(agent_tool_flaws([Tool(name="a", parameters=parameters)]))


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({}, None),
        ({"call_window_start": "08:00", "call_window_end": "20:00"}, None),
        ({"call_window_start": "22:00", "call_window_end": "06:00"}, None),
        ({"call_window_start": "08:00"}, ("call_window_start", "call_window_end")),
        ({"call_window_end": "08:00"}, ("call_window_start", "call_window_end")),
        (
            {"call_window_start": "08:00", "call_window_end": "08:00"},
            ("call_window_start", "call_window_end"),
        ),
        ({"model": "byom/local"}, ("webhook_url",)),
        ({"model": "byom/local", "webhook_url": "https://example.com/"}, None),
        ({"builtin_tools": ["hang_up", "hold_call"]}, None),
        ({"builtin_tools": ["hang_up", "hang_up"]}, ("builtin_tools",)),
    ],
)
def test_what_must_go_together(settings: dict[str, Any], columns: tuple[str, ...] | None) -> None:
    found = [mismatch.columns for mismatch in mismatches({"model": "mock/echo", **settings})]
    assert found == ([] if columns is None else [columns])


def test_definitions_are_read_as_they_are_written() -> None:
    tools = (CLOCK, Tool(name="open", description="Says when we open."))
    assert read_definitions(write_definitions(tools)) == tools
    assert write_definitions(()) == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"type": "function"}]',
        '[{"type": "code", "function": {"name": "a"}}]',
        '[{"type": "function", "function": {"name": 1}}]',
        '[{"type": "function", "function": {"name": "a\\u0000"}}]',
        "[" * 10_000,
    ],
)
def test_what_is_no_definition(text: str) -> None:
    with pytest.raises(JsonProblem):
        read_definitions(text)


def test_templates_are_found_by_their_ids() -> None:
    assert len({template.id for template in TEMPLATES}) == len(TEMPLATES)
    for template in TEMPLATES:
        assert find_template(template.id) is template
        assert template.greeting
        assert template.instructions
