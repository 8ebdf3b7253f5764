"""OpenAI's own clients, unmodified, in sessions of the OpenAI-compatible surface.

They hold whole conversations with `mock/echo`; nothing here knows the frames. What the frames
are is judged in `tests/app`.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from agents import function_tool
from agents.realtime import (
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeToolEnd,
)
from openai import AsyncOpenAI, AuthenticationError, BadRequestError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import InvalidStatus

from tests.openai_session import MODEL
from tests.serving import Service
from tests.voice_desk import hum, quiet

RATE_HZ = 24_000
Event = TypeVar("Event")


@asynccontextmanager
async def client_of(service: Service, key: str | None = None) -> AsyncIterator[AsyncOpenAI]:
    """Give OpenAI's client; the base URL and the key are all that it is told."""
    async with AsyncOpenAI(
        api_key=key or service.keys.test_key, base_url=f"{service.base_url}/v1", max_retries=0
    ) as client:
        yield client


@asynccontextmanager
async def connected(
    service: Service, key: str | None = None
) -> AsyncIterator[AsyncRealtimeConnection]:
    async with (
        client_of(service, key) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Return the events up to the first one of a type; none may be an error."""
    events: list[Any] = []
    while not events or events[-1].type != kind:
        events.append(await connection.recv())
        assert events[-1].type != "error", events[-1]
    return events


def session(**members: object) -> Any:
    return {"type": "realtime", "model": MODEL, **members}


def said(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def spoken(events: list[Any]) -> bytes:
    pieces = [event.delta for event in events if event.type == "response.output_audio.delta"]
    return b"".join(map(base64.b64decode, pieces))


async def test_text_and_audio(service: Service) -> None:
    async with connected(service) as connection:
        await connection.session.update(
            session=session(
                instructions="Be brief.",
                audio={"input": {"transcription": {"model": "whisper-1"}}},
            )
        )
        created, *_, updated = await until(connection, "session.updated")
        assert created.type == "session.created"
        assert updated.session.instructions == "Be brief."
        await connection.conversation.item.create(item=said("Hello"))
        await connection.response.create()
        events = await until(connection, "response.done")
        assert events[-1].response.output[0].content[0].transcript == "echo: Hello"
        assert len(spoken(events)) == len(hum(20 * len("Hello"), RATE_HZ))
        await connection.input_audio_buffer.append(
            audio=base64.b64encode(hum(400, RATE_HZ) + quiet(700, RATE_HZ)).decode()
        )
        events = await until(connection, "response.done")
        heard = "conversation.item.input_audio_transcription.completed"
        assert [event.transcript for event in events if event.type == heard] == ["heard 400 ms"]


async def test_a_tool_and_an_interruption(service: Service) -> None:
    clock: Any = {"type": "function", "name": "clock", "parameters": {"type": "object"}}
    async with connected(service) as connection:
        await connection.session.update(session=session(tools=[clock]))
        await connection.conversation.item.create(item=said('/tool clock {"tz": "UTC"}'))
        await connection.response.create()
        events = await until(connection, "response.done")
        called = next(one for one in events if one.type.endswith("arguments.done"))
        assert called.arguments == '{"tz":"UTC"}'
        output: Any = {"type": "function_call_output", "call_id": called.call_id, "output": "noon"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        events = await until(connection, "response.done")
        assert "noon" in events[-1].response.output[0].content[0].transcript
        await connection.conversation.item.create(item=said("word " * 40))
        await connection.response.create()
        delta = (await until(connection, "response.output_audio.delta"))[-1]
        await connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=20
        )
        await connection.response.cancel()
        events = await until(connection, "response.done")
        assert events[-1].response.status == "cancelled"


async def test_a_minted_secret_opens_a_session(service: Service) -> None:
    async with client_of(service) as client:
        minted = await client.realtime.client_secrets.create(
            session=session(instructions="Bound."),
            expires_after={"anchor": "created_at", "seconds": 60},
            extra_body={"subject": "ada"},
        )
    async with connected(service, minted.value) as connection:
        (created,) = await until(connection, "session.created")
        assert created.session.instructions == "Bound."
    with pytest.raises(InvalidStatus) as refused:
        async with connected(service, minted.value):
            pass
    assert refused.value.response.status_code == 401


async def test_errors_are_the_clients_own(service: Service) -> None:
    async with client_of(service) as client:
        with pytest.raises(BadRequestError) as unknown:
            await client.realtime.client_secrets.create(session=session(model="no/such"))
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "session.model")
    async with client_of(service, "sk_test_nobody") as client:
        with pytest.raises(AuthenticationError) as stranger:
            await client.realtime.client_secrets.create()
        assert stranger.value.code == "invalid_api_key"


# -- the agents framework -----------------------------------------------------------------


@function_tool
def clock(tz: str) -> str:
    """Return the time in a time zone."""
    return f"noon in {tz}"


class Caller:
    """A session, and the events that it has reported."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[RealtimeSessionEvent] = []
        self._coming = aiter(session)

    async def until(self, kind: type[Event]) -> Event:
        """Wait for the next event of a kind; no event may report an error."""
        while True:
            event = await anext(self._coming)
            self.events.append(event)
            assert not isinstance(event, RealtimeError), event.error
            if isinstance(event, kind):
                return event

    def spoken(self) -> bytes:
        return b"".join(one.audio.data for one in self.events if isinstance(one, RealtimeAudio))


@asynccontextmanager
async def calling(service: Service) -> AsyncIterator[Caller]:
    agent = RealtimeAgent(name="Clerk", instructions="Be brief.", tools=[clock])
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    url = f"{service.ws_url}/v1/realtime?model={MODEL}"
    model: Any = {
        "api_key": service.keys.test_key,
        "url": url,
        "initial_model_settings": {"model_name": MODEL},
    }
    async with await runner.run(model_config=model) as session:
        yield Caller(session)


async def test_the_runner_calls_a_tool_and_its_result_is_answered(service: Service) -> None:
    async with calling(service) as caller:
        await caller.session.send_message('/tool clock {"tz": "UTC"}')
        ended = await caller.until(RealtimeToolEnd)
        assert (ended.tool.name, ended.output) == ("clock", "noon in UTC")
        await caller.until(RealtimeAudio)
        await caller.until(RealtimeAgentEndEvent)
    said = "tool clock returned noon in UTC"
    assert len(caller.spoken()) == len(hum(20 * len(said), RATE_HZ))


async def test_speech_interrupts_the_runners_answer_and_is_answered(service: Service) -> None:
    async with calling(service) as caller:
        await caller.session.send_message("word " * 80)
        while len(caller.spoken()) < 2 * RATE_HZ // 2:
            await caller.until(RealtimeAudio)
        await caller.session.send_audio(hum(400, RATE_HZ))
        await caller.until(RealtimeAudioInterrupted)
        await caller.until(RealtimeAgentEndEvent)
        before = len(caller.spoken())
        await caller.session.send_audio(quiet(700, RATE_HZ))
        await caller.until(RealtimeAgentEndEvent)
        heard = hum(400, RATE_HZ)
        assert abs(len(caller.spoken()) - before - len(heard)) <= 2 * RATE_HZ // 10
