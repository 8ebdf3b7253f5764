"""The voice of a sandbox call by itself: what the port `Voice` asks of it (ports/media.py)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.sandbox_script import ANSWER, CAPABILITIES, Speaks
from ringline.domain.voice import (
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    MessageRole,
    PastCall,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolResult,
    Transcribed,
    UpdateConfig,
    VoiceOpening,
    VoiceOrder,
)
from ringline.voices.sandbox import AnswerTurn, Line, SandboxTurn, SandboxVoice, answer_by_script
from tests import clock
from tests.talking import speech
from tests.voice_desk import Recorder, Said

CONFIG = SessionConfig(model="mock/echo")
EARLIER = PastTurn(TurnRole.AGENT, "Good morning.")
CANCELLED = ResponseDone("r1", ResponseEnd.CANCELLED)


def run(
    main: Callable[[SandboxVoice, Recorder], Coroutine[Any, Any, None]],
    answer: AnswerTurn = answer_by_script,
) -> None:
    """Run a conversation in virtual time; nothing of it is left at its end."""

    async def whole() -> None:
        ear = Recorder()
        opening = VoiceOpening(CONFIG, (EARLIER, PastCall("c", "tool", {})))
        voice = SandboxVoice(opening, ear, answer=answer)
        await main(voice, ear)
        await voice.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(whole())


async def slowly(_: SandboxTurn) -> Line:
    await asyncio.sleep(1)
    return Line("At last.")


def test_it_can_do_what_it_says_before_it_is_opened() -> None:
    async def main(voice: SandboxVoice, _: Recorder) -> None:
        assert voice.capabilities == CAPABILITIES

    run(main)


def test_a_turn_is_reported_in_order() -> None:
    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        for words in (Speaks("hello"), Speaks("hello are you"), Speaks("Hello?", final=True)):
            voice.hear(words)
        started, *texts = ear.reports
        assert isinstance(started, SpeechStarted)
        item = started.item_id
        assert texts == [
            Transcribed(item, "hello", final=False),
            Transcribed(item, "hello are you", final=False),
            SpeechStopped(item),
            Transcribed(item, "Hello?", final=True),
        ]
        voice.hear(Speaks("More.", final=True))
        assert ear.all(SpeechStarted)[-1].item_id != item

    run(main)


def test_a_given_text_is_said_under_our_id() -> None:
    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        voice.send(Respond("r1", "Good morning."))
        await ear.until(ResponseDone)
        assert ear.reports == [
            ResponseStarted("r1"),
            Said("r1", "Good morning."),
            ResponseDone("r1"),
        ]

    run(main)


def test_an_answer_is_to_all_that_was_said() -> None:
    asked: list[SandboxTurn] = []

    async def answer(turn: SandboxTurn) -> Line:
        asked.append(turn)
        return Line(ANSWER)

    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        voice.hear(Speaks("Hello?", final=True))
        voice.send(Respond("r1"))
        await ear.until(ResponseDone)
        voice.send(AddText("[system] Be brief.", MessageRole.SYSTEM, "Be brief."))
        voice.send(AddText("And on Sundays?"))
        voice.send(Respond("r2"))
        await ear.until(ResponseDone, 2)
        caller = [PastTurn(TurnRole.CALLER, text) for text in ("Hello?", "And on Sundays?")]
        assert [turn.order.response_id for turn in asked] == ["r1", "r2"]
        assert [turn.text for turn in asked] == ["Hello?", "And on Sundays?"]
        assert asked[1].opening.config == CONFIG
        assert asked[1].history == (
            EARLIER,
            caller[0],
            PastTurn(TurnRole.AGENT, ANSWER),
            caller[1],
        )

    run(main, answer)


def test_a_response_that_is_cancelled_before_it_began_never_begins() -> None:
    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        voice.send(Respond("r1"))
        voice.send(Cancel("r1", 0))
        await asyncio.sleep(2)
        assert ear.reports == []

    run(main)


def test_a_cancelled_response_says_no_more() -> None:
    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        voice.send(Respond("r1"))
        await asyncio.sleep(0.5)
        voice.send(Cancel("r1", 0))
        voice.send(Cancel("r1", 0))
        await asyncio.sleep(2)
        assert ear.reports == [ResponseStarted("r1"), CANCELLED]
        voice.send(Respond("r2"))
        await asyncio.sleep(2)
        assert ear.text_of("r2") == "At last."

    run(main, slowly)


def test_orders_about_nothing_are_ignored() -> None:
    orders: list[VoiceOrder] = [
        Cancel("nothing", 0),
        ClearInput(),
        EndTurn(),
        ToolResult("nothing", "{}"),
        UpdateConfig(CONFIG),
        Remember((EARLIER,)),
    ]

    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        for order in orders:
            voice.send(order)
        voice.send_audio(speech(20, CAPABILITIES.input_hz))
        await asyncio.sleep(1)
        assert ear.reports == []

    run(main)


def test_after_close_nothing_is_reported() -> None:
    async def main(voice: SandboxVoice, ear: Recorder) -> None:
        voice.hear(Speaks("Hello?", final=True))
        voice.send(Respond("r1"))
        await ear.until(ResponseStarted)
        before = list(ear.reports)
        await voice.close()
        voice.hear(Speaks("Hello?", final=True))
        voice.send(Respond("r2", "Good morning."))
        await asyncio.sleep(2)
        assert ear.reports == before

    run(main, slowly)
