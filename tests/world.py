"""A simulation of two processes, their clients and the faults between them.

The processes share the logs and the bus, like two processes on one machine; each reaches
the database through its own `FaultyLog`. A client behaves like a browser: it keeps the events
that it was sent and the last position it saw, and resumes from there.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from ringline.domain.events import Event, StoredEvent, TranscriptDelta, TurnCompleted
from ringline.domain.log import FromBeginning, Position, Scope, Since, parse_since
from ringline.domain.publication import Publication
from ringline.domain.records import Entry
from ringline.domain.topics import Topic
from ringline.domain.unavailable import Unavailable
from ringline.ports import (
    AllLogs,
    EntryRefused,
    EventLog,
    Subscriber,
    Transaction,
    Unsubscribe,
)
from ringline.services.backlog import Outcome, Written
from ringline.services.follow import Follower, OnLoss, Subscription, follow, resolve
from ringline.services.hub import Hub
from ringline.services.journal import Journal
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.services.repo import Repo
from tests.faulty import FaultyBus, FaultyLog, LogRecords
from tests.samples import LineDialect, a_subscriber


class ProcessBus:
    """A process's end of the bus; a dead process neither publishes nor receives."""

    def __init__(self, bus: FaultyBus) -> None:
        self.bus = bus
        self.dead = False

    def publish(self, publication: Publication) -> None:
        if not self.dead:
            self.bus.publish(publication)

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        return self.bus.subscribe(
            logs, lambda publication: None if self.dead else subscriber(publication)
        )

    async def close(self) -> None:
        self.dead = True


class Process:
    """A journal and a hub, and a connection to the database that can fail."""

    def __init__(self, inner: EventLog, bus: FaultyBus) -> None:
        self.store = FaultyLog(inner)
        self.bus = ProcessBus(bus)
        self.journal = Journal(self.store, self.bus)
        self.repo = Repo(LogRecords(self.store), self.bus)
        self.hub = Hub(self.store, self.bus)
        self.tick = self.hub.tick
        self.journal.start()
        self.hub.start()

    async def die(self) -> None:
        """End like a killed process: write and publish nothing more."""
        self.bus.dead = True
        await self.repo.close()
        await self.journal.close(grace_s=0)
        await self.hub.close()


@dataclass(eq=False)
class Submitted:
    """An entry and its outcomes; an API request writes it in its own transaction."""

    entry: Entry
    process: Process
    request: bool = False
    outcomes: list[Outcome] = field(default_factory=list[Outcome])


@dataclass
class Heard:
    """An event that a client received."""

    position: Position | None
    event_id: UUID
    type: str


class Client:
    """A browser that follows one topic: a log, or one call in it."""

    def __init__(self, world: "World", scope: Scope, topic: Topic, on_loss: OnLoss) -> None:
        self.world, self.scope, self.topic, self.on_loss = world, scope, topic, on_loss
        self.history: list[Heard] = []
        self.certain = 0  # the length of the history up to the last position seen
        self.paused = False
        self.gap_reported = False
        self.follower: Follower | None = None
        self.outbox: Outbox | None = None
        self.process: Process | None = None
        self._connecting: asyncio.Task[None] | None = None

    @property
    def position(self) -> Position | None:
        return self.history[self.certain - 1].position if self.certain else None

    @property
    def connected(self) -> bool:
        return self.outbox is not None

    def write(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            position, event_id, kind = line.split()
            since = None if position == "-" else parse_since(position)
            assert since is None or isinstance(since, Position)
            self.history.append(Heard(since, UUID(event_id), kind))
            if since is not None:
                self.certain = len(self.history)

    def write_shared(self, data: bytes) -> None:
        self.write(data)

    def connect(self, process: Process) -> None:
        """Follow from the last position, like a client that lost its connection."""
        del self.history[self.certain :]
        self.gap_reported = False
        self.paused = False
        self.process = process
        self.outbox = Outbox(self, process.tick, overrun=self.disconnect, limit=4)
        self._connecting = asyncio.get_running_loop().create_task(
            self._follow(process, self.outbox)
        )

    def disconnect(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self.follower is not None:
            self.follower.close()
        if self.outbox is not None:
            self.outbox.close()
        self.follower = self.outbox = self._connecting = None

    def read_on(self) -> None:
        self.paused = False
        if self.outbox is not None:
            self.outbox.resumed()

    async def _follow(self, process: Process, outbox: Outbox) -> None:
        since: Since = self.position or FromBeginning()
        try:
            resolved = await resolve(process.store, self.scope, since=since)
            assert resolved.recovered, "nothing was removed and nothing rebuilt"
            subscription = Subscription(
                self.scope,
                self.topic,
                LineDialect(),
                self.on_loss,
                self._on_gap,
                LineDialect("plain", positions=False),
                subscriber=a_subscriber(),
            )
            self.follower = await follow(
                process.hub,
                process.store,
                subscription=subscription,
                since=resolved.position,
                outbox=outbox,
            )
        except (Unavailable, OutboxClosed):
            self.outbox = None
        self._connecting = None

    def _on_gap(self, follower: Follower) -> None:
        self.gap_reported = True
        if self.on_loss is OnLoss.STOP:
            asyncio.get_running_loop().call_later(0.02, self._close, follower)

    def _close(self, follower: Follower) -> None:
        """Close the socket, after a delay, unless the client has reconnected meanwhile."""
        if self.follower is follower:
            self.disconnect()


class World:
    """Processes, clients and the bus. `inner` is the event log without faults."""

    def __init__(self, inner: EventLog, scopes: list[Scope]) -> None:
        self.inner = inner
        self.scopes = scopes
        self.bus = FaultyBus()
        self.processes = [Process(inner, self.bus), Process(inner, self.bus)]
        self.clients: list[Client] = []
        self.submitted: list[Submitted] = []
        self.events: dict[UUID, Event] = {}
        self.dead: list[Process] = []
        self._requests: set[asyncio.Task[None]] = set()

    def submit(self, process: Process, entry: Entry) -> None:
        """Submit an entry to a process's journal, as a call does."""
        record = self._record(process, entry)
        process.journal.submit(entry, record.outcomes.append if entry.durable else None)

    def request(self, process: Process, entry: Entry) -> None:
        """Write an entry's events as an API request does."""
        record = self._record(process, entry, request=True)

        async def append(transaction: Transaction) -> None:
            transaction.append(*entry.durable)

        async def write() -> None:
            try:
                await process.repo.write(entry.scope, append)
            except (Unavailable, EntryRefused):  # it may have been written
                self.submitted.remove(record)
                return
            found = await self.inner.find(entry.scope, [event.id for event in entry.durable])
            record.outcomes.append(Written(tuple(found[event.id] for event in entry.durable)))

        task = asyncio.get_running_loop().create_task(write())
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def _record(self, process: Process, entry: Entry, *, request: bool = False) -> Submitted:
        record = Submitted(entry, process, request)
        self.submitted.append(record)
        self.events.update((event.id, event) for event in entry.events)
        return record

    async def crash(self, number: int) -> None:
        """Kill a process and start a replacement; its clients lose their sockets."""
        old = self.processes[number]
        for client in self.clients:
            if client.process is old:
                client.disconnect()
        await old.die()
        self.dead.append(old)
        self.processes[number] = Process(self.inner, self.bus)

    async def heal(self) -> None:
        """Clear all faults and wait until everything has been delivered."""
        self.bus.faults.clear()
        self.bus.release_held()
        for process in self.processes:
            store = process.store
            store.fail_commits.clear()
            store.lose_answers = 0
            store.busy.clear()
            store.die_after_commit = None
            store.come_back()
        for _ in range(2000):
            if await self._quiet():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the simulation never settled")

    async def _quiet(self) -> bool:
        quiet = not any(process.journal.pending for process in self.processes)
        for client in self.clients:
            client.read_on()
            if client.gap_reported:
                client.disconnect()
            if not client.connected:
                client.connect(self.processes[0])
                quiet = False
            expected = await self.truth(client)
            quiet = quiet and len(expected) == sum(
                heard.position is not None for heard in client.history
            )
        return quiet and not self._requests

    async def truth(self, client: Client) -> list[StoredEvent]:
        """Return the durable events that a client of its topic should have at the end."""
        return [*(await self.inner.page(client.scope, 0, limit=100_000, topic=client.topic)).events]

    async def close(self) -> None:
        for client in self.clients:
            client.disconnect()
        for process in self.processes:
            await process.repo.close()
            await process.journal.close()
            await process.hub.close()

    # -- what must always be true -------------------------------------------------------

    async def check(self) -> None:
        assert not self.bus.errors
        for client in self.clients:
            await self._check_client(client)

    async def _check_client(self, client: Client) -> None:
        history, gap_reported = list(client.history), client.gap_reported
        last = client.position.offset if client.position is not None else 0
        offsets = {row.event.id: row.offset for row in await self.truth(client)}
        durable = [heard for heard in history if self.events[heard.event_id].data.durable]
        heard_offsets = [offsets[h.event_id] for h in durable]  # KeyError: it was not committed
        assert heard_offsets == sorted(set(heard_offsets)), "out of order or doubled"
        for heard, offset in zip(durable, heard_offsets, strict=True):
            assert heard.position is None or heard.position.offset == offset
        must_have = sorted(offset for offset in offsets.values() if offset <= last)
        assert [offset for offset in heard_offsets if offset <= last] == must_have, "hidden gap"
        if durable and not gap_reported:
            complete = [offset for offset in offsets.values() if offset <= heard_offsets[-1]]
            assert heard_offsets == sorted(complete), "an unreported gap"
        self._check_partials(history)

    def _check_partials(self, history: list[Heard]) -> None:
        over: set[str] = set()
        newest: dict[str, int] = {}
        for heard in history:
            match self.events[heard.event_id].data:
                case TurnCompleted(item_id=item):
                    over.add(item)
                case TranscriptDelta(item_id=item, sequence=sequence):
                    assert item not in over, "a partial of a finished turn"
                    assert sequence > newest.get(item, -1), "a partial that is older"
                    newest[item] = sequence
                case _:
                    pass

    async def check_end(self) -> None:
        """Check what must be true once everything has settled."""
        await self.check()
        by_log = {
            scope: (await self.inner.page(scope, 0, limit=100_000)).events for scope in self.scopes
        }
        offsets = {row.event.id: row.offset for rows in by_log.values() for row in rows}
        assert len(offsets) == sum(map(len, by_log.values())), "written twice"
        for rows in by_log.values():
            assert [row.offset for row in rows] == list(range(1, len(rows) + 1))
        for record in self.submitted:
            if not record.entry.durable:
                continue
            for outcome in record.outcomes:
                assert isinstance(outcome, Written) or record.process in self.dead
                if isinstance(outcome, Written):
                    assert outcome.offsets == tuple(offsets[e.id] for e in record.entry.durable)
            assert len(record.outcomes) == 1 or record.process in self.dead
        self._check_calls(offsets)
        for client in self.clients:
            expected = [row.event.id for row in await self.truth(client)]
            durable = [h.event_id for h in client.history if h.position is not None]
            assert durable == expected, "not everything arrived"

    def _check_calls(self, offsets: dict[UUID, int]) -> None:
        """Check that a call's events are in the log in the order of their submission."""
        newest: dict[tuple[int, UUID | None], int] = {}
        for record in self.submitted:
            if record.request:
                continue
            owner = (id(record.process), record.entry.call_id)
            for event in record.entry.durable:
                if event.id in offsets:
                    assert offsets[event.id] > newest.get(owner, 0), "a call's order"
                    newest[owner] = offsets[event.id]
