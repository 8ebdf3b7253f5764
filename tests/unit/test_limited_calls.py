"""Limits of live calls in virtual time: warnings, ends, and what is counted when."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ringline.domain import leg, voice
from ringline.domain.allowance import LimitNear, LimitReason
from ringline.domain.call_signals import HoldOrdered, ResumeOrdered, Verdict
from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import TurnCompleted
from ringline.domain.leash import Budget, Leash
from ringline.domain.voice import Usage
from ringline.services.live_call import CallLimits, LiveCall
from tests.house import LIMITS, House, run
from tests.talking import INPUT_HZ, ScriptedLeg, ScriptedVoice, speech

MAX, IDLE, SPENT = LimitReason
EXHAUSTED = leg.HangUp(EndCause.BUDGET_EXHAUSTED)


def limited(**members: Any) -> CallLimits:
    return LIMITS.narrowed(Leash(**members))


def budget(**members: Any) -> CallLimits:
    return limited(budget=Budget(**members))


def warnings(line: ScriptedLeg) -> list[LimitNear]:
    return [order.near for order in line.news if isinstance(order, leg.LimitWarned)]


def frame(live: LiveCall) -> None:
    live.listener.on_leg_frame()


def is_cut_off(line: ScriptedLeg) -> bool:
    """Return whether the budget ended a response before its end."""
    finished, last = line.news[-2:]
    return isinstance(finished, leg.AgentFinished) and finished.interrupted and last == EXHAUSTED


async def answered(
    house: House, limits: CallLimits, greeting: str = ""
) -> tuple[LiveCall, ScriptedLeg, ScriptedVoice]:
    live, line = house.start(greeting, limits)
    await asyncio.sleep(0.5)
    assert isinstance(line.news[0], leg.SessionStarted)
    return live, line, house.voices[-1]


def ask(live: LiveCall) -> None:
    live.listener.on_leg_signal(leg.Typed("well?"))
    live.listener.on_leg_signal(leg.ResponseRequested())


# Time.


def test_the_time_of_a_session_counts_from_its_start_whatever_the_opening_took() -> None:
    async def main(house: House) -> None:
        house.opening_s = 10
        live, line = house.start(limits=limited(max_duration_seconds=5))
        await asyncio.sleep(9.5)
        assert line.items == []
        await asyncio.sleep(4)
        assert warnings(line) == []
        await asyncio.sleep(1)  # 4.x s after the answer
        assert warnings(line) == [LimitNear(MAX, 1.0)]
        assert line.hung_up is None
        await asyncio.sleep(1)
        assert line.hung_up == leg.HangUp(EndCause.MAX_DURATION)
        assert house.ended(live).duration_seconds == 5

    run(main)


def test_any_frame_of_the_client_ends_a_silence_and_each_silence_has_its_warning() -> None:
    async def main(house: House) -> None:
        live, line, _ = await answered(house, limited(idle_timeout_seconds=10))
        for _ in range(3):
            await asyncio.sleep(8.5)
            frame(live)
        assert warnings(line) == [LimitNear(IDLE, 2.0)] * 3
        for _ in range(20):
            await asyncio.sleep(7)
            frame(live)
        assert len(warnings(line)) == 3
        await asyncio.sleep(9.9)
        assert line.hung_up is None
        await asyncio.sleep(0.2)
        assert line.hung_up == leg.HangUp(EndCause.IDLE_TIMEOUT)
        assert len(warnings(line)) == 4

    run(main)


def test_a_caller_on_hold_is_not_idle_and_has_the_whole_time_after_it() -> None:
    async def main(house: House) -> None:
        live, line, _ = await answered(
            house, limited(idle_timeout_seconds=10, max_duration_seconds=100)
        )
        await asyncio.sleep(8.5)
        assert len(warnings(line)) == 1
        assert await live.order(HoldOrdered()) is Verdict.DONE
        await asyncio.sleep(60)
        assert (line.hung_up, len(warnings(line))) == (None, 1)
        assert await live.order(ResumeOrdered()) is Verdict.DONE
        await asyncio.sleep(9.9)
        assert line.hung_up is None
        await asyncio.sleep(0.2)
        assert line.hung_up == leg.HangUp(EndCause.IDLE_TIMEOUT)
        assert [near.reason for near in warnings(line)] == [IDLE, IDLE]

    run(main)


def test_a_hold_does_not_stop_the_clock_of_the_call() -> None:
    async def main(house: House) -> None:
        live, line, _ = await answered(house, limited(max_duration_seconds=20))
        assert await live.order(HoldOrdered()) is Verdict.DONE
        await asyncio.sleep(20)
        assert line.hung_up == leg.HangUp(EndCause.MAX_DURATION)
        assert house.ended(live).status is CallStatus.COMPLETED

    run(main)


def test_silent_audio_is_a_frame() -> None:
    async def main(house: House) -> None:
        live, line, _ = await answered(house, limited(idle_timeout_seconds=2))
        for _ in range(100):
            live.listener.on_leg_audio(speech(100, INPUT_HZ, mark=0))
            await asyncio.sleep(0.1)
        assert (line.hung_up, warnings(line)) == (None, [])

    run(main)


def test_what_the_agent_says_is_no_frame_of_the_client() -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house, limited(idle_timeout_seconds=2), "Hello")
        speaker.say(speaker.asked(), speech(10_000), text="Hello")
        await asyncio.sleep(2.1)
        assert line.hung_up == leg.HangUp(EndCause.IDLE_TIMEOUT)

    run(main)


def test_the_servers_own_limits_are_warned_of_too() -> None:
    async def main(house: House) -> None:
        _, line, _ = await answered(house, replace(LIMITS, idle_s=10, duration_s=11))
        await asyncio.sleep(9)
        assert warnings(line) == [LimitNear(IDLE, 2.0), LimitNear(MAX, 2.2)]

    run(main)


@pytest.mark.parametrize(
    ("leash", "limits"),
    [
        (Leash(), LIMITS),
        (Leash(max_duration_seconds=60), replace(LIMITS, duration_s=60)),
        (Leash(max_duration_seconds=86_400), LIMITS),
        (Leash(idle_timeout_seconds=5), replace(LIMITS, idle_s=5)),
        (Leash(idle_timeout_seconds=86_400), LIMITS),
        (Leash(budget=Budget(tokens=7)), replace(LIMITS, budget=Budget(tokens=7))),
    ],
)
def test_a_leash_narrows_and_never_widens(leash: Leash, limits: CallLimits) -> None:
    assert LIMITS.narrowed(leash) == limits


# Budgets.


def test_audio_of_both_sides_is_counted_as_it_flows() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house, budget(audio_seconds=10.0))
        for _ in range(50):  # 5 s, half of what there is
            live.listener.on_leg_audio(speech(100, INPUT_HZ))
            await asyncio.sleep(0.1)
        assert warnings(line) == []
        ask(live)
        await asyncio.sleep(0)
        speaker.listener.on_voice_signal(voice.ResponseStarted(speaker.asked()))
        for _ in range(100):  # produced at once, and counted when it is sent
            speaker.listener.on_voice_audio(speaker.asked(), speech(100))
        await asyncio.sleep(2.4)
        assert warnings(line) == []
        await asyncio.sleep(0.4)
        assert warnings(line) == [LimitNear(SPENT, 2.0)]
        await asyncio.sleep(3)
        sent_ms = sum(chunk.duration_ms for _, chunk in line.played)
        assert sent_ms == 5_000
        assert is_cut_off(line)
        assert house.ended(live).hangup_cause == "budget_exhausted"

    run(main)


def test_audio_that_waits_for_the_answer_counts_when_the_voice_gets_it() -> None:
    async def main(house: House) -> None:
        live, line = house.start(limits=budget(audio_seconds=1.0))
        live.listener.on_leg_audio(speech(900, INPUT_HZ))
        await asyncio.sleep(0.5)
        assert [type(order) for order in line.news] == [leg.SessionStarted, leg.LimitWarned]
        live.listener.on_leg_audio(speech(100, INPUT_HZ))
        await asyncio.sleep(0)
        assert line.hung_up == EXHAUSTED

    run(main)


def test_a_budget_ends_in_the_middle_of_a_response() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house, budget(tokens=100))
        ask(live)
        await asyncio.sleep(0)
        asked = speaker.asked()
        speaker.listener.on_voice_signal(voice.ResponseStarted(asked))
        speaker.listener.on_voice_text(asked, "Well, ")
        speaker.listener.on_voice_audio(asked, speech(10_000))
        used = Usage(audio_in_tokens=40, text_cached_tokens=20, audio_out_tokens=40)
        speaker.listener.on_voice_signal(voice.ResponseDone(asked, usage=used))
        await asyncio.sleep(1)
        assert warnings(line) == []
        assert is_cut_off(line)
        turns = [data for data in house.events(live) if isinstance(data, TurnCompleted)]
        assert [(turn.text, turn.interrupted) for turn in turns] == [
            ("well?", False),
            ("Well, ", True),
        ]
        assert speaker.closed

    run(main)


def test_a_budget_ends_in_the_middle_of_a_tool_call() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house, budget(tokens=10))
        ask(live)
        await asyncio.sleep(0)
        asked = speaker.asked()
        speaker.listener.on_voice_signal(voice.ResponseStarted(asked))
        speaker.listener.on_voice_signal(voice.ToolCall(asked, "c1", "clock", {}))
        done = voice.ResponseDone(asked, usage=Usage(text_out_tokens=10))
        speaker.listener.on_voice_signal(done)
        await asyncio.sleep(1)
        assert leg.ToolCalled("c1", "clock", {}) in line.news
        assert line.news[-1] == EXHAUSTED
        live.listener.on_leg_signal(leg.ToolAnswered("c1", "late"))
        await asyncio.sleep(1)
        assert line.news[-1] == EXHAUSTED

    run(main)


def test_a_budget_ends_in_silence() -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house, budget(usd=10.0))
        for used in (7, 1, 1, 1):
            report = voice.UsageReported(voice.UsageKind.TRANSCRIPTION, Usage(audio_in_tokens=used))
            speaker.listener.on_voice_signal(report)
            await asyncio.sleep(5)
        assert line.news[1:] == [leg.LimitWarned(LimitNear(SPENT, 2.0)), EXHAUSTED]

    run(main)


def test_a_cancelled_response_is_paid_for() -> None:
    async def main(house: House) -> None:
        live, line, speaker = await answered(house, budget(tokens=10))
        ask(live)
        await asyncio.sleep(0)
        asked = speaker.asked()
        speaker.listener.on_voice_signal(voice.ResponseStarted(asked))
        live.listener.on_leg_signal(leg.CancelRequested())
        cancelled = voice.ResponseDone(
            asked, voice.ResponseEnd.CANCELLED, usage=Usage(audio_out_tokens=10)
        )
        await asyncio.sleep(0)
        speaker.listener.on_voice_signal(cancelled)
        await asyncio.sleep(1)
        assert line.hung_up == EXHAUSTED

    run(main)


def test_the_voice_that_takes_over_is_counted_at_its_own_price() -> None:
    async def main(house: House) -> None:
        live, line, first = await answered(house, budget(usd=5.0, tokens=1_000))
        report = voice.UsageReported(voice.UsageKind.SESSION, Usage(text_in_tokens=3))
        first.listener.on_voice_signal(report)
        await asyncio.sleep(0)
        await live.replace_voice(SessionConfig(model="free/of/charge"))
        second = house.voices[-1]
        second.listener.on_voice_signal(replace(report, usage=Usage(text_in_tokens=796)))
        await asyncio.sleep(1)
        assert warnings(line) == []
        second.listener.on_voice_signal(report)
        await asyncio.sleep(1)
        assert warnings(line) == [LimitNear(SPENT, 198)]

    run(main)


@pytest.mark.parametrize("tokens", [10**18, 10**400])
def test_a_budget_may_be_larger_than_any_float(tokens: int) -> None:
    async def main(house: House) -> None:
        _, line, speaker = await answered(house, budget(tokens=tokens))
        report = voice.UsageReported(voice.UsageKind.SESSION, Usage(text_in_tokens=10**9))
        speaker.listener.on_voice_signal(report)
        await asyncio.sleep(1)
        assert line.hung_up is None

    run(main)
