"""The ledger agrees, to the token, with what the providers say they sold, however it was told."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ringline.domain.usage import UNITS
from tests.app import test_gemini_voices as gemini
from tests.app import test_openai_live_voices as live
from tests.app.test_provider_voices import MODELS, offering
from tests.database import TestDatabase
from tests.fake_openai import FakeProvider
from tests.realtime_session import Client, calls_of, connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.sold import by_openai, in_ledger
from tests.voice_desk import hum, quiet

TURN = quiet(200, 24_000) + hum(800, 24_000) + quiet(600, 24_000)


@asynccontextmanager
async def told_of(service: Service, model: str, **config: object) -> AsyncIterator[Client]:
    """Open a session with a model that is told what it uses."""
    async with connected(service, headers=service.bearer()) as client:
        await client.start(config={"model": model} | config, usage_events=True)
        yield client


async def ledger(database: TestDatabase) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM ringline.usage ORDER BY occurred_at, id")
    return [dict(row) for row in rows]


def added(rows: list[dict[str, Any]], kind: str | None = None) -> Counter[str]:
    """Return the units of rows of a kind, without the empty ones."""
    counted: Counter[str] = Counter()
    for row in rows:
        if kind in (None, row["kind"]):
            counted.update({unit: row[unit] for unit in UNITS if row[unit]})
    return counted


async def agree(database: TestDatabase, fake: FakeProvider) -> list[dict[str, Any]]:
    """Wait until the ledger has what was sold, and not a token more."""
    rows: list[dict[str, Any]] = []

    async def whole() -> bool:
        rows[:] = await ledger(database)
        sold = by_openai(fake)
        told = in_ledger(rows, MODELS["openai"]) == sold
        return told and bool(sold) and not fake.session.active

    await until(whole)
    return rows


async def test_openai_sells_turns_and_answers(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, fake),
        told_of(service, MODELS["openai"], input_transcription=True) as client,
    ):
        for _ in range(2):
            await client.hear(TURN)
            await client.until("response.completed")
        rows = await agree(database, fake)
        assert sorted(row["kind"] for row in rows) == ["response"] * 2 + ["transcription"] * 2
        assert all(row["usd"] > 0 for row in rows if row["kind"] == "response")


async def test_a_cancelled_response_is_sold(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, fake),
        told_of(service, MODELS["openai"]) as client,
    ):
        await client.send("text.input", text="/long")
        await client.send("response.create")
        await client.until("audio.delta")
        await client.send("response.cancel")
        await client.until("response.completed")
        rows = await agree(database, fake)
        assert [row["kind"] for row in rows] == ["response"]


async def test_what_is_told_after_the_end_is_in_the_ledger(database: TestDatabase) -> None:
    async with offering(database, "openai") as (service, fake):
        async with told_of(service, MODELS["openai"], input_transcription=True) as client:
            await client.hear(TURN)
            await client.until("audio.delta")
            await client.send("text.input", text="/long")
            await client.send("response.create")
        rows = await agree(database, fake)  # the client has left in the middle of a response
        assert "response" in [row["kind"] for row in rows]


async def test_what_is_told_twice_is_charged_once(database: TestDatabase) -> None:
    async with (
        offering(database, "openai") as (service, fake),
        told_of(service, MODELS["openai"], input_transcription=True) as client,
    ):
        await client.hear(TURN)
        await client.until("response.completed")
        again = [
            frame
            for frame in fake.sent
            if frame["type"] == "response.done" or frame["type"].endswith("transcription.completed")
        ]
        for frame in again:
            await fake.session.send(**{"kind": frame["type"], **_members(frame)})
        await fake.settled()
        assert len(await agree(database, fake)) == 2


def _members(frame: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name not in ("type", "event_id")}


async def test_xai_sells_its_time_and_texts(database: TestDatabase) -> None:
    async with offering(database, "xai") as (service, _):
        async with told_of(service, MODELS["xai"]) as client:
            for _ in range(2):
                await client.send("text.input", text="Hello")
                await client.send("response.create")
                await client.until("response.completed")
        rows: list[dict[str, Any]] = []

        async def billed() -> bool:
            rows[:] = await ledger(database)
            return any(row["kind"] == "session" for row in rows)

        await until(billed)
    assert added(rows)["text_items"] == 2
    seconds = added(rows, "session")["seconds"]
    assert 0 < seconds < 60
    usd = sum(row["usd"] for row in rows)
    assert usd == pytest.approx(2 * 0.004 + seconds / 60 * 0.08)


async def test_a_live_session_sells_its_last_seconds_as_it_ends(database: TestDatabase) -> None:
    async with live.offering(database) as (service, fake):
        async with told_of(service, live.MODEL) as client:
            await client.hear(TURN)
            await client.until("response.completed")
            (call,) = await calls_of(service, database)
            given = {"callUuid": call["call_uuid"]}
            await Rpc(service).run("end_call", input=given)
            assert await client.closed() == 1000
        rows = await ledger(database)
        assert added(rows, "session")["seconds"] == pytest.approx(fake.session.clock_ms / 1000)
    told = [event for event in client.events if event["type"] == "session.usage"]
    assert added(told) == added(rows)
    assert client.events[-2]["type"] == "session.usage"


@pytest.mark.parametrize("leaves", [False, True])
async def test_gemini_sells_each_turn(database: TestDatabase, leaves: bool) -> None:
    async with gemini.offering(database) as (service, _):
        async with told_of(service, gemini.LIVE) as client:
            await client.send("text.input", text="Hello")
            await client.send("response.create")
            await client.until("audio.delta" if leaves else "response.completed")
        rows: list[dict[str, Any]] = []

        async def sold_once() -> bool:
            rows[:] = await ledger(database)
            return added(rows)["audio_out_tokens"] == 10

        await until(sold_once)
        assert sum(row["audio_in_tokens"] + row["text_in_tokens"] for row in rows) == 30
