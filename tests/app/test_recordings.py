"""Recordings of sessions: who is recorded, what is heard in them, and what the call says."""

import asyncio
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.database import TestDatabase
from tests.realtime_session import connected
from tests.recorded import (
    Recorded,
    agent_that_records,
    audits,
    call_of,
    loud_from_ms,
    loud_ms,
    noted,
    path_of,
    recorded_session,
    say,
)
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.voice_desk import hum

PIECE_MS = 40


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        yield service


async def test_a_recording_holds_what_both_sides_said(service: Service, tmp_path: Path) -> None:
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        await asyncio.sleep(0.5)
        for _ in range(10):
            await client.hear(hum(40, 24_000))
            await asyncio.sleep(0.04)
        await say(client, "x" * 25)
        await client.until("response.completed")
        await asyncio.sleep(0.7)  # until its last chunk has been played
        assert (await call_of(service, call_id))["recordingMs"] is None
    call = await noted(service, call_id)
    heard = Recorded.read(path_of(tmp_path, call_id))
    assert call["recordingConsent"] is True
    assert call["recordingMs"] == int(heard.wav.duration_ms)
    assert loud_ms(heard.agent) == pytest.approx(25 * 20, abs=PIECE_MS)
    assert loud_ms(heard.caller) == pytest.approx(400, abs=10)
    assert loud_from_ms(heard.caller) >= 400
    assert loud_from_ms(heard.caller) + 400 <= loud_from_ms(heard.agent) + 150
    assert await audits(service, call_id) == []


async def test_speech_that_was_cut_off_is_not_in_it(service: Service, tmp_path: Path) -> None:
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        await say(client, "x" * 200)
        await client.until("audio.delta")
        await asyncio.sleep(0.6)
        await client.send("response.cancel")
        await client.until("response.completed")
        sent_ms = len(client.pcm()) / 48
        await asyncio.sleep(0.5)
    await noted(service, call_id)
    heard = Recorded.read(path_of(tmp_path, call_id))
    spoken_ms = loud_ms(heard.agent)
    assert 400 < spoken_ms < sent_ms - 50  # it was sent up to 400 ms ahead
    assert loud_from_ms(heard.agent) + spoken_ms < heard.wav.duration_ms - 300


@pytest.mark.parametrize("consent", [None, False])
async def test_without_consent_nobody_is_recorded(
    service: Service, tmp_path: Path, consent: bool | None
) -> None:
    agent = await agent_that_records(service)
    async with recorded_session(service, agent, consent) as (client, call_id):
        await say(client, "hello")
        await client.until("response.completed")
    call = await call_of(service, call_id)
    assert (call["recordingConsent"], call["recordingMs"]) == (consent, None)
    assert not (tmp_path / "recordings").exists()


@pytest.mark.parametrize("consent", [None, False])
async def test_an_agent_may_need_no_consent(
    service: Service, tmp_path: Path, consent: bool | None
) -> None:
    agent = await agent_that_records(service, consentRequired=False)
    async with recorded_session(service, agent, consent) as (client, call_id):
        await say(client, "hello")
        await client.until("response.completed")
    call = await noted(service, call_id)
    assert call["recordingConsent"] is consent
    assert path_of(tmp_path, call_id).exists()


async def test_neither_other_agents_nor_models_record(service: Service, tmp_path: Path) -> None:
    agent = await agent_that_records(service, recordingEnabled=False)
    bodies: list[dict[str, object]] = [
        {"agent_id": agent},
        {"config": {"model": "mock/echo"}},
    ]
    for body in bodies:
        minted = await service.mint(body | {"recording_consent": True})
        async with connected(service, minted["client_secret"]) as client:
            started = await client.start()
        call = await call_of(service, started["call_id"])
        assert (call["recordingConsent"], call["recordingMs"]) == (True, None)
    assert not (tmp_path / "recordings").exists()


async def test_an_agents_recording_is_switched_by_rpc(service: Service) -> None:
    rpc, fields = Rpc(service), ["recordingEnabled", "consentRequired"]
    made = {"name": "Plain", "model": "mock/echo"}
    agent = await rpc.run("create_ai_agent", input=made, fields=["id", *fields])
    assert (agent["recordingEnabled"], agent["consentRequired"]) == (False, True)
    changed = await rpc.run(
        "update_ai_agent",
        identity=agent["id"],
        input={"recordingEnabled": True, "consentRequired": False},
        fields=fields,
    )
    assert changed == {"recordingEnabled": True, "consentRequired": False}
    problem = await rpc.problem(
        "update_ai_agent", identity=agent["id"], input={"recordingEnabled": None}, fields=fields
    )
    assert problem["fields"] == ["recordingEnabled"]


async def test_a_recording_that_cannot_begin_costs_nothing_else(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "recordings").symlink_to(tmp_path)
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, call_id):
        await say(client, "hello")
        await client.until("response.completed")
        assert client.pcm()
    call = await call_of(service, call_id)
    assert (call["recordingConsent"], call["recordingMs"]) == (True, None)
    (audit,) = await audits(service, call_id)
    assert (audit["auditType"], audit["data"]) == (
        "error",
        {"code": "recording_failed", "reason": "disk_failed"},
    )


async def test_the_oldest_recordings_make_room(database: TestDatabase, tmp_path: Path) -> None:
    async with serving(
        database, dev=True, data_dir=tmp_path, recordings_max_gb=0.000_05
    ) as service:
        agent, calls = await agent_that_records(service), list[str]()
        for _ in range(3):
            async with recorded_session(service, agent) as (client, call_id):
                await say(client, "hello")
                await client.until("response.completed")
                await asyncio.sleep(0.4)
            await noted(service, call_id)
            calls.append(call_id)
        kept = {path.stem for path in (tmp_path / "recordings").iterdir()}
        assert kept == {path_of(tmp_path, calls[-1]).stem}
        for gone in calls[:-1]:
            assert (await call_of(service, gone))["recordingMs"] is None


async def test_the_calls_rows_follow_the_files_at_a_start(
    database: TestDatabase, tmp_path: Path
) -> None:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent, calls = await agent_that_records(service), list[str]()
        for _ in range(2):
            async with recorded_session(service, agent) as (client, call_id):
                await say(client, "hello")
                await client.until("response.completed")
            await noted(service, call_id)
            calls.append(call_id)
    removed, torn = (path_of(tmp_path, call_id) for call_id in calls)
    removed.unlink()
    with torn.open("ab") as file:
        file.write(array("h", [1, 2] * 16_000).tobytes())
    before = Recorded.read(torn).wav.duration_ms
    async with database.connection() as connection, serving(database, dev=True, data_dir=tmp_path):
        rows: dict[str, int | None] = {}
        async with asyncio.timeout(20):
            while rows.get(removed.stem, 0) is not None:
                found = await connection.fetch("SELECT id, recording_ms FROM ringline.calls")
                rows = {str(row["id"]): row["recording_ms"] for row in found}
                await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while rows[torn.stem] != int(before) + 1_000:
                found = await connection.fetch("SELECT id, recording_ms FROM ringline.calls")
                rows = {str(row["id"]): row["recording_ms"] for row in found}
                await asyncio.sleep(0.01)
