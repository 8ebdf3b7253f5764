"""A thousand clients come back at once after a restart: nothing is lost, the log is asked little.

They reconnect with their own cursors, on raw sockets, the request and the join in one write.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from ringline.app import server as app
from ringline.domain.log import Scope
from ringline.domain.topics import ALL_EVENTS, Topic
from ringline.ports import LogHead, LogPage, LogReader
from ringline.services.shared_reads import SharedReads
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.watchers import events_client, socket_url

CROWD, CURSORS, MISSED = 1_000, 10, 20
LIMIT_S = 120.0
CALL = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}
ROOM: dict[str, Any] = {"max_sockets_per_key": 2 * CROWD, "max_connections_per_address": 2 * CROWD}


class SlowLog:
    """A log's reader that answers nobody before as many have asked as are expected."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self.queries: Counter[str] = Counter()
        self.released: Counter[str] = Counter()
        self.gates = {"heads": asyncio.Event(), "page": asyncio.Event()}

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        return await self._log.find(scope, event_ids)

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        self.queries["page"] += 1
        await self.gates["page"].wait()
        return await self._log.page(scope, after, limit=limit, topic=topic)

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        self.queries["heads"] += 1
        await self.gates["heads"].wait()
        return await self._log.heads(scopes)


class AskedReads(SharedReads):
    """Counts who asks, and opens the log's gates when the whole crowd has asked."""

    def __init__(self, log: LogReader) -> None:
        self.log = SlowLog(log)
        self._asked: Counter[str] = Counter()
        super().__init__(self.log)

    def _ask(self, what: str) -> None:
        self._asked[what] += 1
        if self._asked[what] == CROWD:
            self.log.gates[what].set()

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        self._ask("page")
        return await super().page(scope, after, limit=limit, topic=topic)

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        self._ask("heads")
        return await super().heads(scopes)


async def come_back(url: str, since: str, *, last: int) -> list[str]:
    """Rejoin from a position; return the positions of the events up to an offset."""
    client, place = ClientProtocol(parse_uri(url)), urlsplit(url)
    client.send_request(client.connect())
    join = json.dumps(["1", "1", "events", "phx_join", {"since": since}]).encode()
    request = b"".join(client.data_to_send())
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(request + Frame(Opcode.TEXT, join).serialize(mask=True))
        told: list[str] = []
        while not told or offset_of(told[-1]) < last:
            client.receive_data(await reader.read(65_536))
            for event in client.events_received():
                if isinstance(event, Frame):
                    assert event.opcode is Opcode.TEXT, event
                    told += position_of(json.loads(bytes(event.data)))
        return told
    finally:
        writer.transport.abort()


def position_of(frame: list[Any]) -> list[str]:
    """Return the position of an event; of a reply nothing, but it must say `recovered`."""
    if frame[3] == "phx_reply":
        assert frame[4]["status"] == "ok", frame
        assert frame[4]["response"]["recovered"] is True, frame
        return []
    return [frame[4]["position"]] if "position" in frame[4] else []


def offset_of(position: str) -> int:
    return int(position.partition(":")[2])


async def positions_of(service: Service, count: int) -> list[str]:
    """Write so many events; return their positions."""
    async with events_client(service) as client:
        await client.join()
        for _ in range(count):
            await Rpc(service).run("create_call", input=CALL)
        told = [await client.push() for _ in range(count)]
    return [frame[4]["position"] for frame in told]


async def test_a_thousand_clients_come_back_at_once(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(database, **ROOM, rate_rpc_per_second=0) as before:
        positions = await positions_of(before, MISSED)
        token = await before.session_token()
    asked: list[AskedReads] = []

    def reads(log: LogReader) -> AskedReads:
        asked.append(AskedReads(log))
        return asked[-1]

    monkeypatch.setattr(app, "SharedReads", reads)
    async with serving(database, **ROOM, rate_rpc_per_second=0) as after:
        url = socket_url(after, token)
        last = offset_of(positions[-1]) + 1  # of a call that begins once all have asked
        kept = [positions[number % CURSORS] for number in range(CROWD)]
        coming = [asyncio.create_task(come_back(url, since, last=last)) for since in kept]
        async with asyncio.timeout(LIMIT_S):
            await asked[0].log.gates["page"].wait()
            service = Service(after.base_url, after.http, before.keys, after.admin)
            await Rpc(service).run("create_call", input=CALL)
            for since, told in zip(kept, await asyncio.gather(*coming), strict=True):
                offsets = [offset_of(position) for position in told]
                assert offsets == list(range(offset_of(since) + 1, last + 1))
    # The first to ask is answered for itself, and everybody else by the query after it.
    assert asked[0].log.queries["heads"] <= 2
    assert asked[0].log.queries["page"] <= 2 * CURSORS
