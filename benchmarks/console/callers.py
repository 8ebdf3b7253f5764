"""Calls that a console watches: sessions that talk, and calls of another system.

A process of its own (`generators.py`). It opens all calls; then it makes events for as long as it
is told. The sessions begin last, so they are the rows that a board shows first: half of all
events are theirs, by typed turns of `mock/echo` and its answers. The others come from people who
join and leave the other system's calls. Everything goes through public surfaces.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks.clients import Client, json_frame, rpc
from benchmarks.generators import obey, order

#: A typed turn and its answer are so many events: two turns, and the parts of the answer.
EVENTS_PER_TURN = 5
_READY_S = 120.0


class OtherSystem:
    """Calls that another system reports, on one connection."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._ids: list[str] = []
        self._inside: list[str] = []

    async def open(self, count: int) -> None:
        """Report so many calls, with an answer."""
        given = {"direction": "inbound", "status": "answered", "toNumber": "+442079460000"}
        for number in range(count):
            call = given | {"fromNumber": f"+4420794{number:05}"}
            asked = {"action": "create_call", "input": call, "fields": ["id"]}
            self._ids.append((await self._ask(asked))["id"])

    async def change(self) -> None:
        """Let a person join one of the calls, or the one who is there leave."""
        if self._inside and random.random() < 0.5:
            left = {"leftAt": datetime.now(UTC).isoformat()}
            participant = self._inside.pop()
            await self._ask(
                {
                    "action": "update_call_participant",
                    "identity": participant,
                    "input": left,
                    "fields": ["id"],
                }
            )
            return
        given = {"callId": random.choice(self._ids), "role": "operator"}
        given["memberUuid"] = f"member-{random.randrange(1 << 40)}"
        asked = {"action": "create_call_participant", "input": given, "fields": ["id"]}
        self._inside.append((await self._ask(asked))["id"])

    async def _ask(self, asked: Mapping[str, object]) -> Any:
        status, body = await self._client.ask(rpc(self._key, asked))
        answer = json.loads(body)
        if status != 200 or not answer["success"]:
            raise SystemExit(f"RPC answered {status}: {body[:300]!r}")
        return answer["data"]


class Talker:
    """A session in which somebody types."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, key: str) -> Talker:
        """Open a session on `mock/echo`."""
        client = await Client.open(port)
        if await client.upgrade("/v3/realtime", f"x-api-key: {key}\r\n") != 101:
            raise SystemExit("a session was refused")
        client.send(json_frame({"type": "session.start", "config": {"model": "mock/echo"}}))
        if b'"session.started"' not in await client.frame():
            raise SystemExit("a session did not start")
        return cls(client)

    def say(self, text: str) -> None:
        """Type, and ask for the answer."""
        self._client.send(json_frame({"type": "text.input", "text": text}))
        self._client.send(json_frame({"type": "response.create"}))

    async def _read(self) -> None:
        while True:
            await self._client.frame()


class Load:
    """All calls of a workspace."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._asked = asked
        self._talkers: list[Talker] = []

    async def open(self) -> None:
        """Open all calls, the sessions last."""
        port, key = self._asked["port"], self._asked["key"]
        self._others = OtherSystem(await Client.open(port), key)
        await self._others.open(self._asked["others"])
        self._talkers = [await Talker.open(port, key) for _ in range(self._asked["talkers"])]

    async def work(self, seconds: float) -> Mapping[str, object]:
        """Make events at the rate asked for."""
        rate = self._asked["events_per_s"]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._talk(rate / 2 / EVENTS_PER_TURN, seconds))
            tasks.create_task(self._change(rate / 2, seconds))
        return {}

    async def _talk(self, per_s: float, seconds: float) -> None:
        turn = itertools.cycle(self._talkers)
        async for number in _paced(per_s, seconds):
            next(turn).say(f"this is sentence {number}")

    async def _change(self, per_s: float, seconds: float) -> None:
        async for _ in _paced(per_s, seconds):
            await self._others.change()


async def _paced(per_s: float, seconds: float) -> AsyncIterator[int]:
    """Count at a rate for so long, catching up with what came late."""
    begun = time.monotonic()
    for number in range(round(per_s * seconds)):
        wait_s = begun + number / per_s - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        yield number


async def _main() -> None:
    load = Load(order())
    async with asyncio.timeout(_READY_S):
        await load.open()
    await obey(load.work, "none")


if __name__ == "__main__":
    asyncio.run(_main())
