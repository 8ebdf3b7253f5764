"""What a client sees when a Live session of OpenAI fails: each row of the page.

The service's texts hold a secret in these tests; neither they nor the key may reach a client
or a log.
"""

import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import UpstreamLoss, VoiceFailed, VoiceOpening
from ringline.voices import openai_live
from ringline.voices.detectors import DETECTORS
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream
from tests.app.test_openai_live_voices import MODEL, offering, talking_to
from tests.app.test_provider_voices import ask
from tests.database import TestDatabase
from tests.fake_openai_live import KEY, FakeLive, LiveSession, fake_live
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service
from tests.voice_desk import Recorder, with_key

SOON: dict[str, object] = {"voice_ready_seconds": 0.3, "voice_stall_seconds": 0.3}
SECRET = "sk-secret"


@asynccontextmanager
async def watched(
    database: TestDatabase, **chosen: object
) -> AsyncIterator[tuple[Service, FakeLive, list[Any]]]:
    """Run a server with the service; yield the log too, and check that no secret gets out."""
    with structlog.testing.capture_logs() as log:
        async with offering(database, chosen) as (service, fake):
            yield service, fake, log
    assert not re.search(f"{SECRET}|{KEY}", repr(log))


def expect(client: Client, code: str, cause: str) -> None:
    """Check the error that a session ended with, and that nothing of it holds a secret."""
    assert not re.search(f"{SECRET}|{KEY}", repr(client.events))
    assert client.events[-1]["type"] == "session.terminating"
    error = client.events[-1]["error"]
    assert (error["code"], error["details"]) == (code, {"model": MODEL, "cause": cause})


async def expect_unavailable(service: Service, cause: str) -> None:
    """Attempt a session that cannot start."""
    async with connected(service, headers=service.bearer()) as client:
        await client.send("session.start", config={"model": MODEL})
        assert await client.closed() == 1011
        expect(client, "upstream_unavailable", cause)


# -- before the session has started -------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_refused_handshake(database: TestDatabase, status: int) -> None:
    async with watched(database) as (service, fake, log):
        fake.refuses = status
        await expect_unavailable(service, f"http_{status}")
        lines = [line for line in log if line["event"] == "upstream_lost"]
        assert len(lines) == (2 if status >= 500 else 1), "a server's error may pass"
        assert {(line["model"], line["cause"]) for line in lines} == {(MODEL, f"http_{status}")}

        async def ended() -> bool:
            calls = await calls_of(service, database)
            return [call["hangup_cause"] for call in calls] == ["upstream_lost"]

        await until(ended)


async def test_a_redirect_is_not_followed(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, _):
        fake.refuses, fake.location = 302, f"{fake.url}/live/sessions"
        await expect_unavailable(service, "http_302")
        assert len(fake.requests) == 1


async def test_a_service_that_is_not_there(database: TestDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with watched(database, openai_url=f"http://127.0.0.1:{port}/v1") as (service, *_):
        await expect_unavailable(service, "connect")


async def test_a_service_that_cuts_the_handshake(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, _):
        fake.cuts = True
        await expect_unavailable(service, "connect")
        assert len(fake.requests) == 2, "by us; the library would do so for each in silence"


async def test_a_service_that_is_not_ready_in_time(database: TestDatabase) -> None:
    async with watched(database, **SOON) as (service, fake, _):
        fake.mute = True
        await expect_unavailable(service, "timeout")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("model_not_found", "model_not_found"),
        ("credit_balance_exhausted", "quota"),
        ("invalid_api_key", "invalid_api_key"),
        ("unknown_parameter", "unknown_parameter"),
    ],
)
async def test_an_error_instead_of_a_session(database: TestDatabase, code: str, cause: str) -> None:
    async with watched(database) as (service, fake, _):
        fake.welcome = code
        await expect_unavailable(service, cause)


@pytest.mark.parametrize("code", [1008, 1011, 3000])
async def test_a_close_instead_of_a_session(database: TestDatabase, code: int) -> None:
    async with watched(database) as (service, fake, _):
        fake.closes = (code, SECRET)
        await expect_unavailable(service, f"close_{code}")


# -- while the session runs ---------------------------------------------------------------

Fault = Callable[[LiveSession], Awaitable[Any]]


def close(code: int) -> Fault:
    return lambda session: session.connection.close(code, SECRET)


def end(reason: str) -> Fault:
    return lambda session: session.end(reason)


def refuse(code: str) -> Fault:
    return lambda session: session.refuse(code)


async def half_a_frame(session: LiveSession) -> None:
    session.half_a_frame()


async def cut_off(session: LiveSession) -> None:
    session.connection.transport.abort()


async def garbage(session: LiveSession) -> None:
    for number in range(50):
        await session.raw(b"\xff\xfe" if number % 2 else f"no JSON: {SECRET}")


async def too_large(session: LiveSession) -> None:
    await session.raw("x" * (16 * 1024 * 1024 + 1))


RUNNING: dict[str, tuple[Fault, str]] = {
    **{f"close {code}": (close(code), f"close_{code}") for code in (1000, 1001, 1008, 1011, 3000)},
    "expired": (end("expired"), "session_expired"),
    "content": (end("content"), "content"),
    "lost": (end("connection_lost"), "connection_lost"),
    "credit": (refuse("credit_balance_exhausted"), "quota"),
    "key": (refuse("invalid_api_key"), "invalid_api_key"),
    "cut off": (cut_off, "close_1006"),
    "half a frame": (half_a_frame, "close_1006"),
    "garbage": (garbage, "unreadable"),
    "too large": (too_large, "unreadable"),
}


#: Another session with the same model would end in the same way.
FINAL = {"close_1008", "close_3000", "content", "quota", "invalid_api_key"}


@pytest.mark.parametrize(("fault", "cause"), RUNNING.values(), ids=RUNNING)
async def test_a_session_that_ends(database: TestDatabase, fault: Fault, cause: str) -> None:
    async with watched(database) as (service, fake, _), talking_to(service) as client:
        await fault(fake.session)
        if cause not in FINAL:
            assert (await client.until("session.resumed"))["reason"] == "reconnect"
            await fault(fake.session)
        assert await client.closed() == 1011
        expect(client, "upstream_closed", cause)


async def test_a_service_that_owes_an_answer_and_is_silent(database: TestDatabase) -> None:
    soon = SOON | {"voice_ready_seconds": 15}
    async with watched(database, **soon) as (service, fake, _), talking_to(service) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        async with talking_to(service) as other:
            fake.session.silent = fake.stays_silent = True
            await other.send("text.input", text="Hello")
            await other.send("response.create")
            assert await other.closed() == 1011
            expect(other, "upstream_closed", "stalled")
        assert await ask(client, "Hello") == "echo: Hello", "the others notice nothing"


async def test_a_service_that_answers_no_ping() -> None:
    async with fake_live() as fake:
        voices = LiveVoices(
            Upstream(fake.url, with_key(KEY), pong_s=0.1),
            openai_live.MODELS,
            delegation_model="gpt-6-luna",
            detector=DETECTORS["webrtc"],
        )
        ear = Recorder()
        voice = await voices.open(VoiceOpening(SessionConfig(model=MODEL, voice="marin")), ear)
        fake.session.connection.transport.pause_reading()  # pyright: ignore
        failed = await ear.until(VoiceFailed)
        assert failed.lost == UpstreamLoss(MODEL, "timeout")
        assert not failed.recoverable
        await voice.close()
        fake.session.connection.transport.abort()


async def test_single_events_that_cannot_be_read_are_dropped(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, log), talking_to(service) as client:
        odd = '{"type":"session.output_audio.delta","delta":"####"}'
        for frame in ("no JSON", "[]", odd, '{"type":"session.started"}'):
            await fake.session.raw(frame)
        await fake.session.raw('{"type":"an.event.of.tomorrow"}')
        assert await ask(client, "Hello") == "echo: Hello"
        kinds = [line["kind"] for line in log if line["event"] == "upstream_frame_dropped"]
        assert kinds == ["not_json", "shape", "bad_audio", "shape"]


async def test_a_flood_of_speech_is_bounded(database: TestDatabase) -> None:
    """The model produces minutes of speech at once: what the queue does not hold is dropped."""
    async with watched(database) as (service, fake, log):
        async with talking_to(service) as client:
            session = fake.session
            for _ in range(6):
                session.speech.append(("a minute ", b"\x10\x10" * 24_000 * 60))
                await session.sound(48_000 * 60)
            await client.until("audio.delta")
            await fake.settled()
            await client.send("response.cancel")
            await client.until("response.completed")
            assert await ask(client, "Hello") == "echo: Hello"

        async def is_logged() -> bool:
            return "speech_not_queued" in {line["event"] for line in log}

        await until(is_logged)


async def test_one_lost_session_leaves_the_others_alone(database: TestDatabase) -> None:
    async with (
        watched(database) as (service, fake, _),
        talking_to(service) as first,
        talking_to(service) as second,
    ):
        await fake.sessions[0].connection.close(1008)
        assert await first.closed() == 1011
        assert await ask(second, "Hello") == "echo: Hello"


async def test_the_environment_of_other_programs_is_not_read(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    async with watched(database) as (service, fake, _), talking_to(service) as client:
        assert await ask(client, "Hello") == "echo: Hello"
        (request,) = fake.requests
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert "?" not in request.path
