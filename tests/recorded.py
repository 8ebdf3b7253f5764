"""Helpers for tests of recordings: agents that record, sessions with them, and the files."""

from __future__ import annotations

import json
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ringline.domain.ids import Prefix, parse_id
from ringline.wire.wav import Wav, read_wav
from tests.realtime_session import Client, connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.v1 import V1

RATE_HZ = 16_000
LOUD = 1_000
FIELDS = ["id", "recordingConsent", "recordingMs"]


@dataclass(frozen=True)
class Recorded:
    """A recording, its two sides apart."""

    wav: Wav
    caller: array[int]
    agent: array[int]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        wav = read_wav(path.read_bytes())
        assert (wav.rate_hz, wav.channels) == (RATE_HZ, 2)
        both = array("h", wav.pcm)
        return cls(wav, both[0::2], both[1::2])


def loud_ms(side: array[int]) -> float:
    """Return how long a side is loud, short dips of a tone included."""
    window = RATE_HZ // 200
    return 5.0 * sum(
        max(map(abs, side[start : start + window])) > LOUD for start in range(0, len(side), window)
    )


def loud_from_ms(side: array[int]) -> float:
    """Return when a side becomes loud."""
    return next(at for at, value in enumerate(side) if abs(value) > LOUD) * 1000 / RATE_HZ


def path_of(data_dir: Path, call_id: str) -> Path:
    return data_dir / "recordings" / f"{uuid_of(call_id)}.wav"


def uuid_of(call_id: str) -> UUID:
    found = parse_id(Prefix.CALL, call_id)
    assert found is not None
    return found


async def agent_that_records(service: Service, **settings: object) -> str:
    """Create an agent of `mock/echo` where recordings are on; it records, and needs consent."""
    await V1(service).patch("/workspace/recording", {"enabled": True})
    made = {"name": "Echo", "model": "mock/echo", "recordingEnabled": True} | settings
    agent = await Rpc(service).run("create_ai_agent", input=made, fields=["id"])
    return agent["id"]


@asynccontextmanager
async def recorded_session(
    service: Service, agent_id: str, consent: bool | None = True
) -> AsyncIterator[tuple[Client, str]]:
    """Open a session whose ticket tells of the caller's consent; yield its call's id too."""
    minted = await service.mint({"agent_id": agent_id, "recording_consent": consent})
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start(config={"turn_detection": {"type": "none"}})
        yield client, started["call_id"]


async def say(client: Client, text: str) -> None:
    """Let `mock/echo` say a text: a tone of 20 ms a character."""
    await client.send("text.input", text=text)
    await client.send("response.create")


async def call_of(service: Service, call_id: str) -> dict[str, Any]:
    wanted = {"id": {"eq": str(uuid_of(call_id))}}
    (call,) = await Rpc(service).run("list_calls", filter=wanted, fields=FIELDS)
    return call


async def noted(service: Service, call_id: str) -> dict[str, Any]:
    """Return a call once its row says how long its recording is."""

    async def is_noted() -> bool:
        return (await call_of(service, call_id))["recordingMs"] is not None

    await until(is_noted)
    return await call_of(service, call_id)


async def audits(service: Service, call_id: str) -> list[dict[str, Any]]:
    """Return the audit entries of a call, in order."""
    asked = {"callUuid": str(uuid_of(call_id)), "type": "call.audit"}
    page = await Rpc(service).run("list_events", input=asked)
    return json.loads(json.dumps([event["data"] for event in page["events"]]))
