"""A dental practice on an ordinary morning, for the pictures: its agents, and those who call.

The calls are real ones: each agent is a cascade of its own, whose endpoints know the script, and
each caller speaks into a microphone and listens to the answers.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import repeat
from typing import Any

from fastapi import FastAPI, Response

from ringline.client.sound import load_sound, resample
from ringline.domain.audio import bytes_of_ms
from tests.browser.scripts import MS_A_CHARACTER, PAUSE_S, SCRIPTS, Script
from tests.callers import Caller, calling
from tests.fake_endpoints import (
    STAGES,
    Asked,
    FakeEndpoints,
    call_events,
    chat_events,
    fake_endpoints,
    serving_app,
    streamed,
    transcript_events,
)
from tests.pages import ROOT
from tests.serving import Service

RATE_HZ = 24_000
PIECE_MS = 20
#: A sentence each, so far: enough for every answer of a script.
_ANSWERS = 60


# -- the agents' side ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Practice:
    """What the agents need: the `VOICES_FILE` with their models, and who runs their tools."""

    voices: str
    program: str

    def agent_of(self, script: Script) -> dict[str, Any]:
        """Return the agent of a call, as `create_ai_agent` takes it."""
        tools = filter(None, (each.tool for each in script.exchanges))
        return {
            "name": script.agent,
            "model": f"cascade/{script.name}",
            "greeting": script.greeting,
            "tools": [{"name": name, "description": "The practice's own."} for name, _, _ in tools],
            "webhookUrl": self.program,
        }


@asynccontextmanager
async def practice() -> AsyncIterator[Practice]:
    """Run the models behind the agents, and the program that runs their tools."""
    async with AsyncExitStack() as stack:
        program = await stack.enter_async_context(serving_app(own_program()))
        tables: list[str] = []
        for script in SCRIPTS:
            fake = await stack.enter_async_context(fake_endpoints())
            rehearse(fake, script)
            tables.append(f'[cascade.{script.name}]\nvoices = ["alloy"]\n')
            tables += [
                f'[cascade.{script.name}.{stage}]\nurl = "{fake.url}"\nmodel = "made-up"\n'
                for stage in STAGES
            ]
        yield Practice("".join(tables), f"{program}/")


def own_program() -> FastAPI:
    """Return the practice's own program, which knows what each tool answers."""
    results = {each.tool[0]: each.tool[2] for s in SCRIPTS for each in s.exchanges if each.tool}
    app = FastAPI()

    @app.post("/")
    async def run(body: dict[str, Any]) -> object:  # pyright: ignore[reportUnusedFunction]
        if body["event_type"] != "tool.invocation":
            return {}
        await asyncio.sleep(0.18)
        return results[body["tool"]["name"]]

    return app


def rehearse(fake: FakeEndpoints, script: Script) -> None:
    """Have the endpoints say what the script says, one answer after the other."""
    for number, each in enumerate(script.exchanges):
        hear = partial(write_down, each.asks, ends=each.answer is not None)
        fake.answers["transcription"].append(hear)
        if each.tool is not None:
            name, arguments, _ = each.tool
            call = (f"call_{number}", name, json.dumps(arguments))
            fake.answers["chat"].append(partial(think, call_events(call), for_s=each.thinks_s))
        if each.answer is not None:
            wait_s = each.thinks_s if each.tool is None else 0.05
            fake.answers["chat"].append(partial(think, chat_events(each.answer), for_s=wait_s))
    fake.answers["speech"].extend(repeat(speak, _ANSWERS))


def write_down(text: str, asked: Asked, *, ends: bool) -> Response:
    """Write down what a caller says; if it does not end, the end of it is never heard."""
    if ends:
        return streamed(asked, transcript_events([text]))
    return streamed(asked, transcript_events([text, " …"]), gate=asyncio.Event())


def think(pieces: Sequence[bytes], asked: Asked, *, for_s: float) -> Response:
    """Answer after a moment."""
    gate = asyncio.Event()
    asyncio.get_running_loop().call_later(for_s, gate.set)
    return streamed(asked, pieces, gate=gate)


def speak(asked: Asked) -> Response:
    """Hum for as long as it takes to say a text."""
    text: str = asked.members["input"]
    hum = bytes([8, 8]) * (RATE_HZ * MS_A_CHARACTER // 1000 * len(text))
    return streamed(asked, [hum], media_type="audio/pcm")


# -- the callers' side --------------------------------------------------------------------------


@dataclass
class Speaker:
    """A caller with a microphone, which is never off."""

    caller: Caller
    _said: bytearray = field(default_factory=bytearray)
    _silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self) -> None:
        """Send what is said, or silence, at the pace of a microphone."""
        loop, size = asyncio.get_running_loop(), bytes_of_ms(PIECE_MS, RATE_HZ)
        due = loop.time()
        while True:
            piece = bytes(self._said[:size])
            del self._said[:size]
            if not self._said:
                self._silent.set()
            audio = b64encode(piece.ljust(size, b"\0")).decode()
            await self.caller.socket.send_json({"type": "audio.append", "audio": audio})
            due += PIECE_MS / 1000
            await asyncio.sleep(due - loop.time())

    async def say(self, text: str) -> None:
        """Speak for as long as a text takes."""
        self._silent.clear()
        self._said.extend(speech(len(text) * MS_A_CHARACTER))
        await self._silent.wait()

    async def listen(self, since: int, *, cut_s: float | None = None) -> None:
        """Wait until the agent has said what it has to say, or for so long into it."""
        caller, loop = self.caller, asyncio.get_running_loop()
        await self.await_frame("audio.delta", since)
        began = loop.time()
        if cut_s is not None:
            await asyncio.sleep(cut_s)
            return
        first = next(at for at, frame in enumerate(caller.heard[since:], since) if is_audio(frame))
        await self.await_frame("response.completed", first)
        heard = [b64decode(frame["audio"]) for frame in caller.heard[first:] if is_audio(frame)]
        lasts_s = sum(map(len, heard)) / bytes_of_ms(1000, RATE_HZ)
        await asyncio.sleep(began + lasts_s - loop.time() + PAUSE_S)

    async def await_frame(self, kind: str, since: int) -> dict[str, Any]:
        """Wait for a frame of a kind."""
        while True:
            for frame in self.caller.heard[since:]:
                if frame["type"] == kind:
                    return frame
            self.caller.news.clear()
            await self.caller.news.wait()


def is_audio(frame: dict[str, Any]) -> bool:
    return frame["type"] == "audio.delta"


@cache
def _words() -> bytes:
    """Return two seconds of somebody who speaks."""
    sound = load_sound(ROOT / "examples" / "demo-call.wav")
    begins, ends = bytes_of_ms(700, sound.rate_hz), bytes_of_ms(1_600, sound.rate_hz)
    return resample(sound.pcm[begins:ends], sound.rate_hz, to_hz=RATE_HZ)


def speech(duration_ms: int) -> bytes:
    """Return so much speech, whatever it says."""
    words = _words()
    size = bytes_of_ms(duration_ms, RATE_HZ)
    return (words * (size // len(words) + 1))[:size]


@asynccontextmanager
async def on_the_line(service: Service, script: Script, agent_id: str) -> AsyncIterator[Caller]:
    """Place a call and speak, until the script is over or the block is left."""
    asked = {"agent_id": agent_id, "subject": script.caller}
    async with calling(service, asked=asked) as caller:
        speaker = Speaker(caller)
        tasks = [asyncio.create_task(speaker.hold()), asyncio.create_task(talk(speaker, script))]
        try:
            yield caller
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def talk(speaker: Speaker, script: Script) -> None:
    """Go through the script; then hang up, or stay."""
    await speaker.listen(0)
    for each in script.exchanges:
        await speaker.say(each.asks)
        since = len(speaker.caller.heard)
        if each.answer is not None:
            await speaker.listen(since, cut_s=each.cut_s)
    if script.hangs_up:
        await speaker.caller.hang_up()
