"""Sessions that outlive their upstream, through a whole server, with providers on this machine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.app.test_provider_voices import CAPTIONS, MODELS, ask
from tests.database import TestDatabase
from tests.fake_endpoints import KEY as HOUSE_KEY
from tests.fake_endpoints import FakeEndpoints, fake_endpoints
from tests.fake_gemini import FakeGemini
from tests.fake_openai import KEY, OPENAI, XAI, FakeProvider, fake_provider
from tests.gemini_model import EchoModel
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet

GEMINI = "gemini/gemini-3.8-live"
ROLLS = """
[rollover."openai/"]
after_seconds = 0.6
latest_seconds = 30
[rollover."xai/"]
after_seconds = 0.6
latest_seconds = 30
[rollover."gemini/"]
after_seconds = 0.6
latest_seconds = 30
"""
FALLS = f"""
[fallback]
"{MODELS["openai"]}" = ["{MODELS["xai"]}", "{GEMINI}", "cascade/house"]
"""


@dataclass(frozen=True)
class Providers:
    """A server, and every provider that it has."""

    service: Service
    openai: FakeProvider
    xai: FakeProvider
    gemini: FakeGemini
    house: FakeEndpoints

    @asynccontextmanager
    async def talking(self, model: str, **config: object) -> AsyncIterator[Client]:
        async with connected(self.service, headers=self.service.bearer()) as client:
            await client.start(config={"model": model} | CAPTIONS | config)
            yield client


@asynccontextmanager
async def providers(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str = FALLS
) -> AsyncIterator[Providers]:
    monkeypatch.setenv("HOUSE_KEY", HOUSE_KEY)
    async with AsyncExitStack() as stack:
        openai = await stack.enter_async_context(fake_provider(OPENAI))
        xai = await stack.enter_async_context(fake_provider(XAI))
        gemini = await stack.enter_async_context(FakeGemini(EchoModel()))
        house = await stack.enter_async_context(fake_endpoints())
        path = tmp_path / "voices.toml"
        path.write_text(file + house.voices_file(), "utf-8")
        service = await stack.enter_async_context(
            serving(
                database,
                voices_file=path,
                openai_url=openai.url,
                openai_api_key=SecretStr(KEY),
                xai_url=xai.url,
                xai_api_key=SecretStr(KEY),
                gemini_url=gemini.url,
                gemini_api_key=SecretStr(KEY),
            )
        )
        yield Providers(service, openai, xai, gemini, house)


@pytest.fixture
async def falling(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Providers]:
    async with providers(database, tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
async def rolling(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Providers]:
    async with providers(database, tmp_path, monkeypatch, ROLLS) as found:
        yield found


def resumed(client: Client) -> list[tuple[str, str]]:
    return [
        (event["reason"], event["model"])
        for event in client.events
        if event["type"] == "session.resumed"
    ]


def items_of(fake: FakeProvider) -> list[dict[str, Any]]:
    """Return what was put into the last connection's conversation."""
    last = max(at for at, frame in enumerate(fake.received) if frame["type"] == "session.update")
    return [
        frame["item"]
        for frame in fake.received[last:]
        if frame["type"] == "conversation.item.create"
    ]


def texts_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["role"], item["content"][0]["text"]) for item in items if "role" in item]


# -- planned rollovers --------------------------------------------------------------------


@pytest.mark.parametrize("model", [*MODELS.values(), GEMINI])
async def test_a_session_held_for_three_times_a_cap_goes_on_as_if_nothing_was(
    rolling: Providers, model: str
) -> None:
    rate = 16_000 if model == GEMINI else 24_000
    async with rolling.talking(model) as client:
        for number in range(1, 4):
            await client.hear(hum(400, rate) + quiet(900, rate))
            await client.until("response.completed")
            assert await ask(client, f"Number {number}") == f"echo: Number {number}"
            await client.until("session.resumed")
        assert await ask(client, "Done") == "echo: Done"
        assert resumed(client)[:3] == [("rollover", model)] * 3
        heard = [e["transcript"] for e in client.events if e["type"] == "transcript.committed"]
        assert heard == ["heard 400 ms"] * 3
        assert not [e for e in client.events if e.get("interrupted") or e["type"] == "error"]


async def test_the_next_connection_is_told_what_was_said(rolling: Providers) -> None:
    async with rolling.talking(MODELS["openai"]) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        await client.until("session.resumed")
        told = [("user", "Hello"), ("assistant", "echo: Hello")]
        assert texts_of(items_of(rolling.openai)) == told


async def test_gemini_resumes_by_its_own_handle(rolling: Providers) -> None:
    async with rolling.talking(GEMINI) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        await client.until("session.resumed")
        first, second = rolling.gemini.conversations[:2]
        assert first.setup["sessionResumption"] == {}
        assert second.setup["sessionResumption"] == {"handle": "handle-1"}
        (content,) = second.bodies("clientContent")
        assert [turn["role"] for turn in content["turns"]] == ["user", "model"]
        assert not content["turnComplete"], "what came after the handle is told, not asked"


async def test_what_openai_announces_counts_if_it_is_sooner(falling: Providers) -> None:
    falling.openai.expires_in_s = 3
    async with falling.talking(MODELS["openai"]) as client:
        await client.until("session.resumed")
        assert resumed(client) == [("rollover", MODELS["openai"])]
        assert await ask(client, "Hello") == "echo: Hello"


# -- losses -------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", MODELS)
async def test_a_connection_that_dies_while_the_caller_speaks(
    falling: Providers, provider: str
) -> None:
    fake: FakeProvider = getattr(falling, provider)
    async with falling.talking(MODELS[provider]) as client:
        await client.hear(hum(600, 24_000))
        await client.until("speech.started")
        await fake.session.connection.close(1011)
        await client.hear(hum(200, 24_000))
        await client.until("session.resumed")
        await client.hear(hum(200, 24_000) + quiet(700, 24_000))
        await client.until("response.completed")
        heard = [e["transcript"] for e in client.events if e["type"] == "transcript.committed"]
        assert heard == ["heard 1000 ms"], "not a word is missing, and none comes twice"
        assert client.text() == "echo: heard 1000 ms"
        kinds = [kind for kind in client.kinds() if kind.startswith("speech.")]
        assert kinds == ["speech.started", "speech.stopped"]


async def test_a_connection_that_dies_before_its_answer(falling: Providers) -> None:
    async with falling.talking(MODELS["openai"]) as client:
        falling.openai.session.silent = True
        await client.send("text.input", text="Hello")
        await client.send("response.create")
        await falling.openai.settled()
        await falling.openai.session.connection.close(1012)
        await client.until("response.completed")
        assert client.text() == "echo: Hello"
        assert client.kinds().count("response.started") == 1
        assert resumed(client) == [("reconnect", MODELS["openai"])]


async def test_one_that_dies_in_the_middle_of_an_answer(falling: Providers) -> None:
    falling.openai.long_ms = 2_000  # the next session is told of it too, and speaks to its end
    async with falling.talking(MODELS["openai"]) as client:
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.until("audio.delta")
        await falling.openai.session.half_a_frame()
        await client.until("response.completed")
        assert client.events[-1]["interrupted"] is True
        if not resumed(client):
            await client.until("session.resumed")
        assert client.kinds().count("response.started") == 1
        assert await ask(client, "Hello")


async def test_no_result_of_a_tool_is_lost(falling: Providers) -> None:
    tools = [{"name": "clock"}, {"name": "lamp"}]
    async with falling.talking(MODELS["openai"], tools=tools) as client:
        await client.send("text.input", text="/tool clock {}\n/tool lamp {}")
        await client.send("response.create")
        calls = [await client.until("tool.call"), await client.until("tool.call")]
        await client.until("response.completed")
        await falling.openai.session.connection.close(1011)
        ids = [call["tool_call_id"] for call in calls]
        await client.send("tool.result", tool_call_id=ids[0], tool_result="noon")  # meanwhile
        await client.until("session.resumed")
        await client.send("tool.result", tool_call_id=ids[1], tool_result="on")  # late
        await client.until("response.completed")
        assert client.text().splitlines() == [
            "echo: tool clock returned noon",
            "echo: tool lamp returned on",
        ]
        kinds = [(item["type"], item.get("call_id")) for item in items_of(falling.openai)]
        assert [kind for kind in kinds if kind[0] != "message"] in (
            [
                ("function_call", ids[0]),
                ("function_call_output", ids[0]),
                ("function_call", ids[1]),
                ("function_call_output", ids[1]),
            ],
            [
                ("function_call", ids[0]),
                ("function_call", ids[1]),
                ("function_call_output", ids[0]),
                ("function_call_output", ids[1]),
            ],
        )
        assert falling.openai.refused == []


async def test_gemini_is_told_a_call_together_with_its_late_result(falling: Providers) -> None:
    async with falling.talking(GEMINI, tools=[{"name": "clock"}]) as client:
        await client.send("text.input", text="/tool clock {}")
        await client.send("response.create")
        call = await client.until("tool.call")
        await client.until("response.completed")
        conversation = falling.gemini.conversations[-1]
        await conversation.send(sessionResumptionUpdate={"resumable": False})
        await conversation.socket.close(1011)
        await client.until("session.resumed")
        call_id = call["tool_call_id"]
        await client.send("tool.result", tool_call_id=call_id, tool_result={"time": "noon"})

        async def told() -> bool:
            return len(falling.gemini.conversations[-1].bodies("clientContent")) == 2

        await until(told)
        history, result = falling.gemini.conversations[-1].bodies("clientContent")
        assert [part for turn in history["turns"] for part in turn["parts"]] == [
            {"text": "/tool clock {}"}
        ]
        assert [next(iter(turn["parts"][0])) for turn in result["turns"]] == [
            "functionCall",
            "functionResponse",
        ]
        assert result["turnComplete"] is True


# -- other models -------------------------------------------------------------------------


async def test_one_model_after_the_other_takes_over_and_knows_what_was_said(
    falling: Providers, database: TestDatabase
) -> None:
    async with falling.talking(MODELS["openai"], voice="cedar") as client:
        assert await ask(client, "One") == "echo: One"
        await falling.openai.session.connection.close(1011, "RESOURCE_EXHAUSTED")
        await client.until("session.resumed")
        assert texts_of(items_of(falling.xai)) == [("user", "One"), ("assistant", "echo: One")]
        assert falling.xai.session.config["voice"] == "ara", "it has no cedar"
        assert await ask(client, "Two") == "echo: Two"
        await falling.xai.session.connection.close(1008)
        await client.until("session.resumed")
        setup = falling.gemini.conversations[-1].setup
        assert setup["model"] == "models/gemini-3.8-live"
        await client.hear(hum(600, 24_000) + quiet(900, 24_000))
        await client.until("response.completed")
        assert client.text().endswith("echo: heard 600 ms"), "resampled to 16 kHz"
        await falling.gemini.conversations[-1].socket.close(1007)
        await client.until("session.resumed")
        assert (await ask(client, "Four")).endswith("Four")
        said = [message["content"] for message in falling.house.of("chat")[-1].messages]
        assert said[:4] == ["One", "echo: One", "Two", "echo: Two"]
        assert resumed(client) == [
            ("fallback", model) for model in (MODELS["xai"], GEMINI, "cascade/house")
        ]
        started = client.events[0]
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (24_000, 24_000)
    (call,) = await calls_of(falling.service, database)
    assert call["model"] == MODELS["openai"]


async def test_a_session_begins_with_the_model_that_can_be_reached(falling: Providers) -> None:
    falling.openai.refuses, falling.xai.refuses = 401, 429
    async with connected(falling.service, headers=falling.service.bearer()) as client:
        await client.start(config={"model": MODELS["openai"]} | CAPTIONS)
        await client.until("session.resumed")
        assert resumed(client) == [("fallback", GEMINI)]
        assert await ask(client, "Hello") == "echo: Hello"
        await client.hear(hum(600, 24_000) + quiet(900, 24_000))
        await client.until("response.completed")
        assert client.kinds().count("response.started") == 2, "it answers by itself, once"


async def test_a_session_that_no_model_is_left_for_ends(falling: Providers) -> None:
    async with falling.talking(GEMINI) as client:  # it has no fallback
        await falling.gemini.conversations[-1].socket.close(1008)
        assert await client.closed() == 1011
        error = client.events[-1]["error"]
        assert error["code"] == "upstream_closed"
        assert error["details"] == {"model": GEMINI, "cause": "close_1008"}
