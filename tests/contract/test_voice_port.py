"""The port `Voice`: what every adapter promises. One row per adapter.

A row opens voices, and provides a caller's speech that the voice understands, texts, and the
answers to both. Rules that depend on what a voice offers, or does by itself, check its
capabilities.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

import pytest
from msgspec.structs import replace

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.attendant import SETTINGS, attendant
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
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
    VoiceCapabilities,
    VoiceOpening,
)
from ringline.ports import OpenVoice, Voice
from ringline.voices import gemini, mock, openai, openai_live, xai
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.local import LocalVoices
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream, UpstreamModel
from ringline.voices.upstream_voice import UpstreamVoices
from ringline.wire.openai_realtime import Dialect
from tests.fake_endpoints import HEARD, fake_endpoints
from tests.fake_gemini import FakeGemini
from tests.fake_openai import KEY, OPENAI, XAI, Rules, fake_provider
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.voice_desk import Recorder, Said, Spoke, buzz, feed, hum, quiet, speak


async def at_once() -> None:
    """Wait for nothing: voices of this process hear and report at once."""


@dataclass(frozen=True)
class Exchange:
    """A text of the caller, typed or spoken, and the answer to it."""

    text: str
    answer: str
    hangs_up: bool = False


@dataclass(frozen=True)
class Adapter:
    """A row: how to open its voice, and what it understands and answers."""

    open: OpenVoice
    config: SessionConfig
    capabilities: VoiceCapabilities
    #: Speech, what it is transcribed as, and its answer.
    speech: bytes = field(repr=False)
    spoken: Exchange
    #: Typed texts: two that are answered together, and one alone.
    typed: tuple[Exchange, Exchange, Exchange]
    #: Partial transcripts may change what they said before.
    corrects_itself: bool = False
    #: Wait until the voice has heard and reported everything.
    settled: Callable[[], Awaitable[None]] = at_once

    def quiet(self, ms: int) -> bytes:
        return quiet(ms, self.capabilities.input_hz)

    async def open_by_order(self, ear: Recorder) -> Voice:
        """Open a voice whose turns end by order alone, from the start if that is fixed."""
        by_order = TurnDetection(type=TurnDetectionType.NONE)
        config = replace(self.config, turn_detection=by_order)
        if "turn_detection" in self.capabilities.fixed_members:
            return await self.open(VoiceOpening(config), ear)
        voice = await self.open(VoiceOpening(self.config), ear)
        voice.send(UpdateConfig(config))
        return voice


async def local() -> AsyncIterator[Adapter]:
    voices = LocalVoices()
    agent = attendant(UUID(int=1))
    replies = SETTINGS.replies
    phrase = "what are your opening hours"
    try:
        yield Adapter(
            voices.open,
            SessionConfig(model=agent.model, voice=agent.voice, local=agent.local),
            LocalVoices.capabilities,
            await speak(phrase),
            Exchange(phrase, replies["opening_hours"]),
            (
                Exchange("What are your opening hours?", replies["opening_hours"]),
                Exchange("I would like to book a table!", replies["book_table"]),
                Exchange("Thank you, goodbye.", replies["goodbye"], hangs_up=True),
            ),
        )
    finally:
        await voices.close()


def mocked(model: str, capabilities: VoiceCapabilities, *, open_voice: OpenVoice) -> Adapter:
    """Return the row of a test voice: it says back what it was told."""
    rate_hz = capabilities.input_hz
    return Adapter(
        open_voice,
        SessionConfig(model=model, voice=capabilities.default_voice),
        capabilities,
        quiet(300, rate_hz) + hum(1_240, rate_hz),
        Exchange("heard 1200 ms", "echo: heard 1200 ms"),
        (
            Exchange("One.", "echo: One."),
            Exchange("And two?", "echo: And two?"),
            Exchange("Three!", "echo: Three!"),
        ),
    )


async def mock_echo() -> AsyncIterator[Adapter]:
    yield mocked(mock.ECHO_MODEL, mock.ECHO, open_voice=mock.open_echo)


async def mock_asym() -> AsyncIterator[Adapter]:
    yield mocked(mock.ASYM_MODEL, mock.ASYM, open_voice=mock.open_asym)


async def cascade() -> AsyncIterator[Adapter]:
    async with fake_endpoints() as fake:
        row = fake.cascade()
        cascades = Cascades(Endpoints(), DETECTORS["webrtc"])
        heard = "".join(HEARD)
        yield Adapter(
            cascades.opener(row),
            SessionConfig(model=row.model, voice="alloy"),
            row.capabilities,
            quiet(300) + buzz(1_000),
            Exchange(heard, f"echo: {heard}"),
            (
                Exchange("One.", "echo: One."),
                Exchange("And two?", "echo: And two?"),
                Exchange("Three!", "echo: Three!"),
            ),
        )
        await cascades.close()


async def provided(
    rules: Rules, dialect: Dialect, *, models: Mapping[str, UpstreamModel]
) -> AsyncIterator[Adapter]:
    """Yield the row of a provider's newest model, from a provider on this machine."""
    async with fake_provider(rules) as fake:
        model, row = next(iter(models.items()))
        voices = UpstreamVoices(Upstream(fake.url, KEY), dialect, models=models)
        config = SessionConfig(model=model, voice=row.capabilities.default_voice)
        tested = mocked(model, row.capabilities, open_voice=voices.open)
        spoken = Exchange("heard 1240 ms", "echo: heard 1240 ms")
        yield dataclasses.replace(
            tested,
            config=config,
            spoken=spoken,
            corrects_itself=rules.xai,
            settled=fake.settled,
        )


async def of_openai() -> AsyncIterator[Adapter]:
    async for row in provided(OPENAI, openai.DIALECT, models=openai.MODELS):
        yield row


async def of_xai() -> AsyncIterator[Adapter]:
    async for row in provided(XAI, xai.DIALECT, models=xai.MODELS):
        yield row


async def of_openai_live() -> AsyncIterator[Adapter]:
    async with fake_live(hurry=5) as fake:
        model, row = next(iter(openai_live.MODELS.items()))
        voices = LiveVoices(
            Upstream(fake.url, LIVE_KEY),
            openai_live.MODELS,
            delegation_model="gpt-6-luna",
            detector=DETECTORS["webrtc"],
        )
        tested = mocked(model, row.capabilities, open_voice=voices.open)
        spoken = Exchange("heard 1240 ms", "echo: heard 1240 ms")
        yield dataclasses.replace(tested, spoken=spoken, settled=fake.settled)


async def of_gemini() -> AsyncIterator[Adapter]:
    async with FakeGemini(EchoModel()) as fake:
        model, row = next(iter(gemini.MODELS.items()))
        detector = DETECTORS["webrtc"]
        voices = GeminiVoices(Upstream(fake.url, "a-key"), gemini.MODELS, detector=detector)
        tested = mocked(model, row.capabilities, open_voice=voices.open)
        speech = quiet(300) + hum(1_240, 16_000)
        yield dataclasses.replace(tested, speech=speech, settled=fake.settled)


ADAPTERS = {
    "local/attendant": local,
    "mock/echo": mock_echo,
    "mock/asym": mock_asym,
    "cascade/house": cascade,
    "openai/*": of_openai,
    "openai/gpt-live-*": of_openai_live,
    "xai/*": of_xai,
    "gemini/*": of_gemini,
}


#: For rules of turns that end by order: these always detect them.
by_order = pytest.mark.parametrize(
    "adapter",
    [name for name in ADAPTERS if name not in ("mock/asym", "openai/gpt-live-*", "xai/*")],
    indirect=True,
)

#: For rules of configs that change: Gemini keeps what it was opened with, and a Live session
#: answers a turn, and thus ends it, when it likes.
by_config = pytest.mark.parametrize(
    "adapter",
    [name for name in ADAPTERS if name not in ("gemini/*", "openai/gpt-live-*")],
    indirect=True,
)


@pytest.fixture(params=ADAPTERS)
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    rows = ADAPTERS[request.param]()
    async for row in rows:
        yield row


@pytest.fixture
def ear() -> Recorder:
    return Recorder()


@pytest.fixture
async def voice(adapter: Adapter, ear: Recorder) -> AsyncIterator[Voice]:
    opened = await adapter.open(VoiceOpening(adapter.config), ear)
    yield opened
    await opened.close()


@pytest.fixture
async def voice_by_order(adapter: Adapter, ear: Recorder) -> AsyncIterator[Voice]:
    opened = await adapter.open_by_order(ear)
    yield opened
    await opened.close()


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


@by_order
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


@by_order
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


@by_config
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
