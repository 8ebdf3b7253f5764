"""The commands that speak to a server, against one in the same process."""

import asyncio
import json
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from ringline.cli.program import main
from ringline.client.http import Api
from ringline.wire.wav import Wav, write_wav
from tests.rpc_calls import Rpc
from tests.serving import Service


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Awaitable[Done]]


@pytest.fixture
def run(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("RINGLINE_URL", service.base_url)
    monkeypatch.setenv("RINGLINE_KEY", service.keys.secret_key)

    async def run(*words: object) -> Done:
        code = await asyncio.to_thread(main, [str(word) for word in words])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


async def test_a_call_takes_the_first_agent_and_its_events_are_found(
    run: Run, tmp_path: Path
) -> None:
    wav, recording = tmp_path / "hum.wav", tmp_path / "call.wav"
    hum = array("h", [(n * 700) % 6000 - 3000 for n in range(1600)])
    wav.write_bytes(write_wav(Wav(8000, 1, hum.tobytes())))
    called = await run("call", "--wav", wav, "--recording", recording)
    assert called.code == 1
    assert "Calling Attendant.\n" in called.err
    assert called.err.endswith("ringline: No words of the caller were understood and answered.\n")
    call_id = called.out.splitlines()[0].rpartition(" ")[2]
    assert call_id.startswith("call_")

    everything = await run("events", "--json")
    uuid = json.loads(everything.out.splitlines()[0])["payload"]["callUuid"]
    for spelt in (call_id, uuid):
        found = await run("events", "--call", spelt)
        assert found.code == 0
        assert all(f"  {uuid}  " in line for line in found.out.splitlines())
        assert [line.split()[2] for line in found.out.splitlines()] == [
            json.loads(line)["event"] for line in everything.out.splitlines()
        ]
    other = await run("events", "--call", "another")
    assert other == Done(1, "", other.err)
    assert other.err.endswith("ringline: The log has no event of the call another.\n")


async def test_the_first_agent_is_the_oldest_that_is_enabled(service: Service) -> None:
    api, rpc = Api(service.base_url, service.keys.secret_key, service.http), Rpc(service)
    first = await api.first_agent()
    assert first is not None
    assert first.name == "Attendant"
    await rpc.run(
        "create_ai_agent", input={"name": "Second", "model": "local/attendant"}, fields=["id"]
    )
    assert await api.first_agent() == first
    await rpc.run("update_ai_agent", identity=first.id, input={"enabled": False}, fields=["id"])
    second = await api.first_agent()
    assert second is not None
    assert second.name == "Second"
    await rpc.run("update_ai_agent", identity=second.id, input={"enabled": False}, fields=["id"])
    assert await api.first_agent() is None
