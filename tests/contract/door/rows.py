"""The voices behind the OpenAI-compatible surface: one row each, and what each can show.

A row runs a server with its voice, from a provider on this machine if it has one, and knows a
caller's speech that the voice understands, texts, and what the answers say. `Trait`s are what
not every voice can do: a row lacks one for a reason, and a case that `needs` it is skipped.

To add a voice: write a function that yields its `Talker`, and a row of `ROWS`.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import SecretStr

from ringline.voices.resampling import new_resampler
from tests.database import TestDatabase
from tests.fake_endpoints import HEARD, fake_endpoints
from tests.fake_endpoints import KEY as HOUSE_KEY
from tests.fake_gemini import FakeGemini
from tests.fake_openai import KEY, OPENAI, XAI, Rules, fake_provider
from tests.fake_openai_live import KEY as LIVE_KEY
from tests.fake_openai_live import fake_live
from tests.gemini_model import EchoModel
from tests.openai_session import mint
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.voice_desk import buzz, hum, quiet, speak

RATE_HZ = 24_000


class Trait(StrEnum):
    """What not every voice can do."""

    TOOLS = "tools"
    IMAGES = "images"
    #: Answers can be text alone.
    TEXT = "text"
    #: The client can end the caller's turns by itself.
    TURNS_BY_ORDER = "turns by order"
    #: It waits for a request to answer a turn.
    WAITS = "answers on request"
    #: Speech does not interrupt it if the session says so.
    UNINTERRUPTED = "answers that speech does not interrupt"
    #: What it uses is counted in tokens.
    TOKENS = "tokens"


@dataclass(frozen=True)
class Talker:
    """A server, the voice behind it, and what that voice understands and answers."""

    service: Service
    #: The model as a client names it.
    model: str
    #: A voice that it has, which it takes for one of OpenAI's that it lacks.
    voice: str
    #: Speech at 24 kHz, without the quiet that ends its turn; what is heard of it, and answered.
    speech: bytes = field(repr=False)
    heard: str = r"heard \d+ ms"
    answer: str = r"echo: heard \d+ ms"
    #: A text that is typed, its answer, and others whose answers take about a second, and longer.
    text: str = "Hello"
    echoed: str = "echo: Hello"
    sentence: str = "one two three four five six seven eight nine ten"
    long: str = "word " * 40
    tool: str = '/tool clock {"tz": "UTC"}'
    #: It is a test voice, which needs the test key.
    tested: bool = False
    #: Members of a client secret's body that the voice needs.
    bound: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def turn(self) -> bytes:
        """Return the speech, and the quiet that ends its turn."""
        return self.speech + quiet(900, RATE_HZ)

    @property
    def url(self) -> str:
        """Return the URL of its socket."""
        return f"{self.service.ws_url}/v1/realtime?model={self.model}"

    @property
    def secret_key(self) -> str:
        """Return a key of the workspace, in the environment where the voice can be used."""
        keys = self.service.keys
        return keys.test_key if self.tested else keys.secret_key

    async def key(self) -> str:
        """Return what a client opens a session with: a key, or a new client secret."""
        if not self.bound:
            return self.secret_key
        status, minted = await mint(self.service, self.bound, headers=self.service.bearer())
        assert status == 200, minted
        return minted["value"]


AbstractTalker: TypeAlias = AbstractAsyncContextManager[Talker]


def humming(service: Service, model: str, voice: str, **members: Any) -> Talker:
    """Return the talker of a voice that takes a hum for speech, and says what it is told."""
    return Talker(service, model, voice, quiet(200, RATE_HZ) + hum(600, RATE_HZ), **members)


#: What the local voice understands, and says.
_PHRASES = {"hours": "what are your opening hours", "story": "i would like to hear a long story"}
_REPLIES = {
    "hours": "From nine to ten.",
    "story": "Once upon a time there was a telephone that nobody had ever called.",
    "fallback": "I did not get that.",
}


@asynccontextmanager
async def local(database: TestDatabase, _: Path) -> AsyncIterator[Talker]:
    phrases = [{"text": text, "intent": intent} for intent, text in _PHRASES.items()]
    said = {"greeting": "", "local": {"phrases": phrases, "replies": _REPLIES}}
    async with serving(database) as service:
        await Rpc(service).run("update_ai_agent", identity=service.agent_id, input=said)
        yield Talker(
            service,
            "local/attendant",
            "en-us",
            new_resampler(16_000, RATE_HZ)(await speak(_PHRASES["hours"])),
            heard=_PHRASES["hours"],
            answer=_REPLIES["hours"],
            text="What are your opening hours?",
            echoed=_REPLIES["hours"],
            sentence=_PHRASES["hours"],
            long=_PHRASES["story"],
            bound={"agent_id": service.agent_id},
        )


@asynccontextmanager
async def mock_echo(database: TestDatabase, _: Path) -> AsyncIterator[Talker]:
    async with serving(database) as service:
        yield humming(service, "mock/echo", "a", tested=True)


@asynccontextmanager
async def cascade(database: TestDatabase, place: Path) -> AsyncIterator[Talker]:
    async with fake_endpoints() as fake:
        file, heard = place / "voices.toml", re.escape("".join(HEARD))
        file.write_text(fake.voices_file(), "utf-8")
        speech = new_resampler(16_000, RATE_HZ)(quiet(300) + buzz(1_000))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOUSE_KEY", HOUSE_KEY)
            async with serving(database, voices_file=file) as service:
                talker = Talker(service, "cascade/house", "alloy", speech, heard, f"echo: {heard}")
                yield talker


@asynccontextmanager
async def provided(
    database: TestDatabase, rules: Rules, provider: str, *, model: str, voice: str
) -> AsyncIterator[Talker]:
    async with fake_provider(rules) as fake:
        settings = {f"{provider}_api_key": SecretStr(KEY), f"{provider}_url": fake.url}
        async with serving(database, **settings) as service:
            yield humming(service, model, voice, long="/long")
    assert fake.refused == []


def openai_realtime(database: TestDatabase, _: Path) -> AbstractTalker:
    return provided(database, OPENAI, "openai", model="gpt-realtime-2.1", voice="marin")


def xai(database: TestDatabase, _: Path) -> AbstractTalker:
    return provided(database, XAI, "xai", model="xai/grok-voice-latest", voice="ara")


@asynccontextmanager
async def gpt_live(database: TestDatabase, _: Path) -> AsyncIterator[Talker]:
    async with fake_live(hurry=5) as fake:
        settings = {"openai_api_key": SecretStr(LIVE_KEY), "openai_url": fake.url}
        async with serving(database, **settings) as service:
            yield humming(service, "gpt-live-1.1", "marin")
    assert fake.refused == []


@asynccontextmanager
async def gemini(database: TestDatabase, _: Path) -> AsyncIterator[Talker]:
    async with FakeGemini(EchoModel()) as fake:
        settings = {"gemini_api_key": SecretStr(KEY), "gemini_url": fake.url}
        async with serving(database, **settings) as service:
            yield humming(service, "gemini/gemini-3.8-live", "Aoede")


@dataclass(frozen=True)
class Row:
    """How to run a voice, and why it lacks some of the traits."""

    run: Callable[[TestDatabase, Path], AbstractTalker]
    lacks: Mapping[Trait, str]


_BY_ITSELF = "it answers turns by itself"
_INTERRUPTED = "speech always interrupts it"

ROWS: Mapping[str, Row] = {
    "local/attendant": Row(
        local,
        {
            Trait.TOOLS: "its phrases call no tools",
            Trait.IMAGES: "it sees nothing",
            Trait.TEXT: "it always speaks",
            Trait.TOKENS: "it costs nothing",
        },
    ),
    "mock/echo": Row(mock_echo, {}),
    "cascade/house": Row(cascade, {}),
    "openai/gpt-realtime-*": Row(openai_realtime, {}),
    "openai/gpt-live-*": Row(
        gpt_live,
        {
            Trait.IMAGES: "it sees nothing",
            Trait.TEXT: "it always speaks",
            Trait.TURNS_BY_ORDER: "it hears the caller all the time",
            Trait.WAITS: _BY_ITSELF,
            Trait.UNINTERRUPTED: _INTERRUPTED,
        },
    ),
    "xai/*": Row(
        xai,
        {
            Trait.IMAGES: "it sees nothing",
            Trait.TEXT: "it always speaks",
            Trait.TURNS_BY_ORDER: "it always detects turns",
            Trait.UNINTERRUPTED: _INTERRUPTED,
        },
    ),
    "gemini/*": Row(
        gemini,
        {
            Trait.TEXT: "it always speaks",
            Trait.WAITS: _BY_ITSELF,
            Trait.UNINTERRUPTED: _INTERRUPTED,
        },
    ),
}


def needs(*traits: Trait) -> pytest.MarkDecorator:
    """Run a case for the voices that have these traits; skip it for the others."""
    params: list[object] = []
    for name, row in ROWS.items():
        reasons = [f"{name}: {row.lacks[trait]}" for trait in traits if trait in row.lacks]
        marks = [pytest.mark.skip(reason=reasons[0])] if reasons else []
        params.append(pytest.param(name, marks=marks))
    return pytest.mark.parametrize("talker", params, indirect=True)
