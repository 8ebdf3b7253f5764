"""Sessions with providers' models, through a whole server, with a provider on this machine.

The provider judges every frame that it is sent by types that others wrote.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from ringline.app import server as app
from ringline.domain.call_signals import Verdict
from ringline.domain.log import Environment, Scope
from ringline.domain.tool_calls import NOT_ALLOWED
from tests.app.test_live_orders import Reached
from tests.database import TestDatabase
from tests.fake_openai import KEY, OPENAI, XAI, FakeProvider, Rules, fake_provider
from tests.house import take_over
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet

MODELS = {"openai": "openai/gpt-realtime-2.1", "xai": "xai/grok-voice-latest"}
RULES = {"openai": OPENAI, "xai": XAI}
CAPTIONS = {"input_transcription": True, "output_transcription": True}
PICTURE = "data:image/png;base64,iVBORw0KGgo="

both = pytest.mark.parametrize("provider", MODELS)


@asynccontextmanager
async def offering(
    database: TestDatabase, provider: str, **chosen: object
) -> AsyncIterator[tuple[Service, FakeProvider]]:
    """Run a server that offers a provider's models, and the provider."""
    rules: Rules = RULES[provider]
    async with fake_provider(rules) as fake:
        key, url = f"{provider}_api_key", f"{provider}_url"
        settings = {key: SecretStr(KEY), url: fake.url, **chosen}
        async with serving(database, **settings) as service:
            yield service, fake


@asynccontextmanager
async def talking_to(
    service: Service, provider: str, agent_id: str | None = None, **config: object
) -> AsyncIterator[Client]:
    """Open a session with a provider's model and start it, with captions both ways."""
    asked: dict[str, object] = {} if agent_id is None else {"agent_id": agent_id}
    model = {} if agent_id else {"model": MODELS[provider]}
    async with connected(service, headers=service.bearer()) as client:
        await client.start(config=model | CAPTIONS | config, **asked)
        yield client


async def ask(client: Client, text: str) -> str:
    """Type a text; return what is said to it."""
    before = len(client.text())
    await client.send("text.input", text=text)
    await client.send("response.create")
    await client.until("response.completed")
    return client.text()[before:]


async def listed(service: Service) -> dict[str, Any]:
    async with service.http.get(f"{service.base_url}/v3/models") as answer:
        return {model["id"]: model for model in (await answer.json())["models"]}


# -- which models there are ---------------------------------------------------------------


async def test_a_provider_is_offered_once_its_key_is_set(database: TestDatabase) -> None:
    async with offering(database, "openai") as (service, fake):
        models = await listed(service)
        assert [name for name in models if name.startswith("openai/")] == [
            "openai/gpt-live-1",
            "openai/gpt-live-1.1",
            "openai/gpt-realtime-2",
            "openai/gpt-realtime-2.1",
            "openai/gpt-realtime-2.1-mini",
        ]
        assert not [name for name in models if name.startswith("xai/")]
        newest = models["openai/gpt-realtime-2.1"]
        assert newest["capabilities"] == ["audio", "text", "tools", "images", "reasoning"]
        assert newest["params"]["realtime"]["default_voice"] == "marin"
        assert newest["pricing"]["input"][0] == {"type": "audio", "usd_per_million": 32.0}
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", config={"model": "xai/grok-voice-latest"})
            assert await client.closed() == 1008
            assert client.events[-1]["error"]["code"] == "model_not_found"
        assert fake.requests == []


async def test_xai_is_charged_by_the_minute(database: TestDatabase) -> None:
    async with offering(database, "xai") as (service, _):
        grok = (await listed(service))["xai/grok-voice-latest"]
    assert grok["pricing"] == {"price_per_minute": 0.08}
    assert grok["params"]["realtime"]["turn_detection"] == ["server_vad"]


# -- talking ------------------------------------------------------------------------------


@both
async def test_a_spoken_turn_is_heard_and_answered_once(
    database: TestDatabase, provider: str
) -> None:
    async with (
        offering(database, provider) as (service, fake),
        talking_to(service, provider) as client,
    ):
        assert client.events[0]["input_sample_rate"] == 24_000
        await client.hear(quiet(200, 24_000) + hum(800, 24_000) + quiet(600, 24_000))
        await client.until("response.completed")
        (heard,) = [one for one in client.events if one["type"] == "transcript.committed"]
        assert heard["transcript"] == "heard 800 ms"
        kinds = [kind for kind in client.kinds() if not kind.endswith((".delta", "committed"))]
        assert kinds == [
            "session.started",
            "speech.started",
            "speech.stopped",
            "response.started",
            "response.completed",
        ]
        assert client.text() == "echo: heard 800 ms"
        assert client.pcm() == hum(20 * len("echo: heard 800 ms"), 24_000)
        assert fake.refused == []
        asked = fake.of("response.create")
        assert len(asked) == (provider == "openai"), "xAI answers by itself"
        (request,) = fake.requests
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.path == f"/v1/realtime?model={MODELS[provider].partition('/')[2]}"


@both
async def test_typed_text_is_answered(database: TestDatabase, provider: str) -> None:
    async with (
        offering(database, provider) as (service, _),
        talking_to(service, provider) as client,
    ):
        assert await ask(client, "Hello") == "echo: Hello"
        assert await ask(client, "and again") == "echo: and again"


@both
async def test_speaking_over_an_answer_cuts_it_to_what_was_played(
    database: TestDatabase, provider: str
) -> None:
    async with (
        offering(database, provider) as (service, fake),
        talking_to(service, provider) as client,
    ):
        await client.send("text.input", text="/long")
        await client.send("response.create")
        while len(client.pcm()) < 2 * 24_000:  # a second of it was sent
            await client.until("audio.delta")
        await client.hear(hum(400, 24_000))
        await client.until("speech.started")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        told = len(client.pcm())
        await client.hear(quiet(700, 24_000))
        await client.until("response.completed")
        assert client.text().endswith("echo: heard 400 ms")
        (cut,) = fake.of("conversation.item.truncate")
        assert 0 < cut["audio_end_ms"] <= told // 48
        assert set(fake.refused) <= {"cancel"}  # xAI had stopped already


@both
async def test_a_cancelled_answer_stops(database: TestDatabase, provider: str) -> None:
    async with (
        offering(database, provider) as (service, fake),
        talking_to(service, provider) as client,
    ):
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.cancel")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        assert await ask(client, "Hello") == "echo: Hello"
        assert len(fake.of("response.cancel")) == 1
        assert fake.refused == []


@both
async def test_tools_are_called_and_their_results_answered_once(
    database: TestDatabase, provider: str
) -> None:
    tools = [{"name": "clock"}, {"name": "lamp", "parameters": {"type": "object"}}]
    async with (
        offering(database, provider) as (service, fake),
        talking_to(service, provider, tools=tools) as client,
    ):
        await client.send("text.input", text='/tool clock {"tz": "UTC"}\n/tool lamp {}')
        await client.send("response.create")
        calls = [await client.until("tool.call"), await client.until("tool.call")]
        assert [call["tool_name"] for call in calls] == ["clock", "lamp"]
        assert calls[0]["tool_arguments"] == {"tz": "UTC"}
        for call, result in zip(calls, ("noon", {"on": True}), strict=True):
            await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result=result)
        await client.until("text.delta")
        await client.until("response.completed")
        lines = ["echo: tool clock returned noon", 'echo: tool lamp returned {"on":true}']
        assert client.text() == "\n".join(lines)
        assert len(fake.of("response.create")) == 2
        assert fake.refused == []


@both
async def test_a_call_of_a_tool_that_the_ticket_does_not_allow_is_refused(
    database: TestDatabase, provider: str
) -> None:
    tools = [{"name": "clock"}, {"name": "lamp"}]
    body = {"config": {"model": MODELS[provider]} | CAPTIONS, "allowed_tools": ["lamp"]}
    async with offering(database, provider) as (service, fake):
        minted = await service.mint(body)
        async with connected(service, minted["client_secret"]) as client:
            await client.start(config={"tools": tools})
            # The provider does what models do now and then: it calls what it does not have.
            assert [tool["name"] for tool in fake.session.config["tools"]] == ["lamp"]
            await client.send("text.input", text="/tool clock {}\n/tool lamp {}")
            await client.send("response.create")
            call = await client.until("tool.call")
            assert call["tool_name"] == "lamp"
            await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result="on")
            await client.until("text.delta")
            await client.until("response.completed")
            refusal = f"tool clock returned {NOT_ALLOWED}"
            assert client.text() == f"echo: {refusal}\necho: tool lamp returned on"
            assert client.kinds().count("tool.call") == 1
            assert len(fake.of("response.create")) == 2
            assert fake.refused == []


@both
async def test_a_greeting_is_said_as_it_stands(database: TestDatabase, provider: str) -> None:
    async with offering(database, provider) as (service, _):
        new_agent = {"name": "Host", "model": MODELS[provider], "greeting": "Good morning."}
        body = {"action": "create_ai_agent", "input": new_agent, "fields": ["id"]}
        url = f"{service.base_url}/rpc/public/run"
        key = {"x-api-key": service.keys.secret_key}
        async with service.http.post(url, json=body, headers=key) as answer:
            agent_id = (await answer.json())["data"]["id"]
        async with talking_to(service, provider, agent_id) as client:
            await client.until("response.completed")
            assert client.text() == "Good morning."
            assert await ask(client, "Hello") == "echo: Hello"


async def test_the_client_may_end_turns_itself(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, _),
        talking_to(service, "openai", turn_detection={"type": "none"}) as client,
    ):
        await client.send("audio.commit")
        assert (await client.until("error"))["error"]["code"] == "input_audio_buffer_commit_empty"
        await client.hear(hum(400, 24_000))
        await client.send("audio.commit")
        await client.until("response.completed")
        assert client.text() == "echo: heard 400 ms"


async def test_what_was_cleared_is_not_answered(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, _),
        talking_to(service, "openai") as client,
    ):
        await client.hear(hum(400, 24_000))
        await client.until("speech.started")
        await client.send("audio.clear")
        await client.until("speech.stopped")
        assert await ask(client, "Hello") == "echo: Hello"


async def test_images_texts_and_configs_are_passed_on(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, fake),
        talking_to(service, "openai", modalities=["text"], reasoning_effort="low") as client,
    ):
        await client.send("image.input", image_url=PICTURE, image_detail="low", text="the page")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.text() == "echo: the page\necho: an image, low"
        assert client.pcm() == b""
        await client.send("session.update", config={"instructions": "Be brief."})
        await client.until("session.updated")
        assert await ask(client, "Hello") == "echo: Hello"
        first, second = (frame["session"] for frame in fake.of("session.update"))
        assert first["reasoning"] == {"effort": "low"}
        assert second == {"type": "realtime", "instructions": "Be brief."}
        await client.send("session.update", config={"input_transcription": False})
        assert (await client.until("error"))["error"]["code"] == "immutable_field"


async def test_a_caller_who_mutes_the_microphone_has_finished(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, _),
        talking_to(service, "openai", turn_detection={"silence_duration_ms": 100}) as client,
    ):
        await client.hear(hum(400, 24_000))  # and not a sample more
        await client.until("response.completed")
        assert client.text() == "echo: heard 400 ms"


async def test_an_answer_of_xai_that_never_comes_is_requested(database: TestDatabase) -> None:
    async with offering(database, "xai") as (service, fake):
        fake.lazy = True
        async with talking_to(service, "xai") as client:
            await client.hear(hum(400, 24_000) + quiet(600, 24_000))
            await client.until("response.completed")
            assert client.text() == "echo: heard 400 ms"
            assert len(fake.of("response.create")) == 1


async def test_an_operator_silences_a_provider_that_answers_by_itself(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Calls", Reached)
    async with (
        offering(database, "xai") as (service, fake),
        talking_to(service, "xai") as client,
    ):
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        call_id = (await calls_of(service, database))[0]["id"]
        assert await take_over(Reached.last, scope, call_id, "ann@example.com") is Verdict.DONE
        await client.hear(hum(400, 24_000) + quiet(600, 24_000))
        await client.until("speech.stopped")

        async def is_stopped() -> bool:
            return bool(fake.of("response.cancel"))

        await until(is_stopped)
        assert "response.started" not in client.kinds()


# -- errors that leave the session open ---------------------------------------------------


@both
async def test_an_error_goes_by_and_the_session_continues(
    database: TestDatabase, provider: str
) -> None:
    async with (
        offering(database, provider) as (service, _),
        talking_to(service, provider) as client,
    ):
        assert await ask(client, "/error rate_limit_exceeded\nHello") == "echo: Hello"
        await client.send("text.input", text="/fail server_error")
        await client.send("response.create")
        await client.until("response.completed")
        errors = [event["error"] for event in client.events if event["type"] == "error"]
        assert [error["code"] for error in errors] == ["upstream_error"] * 2
        assert [error["details"] for error in errors] == ["rate_limit_exceeded", "server_error"]
        assert "secret" not in json.dumps(client.events)
        assert await ask(client, "Hello") == "echo: Hello"


async def test_arguments_that_are_no_object_are_told(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, fake),
        talking_to(service, "openai", tools=[{"name": "clock"}]) as client,
    ):
        await client.send("text.input", text="/tool clock [broken")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "invalid_tool_arguments")
        await client.until("response.completed")
        assert await ask(client, "Hello") != ""
        assert fake.refused == []
