"""Sessions with a cascade through a whole server, over the real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ringline.config import SettingsProblem
from tests.database import TestDatabase
from tests.fake_endpoints import (
    HEARD,
    KEY,
    FakeEndpoints,
    call_events,
    fake_endpoints,
    refusing,
    streamed,
    tone_of,
)
from tests.realtime_session import Client, connected
from tests.serving import Service, serving
from tests.voice_desk import buzz, quiet

CAPTIONS = {"input_transcription": True, "output_transcription": True}
SPEECH = quiet(300) + buzz(600)
TURN = SPEECH + quiet(700)
PNG = "data:image/png;base64,iVBORw0KGgo="


@dataclass(frozen=True)
class House:
    """A server with a cascade, and the cascade's endpoints."""

    service: Service
    fake: FakeEndpoints

    @asynccontextmanager
    async def talking(self, **config: object) -> AsyncIterator[Client]:
        async with connected(self.service, headers=self.service.bearer()) as client:
            await client.start(config={"model": "cascade/house"} | CAPTIONS | config)
            yield client


@pytest.fixture
async def house(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    async with fake_endpoints() as fake:
        path = tmp_path / "voices.toml"
        path.write_text(fake.voices_file(), "utf-8")
        async with serving(database, voices_file=path) as service:
            yield House(service, fake)


async def test_the_list_of_models_has_it(house: House) -> None:
    url = f"{house.service.base_url}/v3/models?type=realtime&provider=cascade"
    async with house.service.http.get(url) as answer:
        (model,) = (await answer.json())["models"]
    assert model["id"] == "cascade/house"
    assert model["capabilities"] == ["audio", "text", "tools", "images"]
    realtime = model["params"]["realtime"]
    assert (realtime["voices"], realtime["default_voice"]) == (["alloy", "onyx"], "alloy")
    assert "transcription-model" in model["description"]
    for secret in (KEY, house.fake.url):
        assert secret not in json.dumps(model)


async def test_a_caller_talks_with_it(house: House) -> None:
    async with house.talking(instructions="Be brief.") as client:
        started = client.events[0]
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (16_000, 24_000)
        await client.hear(TURN)
        await client.until("response.completed")
        steps = [kind for kind in client.kinds() if not kind.endswith(".delta")]
        assert steps == [
            "session.started",
            "speech.started",
            "speech.stopped",
            "transcript.committed",
            "response.started",
            "response.completed",
        ]
        heard = "".join(HEARD)
        committed = next(e for e in client.events if e["type"] == "transcript.committed")
        assert committed["transcript"] == heard
        assert client.text() == f"echo: {heard}"
        assert client.pcm() == tone_of(f"echo: {heard}")
        await client.send("text.input", text="And typed?")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.text() == f"echo: {heard}echo: And typed?"
    assert [message["role"] for message in house.fake.of("chat")[-1].messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize("stage", ["chat", "speech"])
async def test_speaking_over_it_stops_the_endpoint(house: House, stage: str) -> None:
    gate = house.fake.gates[stage] = asyncio.Event()
    async with house.talking() as client:
        await client.send("text.input", text="Tell me a story.")
        await client.send("response.create")
        asked = await house.fake.until(stage)
        await client.hear(SPEECH)
        await client.until("speech.started")
        await client.until("response.completed")
        await asked.done.wait()
        assert asked.finished is False
        del house.fake.gates[stage]
        gate.set()
        await client.hear(quiet(700))
        await client.until("response.completed")
        heard = "".join(HEARD)
        assert client.text() == f"echo: Tell me a story.\necho: {heard}"


async def test_speaking_over_what_is_being_played_tells_the_model_what_was_heard(
    house: House,
) -> None:
    story = "Once upon a time there was a king. " + "He lived in a castle by the sea. " * 40
    async with house.talking() as client:
        await client.send("text.input", text=story)
        await client.send("response.create")
        await client.until("audio.delta")  # all of it is produced long before it is played
        await client.hear(SPEECH)
        await client.until("response.completed")
        await client.hear(quiet(700))
        messages = (await house.fake.until("chat", 2)).messages
    assert [message["role"] for message in messages][-1] == "user"
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    assert all(f"echo: {story}".startswith(text.strip()) for text in said)
    assert sum(map(len, said)) < len(story) // 2


async def test_while_it_transcribes_the_caller_may_go_on(house: House) -> None:
    gate = house.fake.gates["transcription"] = asyncio.Event()
    async with house.talking() as client:
        await client.hear(TURN)
        await house.fake.until("transcription")
        await client.hear(SPEECH)
        await client.hear(quiet(700))
        await house.fake.until("transcription", 2)
        gate.set()
        await client.until("response.completed")
        transcripts = [e for e in client.events if e["type"] == "transcript.committed"]
        assert len(transcripts) == 2
        heard = "".join(HEARD)
        assert client.text() == f"echo: {heard}\necho: {heard}"
        assert client.kinds().count("response.started") == 1


async def test_tools_and_pictures(house: House) -> None:
    tools = [{"name": "clock", "parameters": {"type": "object", "properties": {}}}]
    async with house.talking(tools=tools) as client:
        house.fake.answers["chat"].append(
            lambda asked: streamed(asked, call_events(("c1", "clock", '{"tz":"UTC"}')))
        )
        await client.send("image.input", image_url=PNG, text="What time does it show?")
        await client.send("response.create")
        call = await client.until("tool.call")
        assert (call["tool_name"], call["tool_arguments"]) == ("clock", {"tz": "UTC"})
        result = {"time": "12:00"}
        await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result=result)
        await client.until("response.completed")
        while not client.text():
            await client.until("response.completed")
        assert client.text() == 'The tool says {"time":"12:00"}.'
    content = house.fake.of("chat")[0].messages[-1]["content"]
    assert [part["type"] for part in content] == ["image_url", "text"]


async def test_a_session_that_ends_stops_the_endpoint(house: House) -> None:
    house.fake.gates["chat"] = asyncio.Event()
    async with house.talking() as client:
        await client.send("text.input", text="Hi")
        await client.send("response.create")
        asked = await house.fake.until("chat")
    await asked.done.wait()
    assert asked.finished is False


async def test_a_refused_request_is_an_error_and_the_session_lives(house: House) -> None:
    async with house.talking() as client:
        house.fake.answers["chat"].append(refusing(400, "context_length_exceeded", KEY))
        await client.send("text.input", text="Hi")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "http_400")
        await client.until("response.completed")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.text() == "echo: Hi"


#: What the endpoint answers, and the cause that the client is told.
LOST: list[tuple[list[Any], str]] = [
    ([refusing(401)], "http_401"),
    ([refusing(403)], "http_403"),
    ([refusing(429)], "http_429"),
    ([refusing(429, "insufficient_quota")], "quota"),
    ([refusing(503), refusing(500)], "http_500"),
]


@pytest.mark.parametrize(("answers", "cause"), LOST, ids=[cause for _, cause in LOST])
async def test_a_lost_endpoint_ends_the_session(
    house: House, answers: list[Any], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house.talking() as client, house.talking() as other:
        house.fake.answers["chat"] += answers
        await client.send("text.input", text="Hi")
        await client.send("response.create")
        assert await client.closed() == 1011
        terminating = client.events[-1]
        assert terminating["type"] == "session.terminating"
        assert terminating["error"]["code"] == "upstream_closed"
        assert terminating["error"]["details"] == {"model": "cascade/house", "cause": cause}
        for secret in (KEY, house.fake.url):
            assert secret not in json.dumps(client.events)
        await other.send("text.input", text="Still there?")
        await other.send("response.create")
        await other.until("response.completed")
        assert other.text() == "echo: Still there?"
    logged = capsys.readouterr()
    assert logged.out.count("voice_endpoint_failed") == len(answers)
    for secret in (KEY, house.fake.url, "Traceback"):
        assert secret not in logged.out + logged.err


async def test_a_voice_that_it_does_not_have_is_refused(house: House) -> None:
    async with connected(house.service, headers=house.service.bearer()) as client:
        await client.send("session.start", config={"model": "cascade/house", "voice": "marin"})
        assert await client.closed() == 1008
        assert client.events[-1]["error"]["code"] == "unsupported_voice"


async def test_a_mistake_in_the_file_refuses_the_start(
    database: TestDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "voices.toml"
    path.write_text("[cascade.house]\nvoices = []\n", "utf-8")
    with pytest.raises(SettingsProblem, match=r"\[cascade.house\]: voices must be a list"):
        async with serving(database, voices_file=path):
            raise AssertionError("it started")
