"""The voices of providers against the providers themselves: what only a key can prove.

`make live` runs this file, which the other tests do not collect. A provider takes part if it is
set, as for a server: `RINGLINE_OPENAI_API_KEY`, `RINGLINE_VOICES_FILE` and so on; one that is
not is skipped by name. It costs some cents and two minutes for each provider.

Models answer as they like, so what is asserted is what a caller relies on: that a config is
taken, that there are words and sound under the right ids, that a response stops, that usage has
its units. The commands in the prompts are for the fakes of the tests, which obey them and say
back the rest: `tests/e2e/test_live_suite.py` runs this file against those.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from ringline.app import voices as app
from ringline.config import Settings
from ringline.domain.agent import Tool, TurnDetection
from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.domain.config_members import SessionConfig
from ringline.domain.log import Scope
from ringline.domain.providers import ProviderKey, VoiceProvider
from ringline.domain.voice import (
    AddText,
    Cancel,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    UpdateConfig,
    Usage,
    UsageReported,
    VoiceFailed,
    VoiceOpening,
)
from ringline.ports import Voice
from ringline.services.voices import VoiceModel
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints
from ringline.voices.resampling import new_resampler
from tests.voice_desk import Recorder, Spoke, quiet, speak

WAIT_S = 60.0
PIECE_MS = 20

HELLO = "Say hello in one short sentence."
CALL_CLOCK = '/tool clock {"tz": "UTC"}\nCall the tool `clock` with exactly these arguments.'
COUNT = "Count slowly from one to thirty, each number in words, without stopping.\n/long"
ANYTHING = "Whatever you were told to say, say it."
CLOCK = Tool(
    name="clock",
    description="Tells the time in a time zone.",
    parameters={
        "type": "object",
        "properties": {"tz": {"type": "string"}},
        "required": ["tz"],
    },
)


@dataclass(frozen=True)
class Provider:
    """Models that are tested alike, by the beginning of their names, and what sets them."""

    prefix: str
    setting: str
    #: The units of an answer to a typed text that are counted, whatever it is.
    units: tuple[str, ...]
    #: Where it is reached, to tell a service from one on this machine.
    url: Callable[[Settings], str]


TOKENS = ("audio_out_tokens", "text_in_tokens")
PROVIDERS = {
    "openai": Provider(
        "openai/gpt-realtime-", "RINGLINE_OPENAI_API_KEY", TOKENS, lambda set_: set_.openai_url
    ),
    "openai-live": Provider(
        "openai/gpt-live-", "RINGLINE_OPENAI_API_KEY", ("seconds",), lambda set_: set_.openai_url
    ),
    "xai": Provider(
        "xai/", "RINGLINE_XAI_API_KEY", ("seconds", "text_items"), lambda set_: set_.xai_url
    ),
    "gemini": Provider(
        "gemini/", "RINGLINE_GEMINI_API_KEY", ("audio_out_tokens",), lambda set_: set_.gemini_url
    ),
    "cascade": Provider(
        "cascade/",
        "RINGLINE_VOICES_FILE",
        ("text_in_tokens", "text_out_tokens"),
        lambda set_: set_.read_voices().cascades[0].chat.url,
    ),
}


@dataclass(frozen=True)
class Target:
    """A provider that is set: its models, the newest first, and a caller's speech."""

    provider: Provider
    models: tuple[VoiceModel, ...]
    speech: bytes
    #: It is on this machine, where speech need not come as fast as it is spoken.
    is_near: bool

    @property
    def newest(self) -> VoiceModel:
        return self.models[0]


def models_of(settings: Settings, cascades: Cascades) -> list[VoiceModel]:
    """Return every model of the catalogue that is not of this machine, as a server has them."""
    own = app._of_endpoints(settings.read_voices().cascades, cascades)
    keys = app._keys_of(settings)

    async def find(_: Scope | None, /, provider: VoiceProvider) -> ProviderKey | None:
        return keys.get(provider)

    return [*(m for m in app._of_providers(settings, find, further={}) if m.provider in keys), *own]


@pytest.fixture(scope="module")
def speech_16k() -> bytes:
    """A question, spoken by espeak, and enough quiet to end its turn."""
    return asyncio.run(speak("What is two plus two?")) + quiet(1_500)


@pytest.fixture(params=PROVIDERS)
async def target(request: pytest.FixtureRequest, speech_16k: bytes) -> AsyncIterator[Target]:
    provider, settings = PROVIDERS[request.param], Settings.read()
    cascades = Cascades(Endpoints(), DETECTORS[settings.voice_activity_detector])
    models = [m for m in models_of(settings, cascades) if m.name.startswith(provider.prefix)]
    if not models:
        pytest.skip(f"{request.param}: {provider.setting} is not set")
    capabilities = models[0].capabilities
    assert capabilities is not None
    pcm = speech_16k
    if capabilities.input_hz != 16_000:
        pcm = new_resampler(16_000, capabilities.input_hz)(pcm)
    host = urlsplit(provider.url(settings)).hostname
    yield Target(provider, tuple(models), pcm, host in ("127.0.0.1", "localhost", "::1"))
    await cascades.close()


class Conversation:
    """A voice, what it reported, and the responses that it was asked for."""

    def __init__(self, target: Target, voice: Voice, ear: Recorder) -> None:
        self.voice, self.ear = voice, ear
        self._target = target
        self._asked = 0

    async def ask(self, text: str) -> ResponseDone:
        """Type a text; return the end of its response, once all of it was produced."""
        return await self.done(self.start(text))

    def start(self, text: str) -> str:
        """Type a text; return the id under which it is answered."""
        self.voice.send(AddText(text))
        return self.respond()

    def respond(self) -> str:
        self._asked += 1
        self.voice.send(Respond(f"asked{self._asked}"))
        return f"asked{self._asked}"

    async def done(self, response_id: str) -> ResponseDone:
        while True:
            for done in self.ear.all(ResponseDone):
                if done.response_id == response_id:
                    return done
            await self.ear.until(ResponseDone, len(self.ear.all(ResponseDone)) + 1)

    async def say(self) -> None:
        """Say the question, and be quiet."""
        hz = self.voice.capabilities.input_hz
        size = bytes_of_ms(PIECE_MS, hz)
        pcm = self._target.speech
        for start in range(0, len(pcm), size):
            self.voice.send_audio(Chunk(pcm[start : start + size], hz))
            if not self._target.is_near:
                await asyncio.sleep(PIECE_MS / 1000)

    def used(self) -> Usage:
        """Add up what was reported as used."""
        parts = [done.usage for done in self.ear.all(ResponseDone)]
        parts += [reported.usage for reported in self.ear.all(UsageReported)]
        fields = Usage.__dataclass_fields__
        return Usage(**{name: sum(getattr(part, name) for part in parts) for name in fields})


def config_of(model: VoiceModel) -> SessionConfig:
    """Return a config that says something of everything that the model takes."""
    can = model.capabilities
    assert can is not None
    return SessionConfig(
        model=model.name,
        instructions="Be brief. Speak English.",
        voice=can.voices[-1],
        turn_detection=TurnDetection(silence_duration_ms=700, threshold=0.6),
        tools=(CLOCK,) if can.tools else (),
        reasoning_effort=can.reasoning_efforts[0] if can.reasoning_efforts else "",
        temperature=can.temperature and sum(can.temperature) / 2,
    )


@asynccontextmanager
async def talking(target: Target) -> AsyncIterator[Conversation]:
    """Open a conversation with the newest model; at its end, check that nothing failed."""
    model, ear = target.newest, Recorder()
    assert model.open is not None
    async with asyncio.timeout(WAIT_S):
        voice = await model.open(VoiceOpening(config_of(model)), ear)
        try:
            yield Conversation(target, voice, ear)
        finally:
            await voice.close()
    assert ear.all(VoiceFailed) == []


def check_answer(talk: Conversation, done: ResponseDone) -> None:
    """Check that a response was begun and has words and sound, which is not silence."""
    assert done.reason is ResponseEnd.COMPLETED
    assert ResponseStarted(done.response_id) in talk.ear.reports
    assert talk.ear.text_of(done.response_id).strip()
    assert any(talk.ear.pcm_of(done.response_id))


async def test_a_config_is_confirmed(target: Target) -> None:
    async with talking(target) as talk:
        assert talk.voice.capabilities == target.newest.capabilities
        await asyncio.sleep(0.5)  # a provider that does not like it says so now


async def test_every_model_of_the_catalogue_exists(target: Target) -> None:
    for model in target.models:
        ear = Recorder()
        assert model.open is not None
        async with asyncio.timeout(WAIT_S):
            voice = await model.open(VoiceOpening(config_of(model)), ear)
            await voice.close()
        assert ear.all(VoiceFailed) == [], model.name


async def test_a_typed_text_is_answered_aloud(target: Target) -> None:
    async with talking(target) as talk:
        check_answer(talk, await talk.ask(HELLO))
        check_answer(talk, await talk.ask(HELLO))


async def test_a_spoken_turn_is_heard_and_answered(target: Target) -> None:
    async with talking(target) as talk:
        talk.ear.answer_turns(talk.voice)
        await talk.say()
        stopped = await talk.ear.until(SpeechStopped)
        check_answer(talk, await talk.ear.until(ResponseDone))
        while not (finals := [one for one in talk.ear.all(Transcribed) if one.final]):
            await talk.ear.until(Transcribed, len(talk.ear.all(Transcribed)) + 1)
        assert finals[0].item_id == stopped.item_id
        assert finals[0].text.strip()


async def test_a_tool_is_called_and_its_result_answered(target: Target) -> None:
    async with talking(target) as talk:
        asked = talk.start(CALL_CLOCK)
        call = await talk.ear.until(ToolCall)
        assert (call.name, call.arguments) == ("clock", {"tz": "UTC"})
        # A model that has said first that it will look calls the tool in another response.
        assert asked in (call.response_id, *(it.response_id for it in talk.ear.all(ResponseDone)))
        before = await talk.done(call.response_id)
        talk.voice.send(ToolResult(call.tool_call_id, '{"time": "12:00"}'))
        if not talk.voice.capabilities.responds_by_itself:
            talk.respond()
        done = await talk.ear.until(ResponseDone, talk.ear.all(ResponseDone).index(before) + 2)
        check_answer(talk, done)


async def test_a_response_is_cancelled_and_the_next_one_is_not(target: Target) -> None:
    async with talking(target) as talk:
        asked = talk.start(COUNT)
        await talk.ear.until(Spoke, 3)
        talk.voice.send(Cancel(asked, 100))
        assert (await talk.done(asked)).reason is ResponseEnd.CANCELLED
        said = len(talk.ear.pcm_of(asked))
        check_answer(talk, await talk.ask(HELLO))
        assert len(talk.ear.pcm_of(asked)) == said


async def test_a_caller_interrupts_and_is_answered(target: Target) -> None:
    async with talking(target) as talk:
        asked = talk.start(COUNT)
        await talk.ear.until(Spoke, 3)
        talk.ear.answer_turns(talk.voice)
        speaking = asyncio.create_task(talk.say())
        await talk.ear.until(SpeechStarted)
        if not talk.voice.capabilities.interrupts_by_itself:
            talk.voice.send(Cancel(asked, 100))
        assert (await talk.done(asked)).reason is ResponseEnd.CANCELLED
        await speaking
        await talk.ear.until(SpeechStopped)
        check_answer(talk, await talk.ear.until(ResponseDone, 2))


async def test_instructions_change_while_the_session_runs(target: Target) -> None:
    capabilities = target.newest.capabilities
    assert capabilities is not None
    if "instructions" in capabilities.fixed_members:
        pytest.skip(f"{target.newest.name}: instructions are fixed for a session")
    async with talking(target) as talk:
        check_answer(talk, await talk.ask(HELLO))
        changed = replace(config_of(target.newest), instructions="Say the word banana, always.")
        talk.voice.send(UpdateConfig(changed))
        done = await talk.ask(ANYTHING)
        check_answer(talk, done)
        said = talk.ear.text_of(done.response_id).lower()
        assert "banana" in said or said == f"echo: {ANYTHING.lower()}", "only fakes may echo"


async def test_what_was_used_is_counted_in_its_units(target: Target) -> None:
    async with talking(target) as talk:
        check_answer(talk, await talk.ask(HELLO))
        while not all(getattr(talk.used(), unit) for unit in target.provider.units):
            await talk.ear.until(UsageReported, len(talk.ear.all(UsageReported)) + 1)
        counted = talk.used()
    units = target.provider.units  # who bills by time may count tokens as well
    assert counted.text_items == int("text_items" in units)
    assert (counted.seconds > 0) == ("seconds" in units)
