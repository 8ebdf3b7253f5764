"""Following a log from a position, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ringline.domain.events import Event
from ringline.domain.log import AfterEvent, FromBeginning, Position, Since
from ringline.domain.publication import Publication, Published
from ringline.domain.topics import ALL_EVENTS, CallEvents, Topic
from ringline.ports import StoreUnavailable
from ringline.services.follow import (
    Follower,
    OnLoss,
    Resolved,
    Subscription,
    follow,
    resolve,
)
from ringline.services.hub import Hub
from ringline.services.outbox import Outbox, OutboxClosed, Tick
from tests import clock
from tests.faulty import FaultyBus, FaultyLog, MemoryLog
from tests.samples import (
    NOW,
    LineDialect,
    RecordingConnection,
    a_scope,
    a_subscriber,
    ended,
    entry,
    new_id,
    note,
    partial,
)

SCOPE = a_scope(1)
EPOCH = "epoch001"
CALL = new_id()
OF_CALL = CallEvents(CALL)


def at(offset: int) -> Position:
    return Position(EPOCH, offset)


class Desk:
    def __init__(self) -> None:
        self.truth = MemoryLog()
        self.store = FaultyLog(self.truth)
        self.bus = FaultyBus()
        self.hub = Hub(self.store, self.bus)
        self.wire = RecordingConnection()
        self.outbox = Outbox(self.wire, Tick(), overrun=lambda: None)
        self.gaps: list[Position] = []
        self.ended: list[Follower] = []
        #: What the subscriptions' dialects omit.
        self.hidden: frozenset[str] = frozenset()

    async def happen(self, *events: Event, publish: bool = True) -> list[Published]:
        [offsets] = await self.truth.commit([entry(SCOPE, *events)])
        published = [Published(*pair) for pair in zip(offsets, events, strict=True)]
        if publish:
            self.bus.publish(Publication(SCOPE, tuple(published)))
        return published

    def subscription(
        self, topic: Topic = ALL_EVENTS, on_loss: OnLoss = OnLoss.STOP, open_turns: bool = False
    ) -> Subscription:
        def on_gap(follower: Follower) -> None:
            self.gaps.append(follower.position)
            self.outbox.send(f"gap {follower.position.offset}\n".encode())

        return Subscription(
            SCOPE,
            topic,
            LineDialect(hidden=self.hidden),
            on_loss,
            on_gap,
            LineDialect("plain", positions=False),
            open_turns,
            on_end=self.ended.append,
            subscriber=a_subscriber(),
        )

    async def follow(
        self,
        since: int,
        topic: Topic = ALL_EVENTS,
        on_loss: OnLoss = OnLoss.STOP,
        open_turns: bool = False,
    ) -> Follower:
        subscription = self.subscription(topic, on_loss, open_turns)
        return await follow(
            self.hub, self.store, subscription=subscription, since=at(since), outbox=self.outbox
        )

    @property
    def seen(self) -> list[str]:
        """What the client got: an offset, or the text before the event's id."""
        return [line.split()[0].partition(":")[2] or line.split()[0] for line in self.wire.lines]

    @property
    def offsets(self) -> list[int]:
        return [int(text) for text in self.seen]


def scenario(steps: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        desk.hub.start()
        await steps(desk)
        await desk.hub.close()
        assert not desk.bus.errors

    clock.run(main())


def test_past_events_come_before_live_ones_without_a_gap() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(500)))
        begun = asyncio.create_task(desk.follow(100))
        for _ in range(40):
            await desk.happen(note())
            await asyncio.sleep(0.0003)
        follower = await begun
        await desk.happen(note())
        await asyncio.sleep(0)
        assert desk.offsets == list(range(101, 542))
        assert follower.position == at(541)

    scenario(steps)


def test_a_follower_catches_up_with_a_busy_log() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(300)))

        async def go_on() -> None:
            while True:
                await desk.happen(note())

        running = asyncio.create_task(go_on())
        async with asyncio.timeout(5):
            await desk.follow(0)
        running.cancel()
        await asyncio.sleep(0.1)
        assert desk.offsets == list(range(1, len(desk.truth.logs[SCOPE]) + 1))

    scenario(steps)


def test_a_slow_connection_gets_past_events_at_its_own_pace() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(300)))
        desk.wire.fills_up = True
        begun = asyncio.create_task(desk.follow(0))
        while not begun.done():
            await asyncio.sleep(0.1)
            assert desk.outbox.room >= 32
            desk.wire.paused = False
            desk.outbox.resumed()
        await asyncio.sleep(0.1)
        assert desk.offsets == list(range(1, 301))
        assert max(data.count(b"\n") for data in desk.wire.writes) <= 32
        assert desk.outbox.dropped == 0

    scenario(steps)


def test_a_follower_of_one_call_gets_only_that_call() -> None:
    async def steps(desk: Desk) -> None:
        for _ in range(300):
            await desk.happen(note(CALL), note(new_id()), publish=False)
        follower = await desk.follow(0, OF_CALL)
        await desk.happen(note(new_id()), note(CALL))
        await asyncio.sleep(0)
        assert desk.offsets == [*range(1, 600, 2), 602]
        assert follower.position == at(602)

    scenario(steps)


def test_the_call_s_end_is_noted_even_if_the_dialect_omits_it() -> None:
    async def steps(desk: Desk) -> None:
        desk.hidden = frozenset({"call.ended"})
        live = await desk.follow(0, OF_CALL)
        await desk.happen(ended(new_id()))
        await asyncio.sleep(0)
        assert desk.ended == []
        await desk.happen(ended(CALL))
        await asyncio.sleep(0)
        assert desk.ended == [live]
        late = await desk.follow(0, OF_CALL)
        await asyncio.sleep(1)
        assert desk.ended == [live, late]

    scenario(steps)


def test_a_position_that_the_hub_here_has_not_reached_is_waited_for() -> None:
    async def steps(desk: Desk) -> None:
        watch = await desk.hub.watch(SCOPE)
        await desk.happen(note(), note(), publish=False)
        assert watch.buffer.position == 0
        follower = await desk.follow(2)
        assert watch.buffer.position == 2
        await desk.happen(note())
        await asyncio.sleep(0)
        assert desk.offsets == [3]
        follower.close()

    scenario(steps)


def test_a_client_that_must_resume_gets_nothing_after_the_gap() -> None:
    async def steps(desk: Desk) -> None:
        follower = await desk.follow(0)
        desk.wire.paused = True
        await desk.happen(*(note() for _ in range(70)))
        await asyncio.sleep(0)
        desk.wire.paused = False
        desk.outbox.resumed()
        await desk.happen(note())
        await asyncio.sleep(0)
        assert desk.seen == [*map(str, range(1, 65)), "gap"]
        assert desk.gaps == [at(64)]
        assert follower.position == at(64)

    scenario(steps)


def test_a_stream_goes_on_without_positions() -> None:
    async def steps(desk: Desk) -> None:
        follower = await desk.follow(0, on_loss=OnLoss.WITHOUT_POSITIONS)
        desk.wire.paused = True
        await desk.happen(*(note() for _ in range(66)))
        await asyncio.sleep(0)
        desk.wire.paused = False
        desk.outbox.resumed()
        await desk.happen(note(), note())
        await asyncio.sleep(0)
        assert desk.seen == [*map(str, range(1, 65)), "gap", "-", "-"]
        assert (follower.position, follower.lost) == (at(64), 2)
        assert desk.outbox.dropped == 2

    scenario(steps)


def test_a_socket_goes_on_after_each_notice() -> None:
    async def steps(desk: Desk) -> None:
        follower = await desk.follow(0, on_loss=OnLoss.CONTINUE)
        for _ in range(2):
            desk.wire.paused = True
            await desk.happen(*(note() for _ in range(66)))
            await asyncio.sleep(0)
            desk.wire.paused = False
            desk.outbox.resumed()
        await desk.happen(note())
        await asyncio.sleep(0)
        first, second = [*map(str, range(1, 65)), "gap"], [*map(str, range(67, 131)), "gap"]
        assert desk.seen == [*first, *second, "133"]
        assert desk.gaps == [at(64), at(64)]
        assert follower.lost == 4

    scenario(steps)


def test_losing_a_partial_is_no_gap() -> None:
    async def steps(desk: Desk) -> None:
        follower = await desk.follow(0, OF_CALL)
        desk.wire.paused = True
        await desk.happen(*(note(CALL) for _ in range(64)))
        lost = Published(64, partial(CALL, "a", 0))
        desk.bus.publish(Publication(SCOPE, (lost,)))
        await asyncio.sleep(0)
        desk.wire.paused = False
        desk.outbox.resumed()
        await desk.happen(note(CALL))
        await asyncio.sleep(0)
        assert desk.offsets == list(range(1, 66))
        assert (desk.gaps, desk.outbox.dropped) == ([], 1)
        assert follower.position == at(65)

    scenario(steps)


def test_a_late_follower_gets_the_open_turns() -> None:
    async def steps(desk: Desk) -> None:
        watch = await desk.hub.watch(SCOPE)
        await desk.happen(note(CALL))
        parts = [Published(1, partial(CALL, "a", n)) for n in range(2)]
        desk.bus.publish(Publication(SCOPE, tuple(parts)))
        await desk.follow(1, OF_CALL, open_turns=True)
        await asyncio.sleep(0)
        assert desk.wire.lines == [f"- {parts[1].event.id} call.transcript_delta"]
        desk.hub.release(watch)

    scenario(steps)


def test_a_follow_that_fails_leaves_nothing_behind() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(300)))
        desk.wire.fills_up = True
        cancelled = asyncio.create_task(desk.follow(0))
        await asyncio.sleep(0.1)
        cancelled.cancel()
        desk.outbox.close()
        with pytest.raises(OutboxClosed):
            await desk.follow(0)
        desk.store.go_away()
        with pytest.raises(StoreUnavailable):
            await desk.follow(0)
        desk.store.come_back()
        await desk.happen(note(), publish=False)
        watch = await desk.hub.watch(SCOPE)
        assert watch.buffer.position == 301  # a watch of its own: nobody held the old one

    scenario(steps)


def test_a_follower_that_was_closed_gets_nothing() -> None:
    async def steps(desk: Desk) -> None:
        follower = await desk.follow(0)
        follower.close()
        follower.close()
        await desk.happen(note())
        await asyncio.sleep(2)
        assert desk.wire.writes == []

    scenario(steps)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (None, Resolved(at(20), None)),
        (at(15), Resolved(at(15), True)),
        (at(20), Resolved(at(20), True)),
        (at(9), Resolved(at(9), True)),  # the oldest kept is 10
        (at(8), Resolved(at(20), False, 8)),
        (FromBeginning(), Resolved(at(20), False, 0)),
        (at(21), Resolved(at(20), False, 20)),
        (Position("epoch000", 15), Resolved(at(20), False, 0)),
        (AfterEvent(new_id()), Resolved(at(20), False, 0)),
    ],
)
def test_a_position_is_recovered_or_honestly_not(since: Since | None, expected: Resolved) -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(20)))
        desk.truth.oldest = 10
        assert await resolve(desk.store, SCOPE, since=since) == expected

    scenario(steps)


def test_an_event_id_is_a_position_too() -> None:
    async def steps(desk: Desk) -> None:
        events = [note() for _ in range(5)]
        await desk.happen(*events)
        assert await resolve(desk.store, SCOPE, since=AfterEvent(events[2].id)) == Resolved(
            at(3), True
        )

    scenario(steps)


def test_the_beginning_of_an_empty_log_is_recovered() -> None:
    async def steps(desk: Desk) -> None:
        assert await resolve(desk.store, SCOPE, since=FromBeginning()) == Resolved(at(0), True)

    scenario(steps)


def test_more_than_the_replay_limit_is_not_recovered() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note() for _ in range(20)))
        assert await resolve(desk.store, SCOPE, since=at(10), replay_limit=10) == Resolved(
            at(10), True
        )
        assert await resolve(desk.store, SCOPE, since=at(9), replay_limit=10) == Resolved(
            at(20), False, 9
        )

    scenario(steps)


def test_two_topics_on_one_connection_each_get_everything() -> None:
    async def steps(desk: Desk) -> None:
        await desk.happen(*(note(CALL) for _ in range(200)))
        await asyncio.gather(desk.follow(0), desk.follow(0, OF_CALL))
        await asyncio.sleep(0)
        assert sorted(desk.offsets) == sorted([*range(1, 201)] * 2)

    scenario(steps)


def test_the_past_of_a_call_can_come_in_spoken_order() -> None:
    async def steps(desk: Desk) -> None:
        seconds = [20, 10, 30, *range(40, 40 + 1_200)]
        for second in seconds:
            happened = replace(note(call_id=CALL), occurred_at=NOW + timedelta(seconds=second))
            await desk.happen(happened)
        subscription = replace(desk.subscription(OF_CALL), spoken_order=True)
        follower = await follow(
            desk.hub, desk.store, subscription=subscription, since=at(0), outbox=desk.outbox
        )
        await desk.outbox.drained()
        last = len(seconds)
        # The second was said first; until the first has come, the client lacks it.
        assert desk.offsets == [0, 2, *range(3, last + 1)]
        assert follower.position == at(last)
        await desk.happen(note(call_id=CALL))
        await asyncio.sleep(1)
        assert desk.offsets[-1] == last + 1, "it is live"
        follower.close()

    scenario(steps)
