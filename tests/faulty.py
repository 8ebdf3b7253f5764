"""A log and a bus with injectable faults, for tests of the code above them.

`MemoryLog` implements the `EventLog` port and nothing more. `FaultyLog` wraps any `EventLog`
and injects faults.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from ringline.domain import limits
from ringline.domain.events import Event, StoredEvent
from ringline.domain.log import Scope
from ringline.domain.publication import Publication
from ringline.domain.records import Entry, UsageRow
from ringline.domain.topics import ALL_EVENTS, Topic, topics_of
from ringline.ports import (
    ALL_LOGS,
    AllLogs,
    AlreadyExists,
    Check,
    EntryRefused,
    EventLog,
    LogBusy,
    LogHead,
    LogPage,
    StoreUnavailable,
    Subscriber,
    Unsubscribe,
    Violation,
)
from ringline.services.weights import weight_of

EPOCH = "epoch001"

Result = TypeVar("Result")


class MemoryLog:
    """Logs in memory: transactions are serial, and event ids are unique in their log."""

    def __init__(self) -> None:
        self.logs: dict[Scope, list[StoredEvent]] = {}
        self.usage: dict[UUID, UsageRow] = {}
        self.epoch = EPOCH
        self.oldest = 1
        self.known: set[Scope] | None = None  # the logs that exist; None means all

    async def available(self) -> None:
        await asyncio.sleep(0.001)

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        await asyncio.sleep(0.001)
        for entry in entries:
            known = {stored.event.id for stored in self.logs.get(entry.scope, [])}
            if any(event.id in known for event in entry.durable):
                raise AlreadyExists
        offsets: list[tuple[int, ...]] = []
        for entry in entries:
            rows = self.logs.setdefault(entry.scope, [])
            first = len(rows) + 1
            used = (record for record in entry.records if isinstance(record, UsageRow))
            self.usage = {row.id: row for row in used} | self.usage  # a second time changes nothing
            rows += [StoredEvent(first + n, event) for n, event in enumerate(entry.durable)]
            offsets.append(tuple(range(first, len(rows) + 1)))
        return offsets

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        await asyncio.sleep(0.001)
        wanted = set(event_ids)
        rows = self.logs.get(scope, [])
        return {row.event.id: row.offset for row in rows if row.event.id in wanted}

    async def page(
        self, scope: Scope, after: int, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        rows = [
            row
            for row in self.logs.get(scope, [])[max(after, self.oldest - 1) :]
            if topic in topics_of(row.event)
        ]
        await asyncio.sleep(0.001)
        taken: list[StoredEvent] = []
        size = 0
        for row in rows[:limit]:
            taken.append(row)
            size += weight_of(row.event)
            if size >= limits.FOLLOWED_BYTES.most:
                break
        return LogPage(taken, len(taken) == len(rows))

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        newest = {
            scope: len(self.logs.get(scope, []))
            for scope in scopes
            if self.known is None or scope in self.known
        }
        await asyncio.sleep(0.001)
        return {scope: LogHead(self.epoch, offset, self.oldest) for scope, offset in newest.items()}


class FaultyLog:
    """An `EventLog` that injects faults into another one."""

    def __init__(self, inner: EventLog) -> None:
        self.inner = inner
        self.commits: list[list[Entry]] = []  # all attempts, in order
        self.away = False
        self.fail_commits: list[Exception] = []  # raised by the next commits, without writing
        self.lose_answers = 0  # how many of the next commits are written but not acknowledged
        self.die_after_commit: Callable[[], None] | None = None
        self.busy: set[Scope] = set()
        self.refuse_usage = False
        self.refused: set[UUID] = set()  # calls that accept nothing but `call.ended`
        self._back = asyncio.Event()
        self._back.set()

    def go_away(self) -> None:
        self.away = True
        self._back.clear()

    def come_back(self) -> None:
        self.away = False
        self._back.set()

    async def available(self) -> None:
        await self._back.wait()
        await self.inner.available()

    async def commit(self, entries: Sequence[Entry]) -> list[tuple[int, ...]]:
        self.commits.append(list(entries))
        self._check()
        if self.fail_commits:
            raise self.fail_commits.pop(0)
        if any(entry.scope in self.busy for entry in entries):
            await asyncio.sleep(1.0)  # the lock's time-out
            raise LogBusy
        if any(
            entry.call_id in self.refused and entry.durable[-1].type != "call.ended"
            for entry in entries
        ):
            raise EntryRefused(Violation.OTHER)
        records = (record for entry in entries for record in entry.records)
        if self.refuse_usage and any(isinstance(record, UsageRow) for record in records):
            raise EntryRefused(Violation.OTHER)
        offsets = await self.inner.commit(entries)
        if self.die_after_commit is not None:
            self.die_after_commit()
        self._check()
        if self.lose_answers:
            self.lose_answers -= 1
            raise StoreUnavailable
        return offsets

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        self._check()
        return await self.inner.find(scope, event_ids)

    async def page(
        self, scope: Scope, after: int, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        self._check()
        return await self.inner.page(scope, after, limit=limit, topic=topic)

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        self._check()
        return await self.inner.heads(scopes)

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable


class RecordingTransaction:
    """A transaction that only records events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, *events: Event) -> None:
        self.events += events


class LogRecords:
    """The writing half of `Records`, for events: a transaction is one entry of a log."""

    def __init__(self, log_store: EventLog) -> None:
        self._store = log_store

    def read(self, scope: Scope, check: Check | None = None) -> Any:
        raise AssertionError("there are no rows to read")

    async def write(
        self,
        scope: Scope,
        work: Callable[[Any], Awaitable[Result]],
        check: Check | None = None,
    ) -> tuple[Result, Sequence[StoredEvent]]:
        transaction = RecordingTransaction()
        result = await work(transaction)
        events = tuple(transaction.events)
        [offsets] = await self._store.commit([Entry(scope, events, ())])
        return result, [StoredEvent(*pair) for pair in zip(offsets, events, strict=True)]


@dataclass(frozen=True, eq=False)
class Subscription:
    """A subscription, and the logs that it is for."""

    logs: Scope | AllLogs
    subscriber: Subscriber


class FaultyBus:
    """A bus that loses, doubles and holds back publications on demand.

    Errors of subscribers are collected in `errors`, for a test that expects none.
    """

    def __init__(self) -> None:
        self.published: list[Publication] = []
        self.faults: list[str] = []  # for the next publications: lose, double, hold
        self.held: list[Publication] = []
        self.errors: list[Exception] = []  # of subscribers
        self._subscriptions: list[Subscription] = []

    def publish(self, publication: Publication) -> None:
        self.published.append(publication)
        match self.faults.pop(0) if self.faults else "":
            case "lose":
                pass
            case "double":
                self._deliver(publication)
                self._deliver(publication)
            case "hold":
                self.held.append(publication)
            case _:
                self._deliver(publication)

    def release_held(self) -> None:
        held, self.held = self.held, []
        for publication in reversed(held):
            self._deliver(publication)

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        subscription = Subscription(logs, subscriber)
        self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

        return unsubscribe

    @property
    def subscribed(self) -> list[Scope | AllLogs]:
        """Return the logs of all subscriptions, in order."""
        return [subscription.logs for subscription in self._subscriptions]

    async def close(self) -> None:
        self._subscriptions.clear()

    def _deliver(self, publication: Publication) -> None:
        for subscription in tuple(self._subscriptions):
            ended = subscription not in self._subscriptions
            if ended or subscription.logs not in (ALL_LOGS, publication.scope):
                continue
            try:
                subscription.subscriber(publication)
            except Exception as error:
                self.errors.append(error)
