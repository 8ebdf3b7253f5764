"""Sandbox calls whose server is killed, or stopped: each has one end, and it says why."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from ringline.domain.events import CallEnded
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.log import Environment, Scope
from tests.faults.processes import ServerProcess, read_log, server_process

NUMBERS = {"from_number": "+2348000001234", "to_number": "+2348031234567"}
CALLS = 5
SLOW = "60"


async def test_a_killed_server_ends_its_calls_at_the_next_start_and_a_stopped_one_at_once(
    parent: Path,
) -> None:
    async with aiohttp.ClientSession(trust_env=False) as http:
        async with server_process(parent, RINGLINE_SANDBOX_CLOCK_SCALE=SLOW) as first:
            port = int(first.base_url.rsplit(":", 1)[1])
            killed = await place(first, http)
            await first.kill()
        async with server_process(parent, port=port, RINGLINE_SANDBOX_CLOCK_SCALE=SLOW) as second:
            stopped = await place(second, http)
            assert await second.end() == 0
        async with server_process(parent, port=port) as third:
            scope = Scope(third.scope.workspace_id, Environment.TEST)
            log = await read_log(third.dsn(), scope)
            assert await third.end() == 0
    ends = [
        (row.event.call.id, row.event.data.hangup_cause)
        for row in log
        if isinstance(row.event.data, CallEnded) and row.event.call is not None
    ]
    assert sorted(ends) == sorted(
        [(call_id, "server_lost") for call_id in killed]
        + [(call_id, "server_shutdown") for call_id in stopped]
    )
    for call_id in (*killed, *stopped):
        types = [row.event.type for row in log if row.event.call and row.event.call.id == call_id]
        assert types[-1] == "call.ended"
        assert types.count("call.participant_joined") == types.count("call.participant_left")


async def place(server: ServerProcess, http: aiohttp.ClientSession) -> list[Any]:
    """Place some calls, which are answered or about to be."""
    body = {"agent_id": server.ready["test_agent_id"], **NUMBERS}
    headers = {"Authorization": f"Bearer {server.ready['test_key']}"}

    async def one() -> Any:
        url = f"{server.base_url}/v1/calls"
        async with http.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return parse_id(Prefix.CALL, (await answer.json())["call_id"])

    return await asyncio.gather(*(one() for _ in range(CALLS)))
