"""A watch: a log that this process follows, and the audiences of its topics."""

import asyncio

from ringline.domain.log import Position, Scope
from ringline.domain.publication import Published
from ringline.domain.topics import Topic, ends, topics_of
from ringline.services.audience import Audience, FanOut, Listener
from ringline.services.reordering import ReorderBuffer
from ringline.services.stream_ledger import StreamLedger


class Watch:
    """A log that this process follows, and its listeners."""

    __slots__ = (
        "_audiences",
        "_delivered",
        "_fan_out",
        "_waiters",
        "buffer",
        "epoch",
        "scope",
    )

    def __init__(self, scope: Scope, epoch: str, *, buffer: ReorderBuffer, fan_out: FanOut) -> None:
        self.scope = scope
        self.epoch = epoch
        self.buffer = buffer
        self._delivered = buffer.position
        self._fan_out = fan_out
        self._audiences: dict[Topic, dict[str, Audience]] = {}
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def position(self) -> Position:
        """Return the position up to which the listeners were given every event."""
        return Position(self.epoch, self._delivered)

    def join(self, topic: Topic, listener: Listener) -> None:
        """Deliver a topic's events after `buffer.position` to a listener, in its dialect."""
        dialect = listener.dialect
        audience = self._audiences.get(topic, {}).get(dialect.name)
        if audience is not None:
            audience.flush()  # its last listener may leave with it
        audiences = self._audiences.setdefault(topic, {})
        audience = audiences.get(dialect.name)
        if audience is None:
            audience = Audience(
                self.scope, self.epoch, topic=topic, dialect=dialect, fan_out=self._fan_out
            )
            audiences[dialect.name] = audience
        audience.join(listener)

    def leave(self, topic: Topic, listener: Listener) -> None:
        """Stop delivering to a listener, after what was published; harmless if it never joined."""
        name = listener.dialect.name
        audience = self._audiences.get(topic, {}).get(name)
        if audience is None:
            return
        audience.leave(listener)
        if audience.is_empty and (audiences := self._audiences.get(topic)) is not None:
            if audiences.get(name) is audience:
                del audiences[name]
            if not audiences:
                del self._audiences[topic]

    @property
    def ledger(self) -> StreamLedger:
        """Return the ledger of this process's live deliveries."""
        return self._fan_out.ledger

    async def reached(self, offset: int) -> None:
        """Wait until the events up to an offset have been released."""
        if self.buffer.position < offset:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((offset, waiter))
            await waiter

    def deliver(self, released: list[Published]) -> None:
        """Deliver events to the listeners of their topics, at the end of the tick."""
        for published in released:
            self._deliver(published)
        if self._waiters:
            self._wake()

    def lost_position(self, position: Position) -> None:
        """Notify every listener that events after a position are lost."""
        for audience in self._all():
            audience.lost_position(position)
        self._wake()

    def rebuilt(self, epoch: str, buffer: ReorderBuffer) -> None:
        """Go on with a log that was rebuilt: no position of the old one is in it."""
        self.lost_position(self.position)
        self.epoch = epoch
        self.buffer = buffer
        self._delivered = buffer.position
        for audience in self._all():
            audience.epoch = epoch
        self._wake()

    def _all(self) -> list[Audience]:
        return [audience for named in self._audiences.values() for audience in named.values()]

    def _deliver(self, published: Published) -> None:
        event = published.event
        frames: dict[str, bytes | None] = {}
        full: list[Audience] = []
        for topic in topics_of(event):
            audiences = self._audiences.get(topic)
            if audiences is None:
                continue
            last = ends(event, topic)
            for name, audience in audiences.items():
                if name not in frames:
                    frames[name] = audience.encode(published, audience.dialect)
                frame = frames[name]
                if (frame is not None or last) and audience.add(published, frame, last=last):
                    full.append(audience)
        if event.data.durable:
            self._delivered = published.offset
        for audience in full:  # at last: a listener may join or leave
            audience.flush()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for offset, waiter in waiters:
            if waiter.done():
                continue
            if offset <= self.buffer.position:
                waiter.set_result(None)
            else:
                self._waiters.append((offset, waiter))
