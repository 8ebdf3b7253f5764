"""The hub: who listens in this process, and to which logs.

For each log that somebody here listens to it subscribes to the bus and keeps one
`Reordering`, mended from the log: what is missing for a moment is read, and once a second
one query compares the heads of all watched logs, so that even a lost last event is found.
So overtaking, a message lost on the bus and a bus that was away are one case. While the
database is away nothing is mended; it is tried again every second.

An event is encoded once per dialect, whatever the number of listeners, and the same bytes
go to each of them. No listener is ever awaited: `deliver` puts the frame into an outbox.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

import structlog

from ringline.domain import limits
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.topics import Topic, topics_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import ALL_LOGS, Bus, EventLog, LogHead, StoreAway, Unsubscribe
from ringline.services.reordering import NEAR, Reordering
from ringline.services.turns import OpenTurns, partial_of
from ringline.services.weights import weight_of
from ringline.wire.dialect import Dialect

_log = structlog.get_logger()

_PAGE = 500
#: Events kept while a log's head is asked for; the oldest go, and are read from the log.
_EARLY_WHILE_OPENING = limits.EARLY_EVENTS.most
_BYTES_WHILE_OPENING = limits.EARLY_BYTES.most


class Listener(Protocol):
    """Who hears a log's events, in order. No method blocks."""

    def deliver(self, published: Published, frame: bytes | None) -> None:
        """Take an event and its frame; None if the dialect does not show it."""
        ...

    def lost_position(self) -> None:
        """Take the news that durable events are gone, or that the log was rebuilt."""
        ...


class _Group:
    """The listeners of one dialect, in the order they came."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.listeners: dict[Listener, None] = {}


class Watch:
    """One log as this process follows it, and who listens to it."""

    def __init__(self, scope: Scope, epoch: str, order: Reordering) -> None:
        self.scope = scope
        self.epoch = epoch
        self.order = order
        self._audiences: dict[Topic, dict[str, _Group]] = {}
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def join(self, topic: Topic, dialect: Dialect, listener: Listener) -> None:
        """Deliver to a listener what comes after `order.position` on a topic."""
        groups = self._audiences.setdefault(topic, {})
        group = groups.get(dialect.name)
        if group is None:
            group = groups[dialect.name] = _Group(dialect)
        group.listeners[listener] = None

    def leave(self, topic: Topic, dialect: Dialect, listener: Listener) -> None:
        """Deliver nothing more to a listener; harmless if it never joined."""
        groups = self._audiences.get(topic, {})
        group = groups.get(dialect.name)
        if group is None:
            return
        group.listeners.pop(listener, None)
        if not group.listeners:
            del groups[dialect.name]
        if not groups:
            del self._audiences[topic]

    async def reached(self, offset: int) -> None:
        """Wait until the hub stands at an offset or behind it."""
        if self.order.position < offset:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((offset, waiter))
            await waiter

    def tell(self, released: list[Published]) -> None:
        """Deliver events to everybody whom they concern."""
        for published in released:
            self._tell(published)
        if self._waiters:
            self._wake()

    def lost_position(self) -> None:
        """Tell every listener that it has lost its position."""
        for groups in list(self._audiences.values()):
            for group in list(groups.values()):
                for listener in tuple(group.listeners):
                    listener.lost_position()
        self._wake()

    def _tell(self, published: Published) -> None:
        event = published.event
        groups: list[_Group] = []
        for topic in topics_of(event):
            groups += self._audiences.get(topic, {}).values()
        position = Position(self.epoch, published.offset)
        frames: dict[str, bytes | None] = {}
        # Listeners may leave, or change their dialect, while they are told.
        for dialect, listeners in [(group.dialect, tuple(group.listeners)) for group in groups]:
            if dialect.name not in frames:
                frames[dialect.name] = encode(dialect, event, position, self.scope)
            frame = frames[dialect.name]
            for listener in listeners:
                try:
                    listener.deliver(published, frame)
                except Exception as error:
                    _log.error("listener_failed", error=type(error).__name__)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for offset, waiter in waiters:
            if waiter.done():
                continue
            if offset <= self.order.position:
                waiter.set_result(None)
            else:
                self._waiters.append((offset, waiter))


def encode(dialect: Dialect, event: Event, position: Position, scope: Scope) -> bytes | None:
    """Encode an event; one that a dialect fails on is not shown, and logged by its type."""
    try:
        return dialect.encode(event, position, scope)
    except Exception as error:
        _log.error("dialect_failed", event_type=event.type, error=type(error).__name__)
        return None


class _Opening:
    """A log that begins to be watched: what the bus told before its head was known."""

    def __init__(self, opened: asyncio.Future[Watch]) -> None:
        self.opened = opened
        self.events: deque[Published] = deque()
        self._bytes = 0

    def add(self, events: Iterable[Published]) -> None:
        """Keep events; beyond the bound the oldest go."""
        for published in events:
            self.events.append(published)
            self._bytes += weight_of(published.event)
        while len(self.events) > _EARLY_WHILE_OPENING or self._bytes > _BYTES_WHILE_OPENING:
            self._bytes -= weight_of(self.events.popleft().event)


class Hub:
    """Keeps the watched logs of this process in order and tells their listeners."""

    def __init__(
        self, log_store: EventLog, bus: Bus, *, patience_s: float = 0.05, sweep_s: float = 1.0
    ) -> None:
        self._store = log_store
        self._bus = bus
        self._patience_s = patience_s
        self._sweep_s = sweep_s
        self._watches: dict[Scope, Watch] = {}
        self._openings: dict[Scope, _Opening] = {}
        self._users: dict[Scope, int] = {}
        self._unsubscribe: dict[Scope, Unsubscribe] = {}  # for each watch or opening
        self._unheard = OpenTurns()
        self._gap = asyncio.Event()  # something is missing
        self._tasks: list[asyncio.Task[None]] = []
        self._openers: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen to the bus and to look after the logs."""
        self._bus.subscribe(ALL_LOGS, self._overhear)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._mend()), loop.create_task(self._sweep())]

    async def close(self) -> None:
        """Look after nothing more."""
        tasks = [*self._tasks, *self._openers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def watch(self, scope: Scope) -> Watch:
        """Watch a log until `release`. Raises Unavailable."""
        self._users[scope] = self._users.get(scope, 0) + 1
        try:
            watch = self._watches.get(scope)
            if watch is None:
                watch = await asyncio.shield(self._opening(scope).opened)
        except BaseException:
            self._unuse(scope)
            raise
        return watch

    def release(self, watch: Watch) -> None:
        """Stop watching, for one that watched."""
        self._unuse(watch.scope)

    # -- from the bus -------------------------------------------------------------------

    def _receive(self, publication: Publication) -> None:
        watch = self._watches.get(publication.scope)
        if watch is not None:
            self._tell(watch, watch.order.arrived(publication.events, _now()))
        elif opening := self._openings.get(publication.scope):
            opening.add(publication.events)

    def _overhear(self, publication: Publication) -> None:
        """Remember the open turns of a log that nobody here listens to."""
        if publication.scope not in self._unsubscribe:
            self._unheard.note(publication.scope, publication.events)

    def _tell(self, watch: Watch, released: list[Published]) -> None:
        if released:
            watch.tell(released)
        if watch.order.due_at is not None:
            self._gap.set()

    # -- beginning and end of a watch ---------------------------------------------------

    def _opening(self, scope: Scope) -> _Opening:
        opening = self._openings.get(scope)
        if opening is None:
            loop = asyncio.get_running_loop()
            opening = self._openings[scope] = _Opening(loop.create_future())
            opening.add(self._unheard.take(scope))
            self._unsubscribe[scope] = self._bus.subscribe(scope, self._receive)
            task = loop.create_task(self._open(scope, opening))
            self._openers.add(task)
            task.add_done_callback(self._openers.discard)
        return opening

    async def _open(self, scope: Scope, opening: _Opening) -> None:
        """Ask where the log stands; what the bus tells meanwhile waits."""
        try:
            head = (await self._store.heads([scope])).get(scope)
            order = None if head is None else await self._order(scope, head, opening)
        except Exception as error:
            self._fail(opening, error if isinstance(error, Unavailable) else StoreAway())
        else:
            if head is None or order is None:
                self._fail(opening, Unavailable(UnavailableReason.LOG_UNKNOWN))
            elif self._users.get(scope):
                self._begin(Watch(scope, head.epoch, order), opening)
        finally:
            del self._openings[scope]
            if scope not in self._watches:
                self._unsubscribe.pop(scope)()
            opening.opened.cancel()

    async def _order(self, scope: Scope, head: LogHead, opening: _Opening) -> Reordering:
        """Begin at a log's head, or before it where a turn was open, if that is near.

        What finished a turn may have been lost on the bus; the log has it. Turns that were
        open earlier are forgotten: their next partials will be told. Raises StoreAway.
        """
        partials = [told.offset for told in opening.events if partial_of(told.event) is not None]
        near = [offset for offset in partials if offset >= head.newest - NEAR]
        order = Reordering(min([*near, head.newest]), patience_s=self._patience_s)
        if order.position < head.newest:
            order.heard_of(head.newest, _now())
            page = await self._store.page(scope, order.asks(), NEAR)
            past = [Published(stored.offset, stored.event) for stored in page.events]
            order.read(past, page.complete, _now())
        return order

    def _begin(self, watch: Watch, opening: _Opening) -> None:
        self._watches[watch.scope] = watch
        opening.opened.set_result(watch)
        begun = watch.order.begun
        told = [one for one in opening.events if one.event.data.durable or one.offset >= begun]
        self._tell(watch, watch.order.arrived(told, _now()))

    @staticmethod
    def _fail(opening: _Opening, error: Exception) -> None:
        if not opening.opened.done():
            opening.opened.set_exception(error)
            opening.opened.exception()  # nobody may be left to take it

    def _unuse(self, scope: Scope) -> None:
        users = self._users.get(scope, 0) - 1
        if users > 0:
            self._users[scope] = users
            return
        self._users.pop(scope, None)
        watch = self._watches.pop(scope, None)
        if watch is not None:
            self._unsubscribe.pop(scope)()
            self._unheard.note(scope, watch.order.all_open_turns())
            watch.order.forget()

    # -- from the log -------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Compare the heads of all watched logs, once a second."""
        while True:
            await asyncio.sleep(self._sweep_s)
            if not self._watches:
                continue
            try:
                heads = await self._store.heads(list(self._watches))
            except StoreAway:
                continue
            except Exception as error:
                _log.error("sweep_failed", error=type(error).__name__)
                continue
            for scope, head in heads.items():
                watch = self._watches.get(scope)
                if watch is not None:
                    self._compare(watch, head)

    def _compare(self, watch: Watch, head: LogHead) -> None:
        if head.epoch != watch.epoch:
            _log.warning("log_rebuilt", workspace_id=str(watch.scope.workspace_id))
            watch.epoch = head.epoch
            watch.order = Reordering(head.newest, patience_s=self._patience_s)
            watch.lost_position()
            return
        self.heard_of(watch, head.newest)

    def heard_of(self, watch: Watch, newest: int) -> None:
        """Take the news that a log goes at least this far."""
        watch.order.heard_of(newest, _now())
        self._tell(watch, [])

    async def _mend(self) -> None:
        """Read from the logs what has been missing for a moment."""
        while True:
            self._gap.clear()
            now = _now()
            due = [watch for watch in self._watches.values() if _due_at(watch) <= now]
            for watch in due:
                await self._read(watch)
            if due:
                continue
            next_due = min(map(_due_at, self._watches.values()), default=math.inf)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_due if next_due < math.inf else None):
                    await self._gap.wait()

    async def _read(self, watch: Watch) -> None:
        order = watch.order
        try:
            page = await self._store.page(watch.scope, order.asks(), _PAGE)
        except StoreAway:
            order.postpone(_now() + self._sweep_s)
            return
        except Exception as error:
            _log.error("mending_failed", error=type(error).__name__)
            order.postpone(_now() + self._sweep_s)
            return
        if watch.order is not order:
            return
        events = [Published(stored.offset, stored.event) for stored in page.events]
        released, gone = order.read(events, page.complete, _now())
        if gone:
            _log.warning("events_gone", workspace_id=str(watch.scope.workspace_id))
            watch.lost_position()
        self._tell(watch, released)


def _due_at(watch: Watch) -> float:
    return math.inf if watch.order.due_at is None else watch.order.due_at


def _now() -> float:
    return asyncio.get_running_loop().time()
