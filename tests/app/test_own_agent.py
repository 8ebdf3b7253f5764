"""An agent of one's own: made by RPC with phrases and replies, it answers callers by them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.realtime_session import MODEL, Client, connected, talking
from tests.rpc_calls import Rpc
from tests.serving import Service

PAGE = Path(__file__).parents[2] / "docs/reference/local-voice.md"
#: The agent that the page makes.
REQUEST: dict[str, Any] = json.loads(PAGE.read_text("utf-8").split("```json\n")[1].split("```")[0])
BAKERY: dict[str, Any] = REQUEST["input"]["local"]
RYE, GOODBYE, FALLBACK = (BAKERY["replies"][name] for name in ("rye", "goodbye", "fallback"))


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


async def greeting(client: Client) -> str:
    await client.until("response.completed")
    return client.text()


async def ask(client: Client, text: str) -> str:
    """Type a line; return what is said to it."""
    before = len(client.text())
    await client.send("text.input", text=text)
    await client.send("response.create")
    await client.until("response.completed")
    return client.text()[before:]


async def test_an_agent_made_by_rpc_answers_by_its_phrases(rpc: Rpc) -> None:
    made = await rpc.ask(REQUEST)
    assert made["success"] is True, made
    agent_id = made["data"]["id"]
    ticket = {"agent_id": agent_id}
    async with talking(rpc.service, ticket, local={"replies": {"fallback": "mine"}}) as client:
        assert await greeting(client) == REQUEST["input"]["greeting"]
        assert await ask(client, "Do you have RYE bread, today?") == RYE
        assert await ask(client, "do you have a ladder") == FALLBACK
        assert await ask(client, "That is all, thank you.") == GOODBYE
        assert await client.closed() == 1000

    changed = {"phrases": BAKERY["phrases"][:1], "replies": {"rye": "Sold out."}}
    change = {"identity": agent_id, "input": {"local": changed}, "fields": ["local"]}
    shown = await rpc.run("update_ai_agent", **change)
    assert shown == {"local": changed}
    with_one = {"local": {"isNil": False}}
    agents = await rpc.run("list_ai_agents", fields=["id", "local"], filter=with_one)
    assert {"id": agent_id, "local": changed} in agents
    async with talking(rpc.service, ticket) as client:
        await greeting(client)
        assert await ask(client, "do you have rye bread today") == "Sold out."

    clear = {"identity": agent_id, "input": {"local": None}, "fields": ["local"]}
    assert await rpc.run("update_ai_agent", **clear) == {"local": None}
    async with talking(rpc.service, ticket) as client:
        await greeting(client)
        assert await ask(client, "do you have rye bread today") == "I did not get that."


async def test_a_session_brings_its_own_dialogue(rpc: Rpc) -> None:
    service = rpc.service
    async with talking(service, {"config": {"model": MODEL, "local": BAKERY}}) as client:
        assert await ask(client, "do you have rye bread today") == RYE
    async with connected(service, headers=service.bearer()) as client:
        config = {"local": BAKERY, "model": MODEL, "output_transcription": True}
        await client.start(config=config)
        assert await ask(client, "bread?") == FALLBACK
    broken = {"local": {"phrases": [{"text": "hello", "intent": "hello"}]}}
    mints, body = f"{service.base_url}/v3/realtime-sessions", {"config": broken}
    async with service.http.post(mints, json=body, headers=service.bearer()) as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
        assert error["code"] == "invalid_config"
        assert error["message"] == "local.phrases[0].intent: has no reply"


async def test_what_is_wrong_with_a_dialogue_is_told_when_it_is_written(rpc: Rpc) -> None:
    broken = {"phrases": [{"text": "rye", "intent": "rye"}, {"text": "?"}], "reply": {}}
    given = {"name": "Baker", "model": MODEL, "local": broken}
    expected = [
        (["local", "phrases", "0", "intent"], "has no reply"),
        (["local", "phrases", "1", "text"], "has no words: only a to z, digits and ' count"),
        (["local", "phrases", "1", "intent"], "is required"),
        (["local", "reply"], "is not known"),
    ]
    for told in (
        await rpc.problems("create_ai_agent", input=given, fields=["id"]),
        await rpc.validate("create_ai_agent", input=given),
    ):
        assert [(one["path"], one["message"]) for one in told] == expected
        assert {(one["type"], *one["fields"]) for one in told} == {("invalid_attribute", "local")}
    long = {"replies": {f"intent{n}": "x" * 1_000 for n in range(70)}}
    problem = await rpc.problem("create_ai_agent", input=given | {"local": long}, fields=["id"])
    assert (problem["fields"], problem["vars"]["max"]) == (["local"], 65_536)
