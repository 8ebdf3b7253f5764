"""An audience: one write for everybody, and what happens to whoever cannot take it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ringline.domain import limits
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Published
from ringline.domain.topics import ALL_EVENTS, CallEvents, Topic, ends, topics_of
from ringline.services.audience import FanOut
from ringline.services.follow import Follower, OnLoss, Subscription
from ringline.services.hub import Hub
from ringline.services.outbox import Flushable, Outbox, Tick
from ringline.services.reordering import ReorderBuffer
from ringline.services.stream_ledger import (
    DropReason,
    LoggedEvent,
    StreamLedger,
    Subscriber,
)
from ringline.services.watch import Watch
from tests.faulty import FaultyBus, MemoryLog
from tests.samples import (
    NOW,
    LineDialect,
    RecordingConnection,
    a_scope,
    a_subscriber,
    ended,
    new_id,
    note,
    partial,
)

SCOPE = a_scope(1)
EPOCH = "epoch001"


class HandTick(Tick):
    """A tick that ends when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Flushable] = []

    def add(self, gathered: Flushable) -> None:
        self.waiting.append(gathered)

    def end(self) -> None:
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for gathered in waiting:
                gathered.flush()


class QuietHub(Hub):
    """A hub that does not care who uses a watch."""

    def release(self, watch: Watch) -> None:
        pass


@dataclass(frozen=True)
class Padded:
    """A dialect whose frames have a size."""

    size: int
    name: str = "padded"

    def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
        return b"%d;" % position.offset + b"x" * self.size


def run(steps: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        steps.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


@dataclass(eq=False)
class Connection(RecordingConnection):
    """A connection whose writing end does something with a write, once."""

    on_write: Callable[[], None] | None = None

    def write_shared(self, data: bytes) -> None:
        on_write, self.on_write = self.on_write, None
        if on_write is not None:
            on_write()
        super().write_shared(data)


class Stage:
    """A watch whose events are published, and whose ticks end, by hand."""

    def __init__(self) -> None:
        self.tick = HandTick()
        self.charged: list[tuple[Scope, int]] = []
        self.ledger = StreamLedger(lambda: NOW)
        charge = self.charged
        fan_out = FanOut(self.tick, lambda scope, size: charge.append((scope, size)), self.ledger)
        self.watch = Watch(SCOPE, EPOCH, buffer=ReorderBuffer(0), fan_out=fan_out)
        self.hub = QuietHub(MemoryLog(), FaultyBus())

    def publish(self, *events: Event) -> list[Published]:
        published: list[Published] = []
        offset = self.watch.buffer.position
        for event in events:
            offset += event.data.durable
            published.append(Published(offset, event))
        self.watch.deliver(self.watch.buffer.receive(published, 0.0))
        return published

    def notes(self, count: int) -> list[int]:
        return [published.offset for published in self.publish(*(note() for _ in range(count)))]


@dataclass(eq=False)
class Ear:
    """A client: a connection, an outbox and a follower, and what it must have got."""

    stage: Stage
    topic: Topic = ALL_EVENTS
    on_loss: OnLoss = OnLoss.STOP
    name: str = "full"
    limit: int = 4
    subscriber: Subscriber = field(default_factory=a_subscriber)
    wire: Connection = field(default_factory=Connection)
    gaps: list[Position] = field(default_factory=list)
    ends: int = 0
    when_gap: Callable[[], None] | None = None
    was_paused: bool = False
    broke: bool = False
    expected: list[Published] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = Outbox(
            self.wire,
            self.stage.tick,
            overrun=lambda: None,
            tell_dropped=lambda count: b"dropped %d -\n" % count,
            limit=self.limit,
        )
        subscription = Subscription(
            SCOPE,
            self.topic,
            LineDialect(self.name),
            self.on_loss,
            self._on_gap,
            LineDialect(f"{self.name}-plain", positions=False),
            on_end=self._on_end,
            subscriber=self.subscriber,
        )
        watch = self.stage.watch
        self.follower = Follower(
            self.stage.hub, watch, subscription=subscription, outbox=self.outbox
        )
        self.closed = False
        run(self.follower.catch_up(MemoryLog(), watch.position))

    def _on_gap(self, follower: Follower) -> None:
        self.gaps.append(follower.position)
        when_gap, self.when_gap = self.when_gap, None
        if when_gap is not None:
            when_gap()

    def _on_end(self, follower: Follower) -> None:
        self.ends += 1

    def pause(self) -> None:
        self.wire.paused = self.was_paused = True

    def resume(self) -> None:
        self.wire.paused = self.wire.fills_up = False
        self.outbox.resumed()

    def close(self) -> None:
        self.closed = True
        self.follower.close()

    @property
    def offsets(self) -> list[int]:
        return [int(line.split()[0].partition(":")[2]) for line in self.wire.lines]

    @property
    def seen(self) -> list[str]:
        """The ids of the events that it got, in order."""
        return [line.split()[1] for line in self.wire.lines if not line.startswith("dropped")]

    @property
    def told(self) -> int:
        """How many frames it was told that it lost."""
        lines = (line for line in self.wire.lines if line.startswith("dropped"))
        return sum(int(line.split()[1]) for line in lines)


def test_everybody_is_written_the_same_bytes_once_per_tick() -> None:
    stage = Stage()
    ears = [Ear(stage) for _ in range(5)]
    stage.notes(3)
    assert all(ear.wire.writes == [] for ear in ears), "the tick has not ended"
    stage.tick.end()
    stage.notes(1)
    stage.tick.end()
    assert [len(ear.wire.writes) for ear in ears] == [2] * 5
    for number in range(2):
        assert len({id(ear.wire.writes[number]) for ear in ears}) == 1
    assert [ear.offsets for ear in ears] == [[1, 2, 3, 4]] * 5


def test_many_frames_are_written_before_the_tick_ends() -> None:
    stage = Stage()
    ear = Ear(stage)
    stage.notes(limits.WAITING_FRAMES.most - 1)
    assert ear.wire.writes == []
    stage.notes(2)
    assert ear.offsets == list(range(1, limits.WAITING_FRAMES.most + 1))
    stage.tick.end()
    assert ear.offsets == list(range(1, limits.WAITING_FRAMES.most + 2))


def test_many_bytes_are_written_before_the_tick_ends() -> None:
    stage = Stage()
    wire = RecordingConnection()
    outbox = Outbox(wire, stage.tick, overrun=lambda: None)
    subscription = Subscription(
        SCOPE,
        ALL_EVENTS,
        Padded(limits.WAITING_BYTES.most // 2),
        OnLoss.STOP,
        lambda _: None,
        subscriber=a_subscriber(),
    )
    follower = Follower(stage.hub, stage.watch, subscription=subscription, outbox=outbox)
    run(follower.catch_up(MemoryLog(), stage.watch.position))
    stage.notes(1)
    assert wire.writes == []
    stage.notes(1)
    assert len(wire.writes) == 1
    assert follower.position == stage.watch.position == Position(EPOCH, 2)


def test_whoever_joins_within_a_tick_gets_only_what_comes_after() -> None:
    stage = Stage()
    first = Ear(stage)
    stage.notes(2)
    second = Ear(stage)
    stage.notes(1)
    stage.tick.end()
    assert (first.offsets, second.offsets) == ([1, 2, 3], [3])
    assert first.wire.writes[0].count(b"\n") == 2, "it was written as the second joined"


def test_whoever_leaves_within_a_tick_has_got_everything_before() -> None:
    stage = Stage()
    leaving, staying = Ear(stage), Ear(stage)
    stage.notes(2)
    leaving.close()
    leaving.outbox.send(b"bye\n")
    stage.notes(1)
    stage.tick.end()
    assert leaving.wire.lines[2:] == ["bye"]
    assert leaving.follower.position == Position(EPOCH, 2)
    assert staying.offsets == [1, 2, 3]


@pytest.mark.parametrize("place", [0, 2])
def test_whoever_leaves_as_the_frames_are_handed_out_has_got_them_once(place: int) -> None:
    stage = Stage()
    ears = [Ear(stage) for _ in range(3)]
    ears[1].wire.on_write = ears[place].close
    stage.notes(2)
    stage.tick.end()
    stage.notes(1)
    stage.tick.end()
    expected = [[1, 2, 3]] * 3
    expected[place] = [1, 2]
    assert [ear.offsets for ear in ears] == expected
    assert ears[place].follower.position == Position(EPOCH, 2)


def test_whoever_joins_as_the_frames_are_handed_out_gets_none_of_them() -> None:
    stage = Stage()
    ears = [Ear(stage) for _ in range(2)]
    late: list[Ear] = []
    ears[0].wire.on_write = lambda: late.append(Ear(stage))
    stage.notes(2)
    stage.tick.end()
    stage.notes(1)
    stage.tick.end()
    assert [ear.offsets for ear in (*ears, *late)] == [[1, 2, 3], [1, 2, 3], [3]]


def test_a_connection_that_fails_loses_its_position_and_disturbs_nobody() -> None:
    stage = Stage()
    ears = [Ear(stage) for _ in range(3)]

    def fail() -> None:
        raise RuntimeError

    stage.notes(1)
    stage.tick.end()
    ears[1].wire.on_write = fail
    stage.notes(2)
    stage.tick.end()
    stage.notes(1)
    stage.tick.end()
    assert [ear.offsets for ear in ears] == [[1, 2, 3, 4], [1], [1, 2, 3, 4]]
    assert ears[1].gaps == [Position(EPOCH, 1)]


def test_a_lost_frame_is_lost_for_one_listener_alone() -> None:
    stage = Stage()
    ears = [Ear(stage, on_loss=OnLoss.WITHOUT_POSITIONS) for _ in range(3)]
    ears[1].pause()
    stage.notes(6)
    stage.tick.end()
    assert [len(ear.wire.lines) for ear in ears] == [6, 0, 6]
    assert ears[1].gaps == [Position(EPOCH, 4)]
    assert ears[1].outbox.dropped == 2
    ears[1].resume()
    stage.notes(1)
    stage.tick.end()
    assert [line.split()[0] for line in ears[1].wire.lines] == [
        *(f"{EPOCH}:{offset}" for offset in range(1, 5)),
        "dropped",
        "-",
    ], "it goes on without positions, behind the notice"
    assert ears[1].told == 2
    assert ears[1].follower.position == Position(EPOCH, 4)


def test_what_is_left_of_a_tick_after_a_loss_has_no_positions() -> None:
    stage = Stage()
    wire = RecordingConnection(paused=True)
    outbox = Outbox(wire, stage.tick, overrun=lambda: None)

    @dataclass(frozen=True)
    class Sized(LineDialect):
        """A dialect whose frames of notes with a code are large."""

        def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
            line = super().encode(event, position, scope)
            large = line is not None and event.data.code == "large"  # type: ignore[attr-defined]
            return b"%b%b\n" % (line, b"x" * limits.WAITING_BYTES.most) if large else line

    subscription = Subscription(
        SCOPE,
        ALL_EVENTS,
        Sized(),
        OnLoss.WITHOUT_POSITIONS,
        lambda _: None,
        Sized("plain", positions=False),
        subscriber=a_subscriber(),
    )
    follower = Follower(stage.hub, stage.watch, subscription=subscription, outbox=outbox)
    run(follower.catch_up(MemoryLog(), stage.watch.position))
    stage.publish(note(), note(code="large"), note())
    stage.tick.end()
    wire.paused = False
    outbox.resumed()
    assert [line.split()[0] for line in wire.lines] == [f"{EPOCH}:1", "-"]
    assert follower.position == Position(EPOCH, 1)


def test_bytes_are_charged_to_the_log_that_they_came_from() -> None:
    stage = Stage()
    ears = [Ear(stage) for _ in range(3)]
    ears[2].pause()
    for _ in range(200):
        stage.notes(3)
        stage.tick.end()
    written = sum(len(data) for ear in ears for data in ear.wire.writes)
    assert {scope for scope, _ in stage.charged} == {SCOPE}
    charged = sum(size for _, size in stage.charged)
    assert written - 16 * 1024 < charged <= written


def test_the_end_of_a_topic_is_told_once_and_after_its_last_event() -> None:
    stage = Stage()
    call = new_id()
    ear, other = Ear(stage, CallEvents(call)), Ear(stage)
    stage.publish(note(call), ended(call))
    assert ear.ends == 0
    stage.tick.end()
    assert (ear.ends, len(ear.wire.lines), other.ends) == (1, 2, 0)
    stage.tick.end()
    assert ear.ends == 1


def test_the_topic_s_end_is_told_although_its_frame_was_dropped() -> None:
    stage = Stage()
    call = new_id()
    ear = Ear(stage, CallEvents(call), OnLoss.CONTINUE)
    stops = Ear(stage, CallEvents(call), OnLoss.STOP)
    ear.pause()
    stops.pause()
    stage.publish(*(note(call) for _ in range(4)), ended(call))
    stage.tick.end()
    assert (ear.ends, ear.gaps) == (1, [Position(EPOCH, 4)])
    assert stops.ends == 0, "it is to resume"


def known(stage: Stage, published: Published) -> tuple[int, int, list[tuple[str, str | None]]]:
    """What the ledger says: sent, dropped, and each outcome's subject and reason."""
    found = stage.ledger.deliveries_of(LoggedEvent(SCOPE, published.event.id, published.offset))
    outcomes: list[tuple[str, str | None]] = [
        (one.subscriber.subject, one.reason) for one in found.recent
    ]
    return found.sent, found.dropped, outcomes


def test_the_ledger_knows_who_was_sent_an_event_and_who_lost_it() -> None:
    stage = Stage()
    one, two = a_subscriber(1), a_subscriber(2, user=5)
    Ear(stage, subscriber=one)
    slow = Ear(stage, on_loss=OnLoss.CONTINUE, subscriber=two)
    slow.pause()
    published = [item for _ in range(5) for item in stage.publish(note())]
    stage.tick.end()
    assert two.subject.startswith("usr_")
    assert one.subject.startswith("key_")
    assert known(stage, published[3]) == (2, 0, [(one.subject, None), (two.subject, None)])
    assert known(stage, published[4]) == (
        1,
        1,
        [(two.subject, DropReason.BUFFER_FULL), (one.subject, None)],
    )
    slow.outbox.close()
    [last] = stage.publish(note())
    stage.tick.end()
    assert known(stage, last)[2] == [(two.subject, DropReason.CLOSED), (one.subject, None)]


def test_of_many_listeners_the_ledger_names_those_who_lost_it() -> None:
    stage = Stage()
    ears = [Ear(stage, on_loss=OnLoss.CONTINUE, subscriber=a_subscriber(n)) for n in range(1, 41)]
    ears[7].pause()
    published = [item for _ in range(6) for item in stage.publish(note())]
    stage.tick.end()
    lost = (ears[7].subscriber.subject, DropReason.BUFFER_FULL)
    assert known(stage, published[0]) == (40, 0, [])
    assert known(stage, published[5]) == (39, 1, [lost])


def test_the_ledger_notes_nothing_of_partials_or_without_listeners() -> None:
    stage = Stage()
    call = new_id()
    [of_nobody] = stage.publish(note())
    ear = Ear(stage, CallEvents(call))
    [heard] = stage.publish(partial(call, "so far", 0))
    stage.tick.end()
    assert len(ear.wire.lines) == 1
    assert known(stage, of_nobody) == known(stage, heard) == (0, 0, [])


LISTENER = st.integers(0, 30)
CALL = st.integers(0, 1)


class AudienceMachine(RuleBasedStateMachine):
    """Publish, join, leave, pause and fail within ticks; nobody may miss anything in silence."""

    @initialize()
    def begin(self) -> None:
        self.stage = Stage()
        self.calls = [new_id(), new_id()]
        self.ears: list[Ear] = []
        self.durable: dict[str, int] = {}
        self.sequence = 0

    def _ear(self, number: int) -> Ear | None:
        return self.ears[number % len(self.ears)] if self.ears else None

    @rule(
        topic=st.integers(0, 2),
        on_loss=st.sampled_from(OnLoss),
        name=st.sampled_from(["full", "other"]),
    )
    def join(self, topic: int, on_loss: OnLoss, name: str) -> None:
        topics: list[Topic] = [ALL_EVENTS, *map(CallEvents, self.calls)]
        self.ears.append(Ear(self.stage, topics[topic], on_loss, name))

    @rule(number=LISTENER)
    def leave(self, number: int) -> None:
        if (ear := self._ear(number)) is not None:
            ear.close()

    @rule(call=CALL, count=st.sampled_from([1, 2, 3, 7, 70]), kinds=st.integers(0, 7))
    def publish(self, call: int, count: int, kinds: int) -> None:
        events: list[Event] = []
        for number in range(count):
            if kinds >> (number % 3) & 1:
                self.sequence += 1
                events.append(
                    partial(self.calls[call], "so far", self.sequence, f"{self.sequence}")
                )
            else:
                events.append(note(self.calls[call]))
        self._publish(events)

    @rule(call=CALL)
    def end_call(self, call: int) -> None:
        self._publish([ended(self.calls[call])])
        self.calls[call] = new_id()

    def _publish(self, events: list[Event]) -> None:
        """Publish one by one, as somebody may leave or come in between."""
        for event in events:
            offset = self.stage.watch.buffer.position + event.data.durable
            if event.data.durable:
                self.durable[str(event.id)] = offset
            for ear in self.ears:
                if not ear.closed and ear.topic in topics_of(event):
                    ear.expected.append(Published(offset, event))
            self.stage.publish(event)

    @rule()
    def end_tick(self) -> None:
        self.stage.tick.end()

    @rule(number=LISTENER)
    def pause(self, number: int) -> None:
        if (ear := self._ear(number)) is not None:
            ear.pause()

    @rule(number=LISTENER)
    def fill_up(self, number: int) -> None:
        if (ear := self._ear(number)) is not None:
            ear.wire.fills_up = ear.was_paused = True

    @rule(number=LISTENER)
    def resume(self, number: int) -> None:
        if (ear := self._ear(number)) is not None:
            ear.resume()

    @rule(number=LISTENER)
    def send_a_reply(self, number: int) -> None:
        if (ear := self._ear(number)) is not None and not ear.wire.paused:
            ear.outbox.send(b"dropped 0 reply\n")

    @rule(number=LISTENER, victim=LISTENER, at_gap=st.booleans())
    def disturb(self, number: int, victim: int, at_gap: bool) -> None:
        """Let a listener's write, or its loss, make another listener leave, and a new one come."""
        ear, other = self._ear(number), self._ear(victim)
        if ear is None or other is None or (at_gap and ear is other):
            return

        def act() -> None:
            other.close()
            self.ears.append(Ear(self.stage, ear.topic, ear.on_loss, ear.name))

        if at_gap:
            ear.when_gap = act
        else:
            ear.wire.on_write = act

    @rule(number=LISTENER)
    def break_connection(self, number: int) -> None:
        if (ear := self._ear(number)) is not None:
            ear.broke = True

            def fail() -> None:
                raise RuntimeError

            ear.wire.on_write = fail

    @invariant()
    def nobody_is_deceived(self) -> None:
        for ear in getattr(self, "ears", []):
            self._check(ear)

    def _check(self, ear: Ear) -> None:
        seen = ear.seen
        expected = [str(published.event.id) for published in ear.expected]
        places = {event_id: number for number, event_id in enumerate(expected)}
        got = [places[event_id] for event_id in seen]  # KeyError: it was not for this one
        assert got == sorted(set(got)), "out of order, or twice"
        if not ear.was_paused and not ear.broke:
            assert seen == expected[: len(seen)], "a connection that was free lost a frame"
            assert ear.gaps == []
        had = set(seen)
        position = ear.follower.position.offset
        lacking = [
            published.offset
            for published in ear.expected
            if published.event.data.durable and str(published.event.id) not in had
        ]
        if ear.gaps and not ear.wire.paused:
            assert all(offset > ear.gaps[0].offset for offset in lacking), "behind a gap"
            assert position == ear.gaps[0].offset
        for line in ear.wire.lines:
            shown, event_id, _ = line.split()
            if shown not in ("-", "dropped"):
                assert shown == f"{EPOCH}:{self.durable[event_id]}"
        if ear.on_loss is OnLoss.WITHOUT_POSITIONS and ear.gaps:
            shown = [line.split()[0] for line in ear.wire.lines]
            offsets = [int(text.partition(":")[2]) for text in shown if ":" in text]
            assert all(offset <= ear.gaps[0].offset for offset in offsets), "a position past a gap"

    def teardown(self) -> None:
        if not hasattr(self, "ears"):
            return
        self.stage.tick.end()
        for ear in list(self.ears):
            ear.wire.on_write = ear.when_gap = None
            ear.resume()
        self.stage.tick.end()
        for ear in self.ears:
            self._check(ear)
            self._check_end(ear)

    def _check_end(self, ear: Ear) -> None:
        """Check what must be true of a listener once everything has been written."""
        missing = len(ear.expected) - len(ear.seen)
        assert ear.told == ear.outbox.dropped
        if ear.broke:
            return
        if ear.gaps and ear.on_loss is OnLoss.STOP:
            after = [item for item in ear.expected if item.offset > ear.gaps[0].offset]
            assert missing >= ear.outbox.dropped
            assert not set(ear.seen) & {
                str(item.event.id) for item in after if item.event.data.durable
            }
        else:
            assert missing == ear.outbox.dropped, "frames vanished"
        ended_ones = [item for item in ear.expected if ends(item.event, ear.topic)]
        assert ear.ends <= len(ended_ones[:1])
        if not ear.closed and not (ear.gaps and ear.on_loss is OnLoss.STOP):
            assert ear.ends == len(ended_ones[:1])
        if not ear.gaps and not ear.closed:
            assert ear.follower.position == self.stage.watch.position


TestAudience = AudienceMachine.TestCase
TestAudience.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
