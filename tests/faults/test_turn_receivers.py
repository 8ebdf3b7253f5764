"""Receivers of BYOM turns that are killed: the call lives, or ends as it is documented to."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.database import TestDatabase
from tests.faults.turn_receiver import AT_ONCE, HALFWAY
from tests.hook_receivers import Received, receiver
from tests.realtime_session import WAIT_S, Client, connected
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1

PROGRAM = Path(__file__).with_name("turn_receiver.py")
CAPTIONS = {"input_transcription": True, "output_transcription": True}
#: The agent's own lines: short, since they are spoken.
FALLBACK, APOLOGY = "What?", "Bye."
#: How a receiver's death may look from here: it depends on what it had read and sent.
DEATHS = {"closed", "reset", "refused"}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, webhook_allow_private=True) as service:
        yield service


class Mortal:
    """A receiver's process on a port that stays the same, however often it is killed."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def start(self) -> None:
        command = (sys.executable, str(PROGRAM), str(self._port))
        environment = {"PYTHONPATH": ":".join(sys.path)}
        self._process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=environment)
        await self.until("ready")

    async def until(self, said: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), WAIT_S)
        assert line.decode().strip() == said

    async def kill(self) -> None:
        """Kill it with SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            await self._process.communicate()
            self._process = None


@pytest.fixture
async def mortal() -> AsyncIterator[Mortal]:
    one = Mortal()
    await one.start()
    yield one
    await one.kill()


@asynccontextmanager
async def call_of(service: Service, url: str) -> AsyncIterator[Client]:
    """Call a new agent whose brain is at a URL."""
    asked = {
        "name": f"Ada at {url}",
        "model": "byom/local",
        "webhookUrl": url,
        "local": {"replies": {"fallback": FALLBACK, "apology": APOLOGY}},
    }
    agent = await Rpc(service).run("create_ai_agent", input=asked, fields=["id"])
    async with connected(service, headers=service.bearer()) as client:
        await client.start(agent_id=agent["id"], config=CAPTIONS)
        yield client


async def ask(client: Client, text: str) -> str:
    """Type a line; return what is said to it, aloud."""
    await client.send("text.input", text=text)
    await client.send("response.create")
    return await answer_of(client)


async def answer_of(client: Client) -> str:
    before, sounded = len(client.text()), len(client.pcm())
    await client.until("response.completed")
    assert any(client.pcm()[sounded:])
    return client.text()[before:]


async def die_over(mortal: Mortal, client: Client, text: str) -> str:
    """Ask what the receiver gets stuck at, and kill it; return what the caller hears instead."""
    await client.send("text.input", text=text)
    await client.send("response.create")
    await mortal.until("stuck")
    await mortal.kill()
    return await answer_of(client)


def causes(client: Client) -> list[Any]:
    errors = [event["error"] for event in client.events if event["type"] == "error"]
    assert {error["code"] for error in errors} == {"upstream_error"}
    return [error["details"] for error in errors]


async def ended(service: Service, client: Client) -> dict[str, Any]:
    """Return a call that has ended."""
    v1, call_id = V1(service), client.events[0]["call_id"]
    async with asyncio.timeout(WAIT_S):
        while (call := (await v1.get(f"/calls/{call_id}")).body)["ended_at"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nothing tells a client that has gone
    return call


@pytest.mark.parametrize("stuck", [HALFWAY, AT_ONCE])
async def test_a_receiver_that_is_killed_while_it_answers_costs_one_answer(
    service: Service, mortal: Mortal, stuck: str
) -> None:
    async with call_of(service, mortal.url) as client:
        assert await ask(client, "Hello.") == "Hello."
        assert await die_over(mortal, client, stuck) == FALLBACK
        assert await ask(client, "There?") == FALLBACK  # nobody listens
        await mortal.start()
        assert await ask(client, "Now?") == "Now?"
        assert await die_over(mortal, client, stuck) == FALLBACK  # counted from one again
        await mortal.start()
        assert await ask(client, "Good.") == "Good."
        assert len(causes(client)) == 3
        assert set(causes(client)) <= DEATHS
    assert (await ended(service, client))["disposition"] == "caller_hangup"


async def test_a_receiver_that_dies_over_three_turns_in_a_row_ends_the_call_and_no_other(
    service: Service, mortal: Mortal
) -> None:
    async def steady(received: Received) -> web.Response:
        return web.json_response({"text": "Yes."} if "event" in received.body else {})

    async with (
        receiver(steady) as other_hook,
        call_of(service, other_hook.url) as other,
        call_of(service, mortal.url) as client,
    ):
        heard = [await die_over(mortal, client, AT_ONCE)]
        for text in (HALFWAY, AT_ONCE):
            await mortal.start()
            heard.append(await die_over(mortal, client, text))
        assert heard == [FALLBACK, FALLBACK, APOLOGY]
        terminating = await client.until("session.terminating")
        assert terminating["error"]["code"] == "agent_error"
        assert await client.closed() == 1011
        assert set(causes(client)) <= DEATHS
        call = await ended(service, client)
        assert (call["status"], call["disposition"]) == ("failed", "agent_error")
        spoken = [turn["text"] for turn in call["transcript"] if turn["role"] == "agent"]
        assert spoken == heard
        assert await ask(other, "Hello?") == "Yes."
        assert "error" not in other.kinds()
