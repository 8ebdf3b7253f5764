"""Recordings when disks are full or slow, and when the server is killed."""

import asyncio
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Never, cast
from uuid import UUID

import aiohttp
import pytest
from structlog.testing import capture_logs

from ringline.app import Admin
from ringline.app import server as app
from ringline.domain.credentials import FirstKeys
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.recording import RecordingFailure, RecordingRefused
from ringline.services.recording_writer import QueueLimits, RecordingWriter
from ringline.services.recordings import Recordings
from ringline.storage.data_directory import DATABASE, SUPERUSER
from ringline.storage.embedded import running_cluster
from ringline.storage.recording_files import DiskRecording, DiskRecordings
from tests.database import TestDatabase
from tests.faults.disks import SmallDisk
from tests.faults.embedded import LIMIT_S
from tests.faults.processes import ServerProcess, query, server_process
from tests.realtime_session import Client, until
from tests.recorded import (
    Recorded,
    agent_that_records,
    audits,
    call_of,
    loud_ms,
    noted,
    path_of,
    recorded_session,
    say,
    uuid_of,
)
from tests.rpc_calls import Rpc
from tests.samples import new_id
from tests.serving import Service, serving

CALLS = 10
SECOND = bytes(4 * 16_000)


async def is_alive(client: Client) -> None:
    """Check that a call goes on: it is answered."""
    before = len(client.pcm())
    await say(client, "hello")
    await client.until("response.completed")
    assert len(client.pcm()) > before


async def failed(service: Service, call_id: str) -> str:
    """Wait for the audit of a failed recording; return its reason."""

    async def is_told() -> bool:
        return bool(await audits(service, call_id))

    await until(is_told)
    (audit,) = await audits(service, call_id)
    assert (audit["auditType"], audit["data"]["code"]) == ("error", "recording_failed")
    return audit["data"]["reason"]


async def test_a_full_disk_costs_the_recording_and_never_the_call(
    database: TestDatabase, small_disk: SmallDisk
) -> None:
    async with serving(database, dev=True, data_dir=small_disk.path) as service:
        agent = await agent_that_records(service)
        async with recorded_session(service, agent) as (client, call_id):
            await is_alive(client)
            await asyncio.sleep(1.5)
            small_disk.leave(10)
            assert await failed(service, call_id) == "disk_full"
            await is_alive(client)
            assert (await noted(service, call_id))["recordingMs"] >= 500
        heard = Recorded.read(path_of(small_disk.path, call_id))
        assert loud_ms(heard.agent) == pytest.approx(100, abs=40)

        async with recorded_session(service, agent) as (client, other):
            assert await failed(service, other) == "disk_full"
            await is_alive(client)
        assert (await call_of(service, other))["recordingMs"] is None
        assert not path_of(small_disk.path, other).exists()

        small_disk.make_room()
        async with recorded_session(service, agent) as (client, third):
            await is_alive(client)
        await noted(service, third)
        assert await audits(service, third) == []


def test_a_file_on_a_disk_that_fills_up_plays_as_far_as_it_was_written(
    small_disk: SmallDisk,
) -> None:
    files, call_id = DiskRecordings(small_disk.path, 10**9, free_bytes=0), new_id()
    file = files.begin(call_id)
    file.append(SECOND)
    small_disk.leave(0.1)
    with pytest.raises(RecordingRefused) as refused:
        file.append(60 * SECOND)
    assert refused.value.failure is RecordingFailure.DISK_FULL
    path = small_disk.path / "recordings" / f"{call_id}.wav"
    with wave.open(str(path)) as sound:
        assert sound.getnframes() == 16_000
    assert path.stat().st_size > 44 + len(SECOND)  # the beginning of what did not fit
    assert file.close() == 1_000
    assert path.stat().st_size == 44 + len(SECOND)


@dataclass
class SlowDisk:
    """A disk that, once it is `stuck`, takes nothing until it is freed."""

    free: threading.Event = field(default_factory=threading.Event)
    stuck: threading.Event = field(default_factory=threading.Event)

    def files(self, data_dir: Path, most_bytes: int) -> DiskRecordings:
        disk = self

        class Files(DiskRecordings):
            def begin(self, call_id: UUID) -> DiskRecording:
                file = super().begin(call_id)
                append = file.append

                def waits(pcm: bytes) -> None:
                    if disk.stuck.is_set():
                        disk.free.wait(60)
                    append(pcm)

                file.append = waits  # pyright: ignore[reportAttributeAccessIssue]
                return file

        return Files(data_dir, most_bytes)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    """Let servers record to a slow disk, with a queue that is soon full."""
    disk = SlowDisk()
    small = QueueLimits(one=100_000, all=150_000)
    monkeypatch.setattr(app, "DiskRecordings", disk.files)
    monkeypatch.setattr(app, "RecordingWriter", partial(RecordingWriter, queue_limits=small))
    return disk


async def test_a_slow_disk_costs_the_recordings_and_never_the_calls(
    database: TestDatabase, tmp_path: Path, slow_disk: SlowDisk
) -> None:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)
        async with (
            recorded_session(service, agent) as (one, first),
            recorded_session(service, agent) as (two, second),
        ):
            await asyncio.sleep(1.0)
            slow_disk.stuck.set()
            for _ in range(20):
                for client in (one, two):
                    await client.hear(bytes(48 * 400))
            for client in (one, two):
                await is_alive(client)
            reasons = [await failed(service, call_id) for call_id in (first, second)]
            assert reasons == ["disk_slow"] * 2
            for client in (one, two):
                await is_alive(client)
            slow_disk.stuck.clear()
            slow_disk.free.set()
            for call_id in (first, second):  # what was written before stays
                assert (await noted(service, call_id))["recordingMs"] > 0
        async with recorded_session(service, agent) as (client, third):
            await is_alive(client)
        await noted(service, third)


async def test_a_disk_that_never_answers_does_not_keep_the_server_from_ending(
    database: TestDatabase,
    tmp_path: Path,
    slow_disk: SlowDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "Recordings", partial(Recordings, grace_s=0.2))
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)
        async with recorded_session(service, agent) as (client, _):
            slow_disk.stuck.set()
            await is_alive(client)
            await asyncio.sleep(1.0)
    slow_disk.free.set()


class Defective(DiskRecordings):
    """The files of recordings, whose code fails at what `fails_at` names."""

    fails_at = ""

    def make_room(self, size: int) -> list[UUID]:
        return self._fail() if self.fails_at == "make_room" else super().make_room(size)

    def begin(self, call_id: UUID) -> DiskRecording:
        if self.fails_at == "begin":
            self._fail()
        file = super().begin(call_id)
        for name in ("append", "close"):
            if self.fails_at == name:
                setattr(file, name, self._fail)
        return file

    def _fail(self, _: object = None) -> Never:
        raise ZeroDivisionError("what nobody may read in a log")


@pytest.mark.parametrize("fails_at", ["make_room", "begin", "append"])
async def test_a_defect_costs_the_recording_and_never_the_call(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    monkeypatch.setattr(app, "DiskRecordings", Defective)
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)
        monkeypatch.setattr(Defective, "fails_at", fails_at)
        with capture_logs() as lines:
            async with recorded_session(service, agent) as (client, call_id):
                await is_alive(client)
                assert await failed(service, call_id) == "internal_error"
                await is_alive(client)
        assert [line for line in lines if line["log_level"] in ("warning", "error")] == [
            {"event": "recording_broken", "error": "ZeroDivisionError", "log_level": "error"},
            {
                "event": "recording_failed",
                "call_id": str(uuid_of(call_id)),
                "reason": "internal_error",
                "log_level": "warning",
            },
        ]
        monkeypatch.setattr(Defective, "fails_at", "")
        async with recorded_session(service, agent) as (client, other):
            await is_alive(client)
        await noted(service, other)
        assert await audits(service, other) == []


async def test_a_file_that_cannot_be_closed_breaks_no_other(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its recording has failed before."""
    monkeypatch.setattr(app, "DiskRecordings", Defective)
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        agent = await agent_that_records(service)
        monkeypatch.setattr(Defective, "fails_at", "close")
        with capture_logs() as lines:
            async with recorded_session(service, agent) as (client, call_id):
                await is_alive(client)
            async with recorded_session(service, agent) as (client, failing):
                monkeypatch.setattr(Defective, "fails_at", "make_room")
                assert await failed(service, failing) == "internal_error"
            monkeypatch.setattr(Defective, "fails_at", "")
            async with recorded_session(service, agent) as (client, other):
                await is_alive(client)
            await noted(service, other)
        told = [
            (line.get("call_id"), line["event"]) for line in lines if "recording" in line["event"]
        ]
        assert told == [
            (None, "recording_broken"),
            (str(uuid_of(call_id)), "recording_failed"),
            (None, "recording_broken"),
            (str(uuid_of(failing)), "recording_failed"),
            (None, "recording_broken"),
        ]
        assert (await call_of(service, call_id))["recordingMs"] is None


def service_of(server: ServerProcess, http: aiohttp.ClientSession) -> Service:
    keys = FirstKeys(
        workspace_id=UUID(server.ready["workspace_id"]),
        agent_id=cast(UUID, parse_id(Prefix.AGENT, server.ready["agent_id"])),
        secret_key=server.ready["secret_key"],
        test_key=server.ready["test_key"],
        publishable_key=server.ready["publishable_key"],
        management_key=server.ready["management_key"],
        test_agent_id=cast(UUID, parse_id(Prefix.AGENT, server.ready["test_agent_id"])),
        signing_secret=server.ready["signing_secret"],
    )
    return Service(server.base_url, http, keys, cast(Admin, None))


@asynccontextmanager
async def ten_calls(service: Service) -> AsyncIterator[dict[str, Client]]:
    """Record ten calls, in each of which the agent speaks without an end."""
    agent, calls = await agent_that_records(service), dict[str, Client]()
    async with AsyncExitStack() as stack:
        for _ in range(CALLS):
            session = recorded_session(service, agent)
            client, call_id = await stack.enter_async_context(session)
            await say(client, "x" * 2_000)
            await client.until("audio.delta")
            calls[call_id] = client
        yield calls


async def test_the_recordings_of_a_killed_server_play(parent: Path) -> None:
    async with aiohttp.ClientSession() as http, server_process(parent) as server:
        service = service_of(server, http)
        async with ten_calls(service) as calls:
            began = {call_id: asyncio.get_running_loop().time() for call_id in calls}
            await asyncio.sleep(4.0)
            await server.kill()
            lasted_ms = (asyncio.get_running_loop().time() - max(began.values())) * 1000
        durations: dict[UUID, int] = {}
        for call_id in calls:
            path = path_of(parent / "data", call_id)
            with wave.open(str(path)) as sound:
                frames = sound.getnframes()
                assert len(sound.readframes(frames)) == 4 * frames
            heard = Recorded.read(path)
            assert loud_ms(heard.agent) > lasted_ms - 1_000
            durations[uuid_of(call_id)] = int(heard.wav.duration_ms)

        async with server_process(parent) as second:
            address = running_cluster(parent / "data")
            assert address is not None
            dsn, found = address.dsn(SUPERUSER, DATABASE), dict[UUID, int]()
            async with asyncio.timeout(LIMIT_S):
                while len(found) < CALLS:
                    rows = await query(
                        dsn,
                        "SELECT id, recording_ms FROM ringline.calls"
                        " WHERE recording_ms IS NOT NULL",
                    )
                    found = {row["id"]: row["recording_ms"] for row in rows}
                    await asyncio.sleep(0.02)
            assert all(found[call_id] >= shown for call_id, shown in durations.items())
            for call_id, stored in found.items():
                path = parent / "data" / "recordings" / f"{call_id}.wav"
                assert int(Recorded.read(path).wav.duration_ms) == stored
            # Their last events, which the second server wrote, know of them.
            rpc = Rpc(service_of(second, http))

            async def told() -> list[bool]:
                listed = await rpc.run("list_events", input={"type": "call.ended"})
                return [event["data"]["recorded"] for event in listed["events"]]

            await until(told)
            assert await told() == [True] * CALLS
            assert await second.end() == 0
