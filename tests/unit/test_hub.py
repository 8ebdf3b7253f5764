"""The hub: who hears what, and how a log is mended, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from ringline.domain import limits
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.domain.publication import Publication, Published
from ringline.domain.topics import ALL_EVENTS, CallEvents
from ringline.domain.unavailable import UnavailableReason
from ringline.ports import ALL_LOGS, AllLogs, LogHead, StoreUnavailable, Subscriber, Unsubscribe
from ringline.services.hub import Hub, _Opening
from ringline.services.stream_ledger import DropReason
from tests import clock
from tests.expecting import unavailable_for
from tests.faulty import FaultyBus, FaultyLog, MemoryLog
from tests.samples import (
    LineDialect,
    RecordingListener,
    a_scope,
    ended,
    entry,
    new_id,
    note,
    partial,
    turn,
)

SCOPE, OTHER = a_scope(1), a_scope(2)


class Desk:
    def __init__(self) -> None:
        self.truth = MemoryLog()
        self.store = FaultyLog(self.truth)
        self.bus = FaultyBus()
        self.hub = Hub(self.store, self.bus)

    async def happen(self, *events: Event, scope: Scope = SCOPE) -> list[Published]:
        """Commit events without publishing them."""
        [offsets] = await self.truth.commit([entry(scope, *events)])
        return [Published(*pair) for pair in zip(offsets, events, strict=True)]

    async def publish(self, *published: Published, scope: Scope = SCOPE) -> None:
        """Publish events; wait for the end of the tick, when they are delivered."""
        self.bus.publish(Publication(scope, published))
        await asyncio.sleep(0)


def scenario(steps: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        desk.hub.start()
        await steps(desk)
        await desk.hub.close()
        assert not desk.bus.errors

    clock.run(main())


@dataclass
class Counting:
    """A dialect that counts how often it encodes."""

    name: str = "counting"
    encoded: list[tuple[Event, Position, Scope]] = field(default_factory=list)

    def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
        self.encoded.append((event, position, scope))
        return b"frame"


def test_an_event_is_encoded_once_per_dialect_and_the_bytes_are_shared() -> None:
    async def steps(desk: Desk) -> None:
        call = new_id()
        dialect, spelling = Counting(), LineDialect()
        ears = [RecordingListener(dialect) for _ in range(10)]
        watch = await desk.hub.watch(SCOPE)
        for number, ear in enumerate(ears):
            watch.join(CallEvents(call) if number % 2 else ALL_EVENTS, ear)
        other = RecordingListener()
        watch.join(ALL_EVENTS, other)
        [published] = await desk.happen(note(call))
        await desk.publish(published)
        assert dialect.encoded == [(published.event, Position("epoch001", 1), SCOPE)]
        assert len({id(frame) for ear in ears for _, frame in ear.heard}) == 1
        assert [len(ear.heard) for ear in ears] == [1] * 10
        assert other.heard == [
            (published, spelling.encode(published.event, Position("epoch001", 1), SCOPE))
        ]

    scenario(steps)


def test_a_call_s_listener_hears_that_call_alone() -> None:
    async def steps(desk: Desk) -> None:
        mine, other = new_id(), new_id()
        of_mine, of_all, elsewhere = RecordingListener(), RecordingListener(), RecordingListener()
        watch = await desk.hub.watch(SCOPE)
        watch.join(CallEvents(mine), of_mine)
        watch.join(ALL_EVENTS, of_all)
        (await desk.hub.watch(OTHER)).join(ALL_EVENTS, elsewhere)
        await desk.publish(*await desk.happen(note(mine), note(other), note(), note(mine)))
        assert of_mine.offsets == [1, 4]
        assert of_all.offsets == [1, 2, 3, 4]
        assert elsewhere.offsets == []
        watch.leave(CallEvents(mine), of_mine)
        watch.leave(CallEvents(mine), of_mine)
        await desk.publish(*await desk.happen(note(mine)))
        assert of_mine.offsets == [1, 4]

    scenario(steps)


def test_events_are_put_back_in_order_and_duplicates_are_dropped() -> None:
    async def steps(desk: Desk) -> None:
        ear = RecordingListener()
        (await desk.hub.watch(SCOPE)).join(ALL_EVENTS, ear)
        first, second, third = await desk.happen(note(), note(), note())
        await desk.publish(third)
        await desk.publish(second, third)
        assert ear.offsets == []
        await desk.publish(first)
        await desk.publish(first, second)
        assert ear.offsets == [1, 2, 3]

    scenario(steps)


def test_whoever_pays_is_told_how_many_bytes_a_log_s_listeners_were_written() -> None:
    class Free:
        """An outbox that takes everything at once."""

        def write_now(self, data: bytes) -> bool:
            return True

    async def steps(desk: Desk) -> None:
        paid: list[tuple[Scope, int]] = []
        desk.hub.charge_to(lambda scope, size: paid.append((scope, size)))
        watch = await desk.hub.watch(SCOPE)
        dialect = LineDialect()
        for _ in range(3):
            watch.join(ALL_EVENTS, RecordingListener(dialect, outbox=Free()))
        sizes: list[int] = []
        for _ in range(1_000):
            [published] = await desk.happen(note())
            await desk.publish(published)
            position = Position("epoch001", published.offset)
            sizes.append(3 * len(dialect.encode(published.event, position, SCOPE) or b""))
        total = sum(size for _, size in paid)
        assert {scope for scope, _ in paid} == {SCOPE}
        assert sum(sizes) - 16 * 1024 < total <= sum(sizes)

    scenario(steps)


def test_a_lost_message_is_read_from_the_log_after_a_moment() -> None:
    async def steps(desk: Desk) -> None:
        ear = RecordingListener()
        (await desk.hub.watch(SCOPE)).join(ALL_EVENTS, ear)
        await desk.happen(note())
        await desk.publish(*await desk.happen(note()))
        await asyncio.sleep(0.04)
        assert ear.offsets == []
        await asyncio.sleep(0.02)
        assert ear.offsets == [1, 2]

    scenario(steps)


def test_a_lost_last_message_is_found_within_two_sweeps() -> None:
    async def steps(desk: Desk) -> None:
        ears = RecordingListener(), RecordingListener()
        for scope, ear in zip((SCOPE, OTHER), ears, strict=True):
            (await desk.hub.watch(scope)).join(ALL_EVENTS, ear)
            await desk.happen(*(note() for _ in range(1200)), scope=scope)
        await asyncio.sleep(1.2)
        for ear in ears:
            assert ear.offsets == list(range(1, 1201))

    scenario(steps)


def test_while_the_database_is_down_the_hub_goes_on_and_fills_gaps_later() -> None:
    async def steps(desk: Desk) -> None:
        ear = RecordingListener()
        (await desk.hub.watch(SCOPE)).join(ALL_EVENTS, ear)
        _, second = await desk.happen(note(), note())
        desk.store.go_away()
        await desk.publish(second)
        await asyncio.sleep(30)
        assert ear.offsets == []
        with pytest.raises(StoreUnavailable):
            await desk.hub.watch(OTHER)
        desk.store.come_back()
        await asyncio.sleep(1.1)
        assert ear.offsets == [1, 2]
        desk.hub.release(await desk.hub.watch(OTHER))

    scenario(steps)


def test_events_published_while_a_log_is_opened_are_delivered() -> None:
    class SlowLog(FaultyLog):
        async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
            heads = await super().heads(scopes)
            await asyncio.sleep(0.2)
            return heads

    async def main() -> None:
        desk = Desk()
        desk.hub = Hub(SlowLog(desk.truth), desk.bus)
        desk.hub.start()
        await desk.happen(note())
        opening = asyncio.create_task(desk.hub.watch(SCOPE))
        await asyncio.sleep(0.1)
        await desk.publish(*await desk.happen(note(), note()))
        watch = await opening
        assert watch.buffer.position == 3
        await desk.hub.close()
        assert not desk.bus.errors

    clock.run(main())


def test_a_log_is_watched_as_long_as_it_has_users() -> None:
    async def steps(desk: Desk) -> None:
        first, second = await asyncio.gather(desk.hub.watch(SCOPE), desk.hub.watch(SCOPE))
        assert first is second
        desk.hub.release(first)
        assert await desk.hub.watch(SCOPE) is first
        desk.hub.release(first)
        desk.hub.release(first)
        await desk.happen(note())
        again = await desk.hub.watch(SCOPE)
        assert again is not first
        assert again.buffer.position == 1

    scenario(steps)


def test_a_watch_whose_waiters_are_all_gone_is_not_started() -> None:
    async def steps(desk: Desk) -> None:
        opening = asyncio.create_task(desk.hub.watch(SCOPE))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.sleep(1)
        await desk.happen(note())
        assert (await desk.hub.watch(SCOPE)).buffer.position == 1

    scenario(steps)


def test_an_unknown_log_is_refused() -> None:
    class EmptyLog(MemoryLog):
        async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
            return {}

    async def main() -> None:
        bus = FaultyBus()
        hub = Hub(EmptyLog(), bus)
        hub.start()
        with unavailable_for(UnavailableReason.LOG_UNKNOWN):
            await hub.watch(SCOPE)
        assert bus.subscribed == [ALL_LOGS]
        await hub.close()

    clock.run(main())


def test_a_log_is_subscribed_to_as_long_as_it_is_watched() -> None:
    async def steps(desk: Desk) -> None:
        assert desk.bus.subscribed == [ALL_LOGS]
        opening = asyncio.create_task(desk.hub.watch(SCOPE))
        await asyncio.sleep(0)
        assert desk.bus.subscribed == [ALL_LOGS, SCOPE]  # before its head is asked for
        watch = await opening
        await desk.hub.watch(SCOPE)
        await desk.hub.watch(OTHER)
        assert desk.bus.subscribed == [ALL_LOGS, SCOPE, OTHER]
        desk.hub.release(watch)
        assert desk.bus.subscribed == [ALL_LOGS, SCOPE, OTHER]
        desk.hub.release(watch)
        assert desk.bus.subscribed == [ALL_LOGS, OTHER]
        await desk.hub.watch(SCOPE)
        assert desk.bus.subscribed == [ALL_LOGS, OTHER, SCOPE]

    scenario(steps)


def test_a_log_that_failed_to_open_or_is_not_needed_is_unsubscribed() -> None:
    async def steps(desk: Desk) -> None:
        desk.store.go_away()
        with pytest.raises(StoreUnavailable):
            await desk.hub.watch(SCOPE)
        assert desk.bus.subscribed == [ALL_LOGS]
        desk.store.come_back()
        given_up = asyncio.create_task(desk.hub.watch(SCOPE))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(1)
        assert desk.bus.subscribed == [ALL_LOGS]

    scenario(steps)


def test_a_bus_that_carries_only_the_watched_logs_is_enough() -> None:
    class NarrowBus(FaultyBus):
        """Of all logs it carries what its own process publishes, which is nothing here."""

        def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
            if logs == ALL_LOGS:
                return lambda: None
            return super().subscribe(logs, subscriber)

    async def main() -> None:
        desk = Desk()
        desk.bus = NarrowBus()
        desk.hub = Hub(desk.store, desk.bus)
        desk.hub.start()
        call, ear = new_id(), RecordingListener()
        await desk.publish(Published(0, partial(call, "one", 0)))
        watch = await desk.hub.watch(SCOPE)
        assert watch.buffer.open_turns(call) == []
        watch.join(ALL_EVENTS, ear)
        told = Published(0, partial(call, "one two", 1))
        await desk.publish(told)
        await desk.publish(*await desk.happen(turn(call, "one two")))
        assert ear.offsets == [0, 1]
        assert ear.heard[0][0] == told
        await desk.hub.close()
        assert not desk.bus.errors

    clock.run(main())


def test_every_listener_is_notified_of_a_rebuilt_log() -> None:
    async def steps(desk: Desk) -> None:
        ear = RecordingListener()
        watch = await desk.hub.watch(SCOPE)
        watch.join(ALL_EVENTS, ear)
        await desk.happen(note())
        desk.truth.epoch = "epoch002"
        await asyncio.sleep(1.1)
        assert ear.lost == [Position("epoch001", 0)]
        assert (watch.epoch, watch.buffer.position) == ("epoch002", 1)

    scenario(steps)


def test_every_listener_is_notified_of_events_that_retention_removed() -> None:
    async def steps(desk: Desk) -> None:
        ear = RecordingListener()
        (await desk.hub.watch(SCOPE)).join(ALL_EVENTS, ear)
        await desk.happen(*(note() for _ in range(5)))
        desk.truth.oldest = 4
        await asyncio.sleep(1.1)
        assert (ear.lost, ear.offsets) == ([Position("epoch001", 0)], [4, 5])

    scenario(steps)


def test_a_failing_listener_or_dialect_does_not_affect_others() -> None:
    class Broken(RecordingListener):
        def deliver(self, published: Published, frame: bytes) -> DropReason | None:
            raise RuntimeError

    class Mute(LineDialect):
        def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
            raise RuntimeError

    async def steps(desk: Desk) -> None:
        ear, deaf = RecordingListener(), RecordingListener(Mute("mute"))
        watch = await desk.hub.watch(SCOPE)
        watch.join(ALL_EVENTS, Broken())
        watch.join(ALL_EVENTS, deaf)
        watch.join(ALL_EVENTS, ear)
        await desk.publish(*await desk.happen(note()))
        assert ear.offsets == [1]
        assert deaf.heard == []

    scenario(steps)


def test_nothing_is_kept_of_a_log_without_listeners() -> None:
    async def steps(desk: Desk) -> None:
        watch = await desk.hub.watch(SCOPE)
        await desk.publish(*await desk.happen(turn(new_id(), "x" * 100_000)))
        assert watch.buffer.released_since(0) is not None
        desk.hub.release(watch)
        assert watch.buffer.released_since(0) is None, (
            "whoever still holds the watch holds no events"
        )

    scenario(steps)


def test_events_that_wait_for_a_log_s_head_are_bounded_in_bytes() -> None:
    async def steps(desk: Desk) -> None:
        opening = _Opening(asyncio.get_running_loop().create_future())
        size = limits.EARLY_BYTES.most // 4
        opening.add([Published(offset, turn(new_id(), "x" * size)) for offset in range(1, 10)])
        assert [published.offset for published in opening.events] == [7, 8, 9]

    scenario(steps)


def test_the_first_listener_gets_the_open_turns() -> None:
    async def steps(desk: Desk) -> None:
        call, over = new_id(), new_id()
        await desk.publish(
            Published(0, partial(call, "one", 0)), Published(0, partial(over, "so", 0))
        )
        await desk.publish(Published(0, partial(call, "one two", 1)))
        await desk.publish(*await desk.happen(turn(over, "so it is")))
        await desk.publish(Published(1, partial(call, "elsewhere", 0)), scope=OTHER)
        watch = await desk.hub.watch(SCOPE)
        assert [told.event.data for told in watch.buffer.open_turns(call)] == [
            partial(call, "one two", 1).data
        ]
        assert watch.buffer.open_turns(over) == []
        desk.hub.release(watch)
        again = await desk.hub.watch(SCOPE)
        assert again is not watch
        assert len(again.buffer.open_turns(call)) == 1
        desk.hub.release(again)
        await desk.publish(*await desk.happen(ended(call)))
        assert (await desk.hub.watch(SCOPE)).buffer.open_turns(call) == []

    scenario(steps)


def test_a_turn_whose_end_was_lost_on_the_bus_is_not_open() -> None:
    async def steps(desk: Desk) -> None:
        call, old = new_id(), new_id()
        await desk.publish(Published(0, partial(old, "long ago", 0)))
        for _ in range(70):
            await desk.happen(turn(new_id(), "other"))
        await desk.publish(Published(70, partial(call, "one", 0)))
        await desk.happen(turn(call, "one two"))
        going_on = new_id()
        await desk.publish(Published(71, partial(going_on, "so", 0)))
        await desk.happen(turn(new_id(), "other"))
        watch = await desk.hub.watch(SCOPE)
        assert watch.buffer.position == 72
        assert watch.buffer.open_turns(call) == []
        assert len(watch.buffer.open_turns(going_on)) == 1
        assert watch.buffer.open_turns(old) == [], "nobody knows without reading far back"

    scenario(steps)


def test_a_partial_that_may_be_later_than_its_turn_s_end_is_looked_up() -> None:
    async def steps(desk: Desk) -> None:
        over, going_on = new_id(), new_id()
        await desk.happen(turn(over, "all of it"))
        watch = await desk.hub.watch(SCOPE)
        ear = RecordingListener()
        watch.join(ALL_EVENTS, ear)
        live = partial(going_on, "so far", 1)
        await desk.publish(Published(0, partial(over, "all", 1)), Published(0, live))
        await asyncio.sleep(0.1)
        assert [published.event for published, _ in ear.heard] == [live]

    scenario(steps)
