"""A server whose journal can be given events at a rate, for `benchmarks.events`.

It is `ringline.app` as it is, but for a bus that notes when an event was committed. Each
line on its input, `RATE SECONDS FILE`, lets it write so many events and then the moments
(CLOCK_MONOTONIC, ns) into the file: {event id: [submitted, committed]}; the answer on its
output is a line of how many. The voice is not started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import structlog
import uvloop

from benchmarks.known_journal import KnownJournal, journals
from ringline.app import running
from ringline.app import server as app
from ringline.bus.memory import MemoryBus
from ringline.config import Settings
from ringline.domain import call
from ringline.domain.call import Moment
from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport, TurnRole
from ringline.domain.events import CallRef, Event, TurnCompleted
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.publication import Publication
from ringline.domain.records import CallRow, Entry, TurnRow
from ringline.services.clock import now
from ringline.services.id_generator import new_id
from ringline.services.journal import Journal

TEXT = "I would like to book a table for two people tonight, by the window if you can."

_committed: dict[UUID, int] = {}


class StampedBus(MemoryBus):
    """Notes the moment of each event: the journal publishes right after its commit."""

    def publish(self, publication: Publication) -> None:
        moment = time.monotonic_ns()
        for published in publication.events:
            _committed[published.event.id] = moment
        super().publish(publication)


class Source:
    """One call that speaks without end."""

    def __init__(self, journal: Journal, scope: Scope) -> None:
        self._journal = journal
        self._scope = scope
        call_id = new_id()
        self._row = CallRow(
            id=call_id,
            uuid=str(call_id),
            direction=CallDirection.INBOUND,
            from_number="web:anonymous",
            to_number="voice:local/attendant",
            source="realtime",
            transport=CallTransport.WEBSOCKET,
            status=CallStatus.INITIATED,
            started_at=now(),
        )
        begun = call.begin(call.Call(scope, self._row), Moment(now(), new_id)).entry
        assert begun is not None
        self._call: CallRef | None = begun.events[0].call
        journal.submit(begun)

    async def speak(self, rate: float, seconds: float) -> dict[str, list[int]]:
        """Submit events at a rate; return when each was submitted and committed."""
        _committed.clear()
        submitted: dict[UUID, int] = {}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(begun + number / rate - loop.time())
            entry = self._turn()
            submitted[entry.events[0].id] = time.monotonic_ns()
            self._journal.submit(entry)
        await self.written()
        return {
            format_id(Prefix.EVENT, event_id): [moment, _committed[event_id]]
            for event_id, moment in submitted.items()
        }

    async def written(self) -> None:
        """Wait until nothing waits for its commit."""
        while self._journal.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def _turn(self) -> Entry:
        turn_id, transcript_id, moment = new_id(), new_id(), now()
        told = TurnCompleted(
            turn_id=turn_id,
            item_id="item",
            role=TurnRole.CALLER,
            text=TEXT,
            transcript_id=transcript_id,
        )
        row = TurnRow(
            transcript_id, self._row.id, turn_id, "item", 0, TurnRole.CALLER, TEXT, False, moment
        )
        event = Event(id=new_id(), occurred_at=moment, data=told, call=self._call)
        return Entry(self._scope, (event,), (row,), self._row.id)


async def serve(settings: Settings, ready_file: Path) -> None:
    async with running(settings, dev=True, warm=False) as server:
        keys = await server.admin.workspaces.create("Benchmark")
        source = Source(journals[0], Scope(keys.workspace_id, Environment.LIVE))
        await source.written()
        made = {name: str(value) for name, value in asdict(keys).items()}
        # Both secrets of the server are the same here; a peer signs and a benchmark seals with it.
        made["base_url"], made["signing_secret"] = server.base_url, settings.signing_secrets[0]
        made["encryption_key"] = made["signing_secret"]
        partial = ready_file.with_suffix(".new")
        partial.write_text(json.dumps(made))
        partial.replace(ready_file)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            rate, seconds, path = line.split()
            _answer(Path(path), await source.speak(float(rate), float(seconds)))


def _answer(path: Path, moments: dict[str, list[int]]) -> None:
    path.write_text(json.dumps(moments))
    print(len(moments), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    secret = secrets.token_hex()
    settings = Settings.read(
        data_dir=asked.data_dir, port=asked.port, signing_secret=secret, encryption_key=secret
    )
    with patch.object(app, "MemoryBus", StampedBus), patch.object(app, "Journal", KnownJournal):
        uvloop.run(serve(settings, asked.ready_file))


if __name__ == "__main__":
    main()
