"""A caller's silence, in virtual time: when it is reported, and when it is none."""

import asyncio

from msgspec import structs

from ringline.domain import leg, voice
from ringline.domain.agent import Agent
from ringline.domain.call_signals import HoldOrdered, ResumeOrdered
from ringline.domain.call_vocabulary import CallTransport
from ringline.domain.config_members import SessionConfig
from ringline.domain.events import IdleSilence
from ringline.domain.session_config import EffectiveConfig
from ringline.services.live_call import LiveCall
from ringline.services.reception import Offer, Reception
from tests.house import LIMITS, SCOPE, House, run
from tests.samples import new_id
from tests.talking import CAPABILITIES, ScriptedLeg, ScriptedVoice, clock, speech

AGENT = Agent(new_id(), "Ada", idle_timeout_seconds=10)


async def answered(house: House, agent: Agent = AGENT) -> tuple[LiveCall, ScriptedVoice]:
    """Answer a call of an agent; half a second has passed."""
    config = SessionConfig(model="local/attendant")
    offer = Offer(
        scope=SCOPE,
        call_id=new_id(),
        source="realtime",
        transport=CallTransport.WEBSOCKET,
        from_number="web:anonymous",
        session=EffectiveConfig(config, CAPABILITIES, agent),
    )
    live = Reception(house.calls, LIMITS, now=clock).accept(offer, ScriptedLeg())
    await asyncio.sleep(0.5)
    return live, house.voices[-1]


def silences(house: House, live: LiveCall) -> list[tuple[int, int]]:
    """Return the silences that were reported: their whole seconds and counts."""
    found = [data for data in house.events(live) if isinstance(data, IdleSilence)]
    assert all(silence.idle_timeout_seconds == 10 for silence in found)
    return [(round(silence.silence_ms / 1000), silence.count) for silence in found]


async def caller_says(voice_: ScriptedVoice, item_id: str) -> None:
    """Let the caller speak for two seconds, and the agent answer for one."""
    tell = voice_.listener.on_voice_signal
    tell(voice.SpeechStarted(item_id))
    await asyncio.sleep(2)
    tell(voice.SpeechStopped(item_id))
    tell(voice.Transcribed(item_id, "Well?", final=True))
    await asyncio.sleep(0.1)
    voice_.say(voice_.asked(), speech(1_000), text="Yes.")
    await asyncio.sleep(1.4)


def test_a_silence_is_reported_once() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        await asyncio.sleep(9)
        assert silences(house, live) == []
        await asyncio.sleep(60)
        assert silences(house, live) == [(10, 1)]

    run(main)


def test_each_silence_begins_when_all_have_spoken() -> None:
    async def main(house: House) -> None:
        live, voice_ = await answered(house)
        await asyncio.sleep(8)
        await caller_says(voice_, "one")  # shorter than the limit before it, so nothing yet
        await asyncio.sleep(8)
        assert silences(house, live) == []
        await asyncio.sleep(3)
        assert silences(house, live) == [(10, 1)]
        await caller_says(voice_, "two")
        await asyncio.sleep(11)
        assert silences(house, live) == [(10, 1), (10, 2)]

    run(main)


def test_an_agent_that_speaks_for_long_waits_for_nobody() -> None:
    async def main(house: House) -> None:
        live, voice_ = await answered(house, structs.replace(AGENT, greeting="Once upon a time."))
        voice_.say(voice_.asked(), speech(30_000), text="Once upon a time.")
        await asyncio.sleep(29)
        assert silences(house, live) == []
        await asyncio.sleep(12)
        assert silences(house, live) == [(10, 1)]

    run(main)


def test_a_typed_turn_ends_a_silence() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        await asyncio.sleep(8)
        live.listener.on_leg_signal(leg.Typed("Are you there?"))
        await asyncio.sleep(8)
        assert silences(house, live) == []
        await asyncio.sleep(3)
        assert silences(house, live) == [(10, 1)]

    run(main)


def test_a_caller_on_hold_is_not_silent() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        await live.order(HoldOrdered())
        await asyncio.sleep(30)
        assert silences(house, live) == []
        await live.order(ResumeOrdered())
        await asyncio.sleep(11)
        assert silences(house, live) == [(10, 1)]

    run(main)


def test_without_a_timeout_nobody_counts() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house, structs.replace(AGENT, idle_timeout_seconds=None))
        await asyncio.sleep(120)
        assert [data for data in house.events(live) if isinstance(data, IdleSilence)] == []

    run(main)


def test_a_call_that_ended_is_not_silent() -> None:
    async def main(house: House) -> None:
        live, _ = await answered(house)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(30)
        assert silences(house, live) == []
        house.ended(live)

    run(main)
