"""Sessions on a leash over the real socket: warnings, ends, and clients that want more."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.realtime_session import Client, calls_of, connected, until
from tests.serving import Service
from tests.voice_desk import hum, quiet

RATE_HZ = 24_000
CONFIG = {"model": "mock/echo", "output_transcription": True}


@asynccontextmanager
async def leashed(
    service: Service, config: Mapping[str, object] | None = None, **leash: object
) -> AsyncIterator[Client]:
    """Open a session with `mock/echo` and a leash, and start it."""
    body = {"config": CONFIG | dict(config or {}), **leash}
    minted = await service.mint(body, service.keys.test_key)
    async with connected(service, minted["client_secret"]) as client:
        await client.start()
        yield client


async def type_in(client: Client, text: str) -> None:
    await client.send("text.input", text=text)
    await client.send("response.create")


async def ended(client: Client, code: str) -> list[dict[str, Any]]:
    """Hold that a session ends cleanly for a reason; return the warnings before."""
    assert await client.closed() == 1000
    last = client.events[-1]
    assert (last["type"], last["error"]["code"]) == ("session.terminating", code)
    assert [event["type"] for event in client.events].count("session.terminating") == 1
    return [event for event in client.events if event["type"] == "session.warning"]


async def cause_of(service: Service, database: TestDatabase) -> tuple[str, str]:
    """Wait for the end of the workspace's only call; return its status and cause."""
    row: dict[str, Any] = {}

    async def is_over() -> bool:
        nonlocal row
        (row,) = await calls_of(service, database)
        return row["ended_at"] is not None

    await until(is_over)
    return row["status"], row["hangup_cause"]


async def test_a_session_has_its_time(service: Service, database: TestDatabase) -> None:
    async with leashed(service, max_duration_seconds=1) as client:
        (warning,) = await ended(client, "max_duration")
    assert warning["reason"] == "max_duration"
    assert 0 < warning["remaining"] <= 0.201
    assert await cause_of(service, database) == ("completed", "max_duration")


async def test_a_silent_client_is_let_go_and_a_ping_does_not_help(
    service: Service, database: TestDatabase
) -> None:
    async with leashed(service, idle_timeout_seconds=1) as client:

        async def ping() -> None:
            while True:
                await client.socket.ping()
                await asyncio.sleep(0.05)

        pinging = asyncio.create_task(ping())
        (warning,) = await ended(client, "idle_timeout")
        pinging.cancel()
    assert (warning["reason"], set(warning)) == ("idle_timeout", {"type", "reason", "remaining"})
    assert await cause_of(service, database) == ("completed", "idle_timeout")


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "audio.append", "audio": "AAAA"},
        {"type": "audio.append", "audio": ""},
        {"type": "audio.append", "audio": "!"},
        {"type": "no.such.event"},
        {"type": "audio.clear"},
    ],
)
async def test_any_frame_is_a_sign_of_life(service: Service, frame: dict[str, str]) -> None:
    async with leashed(service, idle_timeout_seconds=1) as client:
        for _ in range(5):
            await asyncio.sleep(0.3)
            await client.socket.send_json(frame)
        await client.send("session.update", config={})
        await client.until("session.updated")  # 1.5 s later it is still there
        assert "session.warning" not in client.kinds()


async def test_tokens_run_out_with_the_response_that_uses_them(
    service: Service, database: TestDatabase
) -> None:
    # The voice reports 2 tokens read and 3 said, and what it spoke.
    async with leashed(service, budget={"tokens": 5}) as client:
        await type_in(client, "Hello")
        assert await ended(client, "budget_exhausted") == []
        completed = [event for event in client.events if event["type"] == "response.completed"]
        assert len(completed) == 1
    assert await cause_of(service, database) == ("completed", "budget_exhausted")


async def test_money_runs_out_by_the_price_table(service: Service) -> None:
    # USD 10 a million: 10 tokens, and 5 are used each time.
    async with leashed(service, {"modalities": ["text"]}, budget={"usd": 0.0001}) as client:
        await type_in(client, "Hello")
        await client.until("response.completed")
        await type_in(client, "Hello")
        assert await ended(client, "budget_exhausted") == []


async def test_audio_is_counted_while_it_is_heard(service: Service) -> None:
    async with leashed(service, budget={"audio_seconds": 2.0, "tokens": 1_000_000}) as client:
        for _ in range(17):
            await client.hear(quiet(100, RATE_HZ))
        warning = await client.until("session.warning")
        assert (warning["reason"], warning["remaining"]) == ("budget_exhausted", 0.4)
        for _ in range(3):
            await client.hear(quiet(100, RATE_HZ))
        assert len(await ended(client, "budget_exhausted")) == 1


async def test_audio_is_counted_while_it_is_said(service: Service) -> None:
    async with leashed(service, budget={"audio_seconds": 1.0}) as client:
        await type_in(client, "/long 20000")
        (warning,) = await ended(client, "budget_exhausted")
        said_s = len(client.pcm()) / 2 / RATE_HZ
        assert 0 < warning["remaining"] <= 0.2
        assert 1.0 <= said_s < 1.3
        assert client.kinds()[-2:] == ["response.completed", "session.terminating"]
        assert client.events[-2]["interrupted"] is True


async def test_a_budget_ends_while_a_tool_is_called(service: Service) -> None:
    tools = {"tools": [{"name": "clock"}]}
    async with leashed(service, tools, budget={"tokens": 1}) as client:
        await type_in(client, "/tool clock {}")
        assert await ended(client, "budget_exhausted") == []
        assert "tool.call" in client.kinds()


WIDE: dict[str, Any] = {
    "max_duration_seconds": 80_000,
    "idle_timeout_seconds": 80_000,
    "budget": {"tokens": 10**9, "audio_seconds": 10**9, "usd": 10**9},
    "allowed_tools": ["clock"],
    "allowed_origins": ["https://evil.example"],
    "concurrency": 100,
    "subject": "root",
}


async def test_a_client_cannot_widen_its_leash(service: Service) -> None:
    """Wherever it writes the members, they are unknown ones."""
    minted = await service.mint(
        {"config": CONFIG, "max_duration_seconds": 1, "allowed_tools": []}, service.keys.test_key
    )
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start(config={"tools": [{"name": "clock"}], **WIDE}, **WIDE)
        assert len(started["warnings"]) == len(WIDE)
        await client.send("session.update", config=WIDE | {"tools": [{"name": "clock"}]}, **WIDE)
        updated = await client.until("session.updated")
        assert updated["config"]["tools"] == []
        await type_in(client, "/tool clock {}")
        await ended(client, "max_duration")
        assert "tool.call" not in client.kinds()


async def test_a_tool_that_is_not_allowed_is_not_in_the_config(service: Service) -> None:
    tools = {"tools": [{"name": "clock"}, {"name": "weather"}]}
    async with leashed(service, tools, allowed_tools=["weather"]) as client:
        await type_in(client, "/config")
        await client.until("response.completed")
        assert '"weather"' in client.text()
        assert '"clock"' not in client.text()
        await type_in(client, "/tool clock {}")
        await client.until("response.completed")
        assert "no tool clock" in client.text()
        assert "tool.call" not in client.kinds()
        await type_in(client, "/tool weather {}")
        call = await client.until("tool.call")
        assert call["tool_name"] == "weather"


async def test_a_lower_limit_of_the_server_counts(service: Service) -> None:
    """86,400 seconds are a legal leash, and the hour of the server goes before it."""
    async with leashed(service, max_duration_seconds=86_400, budget={"tokens": 10**400}) as client:
        await client.hear(hum(100, RATE_HZ))
        await type_in(client, "Hello")
        await client.until("response.completed")
