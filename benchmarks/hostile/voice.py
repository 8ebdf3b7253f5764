"""Attacks on the realtime voice."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping

from benchmarks.clients import Client, frame, json_frame
from benchmarks.hostile.target import Step, Target

SESSIONS = 16
_AUDIO_BYTES = 32_000  # a second at 16 kHz
_FRAME_BYTES = 1024 * 1024 - 64
_TEXT = "!" * 4_000 + "a" + "What are your opening hours? " * 900


async def realtime(target: Target) -> list[Step]:
    """Send frames as fast as they are taken: audio, unknown events, brackets, texts."""
    loud = bytes(range(256)) * (_AUDIO_BYTES // 256)
    audio = json_frame({"type": "audio.append", "audio": b64encode(loud).decode()})
    brackets = b'{"type":"text.input","text":[' + b"[]," * (_FRAME_BYTES // 3 - 20) + b"0]}"
    respond = json_frame({"type": "response.create"})
    text = json_frame({"type": "text.input", "text": _TEXT[:32_000]})
    floods = (
        audio * 4,
        json_frame({"type": "nothing.we.know", "x": []}) * 500,
        frame(brackets),
        text + respond,
        json_frame({"type": "text.input", "text": "what are your opening hours"}) * 50 + respond,
        json_frame({"type": "response.cancel"}) * 250 + respond,
        json_frame({"type": "audio.append", "audio": "AAAA"}) * 500,
        json_frame({"type": "session.start", "config": {"x": [[]] * 5_000}}),
    )
    return [_flooder(target, flood) for flood in floods * (SESSIONS // len(floods))]


async def open_session(target: Target) -> tuple[Client, Mapping[str, str]]:
    """Open a session; return it with its `session.started`."""
    client = await target.connect()
    try:
        status = await client.upgrade("/v3/realtime", f"x-api-key: {target.key}\r\n")
        target.note(f"session {status}")
        if status != 101:
            raise ConnectionError("the session was refused")
        client.send(json_frame({"type": "session.start", "config": {"model": "local/attendant"}}))
        started = json.loads(await client.frame())
        if started["type"] != "session.started":
            raise ConnectionError(f"the session ended: {started}")
    except BaseException:
        client.abort()
        raise
    return client, started


def _flooder(target: Target, flood: bytes) -> Step:
    async def step() -> None:
        client, _ = await open_session(target)
        sending = asyncio.create_task(_send_on(target, client, flood))
        try:
            while True:
                told = await client.frame()
                target.note(_kind(told))
        finally:
            sending.cancel()
            client.abort()

    return step


async def _send_on(target: Target, client: Client, flood: bytes) -> None:
    while True:
        client.send(flood)
        target.note("sent")
        await client.drain()
        await asyncio.sleep(0)


def _kind(told: bytes) -> str:
    """Name what a session is told: an error by its code."""
    if told.startswith(b'{"type":"audio.delta"'):
        return "audio.delta"
    event = json.loads(told)
    error = event.get("error")
    return f"error {error['code']}" if error else str(event["type"])
