"""A live call whose agent's tools are run at a webhook, in virtual time."""

import asyncio

import pytest

from ringline.domain import leg, voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.events import CallAudit
from ringline.domain.receivers import ToolQuestion
from ringline.services.live_call import LiveCall
from ringline.services.tool_runs import FAILED
from tests.house import House, run
from tests.talking import ScriptedLeg, ScriptedVoice


async def asking(house: House, *names: str) -> tuple[LiveCall, ScriptedVoice, str]:
    """Start a call, and let its voice call tools in answer to a typed message."""
    live = house.start_on(ScriptedLeg(), tools_run_by=ToolRunner.WEBHOOK)
    await asyncio.sleep(1)
    (speaker,) = house.voices
    live.listener.on_leg_signal(leg.Typed("where is it?"))
    live.listener.on_leg_signal(leg.ResponseRequested())
    await asyncio.sleep(0)
    response_id = speaker.asked()
    speaker.listener.on_voice_signal(voice.ResponseStarted(response_id))
    for name in names:
        call = voice.ToolCall(response_id, f"call-{name}", name, {"of": name})
        speaker.listener.on_voice_signal(call)
    speaker.listener.on_voice_signal(voice.ResponseDone(response_id))
    await asyncio.sleep(0.1)
    return live, speaker, response_id


def results(speaker: ScriptedVoice) -> dict[str, str]:
    return {
        order.tool_call_id: order.result
        for order in speaker.orders
        if isinstance(order, voice.ToolResult)
    }


def responses(speaker: ScriptedVoice) -> int:
    return sum(isinstance(order, voice.Respond) for order in speaker.orders)


def test_the_tools_of_a_response_run_at_once() -> None:
    async def slowly(question: ToolQuestion) -> str:
        await asyncio.sleep({"lookup": 3, "weather": 2}[question.name])
        return f'{{"of":"{question.name}"}}'

    async def main(house: House) -> None:
        house.runs_tool = slowly
        live, speaker, _ = await asking(house, "lookup", "weather")
        first, second = house.tools_asked
        assert (first.call, first.name, first.arguments) == (
            live.new.facts,
            "lookup",
            {"of": "lookup"},
        )
        assert first.turn_id == second.turn_id
        await asyncio.sleep(2.1)
        assert results(speaker) == {"call-weather": '{"of":"weather"}'}
        assert responses(speaker) == 1
        await asyncio.sleep(1)
        assert results(speaker)["call-lookup"] == '{"of":"lookup"}'
        assert responses(speaker) == 2
        codes = [data.code for data in house.events(live) if isinstance(data, CallAudit)]
        assert codes == ["tool_invocation"] * 2 + ["tool_result"] * 2

    run(main)


@pytest.mark.parametrize("how", ["speech", "end"])
def test_what_nobody_waits_for_is_cancelled(how: str) -> None:
    gone: list[str] = []

    async def hang(question: ToolQuestion) -> str:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            gone.append(question.name)
            raise
        return "{}"

    async def main(house: House) -> None:
        house.runs_tool = hang
        live = house.start_on(ScriptedLeg(), tools_run_by=ToolRunner.WEBHOOK)
        await asyncio.sleep(1)
        (speaker,) = house.voices
        speaker.listener.on_voice_signal(voice.SpeechStarted("item"))
        speaker.listener.on_voice_signal(voice.SpeechStopped("item"))
        await asyncio.sleep(0)
        response_id = speaker.asked()
        speaker.listener.on_voice_signal(voice.ResponseStarted(response_id))
        speaker.listener.on_voice_signal(voice.ToolCall(response_id, "c1", "lookup", {}))
        await asyncio.sleep(1)
        assert len(house.tools_asked) == 1
        if how == "speech":
            speaker.listener.on_voice_signal(voice.SpeechStarted("item2"))
        else:
            live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert gone == ["lookup"]
        assert len(results(speaker)) == (how == "speech")

    run(main)


def test_a_run_that_is_given_up_before_it_begins_asks_nobody() -> None:
    async def main(house: House) -> None:
        live, speaker, _ = await asking(house)
        live.listener.on_leg_signal(leg.ResponseRequested())
        await asyncio.sleep(0)
        response_id = speaker.asked()
        # All of it in one tick of the loop.
        speaker.listener.on_voice_signal(voice.ResponseStarted(response_id))
        speaker.listener.on_voice_signal(voice.ToolCall(response_id, "c1", "lookup", {}))
        speaker.listener.on_voice_signal(voice.SpeechStarted("item"))
        await asyncio.sleep(1)
        assert house.tools_asked == []
        assert list(results(speaker)) == ["c1"]

    run(main)


def test_a_defect_costs_the_model_one_result() -> None:
    async def broken(question: ToolQuestion) -> str:
        if question.name == "lookup":
            raise RuntimeError("a secret")
        return "{}"

    async def main(house: House) -> None:
        house.runs_tool = broken
        _, speaker, _ = await asking(house, "lookup", "weather")
        assert results(speaker) == {"call-lookup": FAILED, "call-weather": "{}"}
        assert "secret" not in FAILED
        assert responses(speaker) == 2

    run(main)
