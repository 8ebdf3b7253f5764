"""A server's shutdown, and the order of its steps (architecture, "Processes")."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ringline.client.http import Api
from tests.faults.embedded import LIMIT_S
from tests.faults.people import calling
from tests.faults.processes import read_log, server_process


@dataclass
class Stream:
    """A WebSocket that is only read, up to its close; `code` is the close code."""

    names: list[str] = field(default_factory=list[str])
    code: int | None = None

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame: Any = json.loads(message.data)
            self.names.append(frame[3] if isinstance(frame, list) else frame["event_type"])
        self.code = socket.close_code


@asynccontextmanager
async def reading(api: Api, path: str, first: str = "", **params: str) -> AsyncIterator[Stream]:
    """Read a stream until the server closes it, which ends the block."""
    token = (await api.mint_session_token()).token
    headers = {"Authorization": f"Bearer {token}"}
    async with api.http.ws_connect(api.url + path, params=params, headers=headers) as socket:
        stream = Stream()
        if first:
            await socket.send_str(first)
            reply = json.loads(await socket.receive_str())
            assert reply[4]["status"] == "ok"
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(stream.read(socket))
            yield stream


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_end_takes_leave_of_everybody(parent: Path, number: int) -> None:
    join = json.dumps(["1", "1", "events", "phx_join", {}])
    async with aiohttp.ClientSession() as http:
        async with server_process(parent) as server:
            api = server.api(http)
            async with calling(api) as caller:
                call = f"/v1/calls/{caller.call_uuid}"
                async with (
                    reading(api, "/socket/websocket", join, vsn="2.0.0") as events,
                    reading(api, f"{call}/stream") as one_call,
                    http.get(
                        f"{api.url}{call}/transcript/stream", headers=api.headers()
                    ) as transcript,
                ):
                    await caller.ask()
                    code = asyncio.create_task(server.end(number))
                    assert await caller.farewell() == ("server_shutdown", 1001)
                    await transcript.read()
                assert await code == 0
        assert events.names[-3:] == [
            "call_participant_left",
            "call_participant_left",
            "call_ended",
        ]
        assert events.code == 1012
        assert one_call.names[-1] == "call.completed"
        assert "Traceback" not in server.said

        async with server_process(parent) as again:  # with nothing left to end
            log = await read_log(again.dsn(), again.scope)
            assert [row.event.type for row in log].count("call.ended") == 1
            data: Any = log[-1].event.data
            assert data.status == "completed"
            assert data.hangup_cause == "server_shutdown"
            assert await again.end(number) == 0
