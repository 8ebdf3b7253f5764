"""Following a log from a position: one operation for every surface.

The hub watches the log; the listener reads pages of the past, at the pace its connection
drains, until it stands where the hub stands, and joins the hub's listeners in that same
tick. Nothing waits in its buffer meanwhile, nothing is lost or doubled. The last step is
taken from the hub's memory, so that a log which never rests is caught up with too.

No position ever stands behind a gap (architecture, "One cursor everywhere"). Where the
outbox drops a durable frame, the surface's `OnLoss` decides what the listener hears then:

- `STOP` (events socket): nothing more; the surface closes with "resume".
- `GO_ON` (call WebSocket): what fits, after a notice that names `position`.
- `WITHOUT_POSITIONS` (SSE): what fits, in a dialect without positions.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ringline.domain.events import Event
from ringline.domain.log import AfterEvent, FromBeginning, Position, Scope, Since
from ringline.domain.publication import Published
from ringline.domain.topics import CallEvents, Topic, ends, topics_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EventLog
from ringline.services.hub import Hub, Watch, encode
from ringline.services.outbox import Outbox
from ringline.wire.dialect import Dialect

_PAGE = 200  # events in one query
_STEP = 32  # of them offered at once; half an outbox, for what else leaves through it
_STEP_BYTES = 64 * 1024  # fewer where they are large, so that others have turns


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a listener begins: everything after `position` will be told.

    `recovered` is None if nothing was asked for, False if it could not be had; the
    position is then the log's head.
    """

    position: Position
    recovered: bool | None


async def resolve(
    log_store: EventLog, scope: Scope, since: Since | None, *, replay_limit: int | None = None
) -> Resolved:
    """Find out where a listener begins. Raises Unavailable.

    Not recovered: another epoch, ahead of the log, no longer kept, an unknown event, or
    more than `replay_limit` events behind (contract, 2).
    """
    found = None
    if isinstance(since, AfterEvent):
        found = (await log_store.find(scope, [since.event_id])).get(since.event_id)
    head = (await log_store.heads([scope])).get(scope)
    if head is None:
        raise Unavailable(UnavailableReason.LOG_UNKNOWN)
    match since:
        case None:
            return Resolved(Position(head.epoch, head.newest), None)
        case AfterEvent():
            offset = None if found is None else head.resume_after(Position(head.epoch, found))
        case FromBeginning() | Position():
            offset = head.resume_after(since)
    if offset is None or (replay_limit is not None and head.newest - offset > replay_limit):
        return Resolved(Position(head.epoch, head.newest), False)
    return Resolved(Position(head.epoch, offset), True)


class OnLoss(Enum):
    """What a listener hears after a durable frame of it was dropped."""

    STOP = auto()
    GO_ON = auto()
    WITHOUT_POSITIONS = auto()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a listener wants of a log, and in which spelling.

    `on_gap` is called when durable frames begin to be lost, once until one is taken again.
    `plain` is the dialect for WITHOUT_POSITIONS. `open_turns`: begin with the latest
    partial of each turn of a call that is not final yet.
    """

    scope: Scope
    topic: Topic
    dialect: Dialect
    on_loss: OnLoss
    on_gap: "Callable[[Following], None]"
    plain: Dialect | None = None
    open_turns: bool = False


class Following:
    """One listener of a log, from its first event to `close`."""

    def __init__(self, hub: Hub, watch: Watch, subscription: Subscription, outbox: Outbox) -> None:
        #: Up to here the listener was given everything; it stands still after a loss.
        self.position = Position(watch.epoch, 0)
        #: Durable events that were dropped.
        self.lost = 0
        #: Set when the topic's last event has been delivered.
        self.ended = asyncio.Event()
        self._hub = hub
        self._watch = watch
        self._subscription = subscription
        self._dialect = subscription.dialect
        self._outbox = outbox
        self._has_gap = False
        self._in_gap = False  # nothing was taken since the last loss
        self._stopped = False
        self._closed = False

    def deliver(self, published: Published, frame: bytes | None) -> None:
        """Take an event from the hub."""
        if self._stopped:
            return
        durable = published.event.data.durable
        if frame is not None:
            if self._outbox.offer(frame):
                self._in_gap = False
            elif durable:
                self.lost += 1
                self._lose()
        if durable and not self._has_gap:
            self.position = Position(self._watch.epoch, published.offset)
        self._note_end(published.event)

    def lost_position(self) -> None:
        """Take the news that events are gone from the log itself."""
        if not self._stopped:
            self._lose()

    def close(self) -> None:
        """Hear nothing more; may be called at any time, and again."""
        self._stopped = True
        if not self._closed:
            self._closed = True
            self._leave()
            self._hub.release(self._watch)

    def _leave(self) -> None:
        self._watch.leave(self._subscription.topic, self._dialect, self)

    def _lose(self) -> None:
        first = not self._in_gap
        self._has_gap = self._in_gap = True
        match self._subscription.on_loss:
            case OnLoss.STOP:
                self._stopped = True
                self._leave()
            case OnLoss.GO_ON:
                pass
            case OnLoss.WITHOUT_POSITIONS:
                self._speak_plainly()
        if first:
            self._subscription.on_gap(self)

    def _speak_plainly(self) -> None:
        plain = self._subscription.plain
        if plain is not None and plain.name != self._dialect.name:
            self._leave()
            self._dialect = plain
            self._watch.join(self._subscription.topic, plain, self)

    def _note_end(self, event: Event) -> None:
        if ends(event, self._subscription.topic):
            self.ended.set()

    # -- the past -----------------------------------------------------------------------

    async def catch_up(self, log_store: EventLog, since: Position) -> None:
        """Read the past and join. Raises Unavailable, OutboxClosed."""
        self.position = since
        while not self._stopped:
            if since.epoch != self._watch.epoch:
                raise Unavailable(UnavailableReason.LOG_REBUILT)  # who asks again is told
            goal = self._watch.order.position
            if self.position.offset > goal:
                # Another process told this client of what the hub here has not heard of.
                self._hub.heard_of(self._watch, self.position.offset)
                await self._watch.reached(self.position.offset)
            elif self._catch_up_from_memory():
                self._join()
                return
            else:
                await self._read_to(goal, log_store)

    def _catch_up_from_memory(self) -> bool:
        near = self._watch.order.since(self.position.offset)
        if near is None or len(near) > min(_STEP, self._outbox.room):
            return False
        if near and not self._outbox.is_free:  # they may be too large to wait there
            return False
        for published in near:
            self._replay(published)
        return True

    async def _read_to(self, goal: int, log_store: EventLog) -> None:
        """Give the listener a page of what it misses up to an offset."""
        topic = self._subscription.topic
        page = await log_store.page(self._watch.scope, self.position.offset, _PAGE, topic)
        for number, stored in enumerate(page.events):
            if stored.offset > goal or self._stopped:
                break
            full = not self._outbox.room or self._outbox.waiting_bytes >= _STEP_BYTES
            if number % _STEP == 0 or full:
                await self._outbox.drained()
            self._replay(Published(stored.offset, stored.event))
        if not self._stopped and (page.complete or page.events[-1].offset >= goal):
            self.position = Position(self._watch.epoch, goal)
        await self._outbox.drained()

    def _replay(self, published: Published) -> None:
        event = published.event
        position = Position(self._watch.epoch, published.offset)
        if self._subscription.topic not in topics_of(event):
            self.position = position
            return
        self.deliver(published, encode(self._dialect, event, position, self._watch.scope))

    def _join(self) -> None:
        topic = self._subscription.topic
        self._watch.join(topic, self._dialect, self)
        if self._subscription.open_turns and isinstance(topic, CallEvents):
            for partial in self._watch.order.open_turns(topic.call_id):
                self._replay(partial)


async def follow(
    hub: Hub,
    log_store: EventLog,
    subscription: Subscription,
    since: Position,
    outbox: Outbox,
) -> Following:
    """Follow a log from a resolved position; return when the listener is live.

    Run it in a task of the connection: it takes as long as the connection needs to read the
    past. What was begun is undone when it is cancelled or fails. Raises
    Unavailable, OutboxClosed.
    """
    watch = await hub.watch(subscription.scope)
    following = Following(hub, watch, subscription, outbox)
    try:
        await following.catch_up(log_store, since)
    except BaseException:
        following.close()
        raise
    return following
