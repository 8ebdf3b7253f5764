"""The quickstart, carried out block by block in terminals where nothing was set beforehand.

A block `sh terminal` is pasted into a terminal of its own, `sh stays` keeps the first one. What
differs from a newcomer's: the database's place and the ports, so that no other server is met, and
that the caller of the demo says one sentence instead of four.
"""

import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from ringline.wire.realtime_ticket import SUBPROTOCOL
from ringline.wire.wav import Wav, read_wav, write_wav
from tests.e2e.node import JS, install
from tests.e2e.program import reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, ROOT, blocks_of

PAGE = DOCS / "quickstart.md"
FIRST_SENTENCE_S = 3

#: The variables that a page has, and an end once it has seen a turn.
AROUND_JS = """
import WebSocket from "ws";
globalThis.WebSocket ??= WebSocket;
const [url, token] = process.argv.slice(2);
let lastPosition = "0";
const log = console.log;
console.log = (...words) => { log(...words); process.exit(0); };
"""


@dataclass
class Newcomer:
    """Who has carried the page out, and what they saw."""

    terminals: list[Shell]
    shown: dict[str, str] = field(default_factory=lambda: defaultdict(str))

    @property
    def first(self) -> Shell:
        return self.terminals[0]

    def value(self, name: str) -> str:
        return self.first.run(f"echo ${name}").strip()


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    """Carry the page out to its end."""
    with reachable_directory() as place, ExitStack() as stack:
        (place / "examples").mkdir()
        for example in (ROOT / "examples").iterdir():
            (place / "examples" / example.name).symlink_to(example)
        shorten(place / "examples" / "demo-call.wav")
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
            "PORT": "0",
        }
        made = Newcomer([stack.enter_context(Shell(ROOT, environment))])
        for block in blocks_of(PAGE, "sh", "sh terminal", "sh stays"):
            if block.language == "sh terminal":
                shell = stack.enter_context(Shell(ROOT, environment))
                shell.run('export PATH="$PWD/.venv/bin:$PATH"')
                shell.run(f"cd {place}")
                shell.paste(block.code)
                made.terminals.append(shell)
                if block.code.startswith("ringline dev"):
                    shell.shows("Ringline is at")
            elif block.language == "sh stays":
                made.first.paste(f"{block.code.strip()} &")
                made.first.shows("Open http")
            else:
                made.shown[block.heading] += made.first.run(block.code)
                made.first.run(f"cd {place}")
        yield made


def shorten(wav: Path) -> None:
    """Let the caller say the first sentence alone."""
    whole = read_wav(wav.read_bytes())
    wav.unlink()
    wav.write_bytes(write_wav(Wav(whole.rate_hz, 1, whole.pcm[: 2 * 16_000 * FIRST_SENTENCE_S])))


def test_the_call_is_understood_and_watched(newcomer: Newcomer) -> None:
    assert "what are your opening hours" in newcomer.shown["Place a call"]
    watching = newcomer.terminals[2]
    watching.shows("call_ended")
    transcript = re.findall(r"^data: ?(.*)$", newcomer.shown["Watch a call"], re.MULTILINE)
    assert "what are your opening hours" in [json.loads(line)["text"] for line in transcript]
    assert newcomer.shown["Read and change records"].count('"success":true') == 2


async def test_the_agent_of_ones_own_answers(newcomer: Newcomer) -> None:
    found = re.search(r"Open (http://\S+)", newcomer.first.shown)
    assert found is not None
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{found[1]}/ticket") as answer:
            ticket = await answer.json()
        protocol = SUBPROTOCOL + ticket["client_secret"]
        said = ""
        async with http.ws_connect(
            ticket["ws_url"].partition("?")[0], protocols=(protocol,)
        ) as socket:
            await socket.send_json(
                {"type": "session.start", "config": {"output_transcription": True}}
            )
            question = {"type": "text.input", "text": "When do you close this evening?"}
            await socket.send_json(question)
            await socket.send_json({"type": "response.create"})
            async for message in socket:
                event = message.json()
                said += event.get("delta", "")
                if "We close at six." in said:
                    break
    assert "Hello, this is the bakery." in said


def test_a_browser_watches(newcomer: Newcomer) -> None:
    (block,) = blocks_of(PAGE, "js")
    minted = re.search(r'"token": ?"([^"]+)"', newcomer.shown["Watch a call"])
    assert minted is not None
    done = subprocess.run(
        [install().node, "--input-type=module", "-", newcomer.value("URL"), minted[1]],
        input=AROUND_JS + block.code,
        cwd=JS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "no turn was seen"
