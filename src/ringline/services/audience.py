"""An audience: the listeners of one topic that speak one dialect.

What an event costs must not depend on how many listen, and what a delivery costs should be one
write. So an event's frame is kept once, until the end of the tick; then the frames of the tick
are joined once, and the same bytes are written to every listener whose connection is free. One
whose connection is paused, or has something queued, takes the frames one by one: there some may
have to be dropped, for it alone.

Listeners may leave and join at any time, even while frames are handed out: a listener that leaves
has been handed everything before, and one that joins gets only what comes after.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import length_hint
from typing import Protocol
from uuid import UUID

import structlog

from ringline.domain import limits
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Published
from ringline.domain.topics import Topic
from ringline.services.outbox import Tick
from ringline.services.stream_ledger import DropReason, StreamLedger, Subscriber
from ringline.wire.dialect import Dialect

_log = structlog.get_logger()

#: What is kept until the end of a tick; beyond it, it is written at once.
_MOST_FRAMES = limits.WAITING_FRAMES.most
_MOST_BYTES = limits.WAITING_BYTES.most
#: Bytes that are written between two charges: a charge costs as much as a few deliveries.
_CHARGED_AT_ONCE = 16 * 1024


class Writer(Protocol):
    """The way to a listener's connection."""

    def write_now(self, data: bytes) -> bool:
        """Write bytes, unless something is queued or the connection takes none."""
        ...


class Listener(Protocol):
    """Receives a topic's events, in order. No method blocks, and none publishes."""

    @property
    def outbox(self) -> Writer:
        """Return where its frames are written."""
        ...

    @property
    def subscriber(self) -> Subscriber:
        """Return whose it is."""
        ...

    @property
    def dialect(self) -> Dialect:
        """Return what it speaks now; it may change while frames are handed to it."""
        ...

    def deliver(self, published: Published, frame: bytes) -> DropReason | None:
        """Take one event's frame, because its connection was not free for all of them.

        Returns why it was dropped, if it was.
        """
        ...

    def lost_position(self, position: Position) -> None:
        """Note that durable events after a position are lost."""
        ...

    def topic_ended(self) -> None:
        """Note that the last event of the topic was handed to it; it may have left since."""
        ...


@dataclass(slots=True)
class FanOut:
    """What all audiences of a process share.

    `charge` is called with a log and the bytes that were written to its listeners.
    """

    tick: Tick
    charge: Callable[[Scope, int], None]
    ledger: StreamLedger


class _Flush:
    """The frames of a tick, on their way to an audience."""

    __slots__ = ("_audience", "_order", "_other", "data", "dropped", "items", "rest", "slow")

    def __init__(
        self, audience: "Audience", items: list[tuple[Published, bytes]], *, order: list[Listener]
    ) -> None:
        self.items = items
        #: All frames in one piece.
        self.data = items[0][1] if len(items) == 1 else b"".join([frame for _, frame in items])
        #: The listeners that are still to be served.
        self.rest: Iterator[Listener] = iter(order)
        #: How many were not written everything at once.
        self.slow = 0
        #: Who did not get which durable event.
        self.dropped: dict[UUID, list[tuple[Subscriber, DropReason]]] = {}
        self._audience = audience
        self._order = order
        self._other: dict[tuple[str, int], bytes | None] = {}

    def take_out(self, listener: Listener) -> bool:
        """Remove a listener from those still to be served; return whether it was one."""
        first = len(self._order) - length_hint(self.rest)
        try:
            # A list's iterator counts places, and no place before it changes.
            del self._order[self._order.index(listener, first)]
        except ValueError:
            return False
        return True

    def note_drop(self, published: Published, listener: Listener, *, reason: DropReason) -> None:
        """Note that a listener did not get an event."""
        if published.event.data.durable:
            lost = self.dropped.setdefault(published.event.id, [])
            lost.append((listener.subscriber, reason))

    def spell(self, number: int, dialect: Dialect) -> bytes | None:
        """Return a frame in another dialect, encoded once."""
        key = dialect.name, number
        if key not in self._other:
            published = self.items[number][0]
            self._other[key] = self._audience.encode(published, dialect)
        return self._other[key]


class Audience:
    """The listeners of one topic and dialect, in the order they joined."""

    __slots__ = (
        "_bytes",
        "_ending",
        "_fan_out",
        "_flush",
        "_listeners",
        "_pending",
        "_uncharged",
        "dialect",
        "epoch",
        "scope",
        "topic",
    )

    def __init__(
        self, scope: Scope, epoch: str, *, topic: Topic, dialect: Dialect, fan_out: FanOut
    ) -> None:
        self.scope = scope
        self.epoch = epoch
        self.topic = topic
        self.dialect = dialect
        self._fan_out = fan_out
        self._listeners: dict[Listener, None] = {}
        self._pending: list[tuple[Published, bytes]] = []
        self._bytes = 0
        self._ending = False  # the topic's last event is among the pending ones
        self._flush: _Flush | None = None
        self._uncharged = 0

    @property
    def is_empty(self) -> bool:
        """Return whether there are no listeners."""
        return not self._listeners

    def encode(self, published: Published, dialect: Dialect) -> bytes | None:
        """Encode an event of this log in a dialect."""
        position = Position(self.epoch, published.offset)
        return encode(dialect, published.event, position=position, scope=self.scope)

    def join(self, listener: Listener) -> None:
        """Add a listener; after a `flush`, it gets what is published from now on."""
        self._listeners[listener] = None

    def leave(self, listener: Listener) -> None:
        """Remove a listener once it was handed what is pending; harmless if it never joined."""
        if listener not in self._listeners:
            return
        flush = self._flush
        if flush is None:
            self.flush()
        elif flush.take_out(listener):
            self._serve(flush, listener)
        self._listeners.pop(listener, None)

    def add(self, published: Published, frame: bytes | None, *, last: bool) -> bool:
        """Keep a frame until the end of the tick; return whether to flush now.

        The frame is None if the dialect omits the event. `last` says that it ends the topic.
        """
        if not self._pending and not self._ending:
            self._fan_out.tick.add(self)
        if frame is not None:
            self._pending.append((published, frame))
            self._bytes += len(frame)
        self._ending = self._ending or last
        return len(self._pending) >= _MOST_FRAMES or self._bytes >= _MOST_BYTES

    def flush(self) -> None:
        """Hand what is pending to the listeners; harmless at any time."""
        if self._flush is not None:  # by a listener that is being served
            return
        ending, self._ending = self._ending, False
        if not self._pending and not ending:
            return
        present = list(self._listeners)
        if self._pending:
            items, self._pending, self._bytes = self._pending, [], 0
            flush = self._flush = _Flush(self, items, order=[*present])
            self._write(flush)
            self._flush = None
            self._charge((len(present) - flush.slow) * len(flush.data))
            self._note(flush, present)
        if ending:
            for listener in present:  # also those that have just changed their dialect
                _guard(listener.topic_ended)

    def lost_position(self, position: Position) -> None:
        """Notify the listeners that events after a position are lost."""
        self.flush()
        for listener in list(self._listeners):
            _guard(listener.lost_position, position)

    def _write(self, flush: _Flush) -> None:
        """Write to every listener whose connection is free; serve the others one by one."""
        data = flush.data
        for listener in flush.rest:
            try:
                if listener.outbox.write_now(data):
                    continue
            except Exception as error:
                flush.slow += 1
                self._fail(flush, listener, error=error)
            else:
                self._serve(flush, listener)

    def _serve(self, flush: _Flush, listener: Listener) -> None:
        """Hand the frames to a listener one by one."""
        flush.slow += 1
        try:
            for number, (published, frame) in enumerate(flush.items):
                dialect = listener.dialect
                spelt: bytes | None = frame
                if dialect is not self.dialect and dialect.name != self.dialect.name:
                    spelt = flush.spell(number, dialect)  # it changed with a frame before
                if spelt is None:
                    continue
                reason = listener.deliver(published, spelt)
                if reason is not None:
                    flush.note_drop(published, listener, reason=reason)
        except Exception as error:
            self._fail(flush, listener, error=error)

    def _fail(self, flush: _Flush, listener: Listener, *, error: Exception) -> None:
        """Log a listener's failure; what it was to get counts as lost."""
        _log.error("listener_failed", error=type(error).__name__)
        for published, _ in flush.items:
            flush.note_drop(published, listener, reason=DropReason.CLOSED)
        first = flush.items[0][0]
        before = first.offset - 1 if first.event.data.durable else first.offset
        _guard(listener.lost_position, Position(self.epoch, before))

    def _note(self, flush: _Flush, present: list[Listener]) -> None:
        """Note in the ledger which durable events went out."""
        ids = [published.event.id for published, _ in flush.items if published.event.data.durable]
        if ids and present:
            ledger, count = self._fan_out.ledger, len(present)
            few = ledger.is_few(count)
            ledger.note_written(
                self.scope,
                self.topic,
                event_ids=ids,
                listeners=[listener.subscriber for listener in present] if few else count,
                dropped=flush.dropped,
            )

    def _charge(self, size: int) -> None:
        self._uncharged += size
        if self._uncharged >= _CHARGED_AT_ONCE:
            self._fan_out.charge(self.scope, self._uncharged)
            self._uncharged = 0


def encode(dialect: Dialect, event: Event, *, position: Position, scope: Scope) -> bytes | None:
    """Encode an event; if the dialect fails, log the event's type and return None."""
    try:
        return dialect.encode(event, position, scope=scope)
    except Exception as error:
        _log.error("dialect_failed", event_type=event.type, error=type(error).__name__)
        return None


def _guard(tell: Callable[..., None], *said: Position) -> None:
    """Tell a listener something; its failure must not affect the others."""
    try:
        tell(*said)
    except Exception as error:
        _log.error("listener_failed", error=type(error).__name__)
