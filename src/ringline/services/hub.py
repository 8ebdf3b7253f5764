"""The hub: delivers the logs' events to this process's listeners.

For each log that has listeners here the hub subscribes to the bus and keeps a
`ReorderBuffer`. Missing events are read from the log after a moment. Once a second one query
compares the heads of all watched logs, so that even a lost last event is noticed. So reordered
messages, lost messages and a bus outage are all handled the same way. While the database is
down, gaps cannot be filled; the hub retries every second.

An event is encoded once per dialect, and the same bytes go to every listener (`audience.py`).
The hub never awaits a listener.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from ringline.domain import limits
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import ALL_LOGS, Bus, Clock, EventLog, LogHead, StoreUnavailable, Unsubscribe
from ringline.services.audience import FanOut
from ringline.services.clock import now
from ringline.services.outbox import Tick
from ringline.services.reordering import NEAR, ReorderBuffer
from ringline.services.stream_ledger import StreamLedger
from ringline.services.turns import OpenTurns, partial_of
from ringline.services.watch import Watch
from ringline.services.weights import weight_of

_log = structlog.get_logger()

_PAGE = 500
#: Events kept while a log's head is queried; dropped ones are read from the log later.
_EARLY_WHILE_OPENING = limits.EARLY_EVENTS.most
_BYTES_WHILE_OPENING = limits.EARLY_BYTES.most


class _Opening:
    """A log whose head is being queried; events from the bus wait here."""

    def __init__(self, opened: asyncio.Future[Watch]) -> None:
        self.opened = opened
        self.events: deque[Published] = deque()
        self._bytes = 0

    def add(self, events: Iterable[Published]) -> None:
        """Keep events; beyond the bound drop the oldest."""
        for published in events:
            self.events.append(published)
            self._bytes += weight_of(published.event)
        while len(self.events) > _EARLY_WHILE_OPENING or self._bytes > _BYTES_WHILE_OPENING:
            self._bytes -= weight_of(self.events.popleft().event)


class Hub:
    """Follows the watched logs of this process and delivers their events to listeners."""

    def __init__(
        self,
        log_store: EventLog,
        bus: Bus,
        *,
        patience_s: float = 0.05,
        sweep_s: float = 1.0,
        now: Clock = now,
    ) -> None:
        #: Writes to the listeners' connections at the end of the event loop's turn.
        self.tick = Tick()
        #: What is known of live deliveries.
        self.ledger = StreamLedger(now)
        self._fan_out = FanOut(self.tick, _free_of_charge, self.ledger)
        self._store = log_store
        self._bus = bus
        self._patience_s = patience_s
        self._sweep_s = sweep_s
        self._watches: dict[Scope, Watch] = {}
        self._openings: dict[Scope, _Opening] = {}
        self._users: dict[Scope, int] = {}
        self._unsubscribe: dict[Scope, Unsubscribe] = {}  # one for each watch or opening
        self._unwatched_turns = OpenTurns()
        self._gap = asyncio.Event()  # something is missing
        self._tasks: list[asyncio.Task[None]] = []
        self._openers: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Subscribe to the bus, and start to check the logs for gaps."""
        self._bus.subscribe(ALL_LOGS, self._note_unwatched)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._fill_gaps()), loop.create_task(self._sweep())]

    async def close(self) -> None:
        """Stop the hub's tasks."""
        tasks = [*self._tasks, *self._openers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def charge_to(self, charge: Callable[[Scope, int], None]) -> None:
        """Report the bytes that are written to a log's listeners."""
        self._fan_out.charge = charge

    async def watch(self, scope: Scope) -> Watch:
        """Watch a log until `release`. Raises Unavailable."""
        self._users[scope] = self._users.get(scope, 0) + 1
        try:
            watch = self._watches.get(scope)
            if watch is None:
                watch = await asyncio.shield(self._opening(scope).opened)
        except BaseException:
            self._remove_user(scope)
            raise
        return watch

    def release(self, watch: Watch) -> None:
        """Undo one `watch`."""
        self._remove_user(watch.scope)

    # -- from the bus -------------------------------------------------------------------

    def _receive(self, publication: Publication) -> None:
        watch = self._watches.get(publication.scope)
        if watch is not None:
            self._deliver(watch, watch.buffer.receive(publication.events, _now()))
        elif opening := self._openings.get(publication.scope):
            opening.add(publication.events)

    def _note_unwatched(self, publication: Publication) -> None:
        """Remember the open turns of a log without listeners here."""
        if publication.scope not in self._unsubscribe:
            self._unwatched_turns.note(publication.scope, publication.events)

    def _deliver(self, watch: Watch, released: list[Published]) -> None:
        if released:
            watch.deliver(released)
        if watch.buffer.due_at is not None:
            self._gap.set()

    # -- beginning and end of a watch ---------------------------------------------------

    def _opening(self, scope: Scope) -> _Opening:
        opening = self._openings.get(scope)
        if opening is None:
            loop = asyncio.get_running_loop()
            opening = self._openings[scope] = _Opening(loop.create_future())
            opening.add(self._unwatched_turns.take(scope))
            self._unsubscribe[scope] = self._bus.subscribe(scope, self._receive)
            task = loop.create_task(self._open(scope, opening))
            self._openers.add(task)
            task.add_done_callback(self._openers.discard)
        return opening

    async def _open(self, scope: Scope, opening: _Opening) -> None:
        """Query the log's head, then deliver what the bus has published meanwhile."""
        try:
            head = (await self._store.heads([scope])).get(scope)
            buffer = None if head is None else await self._new_buffer(scope, head, opening=opening)
        except Exception as error:
            self._fail(opening, error if isinstance(error, Unavailable) else StoreUnavailable())
        else:
            if head is None or buffer is None:
                self._fail(opening, Unavailable(UnavailableReason.LOG_UNKNOWN))
            elif self._users.get(scope):
                self._start_watch(self._new_watch(scope, head.epoch, buffer=buffer), opening)
        finally:
            del self._openings[scope]
            if scope not in self._watches:
                self._unsubscribe.pop(scope)()
            opening.opened.cancel()

    async def _new_buffer(self, scope: Scope, head: LogHead, *, opening: _Opening) -> ReorderBuffer:
        """Start at a log's head, or up to `NEAR` before it if a partial came from there.

        The event that ended its turn may have been lost on the bus, but the log has it. Older
        partials are dropped; the next partial of their turn replaces them. Raises StoreUnavailable.
        """
        partials = [item.offset for item in opening.events if partial_of(item.event) is not None]
        near = [offset for offset in partials if offset >= head.newest - NEAR]
        buffer = ReorderBuffer(min([*near, head.newest]), patience_s=self._patience_s)
        if buffer.position < head.newest:
            buffer.note_head(head.newest, _now())
            page = await self._store.page(scope, buffer.begin_read(), limit=NEAR)
            past = [Published(stored.offset, stored.event) for stored in page.events]
            buffer.end_read(past, page.complete, now=_now())
        return buffer

    def _new_watch(self, scope: Scope, epoch: str, *, buffer: ReorderBuffer) -> Watch:
        return Watch(scope, epoch, buffer=buffer, fan_out=self._fan_out)

    def _start_watch(self, watch: Watch, opening: _Opening) -> None:
        self._watches[watch.scope] = watch
        opening.opened.set_result(watch)
        start = watch.buffer.start
        relevant = [
            item for item in opening.events if item.event.data.durable or item.offset >= start
        ]
        self._deliver(watch, watch.buffer.receive(relevant, _now()))

    @staticmethod
    def _fail(opening: _Opening, error: Exception) -> None:
        if not opening.opened.done():
            opening.opened.set_exception(error)
            opening.opened.exception()  # marks it as retrieved: every waiter may be gone

    def _remove_user(self, scope: Scope) -> None:
        users = self._users.get(scope, 0) - 1
        if users > 0:
            self._users[scope] = users
            return
        self._users.pop(scope, None)
        watch = self._watches.pop(scope, None)
        if watch is not None:
            self._unsubscribe.pop(scope)()
            self._unwatched_turns.note(scope, watch.buffer.all_open_turns())
            watch.buffer.clear()

    # -- from the log -------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Compare the heads of all watched logs, once a second."""
        while True:
            await asyncio.sleep(self._sweep_s)
            if not self._watches:
                continue
            try:
                heads = await self._store.heads(list(self._watches))
            except StoreUnavailable:
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
            buffer = ReorderBuffer(head.newest, patience_s=self._patience_s)
            watch.rebuilt(head.epoch, buffer)
            return
        self.note_head(watch, head.newest)

    def note_head(self, watch: Watch, newest: int) -> None:
        """Note that a log goes at least this far."""
        watch.buffer.note_head(newest, _now())
        self._deliver(watch, [])

    async def _fill_gaps(self) -> None:
        """Read events that have been missing for a moment from their logs."""
        while True:
            self._gap.clear()
            now = _now()
            due = [watch for watch in self._watches.values() if _due_at(watch) <= now]
            for watch in due:
                await self._fill_gap(watch)
            if due:
                continue
            next_due = min(map(_due_at, self._watches.values()), default=math.inf)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_due if next_due < math.inf else None):
                    await self._gap.wait()

    async def _fill_gap(self, watch: Watch) -> None:
        buffer = watch.buffer
        try:
            page = await self._store.page(watch.scope, buffer.begin_read(), limit=_PAGE)
        except StoreUnavailable:
            buffer.postpone_read(_now() + self._sweep_s)
            return
        except Exception as error:
            _log.error("mending_failed", error=type(error).__name__)
            buffer.postpone_read(_now() + self._sweep_s)
            return
        if watch.buffer is not buffer:
            return
        events = [Published(stored.offset, stored.event) for stored in page.events]
        before = Position(watch.epoch, buffer.position)
        released, lost = buffer.end_read(events, page.complete, now=_now())
        if lost:
            _log.warning("events_gone", workspace_id=str(watch.scope.workspace_id))
            watch.lost_position(before)
        self._deliver(watch, released)


def _due_at(watch: Watch) -> float:
    return math.inf if watch.buffer.due_at is None else watch.buffer.due_at


def _free_of_charge(scope: Scope, size: int) -> None:
    """Charge nobody, as nobody asked to."""


def _now() -> float:
    return asyncio.get_running_loop().time()
