"""The voices that are held to the port `Voice`: one row each, and what each can show.

A row opens its voice, and knows a caller's speech that the voice understands, texts, and the
answers to both. `TRAITS` are situations that not every voice gets into: a row either does
something to bring one about (`Adapter.bring`), or lacks it for a reason. A case names the
traits that it `needs`, and is skipped, with the reason, for the rows that lack one.

To add a voice: write a function that yields its `Adapter`, and a row of `ROWS`.
"""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.attendant import SETTINGS, attendant
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_vocabulary import CallDirection
from ringline.domain.config_members import SessionConfig
from ringline.domain.log import Environment, Scope
from ringline.domain.receivers import TurnAnswer, TurnQuestion
from ringline.domain.voice import AddText, UpdateConfig, VoiceCapabilities, VoiceOpening
from ringline.ports import OpenVoice, Voice, VoiceListener
from ringline.voices import byom, gemini, mock, openai, openai_live, xai
from ringline.voices.byom import AgentVoices
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.local import LocalVoices
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream, UpstreamModel
from ringline.voices.upstream_voice import UpstreamVoices
from ringline.wire.openai_realtime import Dialect
from tests.clock import SkippingLoop
from tests.contract.voices.pranks import (
    Begun,
    Prank,
    at_once,
    of_endpoints,
    of_gemini,
    of_openai,
    of_openai_live,
)
from tests.contract.voices.traits import Trait
from tests.fake_endpoints import HEARD, call_events, fake_endpoints, streamed
from tests.fake_gemini import FakeGemini
from tests.fake_openai import KEY, OPENAI, XAI, Rules, fake_provider
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.voice_desk import Recorder, buzz, hum, quiet, speak, with_key


async def no_time() -> None:
    """Wait for nothing: voices of this process hear and report at once."""


@dataclass(frozen=True)
class Exchange:
    """A text of the caller, typed or spoken, and the answer to it."""

    text: str
    answer: str
    hangs_up: bool = False


@dataclass(frozen=True)
class Call:
    """A tool call that a typed text brings about."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


def commands(*calls: Call) -> list[str]:
    """Return the texts that make most fakes say a word and call tools, in this sequence."""
    return ["Hello.", *(f"/tool {call.name} {json.dumps(call.arguments)}" for call in calls)]


@dataclass(frozen=True)
class Adapter:
    """A voice of a row: how to open it, and what it understands and answers."""

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
    settled: Callable[[], Awaitable[None]] = no_time
    #: Return texts whose answer says something and then calls these tools.
    calling: Callable[..., list[str]] = commands
    pranks: Mapping[Trait, Prank] = field(default_factory=dict[Trait, Prank])

    def quiet(self, ms: int) -> bytes:
        return quiet(ms, self.capabilities.input_hz)

    @property
    def turn(self) -> bytes:
        """Return the speech, and the quiet that ends its turn."""
        return self.speech + self.quiet(700)

    async def bring(self, trait: Trait, voice: Voice) -> None:
        """Bring a situation about."""
        await self.pranks[trait](voice)

    async def let_hesitate(self, voice: Voice) -> Begun:
        """Let the next answer not begin; return what waits until it is under way."""
        begun = await self.pranks[Trait.HESITATES](voice)
        assert begun is not None
        return begun

    async def open_by_order(self, ear: Recorder) -> Voice:
        """Open a voice whose turns end by order alone, from the start if that is fixed."""
        by_order = TurnDetection(type=TurnDetectionType.NONE)
        config = replace(self.config, turn_detection=by_order)
        if "turn_detection" in self.capabilities.fixed_members:
            return await self.open(VoiceOpening(config), ear)
        voice = await self.open(VoiceOpening(self.config), ear)
        voice.send(UpdateConfig(config))
        return voice


TOOLS = tuple(
    Tool(name=name, description="of the tests", parameters={"type": "object", "properties": {}})
    for name in ("clock", "lamp")
)


async def hesitate(_: Voice) -> Begun:
    """Do nothing: a worker speaks, so an answer begins some turns of the loop later."""
    return at_once


#: Speech of phrases: the same for every case, and it takes a process to make.
_spoken: dict[str, bytes] = {}


async def local() -> AsyncIterator[Adapter]:
    voices = LocalVoices()
    agent = attendant(UUID(int=1))
    replies = SETTINGS.replies
    phrase = "what are your opening hours"
    if phrase not in _spoken:
        _spoken[phrase] = await speak(phrase)
    try:
        yield Adapter(
            voices.open,
            SessionConfig(model=agent.model, voice=agent.voice, local=agent.local),
            LocalVoices.capabilities,
            _spoken[phrase],
            Exchange(phrase, replies["opening_hours"]),
            (
                Exchange("What are your opening hours?", replies["opening_hours"]),
                Exchange("I would like to book a table!", replies["book_table"]),
                Exchange("Thank you, goodbye.", replies["goodbye"], hangs_up=True),
            ),
            pranks={Trait.HESITATES: hesitate},
        )
    finally:
        await voices.close()


def echoing(model: str, capabilities: VoiceCapabilities, *, open_voice: OpenVoice) -> Adapter:
    """Return the adapter of a voice that says back what it was told."""
    rate_hz = capabilities.input_hz
    return Adapter(
        open_voice,
        SessionConfig(model=model, voice=capabilities.default_voice, tools=TOOLS),
        capabilities,
        quiet(300, rate_hz) + hum(1_240, rate_hz),
        Exchange("heard 1200 ms", "echo: heard 1200 ms"),
        (
            Exchange("One.", "echo: One."),
            Exchange("And two?", "echo: And two?"),
            Exchange("Three!", "echo: Three!"),
        ),
    )


def mocked(model: str, capabilities: VoiceCapabilities, *, open_voice: OpenVoice) -> Adapter:
    """Return the adapter of a test voice."""

    async def wait_a_minute(voice: Voice) -> Begun:
        voice.send(AddText("/slow 60000"))
        return at_once

    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    loop.skip_waits()  # it speaks in real time, and nothing of it is outside of the loop
    tested = echoing(model, capabilities, open_voice=open_voice)
    return dataclasses.replace(tested, pranks={Trait.HESITATES: wait_a_minute})


async def mock_echo() -> AsyncIterator[Adapter]:
    yield mocked(mock.ECHO_MODEL, mock.ECHO, open_voice=mock.open_echo)


async def mock_asym() -> AsyncIterator[Adapter]:
    yield mocked(mock.ASYM_MODEL, mock.ASYM, open_voice=mock.open_asym)


async def cascade() -> AsyncIterator[Adapter]:
    async with fake_endpoints() as fake:
        row = fake.cascade()
        cascades = Cascades(Endpoints(), DETECTORS["webrtc"])
        heard = "".join(HEARD)

        def calling(*calls: Call) -> list[str]:
            made = [
                (f"call_{n}", call.name, json.dumps(call.arguments)) for n, call in enumerate(calls)
            ]
            events = call_events(*made, text="Hello. ")
            fake.answers["chat"].append(lambda asked: streamed(asked, events))
            return ["Go on."]

        tested = echoing(row.model, row.capabilities, open_voice=cascades.opener(row))
        yield dataclasses.replace(
            tested,
            config=replace(tested.config, voice="alloy"),
            speech=quiet(300) + buzz(1_000),
            spoken=Exchange(heard, f"echo: {heard}"),
            calling=calling,
            pranks=of_endpoints(fake),
        )
        await cascades.close()


CALL = CallFacts(
    Scope(UUID(int=1), Environment.LIVE),
    UUID(int=2),
    CallDirection.INBOUND,
    "web:anonymous",
    "agent:agt_1",
    UUID(int=3),
)


class EchoingReceiver:
    """A webhook that says back what it was told, line by line; it may hesitate first."""

    def __init__(self) -> None:
        self.hesitations = 0
        self.hesitating = asyncio.Event()

    async def answer(self, question: TurnQuestion) -> TurnAnswer:
        if self.hesitations:
            self.hesitations -= 1
            self.hesitating.set()
            await asyncio.Event().wait()
        lines = question.transcription.split("\n")
        return TurnAnswer("\n".join(f"echo: {line}" for line in lines))

    def on_a_call(self, open_voice: OpenVoice) -> OpenVoice:
        """Return what opens a voice on a call that has an agent."""

        async def open_on_a_call(opening: VoiceOpening, listener: VoiceListener) -> Voice:
            return await open_voice(dataclasses.replace(opening, call=CALL), listener)

        return open_on_a_call

    async def hesitate(self, _: Voice) -> Begun:
        self.hesitations += 1
        return self.hesitating.wait


async def byom_local() -> AsyncIterator[Adapter]:
    receiver, voices = EchoingReceiver(), LocalVoices()
    agents = AgentVoices(receiver.answer, DETECTORS["webrtc"])
    phrase = "what are your opening hours"
    if phrase not in _spoken:
        _spoken[phrase] = await speak(phrase)
    tested = echoing(
        byom.BYOM_LOCAL_MODEL,
        byom.LOCAL,
        open_voice=receiver.on_a_call(agents.over_local(voices)),
    )
    try:
        yield dataclasses.replace(
            tested,
            config=replace(tested.config, tools=(), local=SETTINGS),
            speech=_spoken[phrase],
            spoken=Exchange(phrase, f"echo: {phrase}"),
            pranks={Trait.HESITATES: receiver.hesitate},
        )
    finally:
        await voices.close()


async def byom_cascade() -> AsyncIterator[Adapter]:
    receiver = EchoingReceiver()
    async with fake_endpoints() as fake:
        row, endpoints = fake.cascade(), Endpoints()
        agents = AgentVoices(receiver.answer, DETECTORS["webrtc"])
        heard = "".join(HEARD)
        tested = echoing(
            byom.model_of(row),
            byom.capabilities_of(row),
            open_voice=receiver.on_a_call(agents.over_cascade(row, endpoints)),
        )
        yield dataclasses.replace(
            tested,
            config=replace(tested.config, voice="alloy", tools=()),
            speech=quiet(300) + buzz(1_000),
            spoken=Exchange(heard, f"echo: {heard}"),
            pranks={**of_endpoints(fake), Trait.HESITATES: receiver.hesitate},
        )
        await endpoints.close()


async def provided(
    rules: Rules, dialect: Dialect, *, models: Mapping[str, UpstreamModel]
) -> AsyncIterator[Adapter]:
    """Yield the adapter of a provider's newest model, from a provider on this machine."""
    async with fake_provider(rules) as fake:
        model, row = next(iter(models.items()))
        voices = UpstreamVoices(
            Upstream(fake.url, with_key(KEY), transcript_s=3.0), dialect, models=models
        )
        tested = echoing(model, row.capabilities, open_voice=voices.open)
        yield dataclasses.replace(
            tested,
            spoken=Exchange("heard 1240 ms", "echo: heard 1240 ms"),
            corrects_itself=rules.xai,
            settled=fake.settled,
            pranks=of_openai(fake),
        )


async def openai_realtime() -> AsyncIterator[Adapter]:
    async for adapter in provided(OPENAI, openai.DIALECT, models=openai.MODELS):
        yield adapter


async def xai_realtime() -> AsyncIterator[Adapter]:
    async for adapter in provided(XAI, xai.DIALECT, models=xai.MODELS):
        yield adapter


async def openai_gpt_live() -> AsyncIterator[Adapter]:
    async with fake_live(hurry=5) as fake:
        model, row = next(iter(openai_live.MODELS.items()))
        voices = LiveVoices(
            Upstream(fake.url, with_key(LIVE_KEY)),
            openai_live.MODELS,
            delegation_model="gpt-6-luna",
            detector=DETECTORS["webrtc"],
        )
        tested = echoing(model, row.capabilities, open_voice=voices.open)
        yield dataclasses.replace(
            tested,
            spoken=Exchange("heard 1240 ms", "echo: heard 1240 ms"),
            settled=fake.settled,
            pranks=of_openai_live(fake),
        )


async def gemini_live() -> AsyncIterator[Adapter]:
    model = EchoModel(playback_s=0.2)  # so that its turns end twice, as the service's do
    async with FakeGemini(model) as fake:
        name, row = next(iter(gemini.MODELS.items()))
        detector = DETECTORS["webrtc"]
        voices = GeminiVoices(
            Upstream(fake.url, with_key("a-key")), gemini.MODELS, detector=detector
        )
        tested = echoing(name, row.capabilities, open_voice=voices.open)
        yield dataclasses.replace(
            tested,
            speech=quiet(300) + hum(1_240, 16_000),
            settled=fake.settled,
            pranks=of_gemini(fake, model),
        )


@dataclass(frozen=True)
class Row:
    """How to get a voice, and why it has not some of the traits."""

    make: Callable[[], AsyncIterator[Adapter]]
    lacks: Mapping[Trait, str]


_RUNS_HERE = "no provider is behind it"
_MOCKS = {
    Trait.FIXED: "every member may change",
    Trait.CALLS_CANCELLED: "its calls stay valid",
    Trait.REVISED: "it transcribes a turn at once",
    **dict.fromkeys((Trait.LATE, Trait.REPEATED, Trait.ENDLESS), _RUNS_HERE),
    **dict.fromkeys((Trait.BUSY, Trait.CHATTER), _RUNS_HERE),
}
_BYOM = {
    Trait.FIXED: "every member may change",
    **dict.fromkeys((Trait.TOOLS, Trait.CALLS_KEPT), "the webhook runs its own tools"),
    Trait.CALLS_CANCELLED: "the webhook runs its own tools",
    Trait.METERED: "the webhook's model is not ours to meter",
    Trait.REVISED: "it reports no word that is taken back",
    Trait.LATE: "the request of a cancelled response is closed",
    Trait.ENDLESS: "an answer without an end is none",
    Trait.BUSY: "the webhook keeps no conversation here",
}
_OPENAIS = {
    Trait.CALLS_CANCELLED: "OpenAI's protocol leaves calls valid",
}

ROWS: Mapping[str, Row] = {
    "local/attendant": Row(
        local,
        {
            **_MOCKS,
            **dict.fromkeys((Trait.TOOLS, Trait.CALLS_KEPT), "its phrases call no tools"),
            Trait.METERED: "it costs nothing",
            Trait.REVISED: "it reports no word that it may have to take back",
        },
    ),
    "mock/echo": Row(mock_echo, _MOCKS),
    "mock/asym": Row(mock_asym, {**_MOCKS, Trait.TURNS_BY_ORDER: "it always detects turns"}),
    "cascade/house": Row(
        cascade,
        {
            Trait.FIXED: "every member may change",
            Trait.CALLS_CANCELLED: "chat models do not cancel calls",
            Trait.REVISED: "it reports no word that is taken back",
            Trait.LATE: "the requests of a cancelled response are closed",
            Trait.ENDLESS: "an answer without an end is a failure of its endpoint",
            Trait.BUSY: "endpoints keep no conversation",
        },
    ),
    "byom/local": Row(
        byom_local,
        {
            **_BYOM,
            Trait.REPEATED: _RUNS_HERE,
            Trait.CHATTER: "an answer of the webhook is one document",
        },
    ),
    "byom/house": Row(byom_cascade, _BYOM),
    "openai/*": Row(
        openai_realtime, {**_OPENAIS, Trait.REVISED: "its partial transcripts only grow"}
    ),
    "openai/gpt-live-*": Row(
        openai_gpt_live,
        {
            **_OPENAIS,
            Trait.TURNS_BY_ORDER: "it hears the caller all the time",
            Trait.CHANGES: "a session answers a turn, and thus ends it, when it likes",
            Trait.METERED: "a session is metered by its time",
            Trait.REVISED: "its partial transcripts only grow",
            Trait.LATE: "its output has no ids: what comes after a pause is the next response",
            Trait.REPEATED: "it never says that a transcript is final",
            Trait.BUSY: "what it says by itself is a response like any other",
        },
    ),
    "xai/*": Row(
        xai_realtime,
        {
            **_OPENAIS,
            Trait.TURNS_BY_ORDER: "it always detects turns",
            Trait.FIXED: "every member may change",
        },
    ),
    "gemini/*": Row(
        gemini_live,
        {
            Trait.CHANGES: "a conversation keeps the config that it was opened with",
            Trait.CALLS_KEPT: "an interruption cancels its calls",
            Trait.REVISED: "its partial transcripts only grow",
            Trait.LATE: "its pieces have no ids: what comes after the end is the next response",
            Trait.BUSY: "what it says by itself is a response like any other",
        },
    ),
}


def needs(*traits: Trait) -> pytest.MarkDecorator:
    """Run a case for the rows that have these traits; skip it for the others."""
    return pytest.mark.parametrize("adapter", _params(traits), indirect=True)


def _params(traits: Sequence[Trait]) -> list[Any]:
    params: list[Any] = []
    for name, row in ROWS.items():
        reasons = [f"{name}: {row.lacks[trait]}" for trait in traits if trait in row.lacks]
        marks = [pytest.mark.skip(reason=reasons[0])] if reasons else []
        params.append(pytest.param(name, marks=marks))
    return params
