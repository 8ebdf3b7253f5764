"""What is attacked, and what came of it: the answers, refusals and ends, counted."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks.clients import LOST, Client, Closed, post

#: How long one step of an attack may take before it is given up, also on a server that hangs.
STEP_S = 15.0
#: A server that closes at once is not connected to more often than this, per worker.
PAUSE_S = 0.005
#: A session token lives for 5 minutes.
_RENEW_S = 240.0

Step: TypeAlias = Callable[[], Awaitable[None]]

_ERROR = re.compile(rb'"type":"([a-z_]+)"')


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the hostile workspace's key."""

    port: int
    key: str
    source: str
    counted: Counter[str] = field(default_factory=Counter[str])
    _minted: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def note(self, outcome: str, times: int = 1) -> None:
        if times:
            self.counted[outcome] += times

    async def connect(self, *, unread: bool = False) -> Client:
        return await Client.open(self.port, self.source, unread=unread)

    def note_answer(self, status: int, body: bytes) -> None:
        """Count an answer by its status, one of RPC by its error's type too."""
        found = None
        if body.startswith(b'{"success":false'):
            found = _ERROR.search(body)
        self.note(f"{status} {found[1].decode()}" if found else str(status))

    async def token(self) -> str:
        """Return a session token, and mint another one before it expires."""
        if self._minted and time.monotonic() - self._minted[-1][0] < _RENEW_S:
            return self._minted[-1][1]
        self._minted[:] = [(time.monotonic(), await self._mint())]
        return self._minted[-1][1]

    async def _mint(self) -> str:
        client = await self.connect()
        try:
            _, body = await client.ask(post("/api/realtime/session", self.key, b"{}"))
        finally:
            client.abort()
        return str(json.loads(body)["token"])

    async def repeat(self, step: Step) -> None:
        """Take a step again and again until cancelled; each has an end."""
        while True:
            try:
                async with asyncio.timeout(STEP_S):
                    await step()
            except TimeoutError:
                self.note("given up")
            except Closed as closed:
                self.note(f"closed {closed.code}")
            except LOST:
                self.note("closed")
            await asyncio.sleep(PAUSE_S)
