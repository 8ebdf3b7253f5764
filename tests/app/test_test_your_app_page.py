"""The sessions on the page "Test your app", played line by line against a server.

`>` is what the client sends and `<` what it receives. Between two lines only speech may come,
and pieces of a text are joined.
"""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.pages import DOCS, Block, blocks_of
from tests.realtime_session import WAIT_S, Client, Event, connected
from tests.serving import Service
from tests.voice_desk import hum, quiet

PAGE = DOCS / "howto" / "test-your-app.md"
BLOCKS = blocks_of(PAGE, "frames")

_SOUND = re.compile(r"\((\d+) ms of (speech|silence|audio)\)")
_CLOSE = re.compile(r"\(close (\d+)\)")


class Player:
    """A client that plays a block of the page."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rates = (0, 0)
        self.said = 0  # bytes of speech since the last other line
        self.due_ms: int | None = None
        self.ids: dict[str, str] = {}  # the page's names of tool calls -> their ids

    async def play(self, block: Block) -> None:
        for line in block.code.splitlines():
            sends, what = line[0] == ">", line[2:]
            if sound := _SOUND.fullmatch(what):
                await self._sound(int(sound[1]), sound[2])
            elif close := _CLOSE.fullmatch(what):
                assert await self.client.closed() == int(close[1])
            elif sends:
                await self.client.send(**self._frame(json.loads(what)))
            else:
                await self._expect(json.loads(what))

    async def _sound(self, duration_ms: int, kind: str) -> None:
        if kind == "audio":
            self.due_ms = duration_ms
        else:
            make = hum if kind == "speech" else quiet
            await self.client.hear(make(duration_ms, self.rates[0]))

    def _frame(self, written: dict[str, Any]) -> dict[str, Any]:
        call = written.get("tool_call_id")
        known = {"tool_call_id": self.ids[call]} if call else {}
        return {"kind": written.pop("type")} | written | known

    async def _expect(self, expected: Event) -> None:
        came = await self._next()
        if expected["type"] == "text.delta":
            delta = came["delta"]
            while delta != expected["delta"]:
                assert expected["delta"].startswith(delta)
                delta += (await self._next())["delta"]
            return
        if expected["type"] == "tool.call":
            self.ids[expected["tool_call_id"]] = expected["tool_call_id"] = came["tool_call_id"]
        assert_holds(came, expected)
        if came["type"] == "session.started":
            self.rates = came["input_sample_rate"], came["output_sample_rate"]
        if self.due_ms is not None:
            assert self.said == 2 * self.rates[1] * self.due_ms // 1_000
        self.said, self.due_ms = 0, None

    async def _next(self) -> Event:
        """Return the next event but speech, of which the bytes are counted."""
        while True:
            event = await self.client.next()
            assert event is not None, self.client.kinds()
            if event["type"] != "audio.delta":
                return event
            self.said += len(Client(self.client.socket, [event]).pcm())


def assert_holds(came: Any, expected: Any) -> None:
    """Assert that an event has the members that are expected of it."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_holds(came[name], value)
    else:
        assert came == expected


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
async def test_a_session_goes_as_the_page_says(service: Service, block: Block) -> None:
    headers = service.bearer(service.keys.test_key)
    async with asyncio.timeout(WAIT_S), connected(service, headers=headers) as client:
        await Player(client).play(block)


def test_every_command_is_shown() -> None:
    typed = {
        frame["text"].split()[0]
        for block in BLOCKS
        for line in block.code.splitlines()
        if line.startswith('> {"type": "text.input"')
        for frame in [json.loads(line[2:])]
    }
    rows = set(re.findall(r"^\| `(/\w+)", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows - typed == {"/config"}  # its answer is too long for a page
