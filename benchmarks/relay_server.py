"""Ringline with a voice that relays: for `benchmarks.relay`.

`bench/loop` is what an adapter of ours does for a provider that speaks JSON: it writes an event
for each frame that it is given, and reads one every 40 ms, with msgspec. The provider is in the
same process: it notes the age of each frame that it hears. Typing to it says what to do:
`speak` begins to speak, `interrupt` reports that the caller speaks. Each line on the standard
input names a file, into which the ages so far are written (ms).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import msgspec
import structlog
import uvloop

from benchmarks import relay_frames
from ringline.app import running
from ringline.app import voices as app
from ringline.config import Settings
from ringline.domain.agent import TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.voice import (
    AddText,
    Cancel,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    VoiceCapabilities,
    VoiceOpening,
    VoiceOrder,
)
from ringline.ports import VoiceListener
from ringline.services.voices import VoiceModel

MODEL = "bench/loop"
CAPABILITIES = VoiceCapabilities(
    input_hz=relay_frames.RATE_HZ,
    output_hz=relay_frames.RATE_HZ,
    voices=("one",),
    default_voice="one",
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD}),
)

#: The ages of all frames that were heard, in ms; and when interruptions were reported (ns).
_ages: list[float] = []
_interrupted: list[int] = []


class Said(msgspec.Struct):
    """What the provider says."""

    type: str
    delta: str


_said = msgspec.json.Decoder(Said)
_base64 = msgspec.json.Decoder(bytes)


class Loop:
    """A `Voice` that speaks while it is asked to."""

    def __init__(self, listener: VoiceListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._response_id = ""
        self._due = 0.0

    @property
    def capabilities(self) -> VoiceCapabilities:
        return CAPABILITIES

    def send_audio(self, chunk: Chunk) -> None:
        event = b'{"type":"input_audio_buffer.append","audio":"%b"}' % chunk.as_base64()
        _ages.append(relay_frames.heard_age_ms(event.decode()))

    def send(self, order: VoiceOrder) -> None:
        match order:
            case AddText("interrupt"):
                _interrupted.append(time.monotonic_ns())
                self._listener.on_voice_signal(SpeechStarted("item"))
            case Respond(response_id):
                self._response_id = response_id
                self._listener.on_voice_signal(ResponseStarted(response_id))
                self._due = self._loop.time()
                self._speak()
            case Cancel():
                self._stop()
                self._listener.on_voice_signal(
                    ResponseDone(self._response_id, ResponseEnd.CANCELLED)
                )
            case _:
                pass

    async def close(self) -> None:
        self._stop()

    def _speak(self) -> None:
        event = _said.decode(relay_frames.said())
        pcm = _base64.decode(f'"{event.delta}"')
        chunk = Chunk(pcm, relay_frames.RATE_HZ, event.delta.encode())
        self._listener.on_voice_audio(self._response_id, chunk)
        self._due += relay_frames.FRAME_S
        self._timer = self._loop.call_at(self._due, self._speak)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def open_loop(_: VoiceOpening, listener: VoiceListener) -> Loop:
    return Loop(listener)


def _built_in(*_: object, **__: object) -> list[VoiceModel]:
    return [VoiceModel(MODEL, CAPABILITIES, open_loop)]


async def serve(settings: Settings, ready_file: Path) -> None:
    async with running(settings, dev=True, warm=False) as server:
        keys = await server.admin.workspaces.create("Benchmark")
        made = {name: str(value) for name, value in asdict(keys).items()}
        made["base_url"] = server.base_url
        partial = ready_file.with_suffix(".new")
        partial.write_text(json.dumps(made))
        partial.replace(ready_file)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            report(Path(line.strip()), _ages, _interrupted)


def report(path: Path, ages: list[float], interrupted: list[int]) -> None:
    """Write what was noted, and forget it."""
    path.write_text(json.dumps({"ages_ms": ages, "interrupted_ns": interrupted}))
    ages.clear()
    interrupted.clear()
    print("written", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    secret = secrets.token_hex()
    settings = Settings.read(
        data_dir=asked.data_dir, port=asked.port, signing_secret=secret, encryption_key=secret
    )
    with patch.object(app, "_built_in", _built_in):
        uvloop.run(serve(settings, asked.ready_file))


if __name__ == "__main__":
    main()
