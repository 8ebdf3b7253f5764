"""Sessions with the test voices over the real socket: who may, what is said, how they end."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service, serving
from tests.voice_desk import hum, quiet

CAPTIONS = {"input_transcription": True, "output_transcription": True}


@asynccontextmanager
async def talking_to_echo(service: Service, **config: object) -> AsyncIterator[Client]:
    """Open a session with `mock/echo` by a test key and start it, with captions both ways."""
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        await client.start(config={"model": "mock/echo"} | CAPTIONS | config)
        yield client


async def ask(client: Client, text: str) -> str:
    """Type a text; return what is said to it."""
    before = len(client.text())
    await client.send("text.input", text=text)
    await client.send("response.create")
    await client.until("response.completed")
    return client.text()[before:]


async def refused_start(client: Client, model: str) -> str:
    await client.send("session.start", config={"model": model})
    assert await client.closed() == 1008
    return client.events[-1]["error"]["code"]


# -- who may ------------------------------------------------------------------------------


async def test_a_server_offers_them_to_test_keys_alone(service: Service) -> None:
    live, test = service.bearer(), service.bearer(service.keys.test_key)
    for model in ("mock/echo", "mock/asym", "mock/chat"):
        async with connected(service, headers=live) as client:
            assert await refused_start(client, model) == "model_not_found"
    async with connected(service, headers=test) as client:
        assert await refused_start(client, "mock/chat") == "model_not_realtime"


async def test_a_mint_knows_who_may_use_them(service: Service) -> None:
    async def mint(model: str, key: str) -> str:
        url, headers = f"{service.base_url}/v3/realtime-sessions", service.bearer(key)
        body = {"config": {"model": model}}
        async with service.http.post(url, json=body, headers=headers) as answer:
            told = await answer.json()
        return "minted" if answer.status == 200 else told["error"]["code"]

    live, test = service.keys.secret_key, service.keys.test_key
    assert await mint("mock/echo", test) == "minted"
    assert await mint("mock/chat", test) == "model_not_realtime"
    assert await mint("mock/echo", live) == "model_not_found"
    assert await mint("mock/chat", live) == "model_not_found"


async def test_ringline_dev_offers_them_to_everybody(database: TestDatabase) -> None:
    async with serving(database, dev=True) as service:
        for key in (service.keys.secret_key, service.keys.test_key):
            async with connected(service, headers=service.bearer(key)) as client:
                await client.start(config={"model": "mock/asym"} | CAPTIONS)
                assert await ask(client, "Hello") == "echo: Hello"
        async with connected(service, headers=service.bearer()) as client:
            assert await refused_start(client, "mock/chat") == "model_not_realtime"


async def listed(service: Service, key: str) -> dict[str, Any]:
    url = f"{service.base_url}/v3/models"
    async with service.http.get(url, headers=service.bearer(key)) as answer:
        return {model["id"]: model for model in (await answer.json())["models"]}


async def test_they_are_listed_to_those_who_may_use_them(service: Service) -> None:
    assert not {name for name in await listed(service, service.keys.secret_key) if "mock" in name}
    models = await listed(service, service.keys.test_key)
    echo, asym, chat = (models[f"mock/{name}"] for name in ("echo", "asym", "chat"))
    assert (echo["type"], chat["type"]) == ("realtime", "llm")
    assert echo["capabilities"] == ["audio", "text", "tools", "images", "reasoning"]
    assert asym["params"]["realtime"]["turn_detection"] == ["server_vad"]
    price = [{"type": kind, "usd_per_million": 10} for kind in ("audio", "text")]
    assert echo["pricing"] == asym["pricing"] == {"input": price, "output": price}
    assert echo["cost"] == pytest.approx(0.009)
    assert "realtime" not in chat["params"]


@pytest.mark.parametrize(
    ("model", "config", "code"),
    [
        ("mock/echo", {"voice": "c"}, "unsupported_voice"),
        ("mock/echo", {"reasoning_effort": "medium"}, "unsupported_reasoning_effort"),
        ("mock/echo", {"turn_detection": {"type": "semantic_vad"}}, "unsupported_turn_detection"),
        ("mock/asym", {"voice": "b"}, "unsupported_voice"),
        ("mock/asym", {"reasoning_effort": "low"}, "unsupported_reasoning_effort"),
        ("mock/asym", {"turn_detection": {"type": "none"}}, "unsupported_turn_detection"),
        ("mock/asym", {"modalities": ["text"]}, "unsupported_modality"),
    ],
)
async def test_what_they_do_not_offer_is_refused(
    service: Service, model: str, config: dict[str, object], code: str
) -> None:
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        await client.send("session.start", config={"model": model} | config)
        assert await client.closed() == 1008
        assert client.events[-1]["error"]["code"] == code


async def test_what_they_offer_is_taken(service: Service) -> None:
    config = {"voice": "B", "reasoning_effort": "high", "modalities": ["text", "audio"]}
    async with talking_to_echo(service, **config) as client:
        told = json.loads(await ask(client, "/config"))
    assert (told["model"], told["voice"], told["reasoning_effort"]) == ("mock/echo", "b", "high")
    assert told["modalities"] == ["text", "audio"]
    assert told["turn_detection"]["silence_duration_ms"] == 500


# -- what is said -------------------------------------------------------------------------


async def test_a_spoken_turn_comes_back_to_the_sample(service: Service) -> None:
    spoken = hum(840, 24_000)
    async with talking_to_echo(service) as client:
        await client.hear(quiet(240, 24_000) + spoken + quiet(600, 24_000))
        await client.until("response.completed")
        assert client.kinds()[:5] == [
            "session.started",
            "speech.started",
            "speech.stopped",
            "transcript.committed",
            "response.started",
        ]
        heard = next(event for event in client.events if event["type"] == "transcript.committed")
        assert heard["transcript"] == "heard 800 ms"
        assert client.text() == "echo: heard 800 ms"
        assert client.pcm() == spoken


async def test_rates_differ_where_they_should(service: Service) -> None:
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        started = await client.start(config={"model": "mock/asym"} | CAPTIONS)
        assert (started["input_sample_rate"], started["output_sample_rate"]) == (16_000, 24_000)
        assert "sample_rate" not in started
        await client.hear(hum(600, 16_000) + quiet(600, 16_000))
        await client.until("response.completed")
        assert client.text() == "echo: heard 600 ms"
        assert len(client.pcm()) == 2 * 24_000 * 600 // 1_000


async def test_the_greeting_of_an_agent_is_said_as_it_stands(service: Service) -> None:
    new_agent = {"name": "Echo", "model": "mock/echo", "greeting": "Good morning."}
    key = {"x-api-key": service.keys.test_key}
    body = {"action": "create_ai_agent", "input": new_agent, "fields": ["id"]}
    url = f"{service.base_url}/rpc/public/run"
    async with service.http.post(url, json=body, headers=key) as answer:
        agent_id = (await answer.json())["data"]["id"]
    async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
        await client.start(agent_id=agent_id, config=CAPTIONS)
        await client.until("response.completed")
        assert client.text() == "Good morning."
        assert await ask(client, "Hello") == "echo: Hello"


async def test_text_alone_brings_no_audio(service: Service) -> None:
    async with talking_to_echo(service, modalities=["text"], output_transcription=False) as client:
        assert await ask(client, "Hello there") == "echo: Hello there"
        assert client.pcm() == b""


async def test_an_interrupted_answer_shows_what_was_cut_off(service: Service) -> None:
    async with talking_to_echo(service) as client:
        await client.send("text.input", text="/long 20000")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.hear(hum(200, 24_000))
        await client.until("speech.started")
        done = await client.until("response.completed")
        assert done["interrupted"] is True
        assert len(client.pcm()) < 2 * 24_000 * 20
        assert client.text() != "echo: /long 20000"
        await client.until("response.completed")  # nothing more was sent: the clock ends the turn
        assert client.text().endswith("echo: heard 200 ms")


# -- how they end -------------------------------------------------------------------------


async def test_an_error_goes_by_and_the_session_continues(service: Service) -> None:
    async with talking_to_echo(service) as client:
        await client.send("text.input", text="/error rate_limit_exceeded")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["details"]) == ("upstream_error", "rate_limit_exceeded")
        assert await ask(client, "Hello") == "echo: /error rate_limit_exceeded\necho: Hello"


async def one_of(client: Client, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Wait for an event of one of these types."""
    while (event := await client.next()) is None or event["type"] not in kinds:
        assert event is not None
    return event


async def test_a_provider_that_hangs_up_in_the_middle_of_a_word_is_dialled_again(
    service: Service,
) -> None:
    async with talking_to_echo(service) as client:
        await client.send("text.input", text="/long 20000")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("text.input", text="/drop")
        ended = ("response.completed", "session.resumed")  # how much is still played decides
        (first, second) = sorted(
            [await one_of(client, ended), await one_of(client, ended)], key=str
        )
        assert first["interrupted"] is True
        assert second == {"type": ended[1], "reason": "reconnect", "model": "mock/echo"}
        heard_none = "echo: /long 20000\necho: /drop\necho: Hello"  # not a word of it was heard
        assert await ask(client, "Hello") == heard_none


async def test_a_provider_that_hangs_up_twice_ends_the_session(
    service: Service, database: TestDatabase
) -> None:
    async with talking_to_echo(service) as client:
        await client.send("text.input", text="/drop")
        await client.until("session.resumed")
        await client.send("text.input", text="/drop")
        ending = await client.until("session.terminating")
        assert ending["error"]["code"] == "upstream_closed"
        assert ending["error"]["details"] == {"model": "mock/echo", "cause": "close_1006"}
        assert await client.closed() == 1011

    async def ended() -> bool:
        (call,) = await calls_of(service, database)
        return call["hangup_cause"] == "upstream_lost"

    await until(ended)


async def test_a_provider_that_announces_its_end_is_left_before(service: Service) -> None:
    async with talking_to_echo(service) as client:
        for _ in range(3):
            assert await ask(client, "/cap 600") == "echo: /cap 600"
            assert (await client.until("session.resumed"))["reason"] == "rollover"
        assert await ask(client, "Hello") == "echo: Hello"
        assert "interrupted" not in str(client.events)


async def test_what_cannot_be_read_is_answered(service: Service) -> None:
    async with talking_to_echo(service) as client:
        assert await ask(client, "/long x") == 'cannot read "/long x"'
        assert await ask(client, "/tool") == 'cannot read "/tool"'
