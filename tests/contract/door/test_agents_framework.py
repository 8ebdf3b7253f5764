"""OpenAI's agents framework with every voice: its runner, unmodified, holds the conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.realtime import (
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeToolEnd,
)

from ringline.domain.audio import BYTES_PER_SAMPLE
from tests.contract.door.rows import RATE_HZ, Talker, Trait, needs
from tests.openai_agents import Caller, calling, clock
from tests.voice_desk import quiet

HALF_A_SECOND = RATE_HZ * BYTES_PER_SAMPLE // 2


@asynccontextmanager
async def called(talker: Talker) -> AsyncIterator[Caller]:
    """Call a voice with the framework's runner."""
    tools = () if talker.bound else (clock,)
    key, model = await talker.key(), talker.model
    async with calling(talker.url, key, model=model, tools=tools) as caller:
        yield caller


@needs(Trait.TOOLS)
async def test_the_runner_calls_a_tool_and_its_result_is_answered(talker: Talker) -> None:
    async with called(talker) as caller:
        await caller.session.send_message(talker.tool)
        ended = await caller.until(RealtimeToolEnd)
        assert (ended.tool.name, ended.output) == ("clock", "noon in UTC")
        await caller.until(RealtimeAudio)
        await caller.until(RealtimeAgentEndEvent)


async def test_speech_interrupts_the_runners_answer_and_is_answered(talker: Talker) -> None:
    async with called(talker) as caller:
        before = len(caller.spoken())
        await caller.session.send_message(talker.long)
        while len(caller.spoken()) < before + HALF_A_SECOND:
            await caller.until(RealtimeAudio)
        await caller.speak(talker.speech)
        await caller.until(RealtimeAudioInterrupted)
        await caller.until(RealtimeAgentEndEvent)
        await caller.speak(quiet(900, RATE_HZ))
        await caller.until(RealtimeAudio)
