"""The examples of the migration pages: written for the published services, run here.

Host and key are changed and nothing else (for Opper the model, as its page says).
"""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.callers import LIMIT_S, calling
from tests.e2e.node import JS, install
from tests.followed import written_thread
from tests.pages import DOCS, ROOT, blocks_of
from tests.serving import Service
from tests.texting import Texting

SIPPET = DOCS / "howto" / "migrate-from-sippet.md"
VOICEBIP = DOCS / "howto" / "migrate-from-voicebip.md"
OPPER = DOCS / "howto" / "migrate-from-opper.md"

_HOST = re.compile(r"(http|ws)s://api\.(?:sippet\.ai|voicebip\.com|opper\.ai)")

#: What a browser has and Node may lack.
BROWSER = """
import * as eventsource from "eventsource";
import * as ws from "ws";
globalThis.EventSource ??= eventsource.EventSource;
globalThis.WebSocket ??= ws.WebSocket;
"""


def snippets(page: Path, language: str, service: Service) -> list[str]:
    """Return a page's blocks of a language, with this server's address in them."""
    place = service.base_url.removeprefix("http")
    return [
        _HOST.sub(lambda found: found[1] + place, block.code).replace(
            "openai/gpt-realtime-2", "local/attendant"
        )
        for block in blocks_of(page, language)
    ]


def environment(service: Service, **more: str) -> dict[str, str]:
    key = service.keys.secret_key
    keys = ("SIPPET_SECRET_KEY", "VOICEBIP_API_KEY", "OPPER_API_KEY")
    return {**os.environ, **dict.fromkeys(keys, key), **more}


async def run(service: Service, *command: str) -> str:
    """Run a program to its end; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(service), cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return output.decode()


class Lines:
    """What a program prints, line by line."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def until(self, part: str) -> str:
        """Return the first line that holds a text."""
        async with asyncio.timeout(LIMIT_S):
            while line := (await self._reader.readline()).decode():
                if part in line:
                    return line
        raise AssertionError(f"it ended without {part!r}")


@asynccontextmanager
async def running(service: Service, *command: str, **variables: str) -> AsyncIterator[Lines]:
    """Run a program for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(service, **variables), cwd=JS, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        yield Lines(process.stdout)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def in_browser(code: str) -> tuple[str, ...]:
    """Return the command that runs a script as a browser would."""
    node = await asyncio.to_thread(install)
    return (node.node, "--input-type=module", "--eval", BROWSER + code)


async def test_the_events_socket(service: Service) -> None:
    code = "\n".join(snippets(SIPPET, "js", service))
    async with running(service, *await in_browser(code)) as page:
        await page.until("A token for 300 s")
        await page.until("joined")
        async with calling(service) as caller:
            await page.until("ringing web:anonymous")
            await page.until("answered web:anonymous")
            await caller.ask("thank you goodbye")
            await page.until("user thank you goodbye")
            await page.until("assistant ")
        await page.until("completed web:anonymous")


async def test_rpc(service: Service) -> None:
    answers = [
        json.loads(line)
        for block in snippets(SIPPET, "sh", service)
        for line in (await run(service, "bash", "-ec", block)).replace("}{", "}\n{").splitlines()
    ]
    assert len(answers) == 6
    assert [answer["success"] for answer in answers] == [True] * 6
    assert answers[1]["data"]["results"][0]["fullName"] == "Ada Lovelace"
    assert answers[4]["data"] == answers[5]["data"]


async def test_the_live_streams(service: Service) -> None:
    events, envelopes, _ = snippets(VOICEBIP, "js", service)
    (curl,) = snippets(VOICEBIP, "sh", service)
    async with calling(service) as caller:
        call = {"CALL_ID": caller.call_id}
        async with (
            running(service, *await in_browser(events), **call) as transcript,
            running(service, *await in_browser(envelopes), **call) as socket,
            running(service, "bash", "-c", curl, **call) as terminal,
        ):
            await socket.until("connected inbound web:anonymous")
            await terminal.until(": ok")
            await transcript.until("open")
            await caller.ask("thank you goodbye")
            await transcript.until("final user thank you goodbye")
            assert '"is_final":true' in await terminal.until("thank you goodbye")
            await socket.until("caller: thank you goodbye")
            await socket.until("agent: ")
            await caller.hang_up()
            await socket.until("over completed")
            await socket.until("closed 1000")


async def test_a_conversation(service: Service) -> None:
    *_, code = snippets(VOICEBIP, "js", service)
    texting = Texting(service)
    thread = await written_thread(texting)
    one = {"CONVERSATION_ID": thread.id, "VOICEBIP_API_KEY": thread.key}
    async with running(service, *await in_browser(code), **one) as page:
        await page.until("watching")
        await thread.say("Are you open?")
        assert "inbound received Are you open?" in await page.until("message.received")
        await texting.sent("Until six.")
        assert "outbound sent Until six." in await page.until("message.sent")
        await texting.hand_over(thread.id, "ai")
        assert "human to ai" in await page.until("handed over")


async def test_a_voice_over_the_wire(service: Service) -> None:
    (mint,) = snippets(OPPER, "sh", service)
    ticket = json.loads(await run(service, "bash", "-ec", mint))
    assert ticket["expires_at"].endswith("Z")
    (talk,) = snippets(OPPER, "js", service)
    async with running(service, *await in_browser(talk)) as page:
        await page.until("started sess_")
        await page.until("agent:")
        await page.until("completed")
        await page.until("closed 1000")


async def test_the_python_sdk(service: Service) -> None:
    (code,) = snippets(OPPER, "python", service)
    printed = await run(service, sys.executable, "-c", code)
    assert re.fullmatch(r"[\w-]{43} \S+Z\n", printed)


@pytest.mark.parametrize("page", [SIPPET, VOICEBIP, OPPER], ids=lambda page: page.stem)
def test_a_page_says_all_four(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert headings == [
        "What stays the same",
        "What differs, and why",
        "What is coming",
        "What Ringline adds",
    ]
