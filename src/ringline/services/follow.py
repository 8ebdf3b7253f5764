"""Follow a log from a position: one operation for every surface.

The hub watches the log. The follower reads pages of past events, as fast as its connection
drains, until it has reached the hub's position, and joins the hub's listeners in that same
tick. So nothing is lost or duplicated, and live events do not pile up meanwhile. The last few
events come from the hub's memory, so that a follower can catch up with a busy log.

While a follower is live and lacks nothing, its position is the watch's: nothing is noted per
event. A position is never ahead of a lost event (architecture, "One cursor everywhere"): if the
outbox drops a durable frame, it stays before that, and the surface's `OnLoss` decides how
delivery goes on:

- `STOP` (events socket): not at all; the surface closes the connection with "resume".
- `CONTINUE` (call WebSocket): with what fits, after a notice that gives `position`.
- `WITHOUT_POSITIONS` (SSE): with what fits, in a dialect without positions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from ringline.domain.log import AfterEvent, FromBeginning, Position, Scope, Since
from ringline.domain.publication import Published
from ringline.domain.spoken_order import in_spoken_order
from ringline.domain.topics import CallEvents, Topic, ends, topics_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import LogReader
from ringline.services.audience import encode
from ringline.services.hub import Hub
from ringline.services.outbox import Outbox
from ringline.services.stream_ledger import DropReason, Subscriber
from ringline.services.watch import Watch
from ringline.wire.dialect import Dialect

_PAGE = 200  # events in one query
_SPOKEN_PAGES = 5  # that are put into spoken order at once: a long call
_STEP = 32  # events offered at once: half an outbox, to leave room for other frames
_STEP_BYTES = 64 * 1024  # a smaller step for large events, so that others have turns


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a follower begins: every event after `position` will be delivered.

    `recovered` is None if no position was asked for, and False if the log cannot be resumed
    from it; `position` is then the log's head.
    """

    position: Position
    recovered: bool | None
    #: Events after this offset are missed, if nothing is recovered.
    missed_after: int | None = None


async def resolve(
    log_store: LogReader, scope: Scope, *, since: Since | None, replay_limit: int | None = None
) -> Resolved:
    """Return where a follower begins. Raises Unavailable.

    A position is not recovered if its epoch is another one, if it is ahead of the log, if
    later events are no longer kept, if the event is unknown, or if more than `replay_limit`
    events follow it (contract, 2).
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
        known = found if isinstance(since, AfterEvent) else None
        if isinstance(since, Position) and since.epoch == head.epoch:
            known = since.offset
        missed_after = min(known or 0, head.newest)
        return Resolved(Position(head.epoch, head.newest), False, missed_after)
    return Resolved(Position(head.epoch, offset), True)


class OnLoss(Enum):
    """How delivery goes on after a durable frame was dropped."""

    STOP = auto()
    CONTINUE = auto()
    WITHOUT_POSITIONS = auto()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events of a log a follower gets, and in which dialect.

    `on_gap` is called when durable frames begin to be dropped, once per gap, and `on_end` once
    the topic's last event was handed to the outbox; neither may publish. `plain` is the dialect
    for WITHOUT_POSITIONS. With `open_turns`, delivery begins with the latest partial
    of each open turn of the call; with `spoken_order`, past events come in that order.
    `missed_after` is that of `Resolved`.
    """

    scope: Scope
    topic: Topic
    dialect: Dialect
    on_loss: OnLoss
    on_gap: "Callable[[Follower], None]"
    plain: Dialect | None = None
    open_turns: bool = False
    spoken_order: bool = False
    on_end: "Callable[[Follower], None]" = lambda follower: None
    missed_after: int | None = None
    #: Whose it is, for the ledger.
    subscriber: Subscriber = field(kw_only=True)


class Follower:
    """One listener of a log, from its first event until `close`."""

    __slots__ = (
        "_closed",
        "_cursor",
        "_ended",
        "_hub",
        "_in_gap",
        "_is_plain",
        "_joined",
        "_position",
        "_since",
        "_stopped",
        "_subscription",
        "_watch",
        "lost",
        "outbox",
    )

    def __init__(
        self, hub: Hub, watch: Watch, *, subscription: Subscription, outbox: Outbox
    ) -> None:
        #: Where its frames are written.
        self.outbox = outbox
        #: How many durable events were dropped.
        self.lost = 0
        self._hub = hub
        self._watch = watch
        self._subscription = subscription
        self._since = self._cursor = 0  # from where, and how far, the past was read
        self._position: Position | None = None  # once it no longer moves
        self._is_plain = False  # it goes on without positions
        self._in_gap = False  # no frame was accepted since the last loss
        self._joined = False
        self._ended = False  # the topic's last event was among the past ones
        self._stopped = False
        self._closed = False

    @property
    def position(self) -> Position:
        """Return the position up to which every event was delivered; a loss stops it."""
        if self._position is not None:
            return self._position
        return self._watch.position if self._joined else Position(self._watch.epoch, self._cursor)

    @property
    def subscriber(self) -> Subscriber:
        """Return whose it is."""
        return self._subscription.subscriber

    @property
    def dialect(self) -> Dialect:
        """Return the dialect that it is sent now."""
        plain = self._subscription.plain if self._is_plain else None
        return self._subscription.dialect if plain is None else plain

    def deliver(self, published: Published, frame: bytes) -> DropReason | None:
        """Take one event's frame, because the connection is not free for all (audience.py).

        Returns why it was dropped, if it was.
        """
        if self._stopped:
            return DropReason.CLOSED
        if self.outbox.offer(frame):
            self._in_gap = False
            return None
        reason = DropReason.CLOSED if self.outbox.is_closed else DropReason.BUFFER_FULL
        if published.event.data.durable:
            self.lost += 1
            # Offsets are gapless, and it was handed everything before this one.
            before = Position(self._watch.epoch, published.offset - 1)
            self._lose(before if self._joined else self.position)
        return reason

    def lost_position(self, position: Position) -> None:
        """Note that events after a position are gone from the log itself."""
        if not self._stopped:
            self._lose(position)

    def topic_ended(self) -> None:
        """Note that the topic's last event was handed over."""
        if not self._stopped and not self._ended:
            self._ended = True
            self._subscription.on_end(self)

    def close(self) -> None:
        """Stop following; may be called at any time, and more than once."""
        if self._closed:
            return
        self._closed = True
        self._leave()
        self._stopped = True
        self._hub.release(self._watch)

    def _leave(self) -> None:
        if self._joined:
            self._watch.leave(self._subscription.topic, self)
            self._position = self.position
            self._joined = False

    def _lose(self, position: Position) -> None:
        """Stay at a position for good; go on as the surface wants."""
        self._position = position if self._position is None else self._position
        first = not self._in_gap
        self._in_gap = True
        match self._subscription.on_loss:
            case OnLoss.STOP:
                self._stopped = True
                self._leave()
            case OnLoss.CONTINUE:
                pass
            case OnLoss.WITHOUT_POSITIONS:
                self._drop_positions()
        if first:
            self._subscription.on_gap(self)

    def _drop_positions(self) -> None:
        if self._subscription.plain is None or self._is_plain:
            return
        joined = self._joined
        self._leave()
        self._is_plain = True
        if joined and not self._closed:
            self._join()

    # -- the past -----------------------------------------------------------------------

    async def catch_up(self, log_store: LogReader, since: Position) -> None:
        """Deliver past events, then join the live ones. Raises Unavailable, OutboxClosed."""
        self._cursor = self._since = since.offset
        self._note_missed(since)
        if self._subscription.spoken_order and since.epoch == self._watch.epoch:
            await self._read_as_spoken(log_store)
        while not self._stopped:
            if since.epoch != self._watch.epoch:
                # On its next request the client gets a new position from `resolve`.
                raise Unavailable(UnavailableReason.LOG_REBUILT)
            goal = self._watch.buffer.position
            if self._cursor > goal:
                # The client got a later event from another process than this hub has seen.
                self._hub.note_head(self._watch, self._cursor)
                await self._watch.reached(self._cursor)
            elif self._catch_up_from_memory():
                self._go_live()
                return
            else:
                await self._read_to(goal, log_store)

    async def _read_as_spoken(self, log_store: LogReader) -> None:
        """Deliver past events in spoken order, up to what the hub has seen by now."""
        goal = self._watch.buffer.position
        while self._cursor < goal and not self._stopped:
            past, read_to = await self._stretch(goal, log_store)
            for number, published in enumerate(in_spoken_order(past)):
                if number % _STEP == 0 or self._is_full():
                    await self.outbox.drained()
                if self._stopped:
                    return
                self._replay(published)
            self._cursor = read_to
            await self.outbox.drained()

    async def _stretch(self, goal: int, log_store: LogReader) -> tuple[list[Published], int]:
        """Read a few pages up to an offset; return their events, and where they end."""
        past, read_to = list[Published](), self._cursor
        for _ in range(_SPOKEN_PAGES):
            page = await log_store.page(
                self._watch.scope, read_to, limit=_PAGE, topic=self._subscription.topic
            )
            found = [stored for stored in page.events if stored.offset <= goal]
            past += (Published(stored.offset, stored.event) for stored in found)
            if page.complete or len(found) < len(page.events):
                return past, goal
            read_to = found[-1].offset
        return past, read_to

    def _is_full(self) -> bool:
        return not self.outbox.room or self.outbox.waiting_bytes >= _STEP_BYTES

    def _catch_up_from_memory(self) -> bool:
        near = self._watch.buffer.released_since(self._cursor)
        if near is None or len(near) > min(_STEP, self.outbox.room):
            return False
        if near and not self.outbox.is_free:  # they may be too large to be queued there
            return False
        for published in near:
            self._replay(published)
        return True

    async def _read_to(self, goal: int, log_store: LogReader) -> None:
        """Deliver a page of past events, up to an offset."""
        topic = self._subscription.topic
        page = await log_store.page(self._watch.scope, self._cursor, limit=_PAGE, topic=topic)
        for number, stored in enumerate(page.events):
            if stored.offset > goal or self._stopped:
                break
            if number % _STEP == 0 or self._is_full():
                await self.outbox.drained()
            self._replay(Published(stored.offset, stored.event))
        if not self._stopped and (page.complete or page.events[-1].offset >= goal):
            self._cursor = goal
        await self.outbox.drained()

    def _replay(self, published: Published) -> None:
        """Deliver a past event, or one of an open turn."""
        event = published.event
        topic = self._subscription.topic
        if topic in topics_of(event):
            position = Position(self._watch.epoch, published.offset)
            frame = encode(self.dialect, event, position=position, scope=self._watch.scope)
            if frame is not None:
                self.deliver(published, frame)
        self._ended = self._ended or ends(event, topic)
        if event.data.durable:
            self._cursor = published.offset

    def _go_live(self) -> None:
        """Join the listeners, having been given everything that they were."""
        if self._stopped:
            return
        self._join()
        topic = self._subscription.topic
        if self._cursor > self._since:
            self._watch.ledger.note_past(
                self._watch.scope,
                topic,
                subscriber=self.subscriber,
                after=self._since,
                up_to=self._cursor,
            )
        if self._subscription.open_turns and isinstance(topic, CallEvents):
            for partial in self._watch.buffer.open_turns(topic.call_id):
                self._replay(partial)
        if self._ended:
            self._subscription.on_end(self)

    def _note_missed(self, since: Position) -> None:
        """Note what is missed because it could not be resumed."""
        missed_after = self._subscription.missed_after
        if missed_after is not None and missed_after < since.offset:
            self._watch.ledger.note_not_recovered(
                self._watch.scope,
                self._subscription.topic,
                subscriber=self.subscriber,
                after=missed_after,
                up_to=since.offset,
            )

    def _join(self) -> None:
        self._joined = True
        self._watch.join(self._subscription.topic, self)


async def follow(
    hub: Hub,
    log_store: LogReader,
    *,
    subscription: Subscription,
    since: Position,
    outbox: Outbox,
) -> Follower:
    """Follow a log from a resolved position; return once the follower is live.

    Run it in a task of the connection: it takes as long as the client needs to read the past
    events. If it fails or is cancelled, nothing is left behind. Raises Unavailable,
    OutboxClosed.
    """
    watch = await hub.watch(subscription.scope)
    follower = Follower(hub, watch, subscription=subscription, outbox=outbox)
    try:
        await follower.catch_up(log_store, since)
    except BaseException:
        follower.close()
        raise
    return follower
