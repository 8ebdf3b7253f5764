"""What existing clients assume (live streams, 8): small programs like theirs."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ringline.domain.ids import Prefix, format_id
from tests.database import TestDatabase
from tests.e2e.node_client import NodeClient, node_client
from tests.serving import Service, serving
from tests.texting import Texting
from tests.v1 import V1

PROGRAM = Path(__file__).parent / "assuming_receiver.py"
FROM, TO = "+2348000001234", "+2348031234567"
LIMIT_S = 40.0


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.02, webhook_allow_private=True) as service:
        yield service


@dataclass
class Backend:
    """The Python backend, running: its address, and what it took or refused."""

    process: asyncio.subprocess.Process
    url: str
    told: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, event_type: str) -> list[dict[str, Any]]:
        """Return what it has taken, up to an event of this type; it must refuse nothing."""
        while not self.told or self.told[-1]["event_type"] != event_type:
            self.told.append(await self.next())
            assert "refused" not in self.told[-1], self.told[-1]
        return self.told

    async def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def backend(*secrets: str) -> AsyncIterator[Backend]:
    process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, *secrets, stdout=PIPE)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        yield Backend(process, f"http://127.0.0.1:{port}/voice")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def agent_at(v1: V1, url: str) -> str:
    """Create an agent whose webhooks go to a URL."""
    given = {"display_name": "Ann", "ai_provider": "mock", "ai_model": "echo", "webhook_url": url}
    created = await v1.post("/agents", given)
    assert created.status == 201, created.body
    return created.body["agent_id"]


async def test_the_python_backend_follows_a_call(service: Service) -> None:
    v1 = V1(service, service.keys.test_key)
    async with backend(service.keys.signing_secret, "vbsec_another") as theirs:
        agent = await agent_at(v1, theirs.url)
        given = {"agent_id": agent, "from_number": FROM, "to_number": TO}
        call = (await v1.post("/calls", given)).body["call_id"]
        told = await theirs.until("call.completed")
    kinds = [one["event_type"] for one in told]
    assert kinds[0] == "call.initiated"
    assert "call.transcription" in kinds
    assert {one["call_id"] for one in told} == {call}
    assert len({one["event_id"] for one in told}) == len(told)
    assert told[0]["from"] == FROM
    assert (told[-1]["recording"], type(told[-1]["duration"])) == (None, int)


async def test_the_python_backend_takes_text_messages(service: Service) -> None:
    v1 = V1(service, service.keys.test_key)
    async with backend(service.keys.signing_secret) as theirs:
        texting = Texting(service, await agent_at(v1, theirs.url))
        await texting.number(FROM)
        wrote = await texting.write("Are you open?", from_number=TO, to_number=FROM)
        told = await theirs.until("message.dlr")
    received = told[0]
    assert received | {"event_id": "evt_…"} == {
        "event_id": "evt_…",
        "event_type": "message.received",
        "message_id": wrote["message_id"],
        "body": "Are you open?",
        "agent_id": texting.agent_id,
        "from": TO,
        "number": FROM,
    }
    assert (told[-1]["arrived"], told[-1]["parts"]) == (True, [1, 1])


@asynccontextmanager
async def texter(service: Service) -> AsyncIterator[tuple[NodeClient, Texting]]:
    """Run the TypeScript backend; it answers for a byom agent of a number."""
    made = {"ai_provider": "byom", "webhook_url": "http://127.0.0.1:9/later"}
    texting = await Texting(service).agent("Texter", **made)
    await texting.number(FROM)
    keys = service.keys
    arguments = (service.base_url, keys.test_key, keys.signing_secret, texting.agent_id)
    async with node_client("assuming_texter.js", *arguments) as theirs:
        port = (await theirs.tells())["payload"]["port"]
        at = {"webhook_url": f"http://127.0.0.1:{port}/"}
        assert (await texting.v1.patch(f"/agents/{texting.agent_id}", at)).status == 200
        yield theirs, texting


async def test_the_sms_client_answers_text_messages(service: Service) -> None:
    async with texter(service) as (theirs, texting):
        wrote = await texting.write("Are you open?", from_number=TO, to_number=FROM)
        received = await theirs.until("message.received")
        assert received["message_id"] == wrote["message_id"]
        sent = await theirs.until("sent")
        for event in ("message.sent", "message.dlr", "message.delivered"):
            if not (told := [one for one in theirs.all(event) if one]):
                told = [await theirs.until(event)]
            assert told[0]["message_id"] == sent["message_id"]
        assert await texting.said(wrote["conversation_id"]) == [
            ("contact", "Are you open?"),
            ("ai", "You wrote: Are you open?"),
        ]
        await texting.write("STOP", from_number=TO, to_number=FROM)
        assert await theirs.until("not sent") == {"code": "OPT_OUT_ENFORCED"}
        assert theirs.all("refused") == []


async def test_the_sms_client_refuses_what_is_not_as_documented(service: Service) -> None:
    """The program is no rubber stamp: another agent's messages are refused."""
    async with texter(service) as (theirs, texting):
        at = (await texting.v1.get(f"/agents/{texting.agent_id}")).body["webhook_url"]
        another = Texting(service, await agent_at(texting.v1, at))
        await another.sent("hello")
        assert await theirs.until("refused") == {"why": "agent_id"}


async def test_the_python_backend_lives_through_a_rotation(service: Service) -> None:
    """It has the secret from before: the second header is signed with that for a day."""
    v1 = V1(service, service.keys.test_key)
    async with backend(service.keys.signing_secret) as theirs:
        rotated = await V1(service).post("/workspace/signing-secret/rotate")
        assert rotated.status == 200
        agent = await agent_at(v1, theirs.url)
        await v1.post("/calls", {"agent_id": agent, "from_number": FROM, "to_number": TO})
        assert (await theirs.until("call.completed"))[-1]["event_type"] == "call.completed"


async def test_the_python_backend_refuses_what_is_not_ours() -> None:
    """The program is no rubber stamp: without a signature it refuses."""
    async with (
        backend("rlsec_x") as theirs,
        aiohttp.ClientSession() as http,
        http.post(theirs.url, data=b"{}", headers={"X-Voicebip-Timestamp": "1"}) as answer,
    ):
        assert answer.status == 400
        assert await theirs.next() == {"refused": "clock"}


async def test_the_tool_agent_keeps_its_tools(service: Service) -> None:
    agent = format_id(Prefix.AGENT, service.keys.agent_id)
    arguments = (service.base_url, service.keys.secret_key, agent)
    async with node_client("assuming_agent.js", *arguments) as told:
        assert await told.tells() == {"what": "before", "payload": []}
        after = (await told.tells())["payload"]
        assert [tool["function"]["name"] for tool in after] == ["lookup_order"]
        assert after[0]["function"]["parameters"]["required"] == ["order_no"]
        for _ in range(3):
            refused = await told.tells()
            assert refused["what"] == "refused"
            assert "tool_definitions" in refused["payload"]["message"]
        assert (await told.tells()) == {"what": "kept", "payload": after}
