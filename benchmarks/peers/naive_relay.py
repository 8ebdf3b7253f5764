"""A relay as one would write it first: `websockets`, JSON parsed and written again both ways.

It speaks enough of the realtime protocol to be measured like Ringline, and nothing else of a
gateway: no ticket, no call, no transcript, no pacing, no bound. The provider is in its process,
as it is in Ringline's: a message as JSON text either way.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.exceptions import ConnectionClosed

from benchmarks import relay_frames
from benchmarks.relay_server import report

STARTED = json.dumps({"type": "session.started"})

_ages: list[float] = []


def to_provider(event: dict[str, Any]) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": event["audio"]})


def to_client(event: dict[str, Any]) -> str:
    return json.dumps({"type": "audio.delta", "audio": event["delta"]})


def hear(message: str) -> None:
    """Hear a message as the provider."""
    _ages.append(relay_frames.heard_age_ms(message))


async def speak(connection: ServerConnection) -> None:
    """Relay what the provider says: a message every 40 ms."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await connection.send(to_client(json.loads(relay_frames.said())))
        due += relay_frames.FRAME_S
        await asyncio.sleep(due - loop.time())


async def relay(connection: ServerConnection) -> None:
    speaking: asyncio.Task[None] | None = None
    try:
        while True:
            event = json.loads(await connection.recv())
            match event["type"]:
                case "audio.append":
                    hear(to_provider(event))
                case "session.start":
                    await connection.send(STARTED)
                case "response.create":
                    speaking = asyncio.create_task(speak(connection))
                case _:
                    pass
    except ConnectionClosed:
        pass
    finally:
        if speaking is not None:
            speaking.cancel()


async def serve(
    relay: Callable[[ServerConnection], Awaitable[None]], asked: Callable[[str], None]
) -> None:
    """Relay each connection; answer the lines of the standard input until it ends."""
    loop = asyncio.get_running_loop()
    async with websocket_server(relay, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked(line)


if __name__ == "__main__":
    uvloop.run(serve(relay, lambda line: report(Path(line.strip()), _ages, [])))
