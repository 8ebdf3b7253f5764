"""The vendor's own client of Gemini Live against the fake service of the tests.

What this client accepts, and is accepted with, is what the tests of our voice may rely on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from google.genai import Client, errors, types
from google.genai.live import AsyncSession

from tests.fake_gemini import Conversation, FakeGemini
from tests.gemini_model import EchoModel
from tests.voice_desk import hum, quiet

MODEL = "gemini-3.8-live"
CLOCK = {"function_declarations": [{"name": "clock", "description": "the time"}]}


def connect(
    service: FakeGemini, model: str = MODEL, **config: Any
) -> AbstractAsyncContextManager[AsyncSession]:
    client = Client(api_key="a-key", vertexai=False)
    api = client._api_client
    # It insists on TLS; what it says is the same without.
    api._websocket_base_url = lambda *_: service.url.replace("http", "ws")  # pyright: ignore
    api._websocket_ssl_ctx = {}
    asked = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO], **config)
    return client.aio.live.connect(model=model, config=asked)


@pytest.fixture
async def service() -> AsyncIterator[FakeGemini]:
    async with FakeGemini(EchoModel()) as service:
        yield service


async def turn(session: AsyncSession) -> list[types.LiveServerMessage]:
    """Return the messages up to the end of the model's turn."""
    return [message async for message in session.receive()]


def said(messages: list[types.LiveServerMessage]) -> str:
    return "".join(
        message.server_content.output_transcription.text or ""
        for message in messages
        if message.server_content and message.server_content.output_transcription
    )


def heard(messages: list[types.LiveServerMessage]) -> str:
    return "".join(
        message.server_content.input_transcription.text or ""
        for message in messages
        if message.server_content and message.server_content.input_transcription
    )


async def send_audio(session: AsyncSession, pcm: bytes) -> None:
    for start in range(0, len(pcm), 640):
        piece = types.Blob(data=pcm[start : start + 640], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=piece)


async def test_a_typed_turn(service: FakeGemini) -> None:
    async with connect(service, system_instruction="Be brief.") as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text="Hello there")])
        )
        messages = await turn(session)
    assert said(messages) == "echo: Hello there"
    assert all(message.data for message in messages if message.text or message.data)
    assert messages[-1].usage_metadata is not None
    assert messages[-1].usage_metadata.response_token_count == 10
    (conversation,) = service.conversations
    assert conversation.key == "a-key"
    assert conversation.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]


async def test_a_spoken_turn(service: FakeGemini) -> None:
    detection = {"automatic_activity_detection": {"silence_duration_ms": 500}}
    async with connect(service, realtime_input_config=detection) as session:
        await send_audio(session, quiet(300) + hum(1_240, 16_000) + quiet(700))
        messages = await turn(session)
        assert (heard(messages), said(messages)) == ("heard 1200 ms", "echo: heard 1200 ms")
        await send_audio(session, hum(400, 16_000))
        await session.send_realtime_input(audio_stream_end=True)
        assert heard(await turn(session)) == "heard 400 ms"


async def test_push_to_talk(service: FakeGemini) -> None:
    detection = {"automatic_activity_detection": {"disabled": True}}
    async with connect(service, realtime_input_config=detection) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await send_audio(session, hum(600, 16_000))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        assert said(await turn(session)) == "echo: heard 600 ms"


async def test_a_function_is_called_and_its_result_told(service: FakeGemini) -> None:
    async with connect(service, tools=[CLOCK]) as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text='/tool clock {"tz": "UTC"}')])
        )
        calls = [
            call
            for message in await turn(session)
            if message.tool_call
            for call in message.tool_call.function_calls or []
        ]
        assert [(call.name, call.args) for call in calls] == [("clock", {"tz": "UTC"})]
        answer = types.FunctionResponse(id=calls[0].id, name="clock", response={"output": "12:00"})
        await session.send_tool_response(function_responses=[answer])
        assert said(await turn(session)) == "tool clock returned 12:00"


async def test_a_model_whose_functions_block_goes_on_in_its_turn() -> None:
    async with (
        FakeGemini(EchoModel()) as service,
        connect(service, "gemini-3.1-flash-live-preview", tools=[CLOCK]) as session,
    ):
        await session.send_realtime_input(text="/tool clock")
        messages = session.receive()
        first = await anext(messages)
        assert first.tool_call is not None
        assert first.tool_call.function_calls is not None
        answer = types.FunctionResponse(
            id=first.tool_call.function_calls[0].id, name="clock", response={"output": "noon"}
        )
        await session.send_tool_response(function_responses=[answer])
        assert said([message async for message in messages]) == "tool clock returned noon"


async def test_an_image_beside_the_audio(service: FakeGemini) -> None:
    async with connect(service) as session:
        image = types.Blob(data=b"\x89PNG", mime_type="image/png")
        await session.send_realtime_input(video=image)
        await session.send_client_content(turns=[])
        await turn(session)
    assert len(service.conversations[0].inputs("video")) == 1


async def test_a_typed_turn_interrupts(service: FakeGemini) -> None:
    service.script = EchoModel(pace_s=0.01)
    async with connect(service) as session:
        long = types.Content(role="user", parts=[types.Part(text="word " * 200)])
        await session.send_client_content(turns=long)
        messages = session.receive()
        await anext(messages)
        short = types.Content(role="user", parts=[types.Part(text="stop")])
        await session.send_client_content(turns=short)
        contents = [message.server_content async for message in messages]
        assert any(content and content.interrupted for content in contents)
        assert not any(content and content.generation_complete for content in contents)
        assert said(await turn(session)) == "echo: stop"


async def test_it_is_told_that_the_service_goes_away() -> None:
    async def leave(conversation: Conversation) -> None:
        await conversation.send(goAway={"timeLeft": "50s"})
        await conversation.send(sessionResumptionUpdate={"resumable": False})
        await conversation.socket.close(1011, "RESOURCE_EXHAUSTED")

    async with FakeGemini(leave) as service, connect(service) as session:
        messages: list[types.LiveServerMessage] = []

        async def listen() -> None:
            async for message in session.receive():
                messages.append(message)

        with pytest.raises(errors.APIError, match="RESOURCE_EXHAUSTED"):
            await listen()
        left = [message.go_away for message in messages if message.go_away]
        assert [away.time_left for away in left] == ["50s"]


async def test_the_service_refuses_what_is_illegal() -> None:
    service = FakeGemini(EchoModel())
    async with service:
        async with connect(service) as session:
            await session.send_realtime_input(activity_start=types.ActivityStart())
            with pytest.raises(errors.APIError):
                await asyncio.wait_for(turn(session), 5)
        assert len(service.illegal) == 1
        assert "detected automatically" in service.illegal.pop()


async def test_a_test_cannot_make_the_service_say_what_is_illegal() -> None:
    async def babble(conversation: Conversation) -> None:
        await conversation.content(interrupted=True)
        await conversation.content(generationComplete=True)

    service = FakeGemini(babble)
    async with service:
        async with connect(service) as session:
            with pytest.raises(errors.APIError):
                await asyncio.wait_for(turn(session), 5)
        assert service.illegal.pop() == "service: generationComplete after interrupted"
