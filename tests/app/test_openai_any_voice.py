"""OpenAI's protocol with the voices of every provider, each on this machine and judging frames."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tests.app import test_gemini_voices, test_provider_voices
from tests.database import TestDatabase
from tests.openai_session import Client, connected, mint
from tests.realtime_session import calls_of, until
from tests.serving import Service
from tests.voice_desk import hum, quiet

TOOL = {"type": "function", "name": "clock", "parameters": {"type": "object"}}
#: How the session is asked for by a client that was written for OpenAI's models alone.
ASKED: dict[str, object] = {
    "instructions": "Be brief.",
    "tools": [TOOL],
    "audio": {
        "input": {
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad"},
        },
        "output": {"voice": "marin"},
    },
}
MODELS = {
    "openai": "gpt-realtime-2.1",
    "xai": "xai/grok-voice-latest",
    "gemini": "gemini/gemini-3.8-live",
}


def offering(
    database: TestDatabase, provider: str
) -> AbstractAsyncContextManager[tuple[Service, object]]:
    if provider == "gemini":
        return test_gemini_voices.offering(database)
    return test_provider_voices.offering(database, provider)


@pytest.fixture(params=MODELS)
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


@asynccontextmanager
async def talking(database: TestDatabase, provider: str) -> AsyncIterator[Client]:
    async with (
        offering(database, provider) as (service, _),
        connected(service, model=MODELS[provider], headers=service.bearer()) as client,
    ):
        await client.update(**ASKED)
        yield client


async def test_it_is_opened_with_the_session_that_the_client_asks_for(
    database: TestDatabase, provider: str
) -> None:
    async with talking(database, provider) as client:
        session = client.of("session.updated")[0]["session"]
    assert session["instructions"] == "Be brief."
    assert [tool["name"] for tool in session["tools"]] == ["clock"]
    assert client.of("error") == []
    voice = session["audio"]["output"]["voice"]
    assert voice == {"openai": "marin", "xai": "ara", "gemini": "Aoede"}[provider]


async def test_a_message_and_a_spoken_turn_are_answered(
    database: TestDatabase, provider: str
) -> None:
    async with talking(database, provider) as client:
        await client.say("Hello")
        typed = (await client.until("response.done"))["response"]
        await client.hear(hum(600, 24_000) + quiet(900, 24_000))
        await client.until("input_audio_buffer.committed")
        spoken = (await client.until("response.done"))["response"]
    assert typed["status"] == spoken["status"] == "completed"
    assert "Hello" in typed["output"][0]["content"][0]["transcript"]
    assert len(client.of("response.created")) == 2
    assert client.pcm()
    assert client.of("error") == []


async def test_a_function_is_called_and_its_output_answered_once(
    database: TestDatabase, provider: str
) -> None:
    async with talking(database, provider) as client:
        await client.say('/tool clock {"tz": "UTC"}')
        called = await client.until("response.function_call_arguments.done")
        await client.until("response.done")
        output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
    assert "noon" in done["output"][0]["content"][0]["transcript"]
    assert len(client.of("response.created")) == 2
    assert client.of("error") == []


async def test_a_client_secret_without_a_model_binds_what_every_model_has(
    database: TestDatabase, provider: str
) -> None:
    async with offering(database, provider) as (service, _):
        status, minted = await mint(
            service, {"session": {"type": "realtime", **ASKED}}, headers=service.bearer()
        )
        assert status == 200, minted
        async with connected(service, minted["value"], model=MODELS[provider]) as client:
            session = (await client.until("session.created"))["session"]
            await client.say("Hello")
            await client.until("response.done")

        async def over() -> bool:
            calls = await calls_of(service, database)
            return calls[0]["ended_at"] is not None

        await until(over)
    assert session["instructions"] == "Be brief."
    assert client.of("error") == []
