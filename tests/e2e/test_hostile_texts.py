"""Hostile texts on an operator's terminal are shown, not executed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.program import LIMIT_S, Dev, dev, in_terminal, reachable_directory, ringline

HOSTILE = "\x1b]0;pwned\x07\x1b]52;c;aGk=\x1b\\\r\n12:00:00 forged \x9b2J\u202e [bold]loud[/bold]"
#: What rich writes to style a line, and how a terminal ends one.
_STYLE = re.compile(r"\x1b\[[0-9;]*m|\r(?=\n)")
_STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


@pytest.fixture(scope="module")
def server(parent: Path) -> Iterator[Dev]:
    with dev(parent / "data") as server:
        yield server


def show_in_terminal(output: Path, *arguments: object, **variables: str) -> str:
    """Run a command in a terminal; return what it shows, without the styles of its own."""
    with in_terminal(output, *arguments, **variables):
        pass
    shown = _STYLE.sub("", output.read_bytes().decode())
    assert not _STEERING.search(shown), shown
    return shown


async def type_in(ring: dict[str, str], text: str) -> None:
    """Call, type a text, wait for the answer, hang up."""
    url = f"{ring['base_url']}/v3/realtime"
    headers = {"Authorization": f"Bearer {ring['secret_key']}"}
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as socket:
        config = {"model": "local/attendant", "output_transcription": True}
        await socket.send_json({"type": "session.start", "config": config})
        await socket.send_json({"type": "text.input", "text": text})
        await socket.send_json({"type": "response.create"})
        async with asyncio.timeout(LIMIT_S):
            while (await socket.receive_json())["type"] != "response.completed":
                pass


async def test_the_log_in_a_terminal(server: Dev, tmp_path: Path) -> None:
    ring = server.ring
    await type_in(ring, HOSTILE)
    variables = {"RINGLINE_URL": ring["base_url"], "RINGLINE_KEY": ring["secret_key"]}
    shown = show_in_terminal(tmp_path / "shown", "events", **variables)
    (line,) = [line for line in shown.splitlines() if "forged" in line]
    assert "call_transcript_completed" in line
    assert "[bold]loud[/bold]" in line

    done = ringline("events", "--json", **variables)
    assert not _STEERING.search(done.stdout)
    said = [json.loads(line)["payload"].get("transcript") for line in done.stdout.splitlines()]
    assert HOSTILE in said


def test_a_label_of_a_key(server: Dev, parent: Path, tmp_path: Path) -> None:
    place = ("--workspace", server.ring["workspace_id"], "--data-dir", parent / "data")
    made = ringline("key", "create", "--label", HOSTILE, "--json", *place)
    assert made.returncode == 0, made.stderr
    assert not _STEERING.search(made.stdout)
    assert json.loads(made.stdout)["label"] == HOSTILE
    shown = show_in_terminal(tmp_path / "shown", "key", "list", *place, COLUMNS="400")
    (line,) = [line for line in shown.splitlines() if "forged" in line]
    assert "[bold]loud[/bold]" in line


@asynccontextmanager
async def hostile_server() -> AsyncIterator[str]:
    """Run a server that refuses everything in words of its own; yield its URL."""

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "c", "message": HOSTILE}}, status=400)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_what_a_server_answers(tmp_path: Path) -> None:
    call = Path(__file__).parents[2] / "examples" / "demo-call.wav"
    async with hostile_server() as url:
        for words in (("token",), ("events",), ("call", "--wav", call)):
            shown = await asyncio.to_thread(
                show_in_terminal, tmp_path / words[0], *words, "--url", url, "--key", "sk_live_x"
            )
            assert shown.startswith("ringline: The server refused (400): ")
            assert shown.count("\n") == 1
