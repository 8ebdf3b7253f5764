"""What a client sees when Gemini Live fails: each row of the page.

The service's texts hold a secret in these tests; neither they nor the key may reach a client
or a log.
"""

import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import UpstreamLoss, VoiceFailed, VoiceOpening
from ringline.voices import gemini
from ringline.voices.detectors import DETECTORS
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.upstream import Upstream
from tests.app.test_gemini_voices import KEY, LIVE, offering, talking_to
from tests.app.test_provider_voices import ask
from tests.database import TestDatabase
from tests.fake_gemini import Conversation, FakeGemini
from tests.gemini_model import EchoModel
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service
from tests.voice_desk import Recorder, with_key

SOON = {"voice_ready_seconds": 0.3, "voice_stall_seconds": 0.3}
SECRET = "key-in-a-reason"


@asynccontextmanager
async def watched(
    database: TestDatabase, **chosen: object
) -> AsyncIterator[tuple[Service, FakeGemini, list[Any]]]:
    """Run a server with the service; yield the log too, and check that no secret gets out."""
    with structlog.testing.capture_logs() as log:
        async with offering(database, None, **chosen) as (service, fake):
            yield service, fake, log
    assert not re.search(f"{SECRET}|{KEY}", repr(log))


def expect(client: Client, code: str, cause: str) -> None:
    """Check the error that a session ended with, and that nothing of it holds a secret."""
    assert not re.search(f"{SECRET}|{KEY}", repr(client.events))
    assert client.events[-1]["type"] == "session.terminating"
    error = client.events[-1]["error"]
    assert (error["code"], error["details"]) == (code, {"model": LIVE, "cause": cause})


async def expect_unavailable(service: Service, cause: str) -> None:
    """Attempt a session that cannot start."""
    async with connected(service, headers=service.bearer()) as client:
        await client.send("session.start", config={"model": LIVE})
        assert await client.closed() == 1011
        expect(client, "upstream_unavailable", cause)


# -- before the session has started -------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_refused_handshake(database: TestDatabase, status: int) -> None:
    async with watched(database) as (service, fake, log):
        fake.refuse_with = status
        await expect_unavailable(service, f"http_{status}")
        lines = [line for line in log if line["event"] == "upstream_lost"]
        assert len(lines) == (2 if status >= 500 else 1), "a server's error may pass"
        assert {(line["model"], line["cause"]) for line in lines} == {(LIVE, f"http_{status}")}

        async def ended() -> bool:
            calls = await calls_of(service, database)
            return [call["hangup_cause"] for call in calls] == ["upstream_lost"]

        await until(ended)


async def test_a_redirect_is_not_followed(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, _):
        fake.refuse_with, fake.location = 302, fake.url + "/elsewhere"
        await expect_unavailable(service, "http_302")
        assert len(fake.dialled) == 1


async def test_a_service_that_is_not_there(database: TestDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with watched(database, gemini_url=f"http://127.0.0.1:{port}") as (service, _, _log):
        await expect_unavailable(service, "connect")


async def test_a_service_that_is_not_ready_in_time(database: TestDatabase) -> None:
    async with watched(database, **SOON) as (service, fake, _):
        fake.mute = True
        await expect_unavailable(service, "timeout")


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        (1007, f"Request contains an invalid argument: {SECRET}", "close_1007"),
        (1008, f"models/x is not found for {SECRET}", "close_1008"),
        (1011, "RESOURCE_EXHAUSTED", "quota"),
        (1011, "Internal error", "close_1011"),
    ],
)
async def test_a_close_instead_of_a_session(
    database: TestDatabase, code: int, reason: str, cause: str
) -> None:
    async with watched(database) as (service, fake, _):
        fake.welcome = (code, reason)
        await expect_unavailable(service, cause)


# -- while the session runs ---------------------------------------------------------------

Fault = Callable[[Conversation], Awaitable[Any]]


def close(code: int, reason: str = SECRET) -> Fault:
    return lambda conversation: conversation.socket.close(code, reason)


async def half_a_frame(conversation: Conversation) -> None:
    conversation.half_a_frame()


async def cut_off(conversation: Conversation) -> None:
    conversation.socket.transport.abort()


async def garbage(conversation: Conversation) -> None:
    for number in range(50):
        await conversation.raw(b"\xff\xfe" if number % 2 else f"no JSON: {SECRET}")


async def too_large(conversation: Conversation) -> None:
    await conversation.raw("x" * (16 * 1024 * 1024 + 1))


RUNNING: dict[str, tuple[Fault, str]] = {
    **{f"close {code}": (close(code), f"close_{code}") for code in (1000, 1001, 1007, 1008, 1011)},
    "quota": (close(1011, "RESOURCE_EXHAUSTED: quota"), "quota"),
    "the limit of an hour": (
        close(1011, "Deadline expired before operation could complete."),
        "close_1011",
    ),
    "cut off": (cut_off, "close_1006"),
    "half a frame": (half_a_frame, "close_1006"),
    "garbage": (garbage, "unreadable"),
    "too large": (too_large, "unreadable"),
}


#: Another connection to the same model would end in the same way.
FINAL = {"close_1007", "close_1008", "quota"}


@pytest.mark.parametrize(("fault", "cause"), RUNNING.values(), ids=RUNNING)
async def test_a_connection_that_ends(database: TestDatabase, fault: Fault, cause: str) -> None:
    async with watched(database) as (service, fake, _), talking_to(service) as client:
        if cause not in FINAL:
            await fault(fake.conversations[-1])
            assert (await client.until("session.resumed"))["reason"] == "reconnect"
        await fault(fake.conversations[-1])
        assert await client.closed() == 1011
        expect(client, "upstream_closed", cause)


async def test_it_is_left_before_it_goes_away_as_it_has_announced(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, _), talking_to(service) as client:
        await fake.conversations[-1].send(goAway={"timeLeft": "1s"})
        assert (await client.until("session.resumed"))["reason"] == "rollover"
        assert await ask(client, "Hello") == "echo: Hello"
        first, second = fake.conversations
        assert first.received[1:] == []
        assert second.setup["sessionResumption"] == {"handle": "handle-1"}


async def test_a_service_that_owes_an_answer_and_is_silent(database: TestDatabase) -> None:
    async with (
        watched(database, **SOON | {"voice_ready_seconds": 15}) as (service, fake, _),
        talking_to(service) as client,
    ):
        assert await ask(client, "Hello") == "echo: Hello"

        async def nothing(_: Conversation) -> None:
            await fake.conversations[-1].socket.wait_closed()

        fake.script = nothing
        async with talking_to(service) as other:
            await other.send("text.input", text="Hello")
            await other.send("response.create")
            assert await other.closed() == 1011
            expect(other, "upstream_closed", "stalled")
        assert await ask(client, "Hello") == "echo: Hello", "the others notice nothing"


async def test_a_service_that_answers_no_ping() -> None:
    async with FakeGemini(EchoModel()) as fake:
        upstream = Upstream(fake.url, with_key(KEY), pong_s=0.1)
        voices = GeminiVoices(upstream, gemini.MODELS, detector=DETECTORS["webrtc"])
        ear = Recorder()
        voice = await voices.open(VoiceOpening(SessionConfig(model=LIVE, voice="Puck")), ear)
        fake.conversations[-1].socket.transport.pause_reading()  # pyright: ignore
        failed = await ear.until(VoiceFailed)
        assert failed.lost == UpstreamLoss(LIVE, "timeout")
        assert not failed.recoverable
        await voice.close()


async def test_single_messages_that_cannot_be_read_are_dropped(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, log), talking_to(service) as client:
        odd = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "A"}}]}}}
        for frame in ("no JSON", "[]", json.dumps(odd), b"\x00"):
            await fake.conversations[-1].raw(frame)
        await fake.conversations[-1].raw('{"aMessageOfTomorrow": {}}')
        assert await ask(client, "Hello") == "echo: Hello"
        kinds = [line["kind"] for line in log if line["event"] == "upstream_frame_dropped"]
        assert kinds == ["json", "shape", "audio_format", "json"]


async def test_a_flood_of_speech_is_bounded(database: TestDatabase) -> None:
    """The model produces minutes of speech at once: what the queue does not hold is dropped."""
    async with watched(database) as (service, fake, log):
        async with talking_to(service) as client:
            minute = bytes(48 * 60_000)
            talk = fake.conversations[-1]
            for _ in range(6):
                await talk.speak("a minute ", minute)
            await talk.content(generationComplete=True)
            await talk.content(turnComplete=True)
            await client.until("audio.delta")
            await fake.settled()
            await client.send("response.cancel")
            await client.until("response.completed")
            assert await ask(client, "Hello") == "echo: Hello"

        async def is_logged() -> bool:
            return "speech_not_queued" in {line["event"] for line in log}

        await until(is_logged)


async def test_one_lost_connection_leaves_the_others_alone(database: TestDatabase) -> None:
    async with (
        watched(database) as (service, fake, _),
        talking_to(service) as first,
        talking_to(service) as second,
    ):
        await fake.conversations[0].socket.close(1008)
        assert await first.closed() == 1011
        assert await ask(second, "Hello") == "echo: Hello"


async def test_the_environment_of_other_programs_is_not_read(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    monkeypatch.setenv("GOOGLE_API_KEY", SECRET)
    async with watched(database) as (service, fake, _), talking_to(service) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        (request,) = fake.dialled
        assert request.headers["x-goog-api-key"] == KEY
        assert "?" not in request.path
        assert "Authorization" not in request.headers
