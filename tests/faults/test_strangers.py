"""Clients that send no credential or do not read delay neither others nor a stop."""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from ringline.client.http import Api
from ringline.domain import limits
from tests.faults.embedded import LIMIT_S
from tests.faults.people import calling
from tests.faults.processes import COMMAND, ServerProcess, server_process

#: A server with few file descriptors that cannot raise its limit.
FEW = ["sh", "-c", 'ulimit -Sn 256; ulimit -Hn 256; exec "$@"', "sh", *COMMAND]
CONNECTIONS = 256 - limits.DESCRIPTORS_RESERVED.most


def knock(port: int, address: str) -> socket.socket:
    """Connect from an address of this machine, and send nothing."""
    stranger = socket.create_connection(("127.0.0.1", port), LIMIT_S, (address, 0))
    stranger.setblocking(False)
    return stranger


def is_open(stranger: socket.socket) -> bool:
    try:
        return stranger.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def port_of(server: ServerProcess) -> int:
    return int(server.base_url.rsplit(":", 1)[1])


async def until_served(api: Api) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with api.http.get(f"{api.url}/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
async def test_strangers_take_no_more_than_their_share(parent: Path) -> None:
    async with aiohttp.ClientSession() as http, server_process(parent, program=FEW) as server:
        api = server.api(http)
        with ExitStack() as stack:
            strangers = [
                stack.enter_context(knock(port_of(server), "127.0.0.2")) for _ in range(300)
            ]
            await asyncio.sleep(0.5)
            held = sum(map(is_open, strangers))
            assert 0 < held <= CONNECTIONS // 2
            await until_served(api)  # from another address
            async with calling(api) as caller:
                assert await caller.ask()
                # The database dies and comes back: descriptors are left for it.
                assert server.data_dir is not None
                pid_file = server.data_dir / "postgres" / "postmaster.pid"
                os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
                await until_served(api)
                assert await caller.ask()
            async with asyncio.timeout(LIMIT_S):
                while any(map(is_open, strangers)):  # noqa: ASYNC110, their heads never come
                    await asyncio.sleep(0.1)
        assert "Traceback" not in server.said
        assert server.said.count("connections_refused") == 1


@pytest.mark.parametrize("unfinished", ["a body under way", "an answer that is not read"])
async def test_an_end_does_not_wait_for_a_client(parent: Path, unfinished: str) -> None:
    """A server that waits for clients takes a minute for the body, and two for the answer."""
    async with aiohttp.ClientSession() as http, server_process(parent) as server:
        api = server.api(http)
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        head = f"Host: x\r\nx-api-key: {server.ready['secret_key']}\r\n"
        if unfinished == "a body under way":
            writer.write(
                f"POST /rpc/public/run HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
                "Content-Length: 100\r\n\r\n{".encode()
            )
        else:
            body = json.dumps({"action": "list_contacts", "fields": ["id", "notes"]}).encode()
            async with http.post(
                f"{api.url}/rpc/public/run", json=contact(0), headers=api.headers()
            ) as made:
                assert (await made.json())["success"] is True
            for number in range(1, 100):
                await http.post(
                    f"{api.url}/rpc/public/run", json=contact(number), headers=api.headers()
                )
            writer.write(
                f"POST /rpc/public/run HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
        await writer.drain()
        await asyncio.sleep(0.5)
        assert await server.end() == 0
        writer.close()


def contact(number: int) -> dict[str, object]:
    values = {"fullName": f"Number {number}", "notes": "x" * 60_000}
    return {"action": "create_contact", "fields": ["id"], "input": values}
