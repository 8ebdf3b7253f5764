"""Attacks without a key: connections that say little or nothing, and keys that do not exist."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque

from benchmarks.clients import LOST, Client, rpc
from benchmarks.hostile.target import Step, Target

#: Connections that are held at a time: more than one address may have by default.
CROWD, OPENERS = 12_000, 8
UNKNOWN = 8
HOLD_S = 12.0
DRIP_S = 1.0

_HEAD = b"POST /rpc/public/run HTTP/1.1\r\nHost: bench\r\nx-api-key: "


async def strangers(target: Target) -> list[Step]:
    """Hold connections that send nothing, half a head or a drip; ask with unknown keys."""
    crowds = [_Crowd(target, number) for number in range(OPENERS)]
    asking = [_unknown(target) for _ in range(UNKNOWN)]
    return [crowd.open for crowd in crowds] + [crowds[2].drip] + asking


class _Crowd:
    """Some connections of one kind, the oldest let go for each new one."""

    def __init__(self, target: Target, number: int) -> None:
        self._target = target
        self._says = (b"", _HEAD, _HEAD[:1])[number % 3]
        self._held = deque[Client]()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + HOLD_S
        try:
            while loop.time() < ends_at:
                client = await self._target.connect()
                client.send(self._says)
                self._held.append(client)
                self._target.note("opened")
                if len(self._held) >= CROWD // OPENERS:
                    self._let_go(self._held.popleft())
                await asyncio.sleep(0)
        finally:
            while self._held:
                self._let_go(self._held.popleft())

    def _let_go(self, client: Client) -> None:
        self._target.note("closed by the server" if client.reader.at_eof() else "held")
        client.abort()

    async def drip(self) -> None:
        for client in tuple(self._held):
            try:
                client.send(b"x")
            except LOST:
                continue
        await asyncio.sleep(DRIP_S)


def _unknown(target: Target) -> Step:
    async def step() -> None:
        client = await target.connect()
        try:
            while True:
                asked = rpc(f"sk_live_{secrets.token_urlsafe(32)}", {"action": "list_contacts"})
                target.note_answer(*await client.ask(asked))
        finally:
            client.abort()

    return step
