"""A server whose logs are given events in bursts, for `benchmarks.fanout`.

It is `ringline.app` as it is: events go through the journal, are published on the bus (durable
ones after their commit), and reach their listeners through the hub. After a line of JSON with
what a client needs it obeys lines on its input:

    publish RATE BURST LENGTH TOPICS KIND   ticks per second, 0: as fast as it goes; KIND is
                                            `durable` (turns of a call) or `ephemeral` (partials)
    stop

As fast as it goes means that a tick begins when the events of the one before are published and
written to their listeners.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import structlog
import uvloop

from benchmarks.fanout.marks import message
from benchmarks.known_journal import KnownJournal, journals
from ringline.app import running
from ringline.app import server as app
from ringline.config import Settings
from ringline.domain import call
from ringline.domain.call import Moment
from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport, TurnRole
from ringline.domain.events import CallRef, Event, TranscriptDelta, TurnCompleted
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.records import CallRow, Entry, TurnRow
from ringline.services.backlog import Outcome
from ringline.services.clock import now
from ringline.services.id_generator import new_id
from ringline.services.journal import Journal
from ringline.web.limits import StreamLimits, WebLimits

#: As many on one call as the benchmark likes; a client that is idle is not a matter here.
LIMITS = WebLimits(streams=StreamLimits(watchers=1_000_000, heartbeat_s=3600))


class Speaker:
    """A call in which somebody speaks whenever they are asked to."""

    def __init__(self, journal: Journal, scope: Scope) -> None:
        self._scope = scope
        self._number = 0
        self.call_id = new_id()
        row = CallRow(
            id=self.call_id,
            uuid=str(self.call_id),
            direction=CallDirection.INBOUND,
            from_number="web:anonymous",
            to_number="voice:local/attendant",
            source="realtime",
            transport=CallTransport.WEBSOCKET,
            status=CallStatus.INITIATED,
            started_at=now(),
        )
        begun = call.begin(call.Call(scope, row), Moment(now(), new_id)).entry
        assert begun is not None
        self._call: CallRef | None = begun.events[0].call
        journal.submit(begun)

    def say(self, length: int, *, durable: bool) -> tuple[Event, TurnRow | None]:
        """Return what was said next: a turn and its row, or a partial."""
        text, turn_id, moment = message(self._number, length), new_id(), now()
        self._number += 1
        if not durable:
            part = TranscriptDelta(
                turn_id=turn_id,
                item_id=f"item-{self._number}",
                role=TurnRole.CALLER,
                delta=text,
                text=text,
                sequence=0,
            )
            return Event(new_id(), moment, part, self._call), None
        transcript_id = new_id()
        told = TurnCompleted(
            turn_id=turn_id,
            item_id="item",
            role=TurnRole.CALLER,
            text=text,
            transcript_id=transcript_id,
        )
        row = TurnRow(
            transcript_id, self.call_id, turn_id, "item", 0, TurnRole.CALLER, text, False, moment
        )
        return Event(new_id(), moment, told, self._call), row

    def entry(self, burst: int, length: int, *, durable: bool) -> Entry:
        """Return an entry of several events, which are published together."""
        said = [self.say(length, durable=durable) for _ in range(burst)]
        rows = tuple(row for _, row in said if row is not None)
        return Entry(self._scope, tuple(event for event, _ in said), rows, self.call_id)


class Publisher:
    """Obeys the driver."""

    def __init__(self, journal: Journal, scope: Scope) -> None:
        self._journal = journal
        self._scope = scope
        self._speakers: list[Speaker] = []
        self._publishing: asyncio.Task[None] | None = None

    async def prepare(self, topics: int) -> list[str]:
        """Begin so many calls; return their ids."""
        while len(self._speakers) < topics:
            self._speakers.append(Speaker(self._journal, self._scope))
            while self._journal.pending > 100:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        while self._journal.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return [format_id(Prefix.CALL, one.call_id) for one in self._speakers]

    async def obey(self, line: str) -> str:
        """Carry out a command; return its answer."""
        word, *given = line.split()
        if self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None
        if word == "publish":
            rate, burst, length, topics, kind = given
            self._publishing = asyncio.create_task(
                self._publish(
                    float(rate), int(burst), length=int(length), topics=int(topics), kind=kind
                )
            )
        if word == "calls":
            return json.dumps(await self.prepare(int(given[0])))
        return "ok"

    async def _publish(
        self, rate: float, burst: int, *, length: int, topics: int, kind: str
    ) -> None:
        loop = asyncio.get_running_loop()
        due, number, durable = loop.time(), 0, kind == "durable"
        while True:
            speakers = [self._speakers[(number + place) % topics] for place in range(burst)]
            if topics == 1:
                await self._submit([speakers[0].entry(burst, length, durable=durable)])
            else:
                await self._submit([one.entry(1, length, durable=durable) for one in speakers])
            number += burst
            if rate:
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
            else:
                await asyncio.sleep(0)  # the end of the tick

    async def _submit(self, entries: list[Entry]) -> None:
        """Submit entries; return when they are published."""
        published: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def note(outcome: Outcome) -> None:
            if not published.done():
                published.set_result(None)

        for entry in entries:
            waits = entry is entries[-1] and bool(entry.durable)
            self._journal.submit(entry, note if waits else None)
        if entries[-1].durable:
            await published


async def serve(settings: Settings) -> None:
    async with running(settings, dev=True, warm=False, limits=LIMITS) as server:
        keys = await server.admin.workspaces.create("Benchmark")
        publisher = Publisher(journals[0], Scope(keys.workspace_id, Environment.LIVE))
        calls = await publisher.prepare(1)
        made = {name: str(value) for name, value in asdict(keys).items()}
        made |= {"base_url": server.base_url, "call_id": calls[0]}
        print(json.dumps(made), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(await publisher.obey(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    asked = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    secret = secrets.token_hex()
    settings = Settings.read(
        data_dir=asked.data_dir, port=0, signing_secret=secret, encryption_key=secret
    )
    with patch.object(app, "Journal", KnownJournal):
        uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
