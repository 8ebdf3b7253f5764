"""Follow a log from a position: one operation for every surface.

The hub watches the log. The follower reads pages of past events, as fast as its connection
drains, until it has reached the hub's position, and joins the hub's listeners in that same
tick. So nothing is lost or duplicated, and live events do not pile up meanwhile. The last few
events come from the hub's memory, so that a follower can catch up with a busy log.

A position is never ahead of a lost event (architecture, "One cursor everywhere"). If the
outbox drops a durable frame, the surface's `OnLoss` decides how delivery goes on:

- `STOP` (events socket): not at all; the surface closes the connection with "resume".
- `CONTINUE` (call WebSocket): with what fits, after a notice that gives `position`.
- `WITHOUT_POSITIONS` (SSE): with what fits, in a dialect without positions.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ringline.domain.events import Event
from ringline.domain.log import AfterEvent, FromBeginning, Position, Scope, Since
from ringline.domain.publication import Published
from ringline.domain.spoken_order import in_spoken_order
from ringline.domain.topics import CallEvents, Topic, ends, topics_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EventLog
from ringline.services.hub import Hub, Watch, encode
from ringline.services.outbox import Outbox
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


async def resolve(
    log_store: EventLog, scope: Scope, *, since: Since | None, replay_limit: int | None = None
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
        return Resolved(Position(head.epoch, head.newest), False)
    return Resolved(Position(head.epoch, offset), True)


class OnLoss(Enum):
    """How delivery goes on after a durable frame was dropped."""

    STOP = auto()
    CONTINUE = auto()
    WITHOUT_POSITIONS = auto()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events of a log a follower gets, and in which dialect.

    `on_gap` is called when durable frames begin to be dropped, once per gap. `plain` is the
    dialect for WITHOUT_POSITIONS. With `open_turns`, delivery begins with the latest partial
    of each open turn of the call; with `spoken_order`, past events come in that order.
    """

    scope: Scope
    topic: Topic
    dialect: Dialect
    on_loss: OnLoss
    on_gap: "Callable[[Follower], None]"
    plain: Dialect | None = None
    open_turns: bool = False
    spoken_order: bool = False


class Follower:
    """One listener of a log, from its first event until `close`."""

    def __init__(
        self, hub: Hub, watch: Watch, *, subscription: Subscription, outbox: Outbox
    ) -> None:
        #: Every event up to here was delivered; it stops moving after a loss.
        self.position = Position(watch.epoch, 0)
        #: How many durable events were dropped.
        self.lost = 0
        #: Set when the topic's last event has been delivered.
        self.ended = asyncio.Event()
        self._hub = hub
        self._watch = watch
        self._subscription = subscription
        self._dialect = subscription.dialect
        self._outbox = outbox
        self._has_gap = False
        self._in_gap = False  # no frame was accepted since the last loss
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
                self._handle_loss()
        if durable and not self._has_gap:
            self.position = Position(self._watch.epoch, published.offset)
        self._note_end(published.event)

    def lost_position(self) -> None:
        """Note that events are gone from the log itself."""
        if not self._stopped:
            self._handle_loss()

    def close(self) -> None:
        """Stop following; may be called at any time, and more than once."""
        self._stopped = True
        if not self._closed:
            self._closed = True
            self._leave()
            self._hub.release(self._watch)

    def _leave(self) -> None:
        self._watch.leave(self._subscription.topic, self._dialect, listener=self)

    def _handle_loss(self) -> None:
        first = not self._in_gap
        self._has_gap = self._in_gap = True
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
        plain = self._subscription.plain
        if plain is not None and plain.name != self._dialect.name:
            self._leave()
            self._dialect = plain
            self._watch.join(self._subscription.topic, plain, listener=self)

    def _note_end(self, event: Event) -> None:
        if ends(event, self._subscription.topic):
            self.ended.set()

    # -- the past -----------------------------------------------------------------------

    async def catch_up(self, log_store: EventLog, since: Position) -> None:
        """Deliver past events, then join the live ones. Raises Unavailable, OutboxClosed."""
        self.position = since
        if self._subscription.spoken_order and since.epoch == self._watch.epoch:
            await self._read_as_spoken(log_store)
        while not self._stopped:
            if since.epoch != self._watch.epoch:
                # On its next request the client gets a new position from `resolve`.
                raise Unavailable(UnavailableReason.LOG_REBUILT)
            goal = self._watch.buffer.position
            if self.position.offset > goal:
                # The client got a later event from another process than this hub has seen.
                self._hub.note_head(self._watch, self.position.offset)
                await self._watch.reached(self.position.offset)
            elif self._catch_up_from_memory():
                self._join()
                return
            else:
                await self._read_to(goal, log_store)

    async def _read_as_spoken(self, log_store: EventLog) -> None:
        """Deliver past events in spoken order, up to what the hub has seen by now."""
        goal = self._watch.buffer.position
        while self.position.offset < goal and not self._stopped:
            past, read_to = await self._stretch(goal, log_store)
            for number, published in enumerate(in_spoken_order(past)):
                if number % _STEP == 0 or self._is_full():
                    await self._outbox.drained()
                if self._stopped:
                    return
                self._replay(published)
            self.position = Position(self._watch.epoch, read_to)
            await self._outbox.drained()

    async def _stretch(self, goal: int, log_store: EventLog) -> tuple[list[Published], int]:
        """Read a few pages up to an offset; return their events, and where they end."""
        past, read_to = list[Published](), self.position.offset
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
        return not self._outbox.room or self._outbox.waiting_bytes >= _STEP_BYTES

    def _catch_up_from_memory(self) -> bool:
        near = self._watch.buffer.released_since(self.position.offset)
        if near is None or len(near) > min(_STEP, self._outbox.room):
            return False
        if near and not self._outbox.is_free:  # they may be too large to be queued there
            return False
        for published in near:
            self._replay(published)
        return True

    async def _read_to(self, goal: int, log_store: EventLog) -> None:
        """Deliver a page of past events, up to an offset."""
        topic = self._subscription.topic
        page = await log_store.page(
            self._watch.scope, self.position.offset, limit=_PAGE, topic=topic
        )
        for number, stored in enumerate(page.events):
            if stored.offset > goal or self._stopped:
                break
            if number % _STEP == 0 or self._is_full():
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
        self.deliver(
            published, encode(self._dialect, event, position=position, scope=self._watch.scope)
        )

    def _join(self) -> None:
        topic = self._subscription.topic
        self._watch.join(topic, self._dialect, listener=self)
        if self._subscription.open_turns and isinstance(topic, CallEvents):
            for partial in self._watch.buffer.open_turns(topic.call_id):
                self._replay(partial)


async def follow(
    hub: Hub,
    log_store: EventLog,
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
