"""The quiet neighbour: a workspace at its ordinary work, and how long that takes.

A generator (`generators.py`). In each round it lists contacts at a steady rate, records
calls which its watchers on the events socket are shown, and types to a voice. Requests are
made at their time whether the ones before are answered or not. What is not answered in
`PATIENCE_S` has failed; its time until then counts, so a lost answer is never a fast one.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections import Counter
from typing import Any

from benchmarks.clients import LOST, Client, json_frame, post, rpc
from benchmarks.generators import obey, order, step_forward

RPC_PER_S, EVENTS_PER_S, WATCHERS, VOICE_EVERY_S = 50, 5, 20, 1.0
PAGE = 20
PATIENCE_S = 10.0

#: Frames that keep a silent socket open, as its clients send them.
HEARTBEAT_S = 20.0
KEEP_S = 30.0
LOOK_S = 0.01
REOPEN_S = 0.2

CONTACTS = {"action": "list_contacts", "fields": ["id", "fullName"], "page": {"limit": PAGE}}
_SHOWN = re.compile(rb'"callUuid":"(quiet-[0-9a-f]+-[0-9]+)"')


class Round:
    """What came of one round, in milliseconds."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = {"rpc": [], "fanout": [], "voice": []}
        self.failed: Counter[str] = Counter()
        self.lag: list[float] = []

    def note(self, what: str, begun: float, *, failed: bool = False) -> None:
        self.took[what].append((time.perf_counter() - begun) * 1000)
        self.failed[what] += failed


class Asker:
    """Asks over connections that are kept, as many as wait for an answer.

    What was idle for long is not used again: the server closes it, perhaps just now.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self.key = key
        self._free: list[tuple[Client, float]] = []

    async def ask(self, message: bytes) -> bool:
        """Ask; tell whether it was a success."""
        client = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                client = self._kept() or await Client.open(self._port)
                status, body = await client.ask(message)
        except LOST:
            if client is not None:
                client.abort()
            return False
        self._free.append((client, time.monotonic()))
        return status == 200 and body.startswith(b'{"success":true')

    def _kept(self) -> Client | None:
        """Return the connection that was used last, if any is fresh enough."""
        if not self._free:
            return None
        client, used_at = self._free.pop()
        if time.monotonic() - used_at < KEEP_S:
            return client
        for old, _ in (*self._free, (client, used_at)):  # the others are older
            old.abort()
        self._free.clear()
        return None


class Watchers:
    """Watch the workspace's events; note when the frame of each call has come."""

    def __init__(self, port: int, asker: Asker) -> None:
        self._port = port
        self._asker = asker
        self._token = ""
        #: Calls that are shown now: when each was reported, and whom it has not reached.
        self.open: dict[bytes, tuple[float, int]] = {}
        self.round = Round()
        self.joined = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open all; return when they have joined."""
        client = await Client.open(self._port)
        _, body = await client.ask(post("/api/realtime/session", self._asker.key, b"{}"))
        client.abort()
        self._token = json.loads(body)["token"]
        self._tasks = [asyncio.create_task(self._watch()) for _ in range(WATCHERS)]
        while self.joined < WATCHERS:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    async def _watch(self) -> None:
        while True:
            client = beating = None
            joined = False
            try:
                async with asyncio.timeout(PATIENCE_S):
                    client = await Client.open(self._port)
                    path = f"/socket/websocket?vsn=2.0.0&session_token={self._token}"
                    if await client.upgrade(path) != 101:
                        raise ConnectionError
                    client.send(json_frame(["1", "1", "events", "phx_join", {}]))
                    joined = b'"ok"' in await client.frame()
                self.joined += joined
                beating = asyncio.create_task(_beat(client))
                while joined:
                    self._take(await client.frame())
            except LOST:
                pass
            finally:
                self.joined -= joined
                if beating is not None:
                    beating.cancel()
                if client is not None:
                    client.abort()
            await asyncio.sleep(REOPEN_S)

    def _take(self, frame: bytes) -> None:
        found = _SHOWN.search(frame)
        if found is None or found[1] not in self.open:
            return
        begun, left = self.open[found[1]]
        self.round.note("fanout", begun)
        if left > 1:
            self.open[found[1]] = begun, left - 1
        else:
            del self.open[found[1]]

    async def settle(self) -> None:
        """Wait for the frames of what was reported; those that do not come have failed."""
        ends_at = time.perf_counter() + PATIENCE_S
        while self.open and time.perf_counter() < ends_at:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        for begun, left in self.open.values():
            for _ in range(left):
                self.round.note("fanout", begun, failed=True)
        self.open.clear()


class Speaker:
    """Types to the local voice and waits for the first audio of its answer."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._client: Client | None = None
        self._used_at = 0.0

    async def open(self) -> None:
        """Open a session unless one is open; pings are not answered between rounds."""
        if time.monotonic() - self._used_at > KEEP_S:
            self.drop()
        self._used_at = time.monotonic()
        if self._client is not None:
            return
        client = await Client.open(self._port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                if await client.upgrade("/v3/realtime", f"x-api-key: {self._key}\r\n") != 101:
                    raise ConnectionError
                config = {"model": "local/attendant"}
                client.send(json_frame({"type": "session.start", "config": config}))
                if b'"session.started"' not in await client.frame():
                    raise ConnectionError
        except BaseException:
            client.abort()
            raise
        self._client = client

    async def answer(self) -> None:
        """Type, and return at the first audio; `rest` ends the response."""
        assert self._client is not None
        self._client.send(json_frame({"type": "text.input", "text": "what are your opening hours"}))
        self._client.send(json_frame({"type": "response.create"}))
        while b'"audio.delta"' not in await self._client.frame():
            pass

    async def rest(self) -> None:
        """End the response that is under way."""
        assert self._client is not None
        self._client.send(json_frame({"type": "response.cancel"}))
        while b'"response.completed"' not in await self._client.frame():
            pass

    def drop(self) -> None:
        if self._client is not None:
            self._client.abort()
            self._client = None


class Neighbour:
    """All that the quiet workspace does."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._asker = Asker(port, key)
        self._watchers = Watchers(port, self._asker)
        self._speaker = Speaker(port, key)
        self._list = rpc(key, CONTACTS)
        self._name = f"quiet-{secrets.token_hex(4)}"
        self._calls = 0

    async def start(self) -> None:
        """Open what stays open; make the contacts of one page, unless they are there."""
        made = {"action": "create_contact", "fields": ["id"], "input": {"fullName": "Quiet"}}
        for _ in range(await self._missing()):
            await self._asker.ask(rpc(self._asker.key, made))
        await self._watchers.start()
        await self._speaker.open()

    async def _missing(self) -> int:
        client = await Client.open(self._port)
        _, body = await client.ask(self._list)
        client.abort()
        return PAGE - len(json.loads(body)["data"]["results"])

    async def work(self, seconds: float) -> dict[str, Any]:
        """Do the ordinary things for so long; return how long each took."""
        made = self._watchers.round = Round()
        begun, used = time.perf_counter(), time.process_time()
        looking = asyncio.create_task(_look(made))
        try:
            await asyncio.gather(
                self._every(1 / RPC_PER_S, seconds, lambda: self._list_contacts(made)),
                self._every(1 / EVENTS_PER_S, seconds, lambda: self._record_call()),
                self._talk(made, seconds),
            )
            busy = (time.process_time() - used) / (time.perf_counter() - begun)
            await self._watchers.settle()
        finally:
            looking.cancel()
        return {
            "took": made.took,
            "failed": made.failed,
            "lag": made.lag,
            "busy": busy,
            "watchers": self._watchers.joined,
        }

    async def _every(self, gap_s: float, seconds: float, begin: Any) -> None:
        loop = asyncio.get_running_loop()
        started, tasks = loop.time(), list[asyncio.Task[None]]()
        for number in range(max(1, round(seconds / gap_s))):
            await asyncio.sleep(started + number * gap_s - loop.time())
            tasks.append(asyncio.create_task(begin()))
        await asyncio.gather(*tasks)

    async def _list_contacts(self, made: Round) -> None:
        begun = time.perf_counter()
        made.note("rpc", begun, failed=not await self._asker.ask(self._list))

    async def _record_call(self) -> None:
        self._calls += 1
        uuid = f"{self._name}-{self._calls}"
        said = {"callUuid": uuid, "direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}
        asked = {"action": "create_call", "fields": ["id"], "input": said}
        self._watchers.open[uuid.encode()] = time.perf_counter(), WATCHERS
        await self._asker.ask(rpc(self._asker.key, asked))

    async def _talk(self, made: Round, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        while True:
            begun, answered = time.perf_counter(), False
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._speaker.open()
                    begun = time.perf_counter()
                    await self._speaker.answer()
                    answered = True
                    made.note("voice", begun)
                    await self._speaker.rest()
            except LOST:
                self._speaker.drop()
            if not answered:
                made.note("voice", begun, failed=True)
            if loop.time() >= ends_at:
                return
            await asyncio.sleep(VOICE_EVERY_S)


async def _beat(client: Client) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        client.send(json_frame([None, "0", "phoenix", "heartbeat", {}]))


async def _look(made: Round) -> None:
    """Note how late this process comes to what it has to do."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_S
        await asyncio.sleep(LOOK_S)
        made.lag.append((loop.time() - due) * 1000)


async def _main() -> None:
    asked, priority = order(), step_forward()
    neighbour = Neighbour(asked["port"], asked["key"])
    async with asyncio.timeout(3 * PATIENCE_S):
        await neighbour.start()
    await obey(neighbour.work, priority)


if __name__ == "__main__":
    asyncio.run(_main())
