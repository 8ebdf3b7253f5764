"""A caller who speaks over an answer: before its first word, during it, and after it was made."""

from ringline.domain.voice import (
    AddText,
    Cancel,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    Transcribed,
    VoiceFailed,
)
from ringline.ports import Voice
from tests.contract.voices.rows import Adapter, needs
from tests.contract.voices.traits import Trait
from tests.voice_desk import Recorder, Said, Spoke, feed

LONG = "This sentence is long enough for three chunks. " * 5


def cancel_when_spoken_over(ear: Recorder, voice: Voice, *, response_id: str, ms: int) -> None:
    """Cancel a response as soon as the caller speaks, as a call does."""

    def cancel(report: object) -> None:
        if isinstance(report, SpeechStarted) and len(ear.all(SpeechStarted)) == 1:
            voice.send(Cancel(response_id, ms))

    ear.hooks.append(cancel)


async def until_answered(ear: Recorder, adapter: Adapter) -> str:
    """Wait until the spoken turn has been answered in full; return the answer's id."""
    while True:
        for done in ear.all(ResponseDone):
            if adapter.spoken.answer in ear.text_of(done.response_id):
                return done.response_id
        await ear.until(ResponseDone, len(ear.all(ResponseDone)) + 1)


def ends_of(ear: Recorder, response_id: str) -> list[ResponseEnd]:
    return [done.reason for done in ear.all(ResponseDone) if done.response_id == response_id]


def not_a_word_of(ear: Recorder, response_id: str) -> bool:
    return not ear.text_of(response_id) and not ear.pcm_of(response_id)


@needs(Trait.HESITATES)
async def test_speech_before_the_first_word_of_an_answer(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    under_way = await adapter.let_hesitate(voice)
    cancel_when_spoken_over(ear, voice, response_id="slow", ms=0)
    ear.answer_turns(voice)
    voice.send(AddText(adapter.typed[1].text))
    voice.send(Respond("slow"))
    await under_way()
    feed(voice, adapter.turn)
    await until_answered(ear, adapter)
    assert not_a_word_of(ear, "slow")
    assert ends_of(ear, "slow") in ([], [ResponseEnd.CANCELLED])
    assert [heard.text for heard in ear.all(Transcribed) if heard.final] == [adapter.spoken.text]
    assert ear.all(VoiceFailed) == []


@needs(Trait.HESITATES)
async def test_speech_before_the_first_word_of_the_answer_to_a_turn(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    ear.answer_turns(voice)
    under_way = await adapter.let_hesitate(voice)

    def cancel(report: object) -> None:
        if isinstance(report, SpeechStarted) and len(ear.all(SpeechStarted)) == 2:
            voice.send(Cancel("r1", 0))

    ear.hooks.append(cancel)
    feed(voice, adapter.turn)
    await under_way()
    feed(voice, adapter.turn)
    await until_answered(ear, adapter)
    started = [begun.response_id for begun in ear.all(ResponseStarted)]
    said = [response_id for response_id in started if ear.text_of(response_id)]
    assert len(said) == 1, "the first answer says nothing"
    assert ear.all(VoiceFailed) == []


async def test_speech_over_an_answer_is_answered(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    def interrupt(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 3:
            feed(voice, adapter.turn)

    cancel_when_spoken_over(ear, voice, response_id="long", ms=200)
    ear.answer_turns(voice)
    ear.hooks.append(interrupt)
    voice.send(Respond("long", LONG))
    await until_answered(ear, adapter)
    assert ends_of(ear, "long") == [ResponseEnd.CANCELLED]
    assert ear.text_of("long") != LONG or not voice.capabilities.cancels
    assert ear.all(VoiceFailed) == []


async def test_speech_after_the_whole_answer_was_made(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    cancel_when_spoken_over(ear, voice, response_id="made", ms=100)
    ear.answer_turns(voice)
    voice.send(Respond("made", "One. Two. Three."))
    await ear.until(ResponseDone)
    feed(voice, adapter.turn)
    answer = await until_answered(ear, adapter)
    assert ends_of(ear, "made") == [ResponseEnd.COMPLETED]
    assert ear.text_of("made") == "One. Two. Three."
    assert ear.text_of(answer) == adapter.spoken.answer
    assert ear.all(VoiceFailed) == []


async def test_a_response_can_be_cancelled_twice(voice: Voice, ear: Recorder) -> None:
    def cancel(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 2:
            voice.send(Cancel("long", 50))
            voice.send(Cancel("long", 90))

    ear.hooks.append(cancel)
    voice.send(Respond("long", LONG))
    await ear.until(ResponseDone)
    voice.send(Cancel("long", 120))
    voice.send(Respond("next", "And on it goes."))
    await ear.until(ResponseDone, 2)
    assert ends_of(ear, "long") == [ResponseEnd.CANCELLED]
    assert ends_of(ear, "next") == [ResponseEnd.COMPLETED]
    assert ear.all(VoiceFailed) == []


@needs(Trait.LATE)
async def test_pieces_of_a_response_that_is_over_are_dropped(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    def cancel(report: object) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 2:
            voice.send(Cancel("long", 50))

    ear.hooks.append(cancel)
    voice.send(Respond("long", LONG))
    await ear.until(ResponseDone)
    said, spoke = len(ear.all(Said)), len(ear.all(Spoke))
    await adapter.bring(Trait.LATE, voice)
    assert (len(ear.all(Said)), len(ear.all(Spoke))) == (said, spoke)
    voice.send(Respond("next", "And on it goes."))
    await adapter.bring(Trait.LATE, voice)
    await ear.until(ResponseDone, 2)
    assert ear.text_of("next").replace("late ", "") == "And on it goes."
    assert ends_of(ear, "long") == [ResponseEnd.CANCELLED]


@needs(Trait.BUSY)
async def test_a_response_that_was_already_active_is_waited_for(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await adapter.bring(Trait.BUSY, voice)
    voice.send(AddText(adapter.typed[0].text))
    voice.send(Respond("answer"))
    voice.send(Respond("next", "And on it goes."))
    await ear.until(ResponseDone, 2)
    assert [done.response_id for done in ear.all(ResponseDone)] == ["answer", "next"]
    assert ear.text_of("answer") == adapter.typed[0].answer
    assert ear.all(VoiceFailed) == [], "it is no error of the client's"


@needs(Trait.BUSY)
async def test_what_waits_for_an_active_response_can_be_cancelled(
    adapter: Adapter, voice: Voice, ear: Recorder
) -> None:
    await adapter.bring(Trait.BUSY, voice)
    voice.send(Respond("never", "Not this."))
    voice.send(Cancel("never", 0))
    voice.send(Respond("next", "And on it goes."))
    while "next" not in {done.response_id for done in ear.all(ResponseDone)}:
        await ear.until(ResponseDone, len(ear.all(ResponseDone)) + 1)
    assert not_a_word_of(ear, "never")
    assert ear.text_of("next") == "And on it goes."
