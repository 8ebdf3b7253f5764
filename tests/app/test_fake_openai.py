"""The fake provider, proved with OpenAI's own client before anything of ours uses it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from tests.fake_openai import KEY, FakeProvider, fake_provider
from tests.voice_desk import hum, quiet

SESSION: Any = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
}


@asynccontextmanager
async def connected(fake: FakeProvider) -> AsyncIterator[AsyncRealtimeConnection]:
    client = AsyncOpenAI(api_key=KEY, websocket_base_url=fake.url.replace("http", "ws"))
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        assert (await connection.recv()).type == "session.created"
        await connection.session.update(session=SESSION)
        assert (await connection.recv()).type == "session.updated"
        yield connection
    await client.close()


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Return the events up to the first one of a type."""
    events = [await connection.recv()]
    while events[-1].type != kind:
        events.append(await connection.recv())
    return events


def said(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def test_a_typed_text_is_answered_aloud():
    async with fake_provider() as fake, connected(fake) as connection:
        await connection.conversation.item.create(item=said("Hello"))
        await connection.response.create(response={"metadata": {"mine": "1"}})
        events = await until(connection, "response.done")
    begun = next(event for event in events if event.type == "response.created")
    assert begun.response.metadata == {"mine": "1"}
    text = [event.delta for event in events if event.type.endswith("audio_transcript.delta")]
    assert "".join(text) == "echo: Hello"
    audio = [event.delta for event in events if event.type == "response.output_audio.delta"]
    assert b"".join(map(base64.b64decode, audio)) == hum(220, 24_000)
    assert events[-1].response.status == "completed"
    assert events[-1].response.usage.input_token_details.cached_tokens == 5
    (request,) = fake.requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["Authorization"] == f"Bearer {KEY}"


async def test_a_spoken_turn_is_heard_and_waits_for_a_request():
    async with fake_provider() as fake, connected(fake) as connection:
        pcm = hum(600, 24_000) + quiet(600, 24_000)
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())
        heard = await until(connection, "conversation.item.input_audio_transcription.completed")
        assert [event.type.rpartition(".")[2] for event in heard][:3] == [
            "speech_started",
            "speech_stopped",
            "committed",
        ]
        assert heard[-1].transcript == "heard 600 ms"
        await connection.response.create()
        await until(connection, "response.done")


async def test_a_tool_is_called_and_its_result_taken():
    async with fake_provider() as fake, connected(fake) as connection:
        await connection.conversation.item.create(item=said('/tool clock {"tz": "UTC"}'))
        await connection.response.create()
        events = await until(connection, "response.done")
        kind = "response.function_call_arguments.done"
        call = next(event for event in events if event.type == kind)
        assert (call.name, call.arguments) == ("clock", '{"tz": "UTC"}')
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "noon"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        events = await until(connection, "response.done")
    text = [event.delta for event in events if event.type.endswith("audio_transcript.delta")]
    assert "".join(text) == "echo: tool clock returned noon"


async def test_what_the_services_refuse_is_refused():
    async with fake_provider() as fake, connected(fake) as connection:
        await connection.response.cancel(event_id="mine")
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")
        await connection.input_audio_buffer.commit()
        assert (await until(connection, "error"))[
            -1
        ].error.code == "input_audio_buffer_commit_empty"
        await connection.conversation.item.create(item=said("/long"))
        await connection.response.create()
        item = next(
            event
            for event in await until(connection, "response.output_audio.delta")
            if event.type == "response.output_item.added"
        )
        await connection.response.create()
        assert (await until(connection, "error"))[-1].error.code == (
            "conversation_already_has_active_response"
        )
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1]
        assert done.response.status_details.reason == "client_cancelled"
        cut = {"item_id": item.item.id, "content_index": 0}
        await connection.conversation.item.truncate(**cut, audio_end_ms=50_000)
        assert "already shorter" in (await until(connection, "error"))[-1].error.message
        await connection.conversation.item.truncate(**cut, audio_end_ms=50)
        assert (await until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 50


async def test_an_illegal_frame_is_found():
    async def misspell() -> None:
        async with fake_provider() as fake, connected(fake) as connection:
            detection = {"type": "server_vad", "treshold": 0.5}
            wrong: Any = {**SESSION, "audio": {"input": {"turn_detection": detection}}}
            await connection.session.update(session=wrong)
            await until(connection, "session.updated")

    with pytest.raises(AssertionError, match="treshold"):
        await misspell()


async def test_it_refuses_and_closes_as_told():
    async with fake_provider() as fake:
        fake.refuses = 401
        with pytest.raises(InvalidStatus):
            async with connected(fake):
                pass
        fake.refuses = 0
        async with connected(fake) as connection:
            await fake.session.connection.close(1001, "bye")
            with pytest.raises(ConnectionClosedOK):
                await connection.recv()
