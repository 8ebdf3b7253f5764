"""A relay as one would write it first: `websockets`, JSON parsed and written again both ways.

It speaks enough of the realtime protocol to be measured like Ringline, and nothing else of a
gateway: no ticket, no call, no transcript, no pacing, no bound. The provider is in its process,
as it is in Ringline's: a message as JSON text either way.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.exceptions import ConnectionClosed

from benchmarks import relay_frames
from benchmarks.relay_server import report

_ages: list[float] = []


def hear(message: str) -> None:
    """Hear a message as the provider."""
    _ages.append(relay_frames.heard_age_ms(message))


async def speak(connection: ServerConnection) -> None:
    """Relay what the provider says: a message every 40 ms."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        event = json.loads(relay_frames.said())
        await connection.send(json.dumps({"type": "audio.delta", "audio": event["delta"]}))
        due += relay_frames.FRAME_S
        await asyncio.sleep(due - loop.time())


async def relay(connection: ServerConnection) -> None:
    speaking: asyncio.Task[None] | None = None
    try:
        while True:
            message = await connection.recv()
            event = json.loads(message)
            match event["type"]:
                case "audio.append":
                    audio = {"type": "input_audio_buffer.append", "audio": event["audio"]}
                    hear(json.dumps(audio))
                case "session.start":
                    await connection.send(json.dumps({"type": "session.started"}))
                case "response.create":
                    speaking = asyncio.create_task(speak(connection))
                case _:
                    pass
    except ConnectionClosed:
        pass
    finally:
        if speaking is not None:
            speaking.cancel()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    async with websocket_server(relay, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            report(Path(line.strip()), _ages, [])


if __name__ == "__main__":
    uvloop.run(serve())
