"""Tool calls: in the middle of an answer, several at once, and when the caller interrupts."""

import json

from ringline.domain.voice import (
    AddText,
    Cancel,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    ToolCall,
    ToolCallsCancelled,
    ToolResult,
    VoiceFailed,
)
from ringline.ports import Voice
from tests.contract.voices.rows import Adapter, Call, needs
from tests.contract.voices.test_interruptions import until_answered
from tests.contract.voices.traits import Trait
from tests.voice_desk import Recorder, Said, feed

CLOCK = Call("clock", {"tz": "Europe/Berlin"})
LAMP = Call("lamp")
NINE = json.dumps({"time": "9:00"})


async def ask(adapter: Adapter, voice: Voice, *calls: Call) -> None:
    for text in adapter.calling(*calls):
        voice.send(AddText(text))
    voice.send(Respond("asked"))


async def follow_up(voice: Voice, ear: Recorder) -> str:
    """Wait for the response to the results, requested as a call does; return its text."""
    if not voice.capabilities.responds_by_itself:
        voice.send(Respond("told"))
    await ear.until(ResponseDone, 2)
    return ear.text_of(ear.all(ResponseStarted)[1].response_id)


@needs(Trait.TOOLS)
async def test_a_tool_is_called_in_the_middle_of_an_answer(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await ask(adapter, voice, CLOCK)
    await ear.until(ResponseDone)
    (call,) = ear.all(ToolCall)
    assert (call.response_id, call.name, call.arguments) == ("asked", "clock", CLOCK.arguments)
    assert "Hello." in ear.text_of("asked"), "what it said before the call was heard"
    assert len(ear.all(ResponseStarted)) == 1, "it waits for the result"
    voice.send(ToolResult(call.tool_call_id, NINE))
    assert "9:00" in await follow_up(voice, ear)
    await adapter.settled()
    assert len(ear.all(ResponseStarted)) == 2
    assert ear.all(VoiceFailed) == []


@needs(Trait.TOOLS)
async def test_a_result_may_come_while_the_answer_still_runs(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    def answer(report: object) -> None:
        if isinstance(report, ToolCall):
            voice.send(ToolResult(report.tool_call_id, NINE))

    ear.hooks.append(answer)
    await ask(adapter, voice, CLOCK)
    await ear.until(ResponseDone)
    if not voice.capabilities.responds_by_itself:
        voice.send(Respond("told"))
    while "9:00" not in "".join(said.delta for said in ear.all(Said)):  # perhaps without a pause
        await ear.until(Said, len(ear.all(Said)) + 1)
    assert ear.all(VoiceFailed) == []


@needs(Trait.TOOLS)
async def test_several_calls_have_one_follow_up(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await ask(adapter, voice, CLOCK, LAMP)
    await ear.until(ResponseDone)
    clock, lamp = ear.all(ToolCall)
    assert (clock.name, clock.arguments) == ("clock", CLOCK.arguments)
    assert (lamp.name, lamp.arguments) == ("lamp", {})
    assert clock.tool_call_id != lamp.tool_call_id
    voice.send(ToolResult(lamp.tool_call_id, "on"))
    await adapter.settled()
    assert len(ear.all(ResponseStarted)) == 1, "a result is missing"
    voice.send(ToolResult(clock.tool_call_id, NINE))
    told = await follow_up(voice, ear)
    assert "9:00" in told
    assert "on" in told
    await adapter.settled()
    assert len(ear.all(ResponseStarted)) == 2
    assert ear.all(VoiceFailed) == []


@needs(Trait.TOOLS)
async def test_a_second_result_of_a_call_is_ignored(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await ask(adapter, voice, CLOCK)
    await ear.until(ResponseDone)
    (call,) = ear.all(ToolCall)
    voice.send(ToolResult(call.tool_call_id, NINE))
    voice.send(ToolResult(call.tool_call_id, "something else"))
    told = await follow_up(voice, ear)
    assert "9:00" in told
    assert "something else" not in told
    assert ear.all(VoiceFailed) == []


@needs(Trait.CALLS_KEPT)
async def test_a_call_outlives_an_interruption(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await ask(adapter, voice, CLOCK)
    await ear.until(ResponseDone)
    (call,) = ear.all(ToolCall)
    voice.send(Cancel("asked", 10))  # it was still playing
    ear.answer_turns(voice)
    feed(voice, adapter.turn)
    await until_answered(ear, adapter)
    assert ear.all(ToolCallsCancelled) == []
    voice.send(ToolResult(call.tool_call_id, NINE))
    voice.send(Respond("told"))
    while "told" not in {done.response_id for done in ear.all(ResponseDone)}:
        await ear.until(ResponseDone, len(ear.all(ResponseDone)) + 1)
    assert "9:00" in ear.text_of("told")
    assert ear.all(VoiceFailed) == []


@needs(Trait.CALLS_CANCELLED)
async def test_a_call_is_cancelled_by_an_interruption(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await ask(adapter, voice, CLOCK, LAMP)
    await ear.until(ResponseDone)
    clock, lamp = ear.all(ToolCall)
    voice.send(ToolResult(lamp.tool_call_id, "on"))
    feed(voice, adapter.turn)
    cancelled = await ear.until(ToolCallsCancelled)
    assert clock.tool_call_id in cancelled.tool_call_ids
    voice.send(ToolResult(clock.tool_call_id, NINE))  # too late: nothing comes of it
    answer = await until_answered(ear, adapter)
    assert "9:00" not in ear.text_of(answer)
    assert len(ear.all(SpeechStarted)) == 1
    assert {done.reason for done in ear.all(ResponseDone)} == {ResponseEnd.COMPLETED}
    assert ear.all(VoiceFailed) == []
