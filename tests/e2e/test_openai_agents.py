"""OpenAI's agents framework against the fake provider: a client that nobody here has written.

Its realtime runner holds the whole conversation: it calls tools, answers them and cuts what was
interrupted. What it can do with the fake, our voices may rely on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

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

from tests.fake_openai import KEY, FakeProvider, fake_provider
from tests.voice_desk import hum, quiet

RATE_HZ = 24_000
Event = TypeVar("Event")


@function_tool
def clock(tz: str) -> str:
    """Return the time in a time zone."""
    return f"noon in {tz}"


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with fake_provider() as fake:
        yield fake


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
async def calling(fake: FakeProvider) -> AsyncIterator[Caller]:
    agent = RealtimeAgent(name="Clerk", instructions="Be brief.", tools=[clock])
    url = f"{fake.url.replace('http', 'ws')}/realtime?model=gpt-realtime-2.1"
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    async with await runner.run(model_config={"api_key": KEY, "url": url}) as session:
        yield Caller(session)


async def test_the_runner_calls_a_tool_and_its_result_is_answered(fake: FakeProvider) -> None:
    async with calling(fake) as caller:
        await caller.session.send_message('/tool clock {"tz": "UTC"}')
        ended = await caller.until(RealtimeToolEnd)
        assert (ended.tool.name, ended.output) == ("clock", "noon in UTC")
        await caller.until(RealtimeAudio)
        await caller.until(RealtimeAgentEndEvent)
    said = "echo: tool clock returned noon in UTC"
    assert caller.spoken() == hum(20 * len(said), RATE_HZ)
    (first, *_) = fake.of("session.update")
    assert [tool["name"] for tool in first["session"]["tools"]] == ["clock"]
    assert fake.refused == []


async def test_speech_interrupts_the_runner_s_answer_and_is_answered(fake: FakeProvider) -> None:
    async with calling(fake) as caller:
        await caller.session.send_message("/long")
        while len(caller.spoken()) < 2 * RATE_HZ:
            await caller.until(RealtimeAudio)
        await caller.session.send_audio(hum(400, RATE_HZ))
        await caller.until(RealtimeAudioInterrupted)
        await caller.until(RealtimeAgentEndEvent)
        before = len(caller.spoken())
        await caller.session.send_audio(quiet(700, RATE_HZ))
        await caller.until(RealtimeAgentEndEvent)
        said = "echo: heard 400 ms"
        assert caller.spoken()[before:] == hum(20 * len(said), RATE_HZ)
        await fake.settled()
    (cut,) = fake.of("conversation.item.truncate")
    assert 0 < cut["audio_end_ms"] <= before // 48
    assert fake.refused == []
