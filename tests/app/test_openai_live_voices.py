"""Sessions with the models of OpenAI's Live sessions, through a whole server.

The service on this machine judges every frame that it is sent by its vendor's types, and is
itself judged so.
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
    GoingAway,
    Respond,
    ResponseDone,
    SpeechStarted,
    Transcribed,
    UsageReported,
    VoiceOpening,
)
from ringline.voices import openai_live
from ringline.voices.detectors import DETECTORS, DetectorLibrary
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream
from tests.app.test_live_orders import Reached
from tests.app.test_provider_voices import ask, listed
from tests.database import TestDatabase
from tests.fake_openai_live import KEY, WORD, FakeLive, fake_live
from tests.house import take_over
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service, serving
from tests.voice_desk import Recorder, feed, hum, quiet, with_key

MODEL = "openai/gpt-live-1.1"
CAPTIONS = {"input_transcription": True, "output_transcription": True}
CLOCK = {"name": "clock", "parameters": {"type": "object"}}
SPEECH = hum(600, 24_000)
SILENCE = quiet(700, 24_000)


@asynccontextmanager
async def offering(
    database: TestDatabase, chosen: dict[str, Any] | None = None, **traits: object
) -> AsyncIterator[tuple[Service, FakeLive]]:
    """Run a server that offers the models, and the service; it is in a hurry."""
    async with fake_live(**{"hurry": 5, **traits}) as fake:
        settings: dict[str, Any] = {"openai_api_key": SecretStr(KEY), "openai_url": fake.url}
        async with serving(database, **settings | (chosen or {})) as service:
            yield service, fake


@asynccontextmanager
async def talking_to(
    service: Service, agent_id: str | None = None, **config: object
) -> AsyncIterator[Client]:
    """Open a session and start it, with captions both ways."""
    asked: dict[str, object] = {} if agent_id is None else {"agent_id": agent_id}
    named = {} if agent_id else {"model": MODEL}
    async with connected(service, headers=service.bearer()) as client:
        await client.start(config=named | CAPTIONS | config, **asked)
        yield client


def committed(client: Client) -> list[str]:
    return [
        event["transcript"] for event in client.events if event["type"] == "transcript.committed"
    ]


async def until_said(client: Client, text: str) -> None:
    """Wait until what was said ends with a text, and its response with it."""
    while not client.text().endswith(text):
        await client.until("text.delta")
    await client.until("response.completed")


# -- which models there are ---------------------------------------------------------------


async def test_the_models_are_offered_with_the_key_of_openai(database: TestDatabase) -> None:
    async with offering(database) as (service, fake):
        models = await listed(service)
        assert {"openai/gpt-live-1", MODEL, "openai/gpt-realtime-2.1"} <= models.keys()
        live = models[MODEL]
        assert live["capabilities"] == ["audio", "tools", "reasoning"]
        assert live["pricing"] == {"price_per_minute": 0.05}
        params = live["params"]["realtime"]
        assert (params["input_sample_rate"], params["output_sample_rate"]) == (24_000, 24_000)
        assert params["turn_detection"] == ["server_vad"]
        assert (params["supports_cancel"], params["supports_images"]) == (False, False)
        assert (params["default_voice"], len(params["voices"])) == ("marin", 23)
        assert fake.requests == []


async def test_what_the_model_cannot_do_is_refused_before_it_is_dialled(
    database: TestDatabase,
) -> None:
    async with offering(database) as (service, fake):
        for config, code in (
            ({"modalities": ["text"]}, "unsupported_modality"),
            ({"turn_detection": {"type": "none"}}, "unsupported_turn_detection"),
            ({"voice": "Puck"}, "unsupported_voice"),
            ({"reasoning_effort": "endless"}, "unsupported_reasoning_effort"),
        ):
            async with connected(service, headers=service.bearer()) as client:
                await client.send("session.start", config={"model": MODEL} | config)
                assert await client.closed() == 1008
                assert client.events[-1]["error"]["code"] == code
        assert fake.requests == []


# -- talking ------------------------------------------------------------------------------


async def test_a_spoken_turn_is_heard_and_answered_once(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        started = client.events[0]
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (24_000, 24_000)
        await client.hear(quiet(200, 24_000) + SPEECH + SILENCE)
        await client.until("response.completed")
        assert [kind for kind in client.kinds() if not kind.endswith(".delta")] == [
            "session.started",
            "speech.started",
            "speech.stopped",
            "transcript.committed",
            "response.started",
            "response.completed",
        ]
        assert committed(client) == ["heard 600 ms"]
        assert client.text() == "echo: heard 600 ms"
        assert client.pcm().startswith(WORD * 4)
        assert not any(client.pcm()[len(WORD) * 4 :]), "what comes behind it is silence"
        assert len(client.pcm()) <= len(WORD) * 4 + len(quiet(1_000, 24_000))
        (request,) = fake.requests
        assert request.path == "/v1/live/sessions"
        assert KEY not in request.path


async def test_typed_text_is_answered(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        assert await ask(client, "and again") == "echo: and again"
        long = "word " * 60
        assert await ask(client, long) == f"echo: {long}"
        assert fake.refused == []


async def test_it_answers_though_the_caller_sends_no_audio(database: TestDatabase) -> None:
    """Its clock is the audio that it gets: silence is sent in place of the caller's."""
    async with offering(database, hurry=1) as (service, fake), talking_to(service) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        assert fake.session.clock_ms > 0


async def test_speaking_over_an_answer_ends_it(database: TestDatabase) -> None:
    async with offering(database, hurry=1) as (service, _), talking_to(service) as client:
        await client.send("text.input", text="word " * 40)
        await client.send("response.create")
        while len(client.pcm()) < 48 * 500:
            await client.until("audio.delta")
        await client.hear(SPEECH)
        await client.until("speech.started")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        told = client.text()
        await client.hear(quiet(1_000, 24_000))
        await client.until("response.started")
        await client.until("response.completed")
        assert client.text().removeprefix(told) == "echo: heard 600 ms"
        assert client.kinds().count("speech.started") == 1


async def test_the_rest_of_an_answer_that_was_spoken_over_is_dropped(
    database: TestDatabase,
) -> None:
    """Also if the model does not notice, and goes on to its end."""
    async with (
        offering(database, deaf=True) as (service, _),
        talking_to(service) as client,
    ):
        await client.send("text.input", text="word " * 60)
        await client.send("response.create")
        while len(client.pcm()) < 48 * 300:
            await client.until("audio.delta")
        await client.hear(SPEECH)
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        told = client.text()
        await client.until("speech.stopped")
        assert await ask(client, "Hello") == "echo: Hello"
        assert client.text() == told + "echo: Hello"


async def test_a_cancelled_answer_is_heard_no_more(database: TestDatabase) -> None:
    async with offering(database) as (service, _), talking_to(service) as client:
        await client.send("text.input", text="word " * 40)
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.cancel")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        assert await ask(client, "Hello") == "echo: Hello"
        assert "speech.started" not in client.kinds()


async def test_tools_are_called_and_their_results_answered_once(database: TestDatabase) -> None:
    tools = [CLOCK, {"name": "lamp"}]
    async with (
        offering(database) as (service, fake),
        talking_to(service, tools=tools) as client,
    ):
        await client.send("text.input", text='/tool clock {"tz": "UTC"}')
        await client.send("text.input", text="/tool lamp")
        await client.send("response.create")
        calls = [await client.until("tool.call"), await client.until("tool.call")]
        assert [call["tool_name"] for call in calls] == ["clock", "lamp"]
        assert calls[0]["tool_arguments"] == {"tz": "UTC"}
        for call in calls:
            await client.send("tool.result", tool_call_id=call["tool_call_id"], tool_result="noon")
            await client.send("response.create")  # from a client that does not know better
        await until_said(client, "tool lamp returned noon")
        assert client.text().count("tool clock returned noon") == 1
        assert len(fake.of("response.create")) == 1
        assert len(fake.of("session.commentary.append")) == 1
        assert fake.refused == []
        backend = fake.session.config["delegation"]["responses"]
        assert [tool["name"] for tool in backend["tools"]] == ["clock", "lamp"]


async def test_an_interruption_does_not_end_delegated_work(database: TestDatabase) -> None:
    async with (
        offering(database) as (service, fake),
        talking_to(service, tools=[CLOCK]) as client,
    ):
        await client.send("text.input", text="/tool clock")
        await client.send("response.create")
        call = await client.until("tool.call")
        await client.hear(SPEECH + SILENCE)
        await until_said(client, "heard 600 ms")
        result = {"tool_call_id": call["tool_call_id"], "tool_result": "noon"}
        await client.send("tool.result", **result)
        await until_said(client, "tool clock returned noon")
        assert fake.refused == []


async def test_a_run_that_fails_calls_nothing(database: TestDatabase) -> None:
    async with (
        offering(database) as (service, fake),
        talking_to(service, tools=[CLOCK]) as client,
    ):
        await client.send("text.input", text="/failed clock")
        assert await ask(client, "Hello") == "echo: Hello"
        assert "tool.call" not in client.kinds()
        assert await ask(client, "and again") == "echo: and again"
        assert fake.refused == []


async def test_arguments_that_are_no_object_are_told_to_the_model(database: TestDatabase) -> None:
    async with (
        offering(database) as (service, _),
        talking_to(service, tools=[CLOCK]) as client,
    ):
        await client.send("text.input", text="/tool clock [broken")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "invalid_tool_arguments")
        await until_said(client, 'returned {"error":"the arguments are not a JSON object"}')


async def test_a_greeting_is_asked_for_word_for_word(database: TestDatabase) -> None:
    async with offering(database) as (service, _):
        new_agent = {"name": "Host", "model": MODEL, "greeting": "Good morning."}
        body = {"action": "create_ai_agent", "input": new_agent, "fields": ["id"]}
        key = {"x-api-key": service.keys.secret_key}
        url = f"{service.base_url}/rpc/public/run"
        async with service.http.post(url, json=body, headers=key) as answer:
            agent_id = (await answer.json())["data"]["id"]
        async with talking_to(service, agent_id) as client:
            await client.until("response.completed")
            assert client.text() == "Good morning."
            assert await ask(client, "Hello") == "echo: Hello"


async def test_what_was_cleared_is_not_answered(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        await client.hear(SPEECH)
        await client.until("speech.started")
        await client.send("audio.clear")
        await client.until("speech.stopped")

        async def is_answered() -> bool:
            return not (fake.session.heard_ms or fake.session.speech or fake.session.word)

        await until(is_answered)  # to nobody
        await fake.settled()
        assert await ask(client, "Hello") == "echo: Hello"
        assert committed(client) == []
        assert client.text() == "echo: Hello"


async def test_a_caller_who_mutes_the_microphone_has_finished(database: TestDatabase) -> None:
    async with offering(database) as (service, _), talking_to(service) as client:
        await client.hear(SPEECH)  # and not a sample more
        await client.until("response.completed")
        assert client.text() == "echo: heard 600 ms"
        assert committed(client) == ["heard 600 ms"]


async def test_a_turn_that_nobody_answers_is_transcribed(database: TestDatabase) -> None:
    async with offering(database) as (service, fake), talking_to(service) as client:
        fake.session.lines.append("/mute")
        await client.hear(SPEECH + SILENCE)
        fake.session.speech.clear()
        await client.until("transcript.committed")
        assert committed(client) == ["heard 600 ms"]


async def test_only_what_the_backend_is_told_can_change(database: TestDatabase) -> None:
    config = {"instructions": "Be brief.", "voice": "Cedar", "reasoning_effort": "low"}
    chosen: dict[str, object] = {"openai_delegation_model": "gpt-6-sol"}
    async with (
        offering(database, chosen) as (service, fake),
        talking_to(service, **config) as client,
    ):
        for changed in ({"instructions": "Be long."}, {"voice": "marin"}):
            await client.send("session.update", config=changed)
            assert (await client.until("error"))["error"]["code"] == "immutable_field"
        started = dict(fake.session.config)
        assert started["model"] == "gpt-live-1.1"
        assert started["instructions"] == "Be brief."
        assert started["audio"]["output"] == {"voice": "cedar"}
        backend = {"model": "gpt-6-sol", "reasoning": {"effort": "low"}, "tools": []}
        assert started["delegation"]["responses"] == backend | {"instructions": "Be brief."}
        await client.send("session.update", config={"tools": [CLOCK]})
        await client.until("session.updated")
        assert await ask(client, "Hello") == "echo: Hello"
        (update,) = fake.of("session.update")
        responses = update["session"]["delegation"]["responses"]
        assert responses.keys() == {"tools"}
        assert responses["tools"][0]["name"] == "clock"


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


async def test_an_error_goes_by_and_the_session_continues(database: TestDatabase) -> None:
    async with offering(database) as (service, _), talking_to(service) as client:
        await client.send("text.input", text="/error unknown_parameter")
        assert await ask(client, "Hello") == "echo: Hello"
        (error,) = [event["error"] for event in client.events if event["type"] == "error"]
        assert (error["code"], error["details"]) == ("upstream_error", "unknown_parameter")
        assert "secret" not in repr(client.events)


# -- behind the port ----------------------------------------------------------------------


def voices_of(
    fake: FakeLive, now: float = 0.0, detector: DetectorLibrary | None = None
) -> LiveVoices:
    return LiveVoices(
        Upstream(fake.url, with_key(KEY)),
        openai_live.MODELS,
        delegation_model="gpt-6-luna",
        detector=detector or DETECTORS["webrtc"],
        now=lambda: now,
    )


OPENING = VoiceOpening(SessionConfig(model=MODEL, voice="marin"))


async def test_the_end_of_the_session_is_announced_before_it_comes() -> None:
    async with fake_live(expires_at=1_000) as fake:
        ear = Recorder()
        voice = await voices_of(fake, 1_000 - 60.2).open(OPENING, ear)
        assert ear.reports == []
        assert (await ear.until(GoingAway)).in_ms <= 60_000
        await voice.close()


async def test_a_session_that_we_end_is_closed_at_the_service() -> None:
    async with fake_live() as fake:
        voice = await voices_of(fake).open(OPENING, Recorder())
        await voice.close()
        await voice.close()
        assert fake.types() == ["session.start", "session.close"]


async def test_what_it_costs_is_reported_as_it_grows() -> None:
    async with fake_live(hurry=5) as fake:
        ear = Recorder()
        voice = await voices_of(fake).open(OPENING, ear)
        for _ in range(6):
            feed(voice, quiet(5_000, 24_000))
            await fake.settled()
        fake.session.lines.append("/tool clock")
        voice.send(Respond("r1"))
        await ear.until(ResponseDone)
        await voice.close()
    used = [(it.kind, it.usage) for it in ear.all(UsageReported)]
    *updates, rest = [usage.seconds for kind, usage in used if kind == "session"]
    assert updates == [15.0, 15.0]
    assert 0 < rest < 15, "what the service tells when it closes the session"
    (tokens,) = [usage for kind, usage in used if kind == "response"]
    assert (tokens.text_in_tokens, tokens.text_cached_tokens, tokens.text_out_tokens) == (10, 20, 5)


async def test_without_a_detector_it_still_hears_and_answers() -> None:
    missing = DetectorLibrary("no_such_module", "none", DETECTORS["webrtc"].new_detector)
    async with fake_live(hurry=5) as fake:
        ear = Recorder()
        voice = await voices_of(fake, detector=missing).open(OPENING, ear)
        feed(voice, SPEECH + SILENCE)
        await ear.until(ResponseDone)
        assert ear.all(SpeechStarted) == []
        (final,) = [heard for heard in ear.all(Transcribed) if heard.final]
        assert final.text == "heard 600 ms"
        voice.send(AddText("Hello"))
        voice.send(Respond("r2"))
        await ear.until(ResponseDone, 2)
        assert ear.text_of("r2") == "echo: Hello"
        await voice.close()
