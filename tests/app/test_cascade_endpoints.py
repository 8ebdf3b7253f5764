"""The endpoints of the tests, proved with the vendor's own client before anything uses them."""

import io
import json
import wave
from collections.abc import AsyncIterator

import openai
import pytest
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent

from ringline.domain.agent import Tool
from ringline.wire.chat_completions import encode_chat
from ringline.wire.speech_synthesis import encode_speech
from ringline.wire.transcriptions import content_type, encode_transcription
from tests.fake_endpoints import (
    HEARD,
    KEY,
    FakeEndpoints,
    call_events,
    fake_endpoints,
    read_chat,
    read_speech,
    read_transcription,
    refusing,
    streamed,
    tone_of,
)

PCM = bytes(range(250)) * 100


@pytest.fixture
async def fake() -> AsyncIterator[FakeEndpoints]:
    async with fake_endpoints() as endpoints:
        yield endpoints


@pytest.fixture
async def vendor(fake: FakeEndpoints) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=fake.url, max_retries=0) as client:
        yield client


def wav_of(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(pcm)
    return file.getvalue()


async def test_a_transcription_is_the_vendors(
    fake: FakeEndpoints, vendor: openai.AsyncOpenAI
) -> None:
    events = await vendor.audio.transcriptions.create(
        model="whisper",
        file=("turn.wav", wav_of(PCM), "audio/wav"),
        language="en",
        response_format="json",
        stream=True,
    )
    came = [event async for event in events]
    *deltas, done = came
    assert all(isinstance(delta, TranscriptionTextDeltaEvent) for delta in deltas)
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert done.text == "".join(HEARD)
    ours = encode_transcription(PCM, "whisper", language="en", boundary="b0")
    assert read_transcription(content_type("b0"), ours) == fake.asked[0].members
    assert fake.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_chat_is_the_vendors(fake: FakeEndpoints, vendor: openai.AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"tz": {"type": "string"}}}
    messages = [{"role": "user", "content": "What time is it?"}]
    function = {"name": "clock", "description": "The time", "parameters": schema}
    events = await vendor.chat.completions.create(
        model="llama",
        messages=messages,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
        tools=[{"type": "function", "function": function}],  # type: ignore[list-item]
        temperature=0.5,
    )
    chunks = [chunk async for chunk in events]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == "echo: What time is it?"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 30
    tool = Tool(name="clock", description="The time", parameters=schema)
    ours = encode_chat(messages, "llama", tools=(tool,), temperature=0.5)
    assert read_chat("application/json", ours) == fake.asked[0].members


async def test_the_vendors_client_reads_the_calls(
    fake: FakeEndpoints, vendor: openai.AsyncOpenAI
) -> None:
    arguments = {"tz": "Europe/Berlin"}
    fake.answers["chat"].append(
        lambda asked: streamed(asked, call_events(("c1", "clock", json.dumps(arguments))))
    )
    async with vendor.chat.completions.stream(
        model="llama",
        messages=[{"role": "user", "content": "Time?"}],
        stream_options={"include_usage": True},
    ) as stream:
        answer = await stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.function.name == "clock"
    assert json.loads(call.function.arguments) == arguments


async def test_speech_is_the_vendors(fake: FakeEndpoints, vendor: openai.AsyncOpenAI) -> None:
    async with vendor.audio.speech.with_streaming_response.create(
        model="kokoro", voice="alloy", input="Good day.", response_format="pcm"
    ) as answer:
        pcm = b"".join([piece async for piece in answer.iter_bytes()])
    assert pcm == tone_of("Good day.")
    ours = encode_speech("Good day.", "alloy", model="kokoro")
    assert read_speech("application/json", ours) == fake.asked[0].members


async def test_a_refusal_is_the_vendors(fake: FakeEndpoints, vendor: openai.AsyncOpenAI) -> None:
    fake.answers["speech"].append(refusing(401, "invalid_api_key"))
    with pytest.raises(openai.AuthenticationError) as caught:
        await vendor.audio.speech.create(
            model="kokoro", voice="alloy", input="Hi", response_format="pcm"
        )
    assert caught.value.code == "invalid_api_key"


async def test_what_the_vendors_types_do_not_allow_is_noticed(
    fake: FakeEndpoints, vendor: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.BadRequestError):
        await vendor.chat.completions.create(
            model="llama",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"vioce": "alloy"},
        )
    (problem,) = fake.problems
    assert "unknown to the vendor" in problem
    fake.problems.clear()
