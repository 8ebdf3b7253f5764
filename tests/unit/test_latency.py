"""The latency ledger: how long an answer took to begin, and who took it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import bridge, voice
from ringline.domain.latency import AnswerClock, Latency
from tests.clock import run
from tests.talking import INPUT_HZ, speech
from tests.unit.test_bridge import Meeting

TIMES = st.floats(0, 100_000)


def latency(voice_ms: int, gateway_ms: int) -> Latency:
    return Latency(total_ms=voice_ms + gateway_ms, voice_ms=voice_ms, gateway_ms=gateway_ms)


def test_the_shares_are_told_apart() -> None:
    clock = AnswerClock()
    clock.turn_ended(1_000)
    assert clock.answered(came_at_ms=1_800, now_ms=1_803) == latency(800, 3)


def test_audio_that_was_held_counts_as_ours() -> None:
    clock = AnswerClock()
    clock.turn_ended(1_000, late_ms=250)
    assert clock.answered(came_at_ms=1_800, now_ms=1_803) == latency(800, 253)


def test_only_the_first_speech_after_a_turn_is_its_answer() -> None:
    clock = AnswerClock()
    assert clock.answered(0, 0) is None
    clock.turn_ended(1_000)
    assert clock.answered(1_500, 1_500) == latency(500, 0)
    assert clock.answered(2_500, 2_500) is None


def test_a_turn_that_goes_on_or_is_discarded_has_no_answer_yet() -> None:
    clock = AnswerClock()
    clock.turn_ended(1_000)
    clock.forget()
    assert clock.answered(1_500, 1_500) is None


@given(TIMES, st.floats(0, 5_000), st.floats(0, 5_000), st.floats(0, 5_000))
def test_the_shares_add_up(at_ms: float, late_ms: float, voice_ms: float, ours_ms: float) -> None:
    clock = AnswerClock()
    clock.turn_ended(at_ms, late_ms)
    took = clock.answered(at_ms + voice_ms, at_ms + voice_ms + ours_ms)
    assert took is not None
    assert took.total_ms == took.voice_ms + took.gateway_ms
    assert took.total_ms == pytest.approx(voice_ms + ours_ms + late_ms, abs=1)
    assert took.gateway_ms == pytest.approx(ours_ms + late_ms, abs=1)
    assert min(took.voice_ms, took.gateway_ms) >= 0


def audible(meeting: Meeting) -> list[bridge.ResponseAudible]:
    return [signal for signal in meeting.said if isinstance(signal, bridge.ResponseAudible)]


async def turn(meeting: Meeting, *, quiet_s: float) -> None:
    """Let the caller speak for a second, and the voice end the turn after some quiet."""
    meeting.mouth.on_voice_signal(voice.SpeechStarted("item", 100))
    await asyncio.sleep(1 + quiet_s)
    meeting.mouth.on_voice_signal(voice.SpeechStopped("item", quiet_s * 1_000))


async def answer(meeting: Meeting, response_id: str, *, after_s: float, admitted_s: float) -> None:
    """Let the voice answer after a time, and the call admit the answer after another."""
    await asyncio.sleep(after_s)
    meeting.mouth.on_voice_signal(voice.ResponseStarted(response_id))
    meeting.mouth.on_voice_audio(response_id, speech(100))
    await asyncio.sleep(admitted_s)
    meeting.bridge.send(bridge.PlayResponse(response_id))


def test_the_bridge_times_an_answer_from_the_last_speech_to_the_first_chunk() -> None:
    async def main() -> None:
        meeting = Meeting()
        await turn(meeting, quiet_s=0.5)
        await answer(meeting, "one", after_s=0.3, admitted_s=0.02)
        assert [signal.latency for signal in audible(meeting)] == [latency(800, 20)]
        meeting.voice.say("two", speech(100))
        meeting.bridge.send(bridge.PlayResponse("two"))
        assert audible(meeting)[1].latency is None, "no speech came before it"

    run(main())


def test_a_chunk_that_waits_for_earlier_speech_waits_at_ours() -> None:
    async def main() -> None:
        meeting = Meeting(lead_ms=200)
        meeting.voice.say("one", speech(200))
        meeting.bridge.send(bridge.PlayResponse("one"))
        meeting.mouth.on_voice_signal(voice.SpeechStopped("item", 0))  # ended by order
        meeting.voice.say("two", speech(200))
        meeting.bridge.send(bridge.PlayResponse("two"))
        await asyncio.sleep(1)
        assert audible(meeting)[1].latency == latency(0, 100)

    run(main())


@pytest.mark.parametrize("again", [voice.SpeechStarted("more"), voice.TurnCleared("item")])
def test_an_answer_to_nothing_has_no_latency(again: voice.VoiceSignal) -> None:
    async def main() -> None:
        meeting = Meeting()
        await turn(meeting, quiet_s=0.5)
        meeting.mouth.on_voice_signal(again)
        await answer(meeting, "one", after_s=0.3, admitted_s=0)
        assert [signal.latency for signal in audible(meeting)] == [None]

    run(main())


def test_audio_from_before_the_voice_was_open_was_held_by_us() -> None:
    async def main() -> None:
        meeting = Meeting(opened=False)
        meeting.ear.on_leg_audio(speech(100, INPUT_HZ))
        await asyncio.sleep(0.4)
        meeting.attach()
        meeting.open()
        meeting.mouth.on_voice_signal(voice.SpeechStarted("item"))
        await asyncio.sleep(0.5)
        meeting.mouth.on_voice_signal(voice.SpeechStopped("item", 500))
        await answer(meeting, "one", after_s=0, admitted_s=0)
        assert [signal.latency for signal in audible(meeting)] == [latency(500, 400)]

    run(main())
