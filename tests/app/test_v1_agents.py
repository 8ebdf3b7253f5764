"""Agents over `/v1` and RPC: the same rows, by the same rules (live streams, 6.2 and 6.12)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.agent_templates import TEMPLATES
from ringline.domain.ids import Prefix, format_id
from tests.callers import LIMIT_S, make_call
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1, Answer

URL = "https://hooks.example.com/agent"
BYOM = {"display_name": "Own brain", "webhook_url": URL}
LOCAL = {"display_name": "Clerk", "ai_provider": "local"}
DEFINITIONS = json.dumps(
    [
        {
            "type": "function",
            "function": {
                "name": "lookup_order",
                "description": "Finds an order.",
                "parameters": {"type": "object", "properties": {"order_no": {"type": "string"}}},
            },
        }
    ],
    separators=(",", ":"),
)
FULL = {
    "display_name": "Full",
    "language": "pcm",
    "ai_provider": "local",
    "ai_model": "attendant",
    "system_prompt": "Be kind.",
    "webhook_url": URL,
    "greeting_text": "Hello.",
    "pre_call_announcement": "This call may be recorded.",
    "shareable": True,
    "tool_definitions": DEFINITIONS,
    "builtin_tools": ["hang_up"],
    "call_window_start": "08:00",
    "call_window_end": "20:00",
    "recording_enabled": True,
    "consent_required": False,
    "idle_timeout_seconds": 30,
}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


@pytest.fixture
def v1(service: Service) -> V1:
    return V1(service)


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


async def made(v1: V1, **given: Any) -> Any:
    answer = await v1.post("/agents", given)
    assert answer.status == 201, answer.body
    return answer.body


def names(answer: Answer) -> list[str]:
    return [agent["display_name"] for agent in answer.body["agents"]]


# -- create, read, change, delete -------------------------------------------------------------


async def test_an_agent_has_the_defaults(v1: V1) -> None:
    agent = await made(v1, **BYOM)
    assert agent == {
        "agent_id": agent["agent_id"],
        "display_name": "Own brain",
        "template_id": None,
        "language": "en",
        "ai_provider": "byom",
        "ai_model": "local",
        "system_prompt": "",
        "webhook_url": URL,
        "greeting_text": "",
        "pre_call_announcement": "",
        "shareable": False,
        "tool_definitions": "[]",
        "builtin_tools": [],
        "call_window_start": None,
        "call_window_end": None,
        "recording_enabled": False,
        "consent_required": True,
        "idle_timeout_seconds": 10,
        "status": "active",
        "created_at": agent["created_at"],
        "updated_at": agent["created_at"],
    }
    assert agent["agent_id"].startswith("agt_")
    assert (await v1.get(f"/agents/{agent['agent_id']}")).body == agent


async def test_what_is_sent_is_what_is_shown(v1: V1) -> None:
    agent = await made(v1, **FULL)
    assert {name: agent[name] for name in FULL} == FULL
    cleared = {
        "system_prompt": None,
        "webhook_url": None,
        "greeting_text": None,
        "pre_call_announcement": None,
        "call_window_start": None,
        "call_window_end": None,
        "idle_timeout_seconds": None,
        "builtin_tools": [],
        "tool_definitions": "[]",
    }
    changed = await v1.patch(f"/agents/{agent['agent_id']}", cleared)
    assert changed.status == 200
    empty = {"system_prompt": "", "greeting_text": "", "pre_call_announcement": ""}
    assert {name: changed.body[name] for name in cleared} == {**cleared, **empty}
    assert changed.body["language"] == "pcm"


async def test_a_change_of_nothing_changes_nothing(v1: V1) -> None:
    agent = await made(v1, **FULL)
    for body in ({}, {"display_name": "Full"}, {"unknown": 1}, {"shareable": None}):
        assert (await v1.patch(f"/agents/{agent['agent_id']}", body)).body == agent


async def test_agents_are_listed_newest_first_by_pages(v1: V1) -> None:
    made_names = [
        (await made(v1, **{**LOCAL, "display_name": f"{n}"}))["display_name"] for n in "123"
    ]
    expected = [*reversed(made_names), "Attendant"]
    assert names(await v1.get("/agents")) == expected
    seen: list[str] = []
    query: dict[str, Any] = {"page_size": 3}
    first = await v1.get("/agents", **query)
    seen += names(first)
    second = await v1.get("/agents", page_token=first.body["next_page_token"], **query)
    seen += names(second)
    assert seen == expected
    assert "next_page_token" not in second.body
    other = await v1.get("/agents", page_token=first.body["next_page_token"], page_size=2)
    assert (other.status, other.code) == (400, "INVALID_ARGUMENT")


async def test_an_agent_is_shared_and_no_longer(v1: V1) -> None:
    agent = await made(v1, **LOCAL)
    path = f"/agents/{agent['agent_id']}/shareable"
    for shareable in (True, False):
        answer = await v1.patch(path, {"shareable": shareable})
        assert (answer.status, answer.body["shareable"]) == (200, shareable)
    for body in ({}, {"shareable": "maybe"}, {"shareable": None}):
        assert (await v1.patch(path, body)).code == "INVALID_ARGUMENT"


async def test_a_deleted_agent_leaves_its_calls(service: Service, v1: V1, rpc: Rpc) -> None:
    """Its call keeps its id; what a client pointed at it lets go."""
    await make_call(service, "Good morning.")
    agent = format_id(Prefix.AGENT, service.keys.agent_id)
    number = await rpc.run(
        "create_phone_number",
        input={"phoneE164": "+15550123", "aiAgentId": agent},
        fields=["id", "aiAgentId"],
    )
    assert number["aiAgentId"] == str(service.keys.agent_id)
    for status in (204, 404):
        answer = await v1.delete(f"/agents/{agent}")
        assert answer.status == status
    assert names(await v1.get("/agents")) == []
    running = [{"status": "answered", "aiAgent": None}]
    calls = running
    async with asyncio.timeout(LIMIT_S):  # its end may still be on its way to the database
        while calls == running:
            calls = await rpc.run("list_calls", fields=["status", {"aiAgent": ["id"]}])
    assert calls == [{"status": "completed", "aiAgent": None}]
    numbers = await rpc.run("list_phone_numbers", fields=["aiAgentId"])
    assert numbers == [{"aiAgentId": None}]


async def test_ids_that_are_nobodys(v1: V1) -> None:
    nobody = format_id(Prefix.AGENT, UUID(int=7))
    for method, path, body in (
        ("GET", f"/agents/{nobody}", None),
        ("PATCH", f"/agents/{nobody}", {"shareable": True}),
        ("PATCH", f"/agents/{nobody}/shareable", {"shareable": True}),
        ("DELETE", f"/agents/{nobody}", None),
        ("GET", "/agents/agt_x", None),
    ):
        answer = await v1.ask(method, path, body)
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


# -- RPC and /v1 ------------------------------------------------------------------------------


async def test_what_rpc_makes_is_here_and_the_other_way_round(v1: V1, rpc: Rpc) -> None:
    by_rpc = await rpc.run(
        "create_ai_agent",
        input={
            "name": "From RPC",
            "model": "local/attendant",
            "instructions": "Be brief.",
            "greeting": "Hi.",
            "tools": [{"name": "lookup_order"}],
            "enabled": False,
        },
        fields=["id"],
    )
    shown = (await v1.get(f"/agents/{by_rpc['id']}")).body
    assert (shown["ai_provider"], shown["ai_model"]) == ("local", "attendant")
    assert (shown["system_prompt"], shown["greeting_text"]) == ("Be brief.", "Hi.")
    assert json.loads(shown["tool_definitions"]) == [
        {
            "type": "function",
            "function": {"name": "lookup_order", "description": "", "parameters": {}},
        }
    ]
    assert shown["status"] == "disabled"
    assert (shown["idle_timeout_seconds"], shown["language"]) == (None, "auto")

    agent = await made(v1, **FULL)
    (read,) = await rpc.run(
        "list_ai_agents",
        filter={"id": agent["agent_id"]},
        fields=["name", "model", "tools", "language", "idleTimeoutSeconds", "webhookUrl"],
    )
    assert read == {
        "name": "Full",
        "model": "local/attendant",
        "tools": [json.loads(DEFINITIONS)[0]["function"]],
        "language": "pcm",
        "idleTimeoutSeconds": 30,
        "webhookUrl": URL,
    }
    await rpc.run("update_ai_agent", identity=agent["agent_id"], input={"greeting": "Changed."})
    changed = (await v1.get(f"/agents/{agent['agent_id']}")).body
    assert changed["greeting_text"] == "Changed."
    await v1.patch(f"/agents/{by_rpc['id']}", {"greeting_text": "Changed too."})
    (read,) = await rpc.run(
        "list_ai_agents", filter={"id": by_rpc["id"]}, fields=["greeting", "enabled"]
    )
    assert read == {"greeting": "Changed too.", "enabled": False}
    await rpc.run("delete_ai_agent", identity=agent["agent_id"])
    assert (await v1.get(f"/agents/{agent['agent_id']}")).status == 404


#: What is sent to `/v1` and the member it is told by; to RPC (None: the same) and its field.
RULES: list[tuple[dict[str, Any], str, dict[str, Any] | None, str]] = [
    ({"webhook_url": "http://localhost/"}, "webhook_url", None, "webhookUrl"),
    ({"language": "xx"}, "language", None, "language"),
    ({"idle_timeout_seconds": 2}, "idle_timeout_seconds", None, "idleTimeoutSeconds"),
    ({"idle_timeout_seconds": 121}, "idle_timeout_seconds", None, "idleTimeoutSeconds"),
    ({"call_window_start": "8:00"}, "call_window_start", None, "callWindowStart"),
    ({"call_window_start": "08:00"}, "call_window_end", None, "callWindowStart"),
    ({"builtin_tools": ["fly"]}, "builtin_tools", None, "builtinTools"),
    ({"builtin_tools": ["hang_up", "hang_up"]}, "builtin_tools", None, "builtinTools"),
    ({"ai_model": "nothing"}, "ai_model", {"model": "local/nothing"}, "model"),
    ({"ai_provider": "byom"}, "webhook_url", {"model": "byom/local"}, "webhookUrl"),
    (
        {"ai_provider": "byom", "ai_model": "house", "webhook_url": URL},
        "ai_model",
        {"model": "byom/house", "webhookUrl": URL},
        "model",
    ),
    (
        {"tool_definitions": DEFINITIONS.replace("lookup_order", "hang_up")},
        "tool_definitions",
        {"tools": [{"name": "hang_up"}]},
        "tools",
    ),
    (
        {"tool_definitions": DEFINITIONS[:-1] + "," + DEFINITIONS[1:]},
        "tool_definitions",
        {"tools": [{"name": "twice"}, {"name": "twice"}]},
        "tools",
    ),
    (
        {"tool_definitions": DEFINITIONS.replace('"object"', '"array"')},
        "tool_definitions",
        {"tools": [{"name": "x", "parameters": {"type": "array"}}]},
        "tools",
    ),
]


async def test_each_rule_holds_at_both_doors(v1: V1, rpc: Rpc) -> None:
    """At the creation and in a change; and nothing is written."""
    agent = await made(v1, **LOCAL)
    path = f"/agents/{agent['agent_id']}"
    for rest, member, rpc_input, field in RULES:
        for answer in (
            await v1.post("/agents", {**LOCAL, "display_name": "Other", **rest}),
            await v1.patch(path, rest),
        ):
            assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), rest
            assert member in answer.message
        given = rpc_input or {_camel(name): value for name, value in rest.items()}
        new = {"name": "Other", "model": "local/attendant", **given}
        for problem in (
            await rpc.problem("create_ai_agent", input=new, fields=["id"]),
            await rpc.problem("update_ai_agent", identity=agent["agent_id"], input=given),
        ):
            assert problem["type"] == "invalid_attribute", rest
            assert problem["fields"][0] == field
    assert names(await v1.get("/agents")) == ["Clerk", "Attendant"]
    assert (await v1.get(path)).body == agent


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


NO_AGENTS: list[dict[str, Any]] = [
    {},
    {"display_name": " "},
    {"display_name": "x" * 256, "ai_provider": "local"},
    {**LOCAL, "ai_provider": "nobody"},
    {**LOCAL, "tool_definitions": []},
    {**LOCAL, "tool_definitions": "{}"},
    {**LOCAL, "tool_definitions": "[" * 1000},
    {**LOCAL, "tool_definitions": json.dumps([{"type": "function", "function": {}}])},
    {**LOCAL, "system_prompt": 7},
    {**LOCAL, "shareable": "perhaps"},
    {**LOCAL, "builtin_tools": "hang_up"},
    {**LOCAL, "template_id": "nothing"},
    {"display_name": "No model", "ai_provider": "cascade"},
]


async def test_what_makes_no_agent(v1: V1) -> None:
    for body in NO_AGENTS:
        answer = await v1.post("/agents", body)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), body
    assert names(await v1.get("/agents")) == ["Attendant"]


# -- names ------------------------------------------------------------------------------------


async def test_a_name_is_given_once(v1: V1, rpc: Rpc, service: Service) -> None:
    await made(v1, **LOCAL)
    other = await made(v1, **{**LOCAL, "display_name": "Other"})
    for answer in (
        await v1.post("/agents", LOCAL),
        await v1.patch(f"/agents/{other['agent_id']}", {"display_name": "Clerk"}),
    ):
        assert (answer.status, answer.code) == (409, "ALREADY_EXISTS")
    taken = {"name": "Clerk", "model": "local/attendant"}
    problem = await rpc.problem("create_ai_agent", input=taken, fields=["id"])
    assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["name"])
    assert problem["message"] == "has already been taken"
    # Another environment has names of its own.
    assert (await V1(service, service.keys.test_key).post("/agents", LOCAL)).status == 201


async def test_of_two_at_once_one_has_the_name(v1: V1) -> None:
    answers = await asyncio.gather(*(v1.post("/agents", LOCAL) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_equal_names_of_before_do_not_stand_in_the_way(
    v1: V1, database: TestDatabase
) -> None:
    agent = await made(v1, **LOCAL)
    await made(v1, **{**LOCAL, "display_name": "Other"})
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.agents SET display_name = 'Twin', model = 'gone/x'"
        )
    path = f"/agents/{agent['agent_id']}"
    for change in ({"greeting_text": "Hi."}, {"display_name": "Twin"}):
        assert (await v1.patch(path, change)).status == 200
    assert (await v1.patch(path, {"display_name": "Unique"})).status == 200
    assert (await v1.patch(path, {"display_name": "Twin"})).code == "ALREADY_EXISTS"


async def test_a_tier_bounds_the_agents(v1: V1, rpc: Rpc, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET tier = 'starter'")
    await made(v1, **LOCAL)  # beside the Attendant
    answer = await v1.post("/agents", {**LOCAL, "display_name": "Third"})
    assert (answer.status, answer.code) == (402, "QUOTA_EXCEEDED")
    third = {"name": "Third", "model": "local/attendant"}
    problem = await rpc.problem("create_ai_agent", input=third, fields=["id"])
    assert problem["type"] == "invalid_changes"


# -- models -----------------------------------------------------------------------------------


async def test_a_provider_without_a_model_brings_its_first(service: Service) -> None:
    v1 = V1(service, service.keys.test_key)
    halves: list[tuple[str, str]] = []
    for provider in ("openai", "gemini", "xai", "local", "mock"):
        agent = await made(v1, display_name=provider, ai_provider=provider)
        halves.append((agent["ai_provider"], agent["ai_model"]))
        assert agent["ai_model"]
    assert halves[3:] == [("local", "attendant"), ("mock", "echo")]
    agent = await made(v1, display_name="Changing", ai_provider="local")
    path = f"/agents/{agent['agent_id']}"
    for change, provider, model in (
        ({"ai_provider": "mock"}, "mock", "echo"),
        ({"ai_model": "asym"}, "mock", "asym"),
        ({"ai_provider": "mock"}, "mock", "asym"),
        ({"ai_model": None}, "mock", "echo"),
        ({"ai_provider": "byom", "webhook_url": URL}, "byom", "local"),
        ({"ai_provider": "mock", "ai_model": "asym"}, "mock", "asym"),
    ):
        changed = (await v1.patch(path, change)).body
        assert (changed["ai_provider"], changed["ai_model"]) == (provider, model)
    bare = await v1.patch(path, {"webhook_url": None, "ai_provider": "byom"})
    assert (bare.code, "webhook_url" in bare.message) == ("INVALID_ARGUMENT", True)


# -- templates --------------------------------------------------------------------------------


async def test_templates_are_listed_and_got(v1: V1) -> None:
    listed = (await v1.get("/templates")).body["templates"]
    assert [one["name"] for one in listed] == [template.name for template in TEMPLATES]
    for one in listed:
        assert set(one) >= {"template_id", "name", "language", "greeting_text", "system_prompt"}
        assert (await v1.get(f"/templates/{one['template_id']}")).body == one
    nobody = await v1.get(f"/templates/{format_id(Prefix.TEMPLATE, UUID(int=7))}")
    assert (nobody.status, nobody.code) == (404, "NOT_FOUND")


async def test_a_template_fills_in_what_is_left_out(v1: V1) -> None:
    (template, *_) = (await v1.get("/templates")).body["templates"]
    filled = ("language", "greeting_text", "system_prompt", "builtin_tools", "template_id")
    begun = await made(v1, **LOCAL, template_id=template["template_id"])
    assert {name: begun[name] for name in filled} == {name: template[name] for name in filled}
    own = {**LOCAL, "display_name": "Own", "greeting_text": "Mine.", "builtin_tools": []}
    begun = await made(v1, **own, template_id=template["template_id"])
    assert (begun["greeting_text"], begun["builtin_tools"]) == ("Mine.", [])
    assert begun["system_prompt"] == template["system_prompt"]
    nobody = format_id(Prefix.TEMPLATE, UUID(int=7))
    unknown = await v1.post("/agents", {**LOCAL, "display_name": "X", "template_id": nobody})
    assert (unknown.status, unknown.code) == (404, "NOT_FOUND")
