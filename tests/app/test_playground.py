"""The playground: a turn in text with an agent's model, over `/v1` (live streams, 6.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ringline.domain import v1_limits
from ringline.domain.ids import Prefix, format_id
from tests.database import TestDatabase
from tests.fake_endpoints import (
    KEY,
    FakeEndpoints,
    call_events,
    fake_endpoints,
    refusing,
    streamed,
)
from tests.realtime_session import connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1, Answer
from tests.voice_desk import buzz, quiet

TOOLS = json.dumps([{"type": "function", "function": {"name": "lookup_order"}}])


@dataclass(frozen=True)
class House:
    """A server with a cascade, and an agent of it."""

    service: Service
    fake: FakeEndpoints
    v1: V1
    agent_id: str

    async def ask(self, message: object = "Hello?", **more: object) -> Answer:
        path = f"/agents/{self.agent_id}/playground"
        return await self.v1.post(path, {"message": message, **more})


@pytest.fixture
async def house(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    async with fake_endpoints() as fake:
        path = tmp_path / "voices.toml"
        path.write_text(fake.voices_file(), "utf-8")
        async with serving(database, voices_file=path) as service:
            v1 = V1(service)
            agent: dict[str, Any] = {
                "display_name": "Clerk",
                "ai_provider": "cascade",
                "language": "fr",
                "system_prompt": "Be brief.",
                "tool_definitions": TOOLS,
            }
            made = await v1.post("/agents", agent)
            assert (made.status, made.body["ai_model"]) == (201, "house")
            yield House(service, fake, v1, made.body["agent_id"])


async def test_an_agent_answers_in_text(house: House) -> None:
    history = [
        {"role": "user", "text": "Do you open on Sundays?"},
        {"role": "agent", "text": "From ten."},
    ]
    answer = await house.ask("Until when?", history=history)
    assert (answer.status, answer.body) == (
        200,
        {"reply": "echo: Until when?", "tool_calls": []},
    )
    (asked,) = house.fake.of("chat")
    assert [(one["role"], one["content"]) for one in asked.messages] == [
        ("system", "Be brief."),
        ("user", "Do you open on Sundays?"),
        ("assistant", "From ten."),
        ("user", "Until when?"),
    ]
    assert house.fake.of("speech") == []
    # It was no call.
    rpc = Rpc(house.service)
    assert await rpc.run("list_calls", fields=["id"]) == []
    assert (await rpc.run("list_events"))["events"] == []


async def test_what_a_turn_costs_is_in_the_ledger_without_a_call(house: House) -> None:
    house.fake.answers["chat"].append(refusing(400))
    assert (await house.ask()).status == 503
    assert (await house.ask("Until when?")).status == 200
    (sold,) = [usage for asked in house.fake.of("chat") for usage in asked.sold]
    rpc = Rpc(house.service)
    tokens = ["textInTokens", "textCachedTokens", "textOutTokens"]
    fields = ["callId", "callUuid", "model", "kind", *tokens, {"call": ["id"]}, {"agent": ["name"]}]

    async def ledger(**request: object) -> Any:
        return await rpc.run("list_usage", fields=fields, **request)

    await until(ledger)
    cached = sold["prompt_tokens_details"]["cached_tokens"]
    row = {
        "callId": None,
        "callUuid": None,
        "model": "cascade/house",
        "kind": "response",
        "textInTokens": sold["prompt_tokens"] - cached,
        "textCachedTokens": cached,
        "textOutTokens": sold["completion_tokens"],
        "call": None,
        "agent": {"name": "Clerk"},
    }
    assert await ledger() == [row]
    for name in ("callId", "callUuid"):
        assert await ledger(filter={name: {"isNil": True}}) == [row]
        assert await ledger(filter={name: {"isNil": False}}) == []
    (sum_,) = (await rpc.run("sum_usage"))["totals"]
    assert (sum_["model"], sum_["text_out_tokens"]) == ("cascade/house", row["textOutTokens"])


async def test_a_tool_is_named_and_not_run(house: House) -> None:
    call = ("call_1", "lookup_order", '{"order_no": "A-19"}')
    events = call_events(call, text="One moment.")
    house.fake.answers["chat"].append(lambda asked: streamed(asked, events))
    answer = await house.ask("Where is A-19?")
    assert answer.body == {
        "reply": "One moment.",
        "tool_calls": [{"name": "lookup_order", "arguments": {"order_no": "A-19"}}],
    }
    assert len(house.fake.of("chat")) == 1


async def test_a_provider_that_is_down(house: House) -> None:
    house.fake.answers["chat"].extend([refusing(500), refusing(500)])
    answer = await house.ask()
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert (await house.ask()).status == 200


async def test_a_provider_that_hangs_holds_nothing_after_the_request(house: House) -> None:
    """As many turns as a workspace may have; those whose clients leave are over."""
    gate = house.fake.gates["chat"] = asyncio.Event()
    most = v1_limits.PLAYGROUND_TURNS.most
    asked = [asyncio.create_task(house.ask()) for _ in range(most)]
    await house.fake.until("chat", most)
    over = await house.ask()
    assert (over.status, over.code) == (429, "RATE_LIMITED")
    gate.set()
    del house.fake.gates["chat"]
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert (await house.ask()).status == 200


async def test_models_that_cannot(house: House) -> None:
    v1 = house.v1
    attendant = format_id(Prefix.AGENT, house.service.keys.agent_id)
    byom = {"display_name": "Own", "webhook_url": "https://hooks.example.com/"}
    own = (await v1.post("/agents", byom)).body["agent_id"]
    keyless = {"display_name": "Far", "ai_provider": "openai"}
    far = (await v1.post("/agents", keyless)).body["agent_id"]
    for agent_id, why in ((attendant, "modalities"), (own, "webhook"), (far, "key")):
        answer = await v1.post(f"/agents/{agent_id}/playground", {"message": "Hello?"})
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
        assert why in answer.message
    nobody = f"agt_{'0' * 22}"
    answer = await v1.post(f"/agents/{nobody}/playground", {"message": "Hello?"})
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    test = V1(house.service, house.service.keys.test_key)
    foreign = await test.post(f"/agents/{house.agent_id}/playground", {"message": "Hello?"})
    assert (foreign.status, foreign.code) == (404, "NOT_FOUND")


async def test_what_is_no_turn(house: House) -> None:
    turn = {"role": "user", "text": "Hello?"}
    for body in (
        {},
        {"message": " "},
        {"message": 7},
        {"message": "x" * 32_001},
        {"message": "a", "history": {}},
        {"message": "a", "history": ["b"]},
        {"message": "a", "history": [{"role": "system", "text": "b"}]},
        {"message": "a", "history": [{"role": ["user"], "text": "b"}]},
        {"message": "a", "history": [{"role": "user"}]},
        {"message": "a", "history": [turn] * (v1_limits.PLAYGROUND_HISTORY.most + 1)},
    ):
        answer = await house.v1.post(f"/agents/{house.agent_id}/playground", body)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), body
    assert house.fake.asked == []


async def test_a_cascade_hears_in_the_agents_language(house: House) -> None:
    async with connected(house.service, headers=house.service.bearer()) as client:
        await client.start(agent_id=house.agent_id)
        await client.hear(quiet(300) + buzz(600) + quiet(700))
        await client.until("response.completed")
    (asked,) = house.fake.of("transcription")
    assert asked.members["language"] == "fr"
