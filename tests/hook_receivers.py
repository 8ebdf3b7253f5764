"""Receivers of webhooks: servers on loopback that keep a record of what they were sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from tests.callers import LIMIT_S


@dataclass(frozen=True)
class Received:
    """One request: its headers, and its body as it came."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return msgspec.json.decode(self.raw)

    @property
    def event_id(self) -> str:
        body = self.body
        return body.get("event_id") or body["id"]


#: Answers a request; None is 200.
Respond: TypeAlias = Callable[[Received], Awaitable[web.StreamResponse | None]]


async def accept(_: Received) -> web.StreamResponse | None:
    return None


@dataclass(eq=False)
class Receiver:
    """A receiver, and everything that it was sent."""

    url: str = ""
    respond: Respond = accept
    received: list[Received] = field(default_factory=list[Received])
    #: Only what it answered with 2xx.
    accepted: list[Received] = field(default_factory=list[Received])
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        received = Received(dict(request.headers), await request.read())
        self.received.append(received)
        self._came.set()
        response = await self.respond(received) or web.json_response({"received": True})
        if 200 <= response.status < 300:
            self.accepted.append(received)
            self._came.set()
        return response

    async def until(self, done: Callable[["Receiver"], bool]) -> None:
        """Wait until the record satisfies a condition."""
        async with asyncio.timeout(LIMIT_S):
            while not done(self):
                self._came.clear()
                await self._came.wait()

    async def until_accepted(self, count: int) -> list[Received]:
        """Wait until so many different events were accepted; return them, the first of each."""
        await self.until(lambda one: len(one.events()) >= count)
        return list({received.event_id: received for received in reversed(self.accepted)}.values())

    def events(self) -> Counter[str]:
        """Return how often each event was accepted."""
        return Counter(received.event_id for received in self.accepted)


@asynccontextmanager
async def receiver(respond: Respond = accept, *, port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver for the length of a block."""
    one = Receiver(respond=respond)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{path:.*}", one.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, bound = runner.addresses[0][:2]
    one.url = f"http://{host}:{bound}/hook"
    try:
        yield one
    finally:
        await runner.cleanup()
