"""Sandbox calls as their users see them: the page, and one call on every surface at once."""

import asyncio
import hashlib
import hmac
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from standardwebhooks import Webhook
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ringline.domain.sandbox_script import ANSWER, SCRIPT, Speaks
from tests.e2e.node_client import NodeClient, node_client
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.faults.processes import ServerProcess, server_process
from tests.hook_receivers import Received, receiver
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "call-the-sandbox.md"
PARTIAL, WHOLE = (cue.act.text for cue in SCRIPT if isinstance(cue.act, Speaks))
FROM, TO = "+2348000001234", "+2348031234567"
#: What an agent's URL and the call WebSocket are told of a call.
ENVELOPES = ["call.initiated", "call.transcription", "call.agent_response", "call.completed"]


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


def test_the_page(directory: Path) -> None:
    variables = {
        **environment(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "RINGLINE_PORT": "0",
        "RINGLINE_DATA_DIR": str(directory / "data"),
        "RINGLINE_SANDBOX_CLOCK_SCALE": "0.2",
    }
    with Shell(directory, variables) as shell:
        shown: dict[str, str] = {}
        for block in blocks_of(PAGE, "sh"):
            shown[block.heading] = shell.run(block.code)
    frames = [
        json.loads(line.removeprefix("data: "))
        for line in shown["Watch it"].splitlines()
        if line.startswith("data: ")
    ]
    told = [(frame["role"], frame["text"]) for frame in frames if frame["is_final"]]
    documented = PAGE.read_text("utf-8")
    on_page = re.findall(r'"role":"(\w+)","text":"([^"]+)","is_final":true', documented)
    assert told == on_page
    calls = json.loads(shown["End a call early"])
    assert {call["callSource"] for call in calls} == {"sandbox"}
    assert [call["hangupCause"] for call in calls] == ["api_hangup", "caller_hangup"]


class Operator:
    """Who uses a server's API with a test key."""

    def __init__(self, server: ServerProcess, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self.key = server.ready["test_key"]

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(
            method,
            f"{self.server.base_url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.key}"},
        ) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()

    async def run(self, action: str, **request: Any) -> Any:
        answer = await self.ask("POST", "/rpc/public/run", {"action": action, **request})
        assert answer["success"], answer
        return answer["data"]

    async def events_of(self, call_id: str) -> list[dict[str, Any]]:
        """Return a call's rows of the log."""
        return (await self.run("list_events", input={"callUuid": call_id}))["events"]


@pytest.fixture
async def operator(directory: Path) -> AsyncIterator[Operator]:
    async with (
        server_process(
            directory, RINGLINE_WEBHOOK_ALLOW_PRIVATE="true", RINGLINE_SANDBOX_CLOCK_SCALE="0.4"
        ) as server,
        aiohttp.ClientSession(trust_env=False) as http,
    ):
        yield Operator(server, http)


async def watch_socket(operator: Operator, call_id: str) -> list[dict[str, Any]]:
    """Follow the call WebSocket to its close, as the call's end closes it."""
    url = operator.server.base_url.replace("http", "ws", 1)
    seen: list[dict[str, Any]] = []
    async with connect(
        f"{url}/v1/calls/{call_id}/stream",
        additional_headers={"Authorization": f"Bearer {operator.key}"},
        proxy=None,
    ) as socket:
        try:
            while True:
                seen.append(json.loads(await socket.recv()))
        except ConnectionClosed:
            assert socket.close_code == 1000
    return seen


async def watch_transcript(js: NodeClient) -> list[dict[str, Any]]:
    """Follow the transcript, on the eventsource client, until the server has no more."""
    await js.until("error", closed=True, code=204)
    return js.all("message")


async def test_one_call_is_on_every_surface_with_one_id_per_event(operator: Operator) -> None:
    server = operator.server
    secret = server.ready["signing_secret"].encode()
    async with receiver() as of_agent, receiver() as of_workspace:
        agent = await operator.run(
            "create_ai_agent",
            input={"name": "Anna", "model": "local/attendant", "webhookUrl": of_agent.url},
            fields=["id"],
        )
        endpoint = await operator.ask("POST", "/v1/webhook-endpoints", {"url": of_workspace.url})
        minted = await operator.ask("POST", "/api/realtime/session")
        url = server.base_url.replace("http", "ws", 1)
        async with node_client("phoenix_client.js", url, minted["token"], "params") as phoenix:
            await phoenix.until("joined")
            call = await operator.ask(
                "POST",
                "/v1/calls",
                {"agent_id": agent["id"], "to_number": TO, "from_number": FROM},
            )
            stream = f"{server.base_url}/v1/calls/{call['call_id']}/transcript/stream"
            query = f"?replay=1&token={operator.key}"
            async with node_client("eventsource_client.js", stream + query) as js:
                envelopes, frames = await asyncio.gather(
                    watch_socket(operator, call["call_id"]), watch_transcript(js)
                )
            await phoenix.until("call_ended")
        delivered = await of_agent.until_accepted(len(ENVELOPES))
        told = await of_workspace.until_accepted(len(await operator.events_of(call["call_id"])))
    log = await operator.events_of(call["call_id"])
    ids = {event["eventId"]: event["type"] for event in log}

    # The call WebSocket and the agent's URL: the same envelopes.
    assert [one["event_type"] for one in envelopes] == ENVELOPES
    assert {one["event_id"]: one for one in envelopes} == {
        one.event_id: one.body for one in delivered
    }
    for one in delivered:
        assert is_signed(one, secret)

    # The workspace's endpoint: every durable event, in the other envelope.
    standard = Webhook(endpoint["secret"])
    assert {one.event_id: one.body["type"] for one in told} == ids
    for one in told:
        assert standard.verify(one.raw, one.headers)["environment"] == "sandbox"

    # The events socket: what it shows of the same events.
    pushes = [seen["payload"] for seen in phoenix.seen if seen["what"].startswith("call_")]
    on_socket = {push["eventId"]: push for push in pushes if "eventId" in push}
    assert {ids[event_id] for event_id in on_socket} == set(ids.values()) - {"call.created"}
    assert {push["callId"] for push in pushes} == {str(uuid_of(log))}
    partials = [push for push in pushes if "eventId" not in push]
    assert [push["delta"] for push in partials] == [PARTIAL, ANSWER]

    # The transcript stream: its ids are the positions of the same events.
    said = [(one["frame"]["role"], one["frame"]["text"]) for one in finals(frames)]
    assert said == [("user", WHOLE), ("agent", ANSWER)]
    places = {event["position"]: event["eventId"] for event in log}
    assert [places[one["id"]] for one in finals(frames)] == [
        one["event_id"] for one in envelopes[1:3]
    ]


def finals(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in frames if one["frame"]["is_final"]]


def uuid_of(log: list[dict[str, Any]]) -> UUID:
    (uuid,) = {event["callUuid"] for event in log}
    return UUID(uuid)


def is_signed(one: Received, secret: bytes) -> bool:
    timestamp = one.headers["X-Voicebip-Timestamp"]
    signed = hmac.new(secret, f"{timestamp}.".encode() + one.raw, hashlib.sha256).hexdigest()
    return one.headers["X-Voicebip-Signature"] == f"sha256={signed}"
