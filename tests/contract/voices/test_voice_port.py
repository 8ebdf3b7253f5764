"""The port `Voice`: what every adapter promises. The voices are in `rows.py`.

Rules that depend on what a voice offers, or does by itself, check its capabilities.
"""

import asyncio
import dataclasses
from itertools import pairwise

from msgspec.structs import replace

from ringline.domain.agent import TurnDetection
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.voice import (
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    PastTurn,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolResult,
    Transcribed,
    TurnCleared,
    UpdateConfig,
    Usage,
    UsageReported,
    VoiceOpening,
)
from ringline.ports import Voice
from tests.contract.voices.rows import Adapter, needs
from tests.contract.voices.traits import Trait
from tests.voice_desk import Recorder, Said, Spoke, feed


def ended(done: ResponseDone) -> ResponseDone:
    """Return the end of a response without what was used, which is the voice's own."""
    return dataclasses.replace(done, usage=Usage())


async def final_transcript(ear: Recorder) -> Transcribed:
    """Wait for the first turn's final transcript; partial ones may come before it."""
    while not (finals := [heard for heard in ear.all(Transcribed) if heard.final]):
        await ear.until(Transcribed, len(ear.all(Transcribed)) + 1)
    return finals[0]


async def test_a_given_text_is_spoken_under_our_id(voice: Voice, ear: Recorder):
    text = "Hello, this is a greeting. It has two sentences!"
    voice.send(Respond("greeting", text))
    assert ended(await ear.until(ResponseDone)) == ResponseDone("greeting")
    assert ear.reports[0] == ResponseStarted("greeting")
    assert isinstance(ear.reports[-1], ResponseDone)
    assert ear.text_of("greeting") == text
    assert not isinstance(ear.reports[1], Spoke)  # text leaves with, not behind, its audio


async def test_audio_is_whole_samples(voice: Voice, ear: Recorder):
    voice.send(Respond("greeting", "One. Two. Three, four and five."))
    await ear.until(ResponseDone)
    sizes = [len(spoke.chunk.pcm) for spoke in ear.all(Spoke)]
    assert sizes
    assert all(size > 0 and size % 2 == 0 for size in sizes)
    assert any(ear.pcm_of("greeting"))  # it is no silence


async def test_a_spoken_turn_is_reported_in_order(adapter: Adapter, voice: Voice, ear: Recorder):
    ear.answer_turns(voice)
    feed(voice, adapter.speech + adapter.quiet(700))
    await ear.until(ResponseDone)
    final = await final_transcript(ear)
    assert (final.text, final.final) == (adapter.spoken.text, True)
    beside = Said | Spoke | Transcribed | UsageReported
    kinds = [type(report) for report in ear.reports if not isinstance(report, beside)]
    assert kinds == [SpeechStarted, SpeechStopped, ResponseStarted, ResponseDone]
    # A provider's recogniser is not waited for, so its text may come beside the answer.
    stopped = ear.all(SpeechStopped)[0]
    assert ear.reports.index(final) > ear.reports.index(stopped)
    assert {ear.all(SpeechStarted)[0].item_id, stopped.item_id} == {final.item_id}
    assert len([heard for heard in ear.all(Transcribed) if heard.final]) == 1
    (started,) = ear.all(ResponseStarted)
    assert ear.text_of(started.response_id) == adapter.spoken.answer


async def test_partials_grow_and_keep_their_item(adapter: Adapter, voice: Voice, ear: Recorder):
    audio = adapter.speech + adapter.quiet(700)
    size = len(adapter.quiet(100))
    for start in range(0, len(audio), size):
        voice.send_audio(Chunk(audio[start : start + size], voice.capabilities.input_hz))
        await asyncio.sleep(0.1)
    while not any(heard.final for heard in ear.all(Transcribed)):
        await ear.until(Transcribed, len(ear.all(Transcribed)) + 1)
    heard = ear.all(Transcribed)
    assert len({part.item_id for part in heard}) == 1
    assert [part.final for part in heard] == [False] * (len(heard) - 1) + [True]
    grows = all(b.text.startswith(a.text) for a, b in pairwise(heard[:-1]))
    assert grows or adapter.corrects_itself


async def test_a_cancelled_response_says_no_more(voice: Voice, ear: Recorder):
    def cancel(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 3:
            voice.send(Cancel("long", 100))

    ear.hooks.append(cancel)
    voice.send(Respond("long", "This sentence is long enough for three chunks. " * 5))
    assert ended(await ear.until(ResponseDone)) == ResponseDone("long", ResponseEnd.CANCELLED)
    voice.send(Respond("next", "And on it goes."))
    assert ended(await ear.until(ResponseDone, 2)) == ResponseDone("next")
    assert len([spoke for spoke in ear.all(Spoke) if spoke.response_id == "long"]) == 3
    assert len([done for done in ear.all(ResponseDone) if done.response_id == "long"]) == 1


async def test_a_response_cancelled_before_it_began_never_begins(voice: Voice, ear: Recorder):
    voice.send(Respond("first", "The first."))
    voice.send(Respond("second", "The second."))
    voice.send(Cancel("second", 0))
    voice.send(Respond("third", "The third."))
    while "third" not in {done.response_id for done in ear.all(ResponseDone)}:
        await ear.until(ResponseDone, len(ear.all(ResponseDone)) + 1)
    assert ear.text_of("second") == ""
    assert ResponseStarted("second") not in ear.reports


async def test_the_caller_can_speak_while_the_voice_does(
    adapter: Adapter, voice: Voice, ear: Recorder
):
    def interrupt(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 3:
            feed(voice, adapter.speech)

    ear.hooks.append(interrupt)
    voice.send(Respond("long", "This sentence is long enough for three chunks. " * 5))
    await ear.until(SpeechStarted)
    told = len(ear.reports)  # it may have gone on until it is told to stop
    if voice.capabilities.interrupts_by_itself:
        told = ear.reports.index(ear.all(SpeechStarted)[0]) + 1
    else:
        voice.send(Cancel("long", 200))
    await ear.until(ResponseDone)
    (done,) = ear.reports[told:]
    assert isinstance(done, ResponseDone)
    assert ended(done) == ResponseDone("long", ResponseEnd.CANCELLED)


async def test_orders_are_carried_out_in_order(adapter: Adapter, voice: Voice, ear: Recorder):
    first, second, third = adapter.typed
    voice.send(AddText(first.text))
    voice.send(AddText(second.text))
    voice.send(Respond("both"))
    voice.send(AddText(third.text))
    voice.send(Respond("bye"))
    both, bye = await ear.until(ResponseDone), await ear.until(ResponseDone, 2)
    assert ear.text_of("both") == f"{first.answer}\n{second.answer}"
    assert ear.text_of("bye") == third.answer
    assert (both.hang_up, bye.hang_up) == (False, third.hangs_up)


async def test_what_waits_behind_a_cancelled_response_is_answered_by_the_next(
    adapter: Adapter, voice: Voice, ear: Recorder
):
    first, second, _ = adapter.typed
    voice.send(Respond("greeting", "Hello."))
    voice.send(AddText(first.text))
    voice.send(Respond("never"))
    voice.send(Cancel("never", 0))
    voice.send(AddText(second.text))
    voice.send(Respond("both"))
    await ear.until(ResponseDone, 2)
    assert ear.text_of("both") == f"{first.answer}\n{second.answer}"
    assert ResponseStarted("never") not in ear.reports


async def test_a_typed_text_starts_no_response(adapter: Adapter, voice: Voice, ear: Recorder):
    voice.send(AddText(adapter.typed[0].text))
    voice.send(Respond("greeting", "Hello."))
    await ear.until(ResponseDone)
    assert ear.text_of("greeting") == "Hello."
    assert len(ear.all(ResponseStarted)) == 1


async def test_a_turn_from_before_it_came_is_answered_if_nobody_has(
    adapter: Adapter, ear: Recorder
):
    history = (
        PastTurn(TurnRole.CALLER, adapter.typed[1].text),
        PastTurn(TurnRole.AGENT, adapter.typed[1].answer[:10]),
        PastTurn(TurnRole.CALLER, adapter.spoken.text),
    )
    voice = await adapter.open(VoiceOpening(adapter.config, history), ear)
    assert ear.reports == []
    voice.send(Respond("answer"))
    await ear.until(ResponseDone)
    await voice.close()
    assert ear.text_of("answer") == adapter.spoken.answer


@needs(Trait.TURNS_BY_ORDER)
async def test_without_detection_the_turn_ends_by_order(
    adapter: Adapter, voice_by_order: Voice, ear: Recorder
):
    voice = voice_by_order
    feed(voice, adapter.speech + adapter.quiet(2_000))
    await adapter.settled()
    assert ear.reports == []
    voice.send(EndTurn())
    if not voice.capabilities.responds_by_itself:
        voice.send(Respond("answer"))
    assert (await final_transcript(ear)).text == adapter.spoken.text
    answer = (await ear.until(ResponseDone)).response_id
    assert ear.text_of(answer) == adapter.spoken.answer


@needs(Trait.TURNS_BY_ORDER)
async def test_cleared_input_is_forgotten(adapter: Adapter, voice_by_order: Voice, ear: Recorder):
    voice = voice_by_order
    feed(voice, adapter.speech)
    voice.send(ClearInput())
    voice.send(EndTurn())
    voice.send(Respond("answer", "Nothing was said."))
    await ear.until(ResponseDone)
    assert ear.all(Transcribed) == []


async def test_a_turn_that_is_cleared_while_it_lasts_is_over(
    adapter: Adapter, voice: Voice, ear: Recorder
):
    ear.answer_turns(voice)
    feed(voice, adapter.speech)
    voice.send(ClearInput())
    await ear.until(TurnCleared)
    assert [type(report) for report in ear.reports[:2]] == [SpeechStarted, SpeechStopped]
    if not voice.capabilities.responds_by_itself:
        await ear.until(ResponseDone)
    await adapter.settled()
    assert ear.all(Transcribed) == [], "what was cleared is no turn that nobody could read"


async def test_the_end_of_a_turn_that_lasts_can_be_ordered(
    adapter: Adapter, voice: Voice, ear: Recorder
):
    feed(voice, adapter.speech)
    await adapter.settled()
    assert ear.all(SpeechStopped) == []
    voice.send(EndTurn())
    assert (await final_transcript(ear)).text == adapter.spoken.text
    voice.send(EndTurn())  # nothing is under way: nothing happens
    assert len(ear.all(SpeechStopped)) == 1


@needs(Trait.CHANGES)
async def test_a_config_holds_from_the_next_turn(adapter: Adapter, voice: Voice, ear: Recorder):
    def patience(ms: int) -> UpdateConfig:
        detection = TurnDetection(silence_duration_ms=ms)
        return UpdateConfig(replace(adapter.config, turn_detection=detection))

    voice.send(patience(2_000))
    feed(voice, adapter.speech)
    voice.send(patience(300))
    feed(voice, adapter.quiet(1_000))
    await adapter.settled()
    assert ear.all(SpeechStopped) == []
    feed(voice, adapter.quiet(1_000))
    await adapter.settled()
    assert len(ear.all(SpeechStopped)) == 1
    feed(voice, adapter.speech + adapter.quiet(400))
    await adapter.settled()
    assert len(ear.all(SpeechStopped)) == 2


async def test_a_caller_who_stops_sending_has_finished(
    adapter: Adapter, voice: Voice, ear: Recorder
):
    feed(voice, adapter.speech)
    await adapter.settled()
    assert ear.all(SpeechStopped) == []
    await ear.until(SpeechStopped)  # no more audio: the clock ends the turn
    assert (await final_transcript(ear)).text == adapter.spoken.text


async def test_orders_about_nothing_are_ignored(voice: Voice, ear: Recorder):
    voice.send(Cancel("unknown", 0))
    voice.send(ToolResult("unknown", "{}"))
    voice.send(EndTurn())
    voice.send(ClearInput())
    voice.send(Respond("greeting", "Hello."))
    await ear.until(ResponseDone)
    assert not isinstance(ear.reports[0], ResponseDone)
    assert len(ear.all(ResponseDone)) == 1


async def test_after_close_nothing_is_reported(adapter: Adapter, ear: Recorder):
    voice = await adapter.open(VoiceOpening(adapter.config), ear)
    feed(voice, adapter.speech)
    voice.send(Respond("late", "This will not be said."))
    await voice.close()
    before = list(ear.reports)
    feed(voice, adapter.speech + adapter.quiet(700))
    voice.send(Respond("later", "Nor this."))
    await asyncio.sleep(0.3)
    assert ear.reports == before


async def test_what_it_can_do_is_told_before_opening(adapter: Adapter, voice: Voice):
    assert voice.capabilities == adapter.capabilities
    assert voice.capabilities.default_voice in voice.capabilities.voices
    assert voice.capabilities.input_hz > 0
    assert voice.capabilities.output_hz > 0
