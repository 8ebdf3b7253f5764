"""Test a voice app without a microphone: four checks against the test voice `mock/echo`.

    URL=http://127.0.0.1:7400 KEY=sk_test_… python3 examples/check_with_mock_echo.py

They speak the protocol themselves. In your own tests the app does that, and the checks look at
what it shows. The only requirement is aiohttp, which an installation of Ringline has.
"""

import asyncio
import json
import math
import os
from array import array
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

URL, KEY = os.environ["URL"], os.environ["KEY"]
CONFIG = {"model": "mock/echo", "input_transcription": True, "output_transcription": True}
HZ = 24_000


class Session:
    """A session with the voice."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.text, self.audio = "", b""

    async def send(self, kind: str, **members: object) -> None:
        await self.socket.send_json({"type": kind, **members})

    async def hear(self, pcm: bytes) -> None:
        await self.send("audio.append", audio=b64encode(pcm).decode())

    async def ask(self, text: str) -> None:
        await self.send("text.input", text=text)
        await self.send("response.create")

    async def until(self, kind: str) -> dict:
        """Wait for an event; what the agent says until then is in `text` and `audio`."""
        while True:
            event = json.loads(await self.socket.receive_str(timeout=10))
            match event["type"]:
                case "response.started":
                    self.text, self.audio = "", b""
                case "text.delta":
                    self.text += event["delta"]
                case "audio.delta":
                    self.audio += b64decode(event["audio"])
            if event["type"] == kind:
                return event


@asynccontextmanager
async def session(**config: object) -> AsyncIterator[Session]:
    """Open a session and start it."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{URL}/v3/realtime", headers=headers) as socket,
    ):
        opened = Session(socket)
        await opened.send("session.start", config=CONFIG | config)
        await opened.until("session.started")
        yield opened


def tone(seconds: float) -> bytes:
    """Return a sine: to a test voice it is speech."""
    turn = 2 * math.pi * 300 / HZ
    samples = [round(9_000 * math.sin(turn * at)) for at in range(int(seconds * HZ))]
    return array("h", samples).tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * HZ))


async def check_that_typed_text_is_answered() -> None:
    async with session() as talk:
        await talk.ask("Good morning")
        await talk.until("response.completed")
        assert talk.text == "echo: Good morning"
        assert len(talk.audio) == 2 * HZ * 240 // 1_000  # 20 ms for each of 12 characters


async def check_that_speech_is_heard() -> None:
    async with session() as talk:
        spoken = tone(0.8)
        await talk.hear(spoken + silence(0.6))
        heard = await talk.until("transcript.committed")
        assert heard["transcript"] == "heard 800 ms"
        await talk.until("response.completed")
        assert talk.text == "echo: heard 800 ms"
        assert talk.audio == spoken


async def check_that_the_caller_can_interrupt() -> None:
    async with session() as talk:
        await talk.ask("/long 20000")
        await talk.until("audio.delta")
        await talk.hear(tone(0.3))
        await talk.until("speech.started")  # an app stops its playback here
        cut_off = await talk.until("response.completed")
        assert cut_off["interrupted"]
        assert len(talk.text) < len("echo: /long 20000")


async def check_that_tools_are_called() -> None:
    async with session(tools=[{"name": "clock"}]) as talk:
        await talk.ask('/tool clock {"tz": "UTC"}')
        call = await talk.until("tool.call")
        assert call["tool_arguments"] == {"tz": "UTC"}
        await talk.send("tool.result", tool_call_id=call["tool_call_id"], tool_result="noon")
        await talk.until("response.completed")
        await talk.until("response.completed")  # of the answer to the result
        assert talk.text == "tool clock returned noon"


async def main() -> None:
    """Run every check."""
    for check in (
        check_that_typed_text_is_answered,
        check_that_speech_is_heard,
        check_that_the_caller_can_interrupt,
        check_that_tools_are_called,
    ):
        await check()
        print(f"passed: {check.__name__}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
