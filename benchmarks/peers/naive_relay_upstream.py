"""The naive relay with its provider at the other end of a WebSocket, whose URL is its argument."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.peers.naive_relay import STARTED, serve, to_client, to_provider


async def speak(provider: ClientConnection, client: ServerConnection) -> None:
    """Relay what the provider says."""
    async for message in provider:
        event = json.loads(message)
        if event["type"] == "response.output_audio.delta":
            await client.send(to_client(event))


async def relay(client: ServerConnection) -> None:
    url = f"{sys.argv[1].replace('http', 'ws', 1)}/realtime?model=m"
    speaking: asyncio.Task[None] | None = None
    try:
        async with connect(url, compression=None, proxy=None) as provider:
            speaking = asyncio.create_task(speak(provider, client))
            while True:
                event = json.loads(await client.recv())
                match event["type"]:
                    case "audio.append":
                        await provider.send(to_provider(event))
                    case "session.start":
                        await provider.send(json.dumps({"type": "session.update", "session": {}}))
                        await client.send(STARTED)
                    case "response.create":
                        await provider.send(json.dumps({"type": "response.create"}))
                    case _:
                        pass
    except ConnectionClosed:
        pass
    finally:
        if speaking is not None:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)


if __name__ == "__main__":
    uvloop.run(serve(relay, lambda _: None))
