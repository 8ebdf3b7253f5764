"""The fake Live service, proved with OpenAI's own client before anything of ours uses it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.live.live import AsyncLiveConnection
from websockets.exceptions import InvalidStatus

from ringline.wire.openai_live import ANSWER, SAYS, TYPES
from tests.fake_openai_live import KEY, WORD, FakeLive, fake_live
from tests.voice_desk import hum, quiet

SESSION: Any = {
    "model": "gpt-live-1.1",
    "instructions": "Be brief.",
    "audio": {"format": {"type": "audio/pcm", "rate": 24_000}, "output": {"voice": "marin"}},
    "delegation": {"type": "responses", "responses": {"model": "gpt-6-luna", "tools": []}},
}
PIECE = 2_400 * 2


@asynccontextmanager
async def connected(fake: FakeLive, key: str = KEY) -> AsyncIterator[AsyncLiveConnection]:
    client = AsyncOpenAI(api_key=key, websocket_base_url=fake.url.replace("http", "ws"))
    async with client.live.connect() as connection:
        await connection.session.start(session=SESSION)
        yield connection
    await client.close()


async def until(connection: AsyncLiveConnection, kind: str) -> list[Any]:
    """Return the events up to the first one of a type."""
    events: list[Any] = [await connection.recv()]
    while events[-1].type != kind:
        events.append(await connection.recv())
    return events


async def hear(connection: AsyncLiveConnection, pcm: bytes) -> list[Any]:
    """Send audio in pieces of 100 ms; return what comes with as much output."""
    events: list[Any] = []
    for start in range(0, len(pcm), PIECE):
        piece = base64.b64encode(pcm[start : start + PIECE]).decode()
        await connection.session.input_audio.append(audio=piece)
        events += await until(connection, "session.output_audio.delta")
    return events


def said(events: list[Any]) -> str:
    return "".join(it.delta for it in events if it.type == "session.output_transcript.delta")


def sound(events: list[Any]) -> bytes:
    pieces = [it.delta for it in events if it.type == "session.output_audio.delta"]
    return b"".join(map(base64.b64decode, pieces))


async def test_a_session_starts_and_ends() -> None:
    async with fake_live() as fake, connected(fake) as connection:
        (started,) = await until(connection, "session.started")
        assert started.session.model == "gpt-live-1.1"
        assert started.session.expires_at == fake.expires_at
        await hear(connection, quiet(1_000, 24_000))
        await connection.session.close()
        closed = (await until(connection, "session.closed"))[-1]
        assert (closed.reason, closed.usage.seconds) == ("close_requested", 1.0)
        (request,) = fake.requests
        assert request.path == "/v1/live/sessions"
        assert request.headers["Authorization"] == f"Bearer {KEY}"


async def test_it_says_what_it_is_told_while_audio_comes() -> None:
    async with fake_live() as fake, connected(fake) as connection:
        await connection.session.commentary.append(content=f"{SAYS}Good day", delegation_id=None)
        events = await hear(connection, quiet(400, 24_000))
    assert said(events) == "Good day"
    assert sound(events) == WORD * 2 + quiet(200, 24_000)
    assert "session.commentary.appended" in {event.type for event in events}


async def test_it_answers_what_was_typed_when_it_is_asked_to() -> None:
    async with fake_live() as fake, connected(fake) as connection:
        await connection.session.instructions.append(content=f"{TYPES}Hello", delegation_id=None)
        assert said(await hear(connection, quiet(300, 24_000))) == ""
        await connection.session.commentary.append(content=ANSWER, delegation_id=None)
        assert said(await hear(connection, quiet(300, 24_000))) == "echo: Hello"


async def test_it_hears_and_is_interrupted() -> None:
    async with fake_live() as fake, connected(fake) as connection:
        events = await hear(connection, hum(600, 24_000) + quiet(500, 24_000))
        heard = [it.delta for it in events if it.type == "session.input_transcript.delta"]
        assert "".join(heard) == "heard 600 ms"
        assert said(events) == "echo: heard 600 "
        events = await hear(connection, hum(200, 24_000))
        assert said(events) == "", "the last word is not said any more"


async def test_functions_are_called_and_answered_together() -> None:
    async with fake_live() as fake, connected(fake) as connection:
        for line in ('/tool clock {"tz":"UTC"}', "/tool lamp"):
            await connection.session.instructions.append(
                content=f"{TYPES}{line}", delegation_id=None
            )
        await connection.session.commentary.append(content=ANSWER, delegation_id=None)
        events = await hear(connection, quiet(100, 24_000))
        nested = [it.event for it in events if it.type == "response.event"]
        assert [it["type"] for it in nested] == [
            "response.created",
            "response.output_item.done",
            "response.output_item.done",
            "response.completed",
        ]
        calls = [it["item"]["call_id"] for it in nested[1:3]]
        await connection.response.create()
        for call_id in calls:
            item: Any = {"type": "function_call_output", "call_id": call_id, "output": "noon"}
            await connection.response.item.create(item=item)
        await connection.response.create()
        events = await hear(connection, quiet(800, 24_000))
        assert fake.refused == ["function_call_outputs_required"]
        assert said(events) == "tool clock returned noon\ntool lamp returned noon"


async def test_an_unknown_key_and_an_unknown_model_are_refused() -> None:
    async with fake_live() as fake:
        with pytest.raises(InvalidStatus):
            async with connected(fake, "another key"):
                pass
        SESSION["model"] = "gpt-live-9"
        try:
            async with connected(fake) as connection:
                (error,) = await until(connection, "error")
                assert error.error.code == "model_not_found"
        finally:
            SESSION["model"] = "gpt-live-1.1"
