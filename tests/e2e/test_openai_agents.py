"""OpenAI's agents framework against the fake provider: a client that nobody here has written.

Its realtime runner holds the whole conversation: it calls tools, answers them and cuts what was
interrupted. What it can do with the fake, our voices may rely on.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
from agents.realtime import (
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeToolEnd,
)

from tests import openai_agents
from tests.fake_openai import KEY, FakeProvider, fake_provider
from tests.openai_agents import Caller
from tests.voice_desk import hum, quiet

RATE_HZ = 24_000


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with fake_provider() as fake:
        yield fake


def calling(fake: FakeProvider) -> AbstractAsyncContextManager[Caller]:
    url = f"{fake.url.replace('http', 'ws')}/realtime?model=gpt-realtime-2.1"
    return openai_agents.calling(url, KEY)


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
