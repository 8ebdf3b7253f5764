"""Sessions with Gemini's models, through a whole server, with a Gemini Live on this machine.

The service judges every frame that it is sent by its vendor's types, and is itself judged so.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from ringline.app import server as app
from ringline.domain.call_signals import Verdict
from ringline.domain.config_members import SessionConfig
from ringline.domain.log import Environment, Scope
from ringline.domain.voice import (
    AddText,
    Respond,
    ResponseDone,
    ResponseEnd,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    VoiceOpening,
)
from ringline.voices import gemini
from ringline.voices.detectors import DETECTORS, DetectorLibrary
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.upstream import Upstream
from tests.app.test_live_orders import Reached
from tests.app.test_provider_voices import ask, listed
from tests.database import TestDatabase
from tests.fake_gemini import FakeGemini
from tests.gemini_model import PIECE, EchoModel
from tests.house import take_over
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service, serving
from tests.voice_desk import Recorder, Spoke, feed, hum, quiet, with_key

KEY = "AIza-of-the-tests"
LIVE = "gemini/gemini-3.8-live"
THINKING = "gemini/gemini-3.8-live-extended-thinking"
OLD = "gemini/gemini-3.1-flash-live-preview"
CAPTIONS = {"input_transcription": True, "output_transcription": True}
CLOCK = {"name": "clock", "parameters": {"type": "object"}}
SPEECH = hum(600, 16_000)
SILENCE = quiet(700, 16_000)

every = pytest.mark.parametrize("model", [LIVE, THINKING, OLD])


@asynccontextmanager
async def offering(
    database: TestDatabase, model: EchoModel | None = None, **chosen: object
) -> AsyncIterator[tuple[Service, FakeGemini]]:
    """Run a server that offers Gemini's models, and Gemini Live."""
    async with FakeGemini(model or EchoModel()) as fake:
        settings = {"gemini_api_key": SecretStr(KEY), "gemini_url": fake.url, **chosen}
        async with serving(database, **settings) as service:
            yield service, fake


@asynccontextmanager
async def talking_to(
    service: Service, model: str = LIVE, agent_id: str | None = None, **config: object
) -> AsyncIterator[Client]:
    """Open a session and start it, with captions both ways."""
    asked: dict[str, object] = {} if agent_id is None else {"agent_id": agent_id}
    named = {} if agent_id else {"model": model}
    async with connected(service, headers=service.bearer()) as client:
        await client.start(config=named | CAPTIONS | config, **asked)
        yield client


def committed(client: Client) -> list[str]:
    return [
        event["transcript"] for event in client.events if event["type"] == "transcript.committed"
    ]


def without_deltas(client: Client) -> list[str]:
    return [kind for kind in client.kinds() if not kind.endswith(".delta")]


# -- which models there are ---------------------------------------------------------------


async def test_the_models_are_offered_once_the_key_is_set(database: TestDatabase) -> None:
    async with offering(database) as (service, fake):
        models = await listed(service)
        assert [name for name in models if name.startswith("gemini/")] == [LIVE, THINKING]
        live = models[LIVE]
        assert live["capabilities"] == ["audio", "tools", "images"]
        assert live["pricing"]["output"][0] == {"type": "audio", "usd_per_million": 12.0}
        params = live["params"]["realtime"]
        assert (params["input_sample_rate"], params["output_sample_rate"]) == (16_000, 24_000)
        assert (params["supports_cancel"], params["supports_update"]) == (False, False)
        assert (params["default_voice"], len(params["voices"])) == ("Aoede", 30)
        assert fake.dialled == []
    async with serving(database) as service:
        assert not [name for name in await listed(service) if name.startswith("gemini/")]
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", config={"model": LIVE})
            assert await client.closed() == 1008
            assert client.events[-1]["error"]["code"] == "model_not_found"


async def test_a_model_past_its_time_is_listed_on_request(database: TestDatabase) -> None:
    async with offering(database) as (service, _):
        url = f"{service.base_url}/v3/models?provider=gemini&deprecated=true"
        async with service.http.get(url) as answer:
            models = {model["id"]: model for model in (await answer.json())["models"]}
    assert models[OLD]["deprecated"] is True
    assert models[OLD]["params"]["realtime"]["reasoning_efforts"] == [
        "minimal",
        "low",
        "medium",
        "high",
    ]


# -- talking ------------------------------------------------------------------------------


@every
async def test_a_spoken_turn_is_heard_and_answered_once(database: TestDatabase, model: str) -> None:
    async with offering(database) as (service, fake), talking_to(service, model) as client:
        started = client.events[0]
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (16_000, 24_000)
        await client.hear(quiet(200, 16_000) + SPEECH + SILENCE)
        await client.until("response.completed")
        assert without_deltas(client) == [
            "session.started",
            "speech.started",
            "speech.stopped",
            "transcript.committed",
            "response.started",
            "response.completed",
        ]
        assert committed(client) == ["heard 600 ms"]
        assert client.text() == "echo: heard 600 ms"
        assert client.pcm() == PIECE * 4
        (request,) = fake.dialled
        assert request.headers["x-goog-api-key"] == KEY
        assert KEY not in request.path


@every
async def test_typed_text_is_answered(database: TestDatabase, model: str) -> None:
    async with offering(database) as (service, _), talking_to(service, model) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        assert await ask(client, "and again") == "echo: and again"


async def test_words_that_come_late_are_not_lost(database: TestDatabase) -> None:
    async with (
        offering(database, EchoModel(hears_late=True)) as (service, _),
        talking_to(service) as client,
    ):
        await client.hear(SPEECH + SILENCE)
        await client.until("response.completed")
        assert " ".join(committed(client)) == "heard 600 ms"


@pytest.mark.parametrize("deaf", [False, True])
async def test_speaking_over_an_answer_ends_it(database: TestDatabase, deaf: bool) -> None:
    """Also if the service does not notice, and goes on."""
    model = EchoModel(pace_s=0.02, is_deaf=deaf)
    async with offering(database, model) as (service, _), talking_to(service) as client:
        await client.send("text.input", text="word " * 40)
        await client.send("response.create")
        while len(client.pcm()) < 48 * 500:
            await client.until("audio.delta")
        await client.hear(SPEECH)
        await client.until("speech.started")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        told = client.text()
        await client.hear(SILENCE)
        await client.until("response.started")
        await client.until("response.completed")
        assert client.text().removeprefix(told) == "echo: heard 600 ms"
        assert client.kinds().count("speech.started") == 1


async def test_speech_before_the_answer_has_begun_is_answered_with_it(
    database: TestDatabase,
) -> None:
    async with (
        offering(database, EchoModel(pace_s=0.05)) as (service, _),
        talking_to(service, turn_detection={"silence_duration_ms": 200}) as client,
    ):
        await client.hear(SPEECH + quiet(220, 16_000))
        await client.hear(SPEECH + SILENCE)
        await client.until("speech.stopped")
        while not client.text().endswith("heard 600 ms"):
            await client.until("text.delta")
        await client.until("response.completed")
        errors = [event for event in client.events if event["type"] == "error"]
        assert errors == []


async def test_speech_after_all_was_produced_ends_what_still_plays(database: TestDatabase) -> None:
    async with (
        offering(database, EchoModel(playback_s=0.5)) as (service, fake),
        talking_to(service) as client,
    ):
        await client.send("text.input", text="word " * 100)  # ten seconds, at once
        await client.send("response.create")
        await client.until("audio.delta")
        await client.hear(SPEECH)
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        assert len(client.pcm()) < 48 * 2_000
        await client.hear(SILENCE)
        await client.until("response.completed")
        assert client.text().endswith("echo: heard 600 ms")
        assert client.kinds().count("speech.started") == 1
        assert fake.illegal == []


async def test_a_cancelled_answer_is_heard_no_more(database: TestDatabase) -> None:
    async with (
        offering(database, EchoModel(pace_s=0.02)) as (service, _),
        talking_to(service) as client,
    ):
        await client.send("text.input", text="word " * 40)
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.cancel")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        assert await ask(client, "Hello") == "echo: Hello"
        assert "speech.started" not in client.kinds()


@every
async def test_tools_are_called_and_their_results_answered_once(
    database: TestDatabase, model: str
) -> None:
    tools = [CLOCK, {"name": "lamp"}]
    async with (
        offering(database) as (service, fake),
        talking_to(service, model, tools=tools) as client,
    ):
        await client.send("text.input", text='/tool clock {"tz": "UTC"}')
        await client.send("text.input", text="/tool lamp")
        await client.send("response.create")
        calls = [await client.until("tool.call"), await client.until("tool.call")]
        assert [call["tool_name"] for call in calls] == ["clock", "lamp"]
        for call in calls:
            await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result="noon")
            await client.send("response.create")  # from a client that does not know better
        while "returned noon" not in client.text():
            await client.until("text.delta")
        await client.until("response.completed")
        assert client.text().count("tool clock returned noon") == 1
        assert len(fake.conversations[0].bodies("toolResponse")) == 1
        assert client.kinds().count("response.started") == 2


async def test_calls_that_the_caller_interrupts_are_cancelled(database: TestDatabase) -> None:
    async with (
        offering(database) as (service, fake),
        talking_to(service, tools=[CLOCK]) as client,
    ):
        await client.send("text.input", text="/tool clock")
        await client.send("response.create")
        call = await client.until("tool.call")
        await client.hear(SPEECH + SILENCE)
        while not client.text().endswith("heard 600 ms"):
            await client.until("text.delta")
        await client.until("response.completed")
        result = {"tool_call_id": call["tool_call_id"], "tool_result": "noon"}
        await client.send("tool.result", **result)
        error = (await client.until("error"))["error"]
        assert error["code"] == "tool_call_not_found"
        assert fake.conversations[0].bodies("toolResponse") == []


@every
async def test_a_greeting_is_asked_for_word_for_word(database: TestDatabase, model: str) -> None:
    async with offering(database) as (service, _):
        new_agent = {"name": "Host", "model": model, "greeting": "Good morning."}
        body = {"action": "create_ai_agent", "input": new_agent, "fields": ["id"]}
        key = {"x-api-key": service.keys.secret_key}
        url = f"{service.base_url}/rpc/public/run"
        async with service.http.post(url, json=body, headers=key) as answer:
            agent_id = (await answer.json())["data"]["id"]
        async with talking_to(service, agent_id=agent_id) as client:
            await client.until("response.completed")
            assert client.text() == "Good morning."
            assert await ask(client, "Hello") == "echo: Hello"


@every
async def test_the_client_may_end_turns_itself(database: TestDatabase, model: str) -> None:
    async with (
        offering(database) as (service, _),
        talking_to(service, model, turn_detection={"type": "none"}) as client,
    ):
        await client.send("audio.commit")
        assert (await client.until("error"))["error"]["code"] == "input_audio_buffer_commit_empty"
        await client.hear(SPEECH)
        await client.send("audio.commit")
        await client.send("response.create")  # absorbed by the answer
        await client.until("response.completed")
        assert client.text() == "echo: heard 600 ms"
        assert await ask(client, "Hello") == "echo: Hello"


async def test_what_was_cleared_is_not_answered(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        await client.hear(SPEECH)
        await client.until("speech.started")
        await client.send("audio.clear")
        await client.until("speech.stopped")
        await fake.settled()  # it has answered: to nobody
        assert await ask(client, "Hello") == "echo: Hello"
        assert committed(client) == []


async def test_a_caller_who_mutes_the_microphone_has_finished(database: TestDatabase) -> None:
    async with (
        offering(database) as (service, _),
        talking_to(service, turn_detection={"silence_duration_ms": 100}) as client,
    ):
        await client.hear(SPEECH)  # and not a sample more
        await client.until("response.completed")
        assert client.text() == "echo: heard 600 ms"


async def test_images_and_their_texts_are_passed_on(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        picture = "data:image/png;base64,iVBORw0KGgo="
        await client.send("image.input", image_url=picture, image_detail="low", text="the page")
        await client.send("response.create")
        await client.until("response.completed")
        assert client.text() == "echo: the page"
        (video,) = fake.conversations[0].inputs("video")
        assert video == {"mimeType": "image/png", "data": "iVBORw0KGgo="}
        await client.send("image.input", image_url="data:image/tiff;base64,AAAA")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "unsupported_image")
        assert await ask(client, "Hello") == "echo: Hello"


async def test_what_it_was_set_up_with_cannot_change(database: TestDatabase) -> None:
    config = {"instructions": "Be brief.", "temperature": 0.5, "voice": "puck"}
    async with offering(database) as (service, fake), talking_to(service, **config) as client:
        for changed in (
            {"instructions": "Be long."},
            {"voice": "Kore"},
            {"tools": [CLOCK]},
            {"turn_detection": {"type": "none"}},
        ):
            await client.send("session.update", config=changed)
            assert (await client.until("error"))["error"]["code"] == "immutable_field"
        await client.send("session.update", config={"output_transcription": False})
        await client.until("session.updated")
        setup = fake.conversations[0].setup
        assert setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
        generation: dict[str, Any] = setup["generationConfig"]
        assert generation["temperature"] == 0.5
        voice = generation["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]
        assert voice == {"voiceName": "Puck"}


async def test_what_the_model_cannot_do_is_refused_before_it_is_dialled(
    database: TestDatabase,
) -> None:
    async with offering(database) as (service, fake):
        for config, code in (
            ({"modalities": ["text"]}, "unsupported_modality"),
            ({"reasoning_effort": "low"}, "unsupported_reasoning_effort"),
            ({"turn_detection": {"type": "semantic_vad"}}, "unsupported_turn_detection"),
            ({"voice": "marin"}, "unsupported_voice"),
            ({"temperature": 3}, "invalid_config"),
        ):
            async with connected(service, headers=service.bearer()) as client:
                await client.send("session.start", config={"model": LIVE} | config)
                assert await client.closed() == 1008
                assert client.events[-1]["error"]["code"] == code
        assert fake.dialled == []


async def test_an_operator_silences_the_model(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Calls", Reached)
    async with offering(database) as (service, fake), talking_to(service) as client:
        scope = Scope(service.keys.workspace_id, Environment.LIVE)
        call_id = (await calls_of(service, database))[0]["id"]
        assert await take_over(Reached.last, scope, call_id, "ann@example.com") is Verdict.DONE
        await client.hear(SPEECH + SILENCE)
        await client.until("speech.stopped")

        async def is_heard() -> bool:
            return bool(committed(client)) or (await client.next()) is None

        await until(is_heard)
        await fake.settled()
        assert "response.started" not in client.kinds()


async def test_a_turn_that_the_service_refuses_is_an_error_that_goes_by(
    database: TestDatabase,
) -> None:
    model = EchoModel(refuses_with="PROHIBITED_INPUT_CONTENT")
    async with offering(database, model) as (service, _), talking_to(service) as client:
        await client.send("text.input", text="Hello")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "prohibited_input_content")
        model.refuses_with = ""
        assert await ask(client, "Hello") == "echo: Hello"


async def test_without_a_detector_the_services_own_word_has_to_do() -> None:
    missing = DetectorLibrary("no_such_module", "none", DETECTORS["webrtc"].new_detector)
    async with FakeGemini(EchoModel(pace_s=0.02)) as fake:
        voices = GeminiVoices(Upstream(fake.url, with_key(KEY)), gemini.MODELS, detector=missing)
        ear = Recorder()
        voice = await voices.open(VoiceOpening(SessionConfig(model=LIVE, voice="Puck")), ear)
        feed(voice, SPEECH + SILENCE)
        await ear.until(ResponseDone)
        assert ear.all(SpeechStarted) == []
        (final,) = [heard for heard in ear.all(Transcribed) if heard.final]
        assert final.text == "heard 600 ms"
        voice.send(AddText("word " * 40))
        voice.send(Respond("long"))
        while not ear.pcm_of("long"):
            await ear.until(Spoke, len(ear.all(Spoke)) + 1)
        feed(voice, SPEECH)
        await ear.until(SpeechStopped)
        assert (await ear.until(ResponseDone, 2)).reason is ResponseEnd.CANCELLED
        kinds = [type(report) for report in ear.reports]
        assert kinds.index(SpeechStarted) < kinds.index(SpeechStopped)
        await voice.close()
