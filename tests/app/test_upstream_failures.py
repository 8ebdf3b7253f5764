"""What a client sees when a model's provider fails: each row of the page, and what they share.

The provider's texts hold a secret in these tests; none of them may reach a client or a log.
"""

import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import UpstreamLoss, VoiceFailed, VoiceFailure, VoiceOpening
from ringline.voices import openai
from ringline.voices.upstream_voice import Upstream, UpstreamVoices
from tests.app.test_provider_voices import ask, offering, talking_to
from tests.database import TestDatabase
from tests.fake_openai import KEY, FakeProvider, FakeSession, fake_provider
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service
from tests.voice_desk import Recorder, with_key

MODEL = "openai/gpt-realtime-2.1"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "voices.md"
SOON = {"voice_ready_seconds": 0.3, "voice_stall_seconds": 0.3}


@asynccontextmanager
async def watched(
    database: TestDatabase, **chosen: object
) -> AsyncIterator[tuple[Service, FakeProvider, list[Any]]]:
    """Run a server with a provider; yield the log too, and check that no secret gets out."""
    with structlog.testing.capture_logs() as log:
        async with offering(database, "openai", **chosen) as (service, fake):
            yield service, fake, log
    assert not re.search("secret|" + KEY, repr(log))


async def refused_start(service: Service) -> tuple[dict[str, Any], int | None]:
    """Attempt a session; return how it ends."""
    async with connected(service, headers=service.bearer()) as client:
        await client.send("session.start", config={"model": MODEL})
        code = await client.closed()
        return only_ending(client), code


def only_ending(client: Client) -> dict[str, Any]:
    """Return the error that a session ended with; nothing of it may hold a secret."""
    assert not re.search("secret|" + KEY, repr(client.events))
    assert client.events[-1]["type"] == "session.terminating"
    return client.events[-1]["error"]


def expect(error: dict[str, Any], code: str, cause: str) -> None:
    assert (error["code"], error["details"]) == (code, {"model": MODEL, "cause": cause})


# -- before the session has started -------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
async def test_a_refused_handshake(database: TestDatabase, status: int) -> None:
    async with watched(database) as (service, fake, log):
        fake.refuses = status
        error, code = await refused_start(service)
        expect(error, "upstream_unavailable", f"http_{status}")
        assert code == 1011
        lines = [line for line in log if line["event"] == "upstream_lost"]
        assert len(lines) == (2 if status >= 500 else 1), "a server's error may pass"
        assert {(line["model"], line["cause"]) for line in lines} == {(MODEL, f"http_{status}")}

        async def ended() -> bool:
            calls = await calls_of(service, database)
            return [call["hangup_cause"] for call in calls] == ["upstream_lost"]

        await until(ended)


async def test_a_redirect_is_not_followed(database: TestDatabase) -> None:
    async with watched(database) as (service, fake, _):
        fake.refuses, fake.location = 302, fake.url + "/elsewhere"
        error, _code = await refused_start(service)
        expect(error, "upstream_unavailable", "http_302")
        assert len(fake.requests) == 1


async def test_a_provider_that_is_not_there(database: TestDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    async with watched(database, openai_url=url) as (service, _, _log):
        error, code = await refused_start(service)
        expect(error, "upstream_unavailable", "connect")
        assert code == 1011


async def test_a_provider_without_tls(database: TestDatabase) -> None:
    async with fake_provider() as plain:
        url = plain.url.replace("http", "https")
        async with watched(database, openai_url=url) as (service, _fake, _log):
            error, _code = await refused_start(service)
            expect(error, "upstream_unavailable", "connect")


async def test_a_connection_that_is_cut_before_its_answer_is_dialled_once_more(
    database: TestDatabase,
) -> None:
    async with watched(database) as (service, fake, _):
        fake.cuts = True
        error, _code = await refused_start(service)
        expect(error, "upstream_unavailable", "connect")
        assert len(fake.requests) == 2, "by us; the library would do so for each in silence"


async def test_a_provider_that_is_not_ready_in_time(database: TestDatabase) -> None:
    async with watched(database, **SOON) as (service, fake, _):
        fake.mute = True
        error, _code = await refused_start(service)
        expect(error, "upstream_unavailable", "timeout")


@pytest.mark.parametrize(
    ("code", "cause"),
    [("invalid_api_key", "invalid_api_key"), ("insufficient_quota", "quota"), ("odd", "odd")],
)
async def test_an_error_instead_of_a_session(database: TestDatabase, code: str, cause: str) -> None:
    async with watched(database) as (service, fake, _):
        fake.welcome = code
        error, _code = await refused_start(service)
        expect(error, "upstream_unavailable", cause)


# -- while the session runs ---------------------------------------------------------------

Fault = Callable[[FakeSession], Awaitable[Any]]


def close(code: int, reason: str = "") -> Fault:
    return lambda session: session.connection.close(code, reason)


async def half_a_frame(session: FakeSession) -> None:
    await session.half_a_frame()


async def garbage(session: FakeSession) -> None:
    for number in range(50):
        await session.raw(b"binary" if number % 2 else "no JSON, sk-secret")


async def too_large(session: FakeSession) -> None:
    await session.raw("x" * (16 * 1024 * 1024 + 1))


def error_event(code: str) -> Fault:
    return lambda session: session.refuse(code, message="sk-secret")


RUNNING: dict[str, tuple[Fault, str]] = {
    **{f"close {code}": (close(code, "sk-secret"), f"close_{code}") for code in (1000, 1001, 1007)},
    **{f"close {code}": (close(code, "sk-secret"), f"close_{code}") for code in (1008, 1011, 1012)},
    **{f"close {code}": (close(code, "sk-secret"), f"close_{code}") for code in (1013, 3000)},
    "quota": (close(1011, "RESOURCE_EXHAUSTED"), "quota"),
    "half a frame": (half_a_frame, "close_1006"),
    "garbage": (garbage, "unreadable"),
    "too large": (too_large, "unreadable"),
    "expired": (error_event("session_expired"), "session_expired"),
    "no key": (error_event("invalid_api_key"), "invalid_api_key"),
    "no credit": (error_event("credit_balance_exhausted"), "quota"),
}


#: Another connection to the same model would end in the same way.
FINAL = {"close_1007", "close_1008", "close_3000", "quota", "invalid_api_key"}


@pytest.mark.parametrize(("fault", "cause"), RUNNING.values(), ids=RUNNING)
async def test_a_connection_that_ends(database: TestDatabase, fault: Fault, cause: str) -> None:
    async with (
        watched(database) as (service, fake, log),
        talking_to(service, "openai") as client,
    ):
        if cause not in FINAL:
            await fault(fake.session)
            assert resumed(await client.until("session.resumed")) == ("reconnect", MODEL)
        await fault(fake.session)
        assert await client.closed() == 1011
        expect(only_ending(client), "upstream_closed", cause)
        assert len(fake.sessions) == (1 if cause in FINAL else 2)
        causes = [line["cause"] for line in log if line["event"] == "upstream_lost"]
        assert causes == [cause] * len(fake.sessions)


def resumed(event: dict[str, Any]) -> tuple[str, str]:
    return event["reason"], event["model"]


async def test_an_unknown_model_is_told_by_its_first_response(database: TestDatabase) -> None:
    async with (
        watched(database) as (service, _, _log),
        talking_to(service, "openai") as client,
    ):
        await client.send("text.input", text="/fail model_not_found")
        await client.send("response.create")
        assert await client.closed() == 1011
        expect(only_ending(client), "upstream_closed", "model_not_found")


async def test_a_provider_that_owes_a_response_and_is_silent(database: TestDatabase) -> None:
    async with (
        watched(database, **SOON | {"voice_ready_seconds": 15}) as (service, fake, _),
        talking_to(service, "openai") as client,
    ):
        assert await ask(client, "Hello") == "echo: Hello"
        fake.session.silent = fake.stays_silent = True
        await client.send("text.input", text="Hello")
        await client.send("response.create")
        assert await client.closed() == 1011
        assert "session.resumed" in client.kinds(), "it was asked again"
        expect(only_ending(client), "upstream_closed", "stalled")


async def test_a_provider_that_answers_no_ping() -> None:
    async with fake_provider() as fake:
        upstream = Upstream(fake.url, with_key(KEY), pong_s=0.1)
        voices = UpstreamVoices(upstream, openai.DIALECT, models=openai.MODELS)
        ear = Recorder()
        voice = await voices.open(VoiceOpening(SessionConfig(model=MODEL, voice="marin")), ear)
        fake.session.connection.transport.pause_reading()  # pyright: ignore
        failed = await ear.until(VoiceFailed)
        assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_CLOSED, False)
        assert failed.lost == UpstreamLoss(MODEL, "timeout")
        await voice.close()


async def test_single_frames_that_cannot_be_read_are_dropped(database: TestDatabase) -> None:
    async with (
        watched(database) as (service, fake, log),
        talking_to(service, "openai") as client,
    ):
        for frame in ("no JSON", "[]", '{"type": "error"}', b"binary"):
            await fake.session.raw(frame)
        await fake.session.raw('{"type": "an.event.of.tomorrow"}')
        assert await ask(client, "Hello") == "echo: Hello"
        kinds = [line["kind"] for line in log if line["event"] == "upstream_frame_dropped"]
        assert kinds == ["not_json", "not_an_object", "no_error", "not_json"]


async def test_one_lost_connection_leaves_the_others_alone(database: TestDatabase) -> None:
    async with (
        watched(database) as (service, fake, _),
        talking_to(service, "openai") as first,
        talking_to(service, "openai") as second,
    ):
        await fake.sessions[0].connection.close(1008)
        assert await first.closed() == 1011
        await fake.sessions[1].connection.close(1012)
        await second.until("session.resumed")
        assert await ask(second, "Hello") == "echo: Hello"


# -- what may reach a provider ------------------------------------------------------------


async def test_the_environment_of_other_programs_is_not_read(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret of somebody")
    async with (
        watched(database) as (service, fake, _),
        talking_to(service, "openai") as client,
    ):
        assert await ask(client, "Hello") == "echo: Hello"
        (request,) = fake.requests
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert "Cookie" not in request.headers


def test_the_page_names_every_cause() -> None:
    page = PAGE.read_text("utf-8").partition("## When a provider fails")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:http|close)_\d+|[a-z_]+)`", page))
    shown = {cause for _, cause in RUNNING.values()} | {"connect", "timeout", "stalled"}
    shown |= {"http_401", "http_429", "http_503", "model_not_found"}
    generic = {f"close_{code}" for code in (1000, 1001, 1007, 1011, 1012, 1013, 3000)}
    assert shown - generic - named == set()
