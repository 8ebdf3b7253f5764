"""Calls are steered by clients that others made: curl, `websockets` and Node's `ws`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.node_client import node_client
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.faults.processes import server_process
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "steer-a-call.md"
FROM, TO = "+2348000001234", "+2348031234567"


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
    }
    with Shell(directory, variables) as shell:
        shown = {block.heading: shell.run(block.code) for block in blocks_of(PAGE, "sh")}
    for block in blocks_of(PAGE, "text"):
        assert shown[block.heading].replace("}", "}\n").split() == block.code.split()
    answers = [line for line in shown["The same on one socket"].splitlines() if "result" in line]
    assert answers == [
        "command.result hold held",
        "command.result resume resumed",
        "command.result hangup ending",
    ]
    assert shown["The same on one socket"].splitlines()[-1].startswith("c")
    assert "transfer_call" in shown["Let the agent do it"]


async def test_a_client_of_ws(directory: Path) -> None:
    async with (
        server_process(directory, RINGLINE_SANDBOX_CLOCK_SCALE="20") as server,
        aiohttp.ClientSession(trust_env=False) as http,
    ):
        key = server.ready["test_key"]
        placed = {"agent_id": server.ready["test_agent_id"], "from_number": FROM, "to_number": TO}
        async with http.post(
            f"{server.base_url}/v1/calls", json=placed, headers={"Authorization": f"Bearer {key}"}
        ) as answer:
            call_id = (await answer.json())["call_id"]
        url = f"{server.base_url.replace('http', 'ws', 1)}/v1/calls/{call_id}/stream"
        async with node_client("steer_client.js", url, key) as client:
            await client.until("call.initiated")
            for number, action in enumerate(("hold", "resume", "ping")):
                client.do(json.dumps({"request_id": str(number), "action": action}))
                done = await client.until("command.result", request_id=str(number))
                assert done["action"] == action
            client.do('{"request_id": "no", "action": "dtmf", "digits": "x"}')
            refused = await client.until("command.error", request_id="no")
            assert refused["error_code"] == "INVALID_ARGUMENT"
            client.do(json.dumps({"action": "transfer", "destination": TO, "request_id": "t"}))
            await client.until("closed", code=1000)
        kinds = [told["what"] for told in client.seen]
        ended = [kind for kind in kinds if kind.startswith("call.")]
        assert ended == [
            "call.initiated",
            "call.held",
            "call.resumed",
            "call.transferred",
            "call.completed",
        ]
        assert kinds.count("command.result") == 4
