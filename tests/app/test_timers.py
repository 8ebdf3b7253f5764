"""Durable timers: served once, by whichever process is alive, and what the first kind does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.ids import uuid7
from ringline.domain.log import Scope
from ringline.domain.recording import RecordingFailure, RecordingRefused
from ringline.domain.records import Entry
from ringline.domain.timers import Timer, TimerKind
from ringline.ports import EntryRefused, Transaction, Violation
from ringline.services.recording_upkeep import RecordingUpkeep
from ringline.services.timers import Serve, Timers, set_timer
from ringline.services.webhook_upkeep import WebhookUpkeep
from ringline.storage.stores import Stores
from tests.callers import LIMIT_S
from tests.clock import HandClock
from tests.database import (
    OTHER,
    TestDatabase,
    a_call,
    created,
    make_log,
    new_id,
    until_waiting,
)

UPKEEP = TimerKind.WEBHOOK_UPKEEP
SEND = TimerKind.MESSAGE_SEND
AGES = (6, 8, 29, 31)
LEASE = timedelta(minutes=5)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.fixture
async def stores(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    async with database.stores(now=clock) as stores:
        yield stores


class Served:
    """What was served, and a wait for it."""

    def __init__(self, clock: HandClock) -> None:
        self.timers: list[Timer] = []
        self.broken = False
        self._clock = clock
        self._came = asyncio.Event()

    async def __call__(self, timer: Timer) -> datetime:
        self.timers.append(timer)
        self._came.set()
        if self.broken:
            raise EntryRefused(Violation.OTHER)
        return self._clock() + DAY

    async def until(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.timers) < count:
                self._came.clear()
                await self._came.wait()


async def run(
    stack: AsyncExitStack,
    stores: Stores,
    clock: HandClock,
    *,
    serve: Serve,
    others: Mapping[TimerKind, Serve] | None = None,
) -> Timers:
    kinds = {UPKEEP: serve, **(others or {})}
    timers = Timers(stores.timers, kinds, now=clock, daily=(UPKEEP,))
    task = asyncio.create_task(timers.run())

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
    return timers


async def test_every_log_is_served_daily_once_whoever_runs(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    served = Served(clock)
    async with AsyncExitStack() as stack:
        others = await stack.enter_async_context(database.stores(OTHER, claim=False, now=clock))
        both = [await run(stack, one, clock, serve=served) for one in (stores, others)]
        await served.until(2)
        places = {timer.scope.environment for timer in served.timers}
        assert len(places) == 2
        assert {timer.scope.workspace_id for timer in served.timers} == {scope.workspace_id}
        for day in range(2, 5):
            await settled(stores, clock() + DAY)  # or their leases would have ended
            clock.advance(DAY)
            for timers in both:
                timers.look()
            await served.until(2 * day)
        assert len(served.timers) == 8


async def test_a_timer_whose_process_died_is_served_when_its_lease_ends(
    stores: Stores, clock: HandClock
) -> None:
    await make_log(stores)
    await stores.timers.keep(UPKEEP, clock())
    claimed = await claim(stores, clock())
    assert len(claimed) == 2
    assert await claim(stores, clock()) == []
    clock.advance(LEASE)
    assert len(await claim(stores, clock())) == 2


async def settled(stores: Stores, next_at: datetime) -> None:
    """Wait until all that is served is settled: no lease ends before the next is due."""
    async with asyncio.timeout(LIMIT_S):
        while await stores.timers.next_at() != next_at:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing tells that they are


async def claim(stores: Stores, now: datetime) -> Sequence[Timer]:
    return await stores.timers.claim(now, kinds=tuple(TimerKind), lease=LEASE, most=9)


async def put(stores: Stores, scope: Scope, *, due_at: datetime, moved: bool = False) -> None:
    """Set a timer as a request does: in its transaction."""

    async def work(transaction: Transaction) -> None:
        await set_timer(transaction, SEND, subject="conversation", due_at=due_at, moved=moved)

    await stores.records.write(scope, work)


async def test_one_that_is_set_while_it_is_served_is_due_again_after_that(
    stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    await put(stores, scope, due_at=clock())
    (timer,) = await claim(stores, clock())
    await put(stores, scope, due_at=clock())
    assert await claim(stores, clock()) == [], "it is not served twice at once"
    await stores.timers.settle(timer, None, now=clock())
    (again,) = await claim(stores, clock())
    assert again.subject == "conversation"
    await stores.timers.settle(again, None, now=clock())
    assert await stores.timers.next_at() is None


async def test_one_that_is_being_set_while_it_is_settled_is_due_at_once(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    """A contact's message that commits while its thread's last answer ends is answered."""
    scope = await make_log(stores)
    await put(stores, scope, due_at=clock())
    (timer,) = await claim(stores, clock())
    async with database.connection() as watcher:

        async def work(transaction: Transaction) -> asyncio.Task[None]:
            await set_timer(transaction, SEND, subject="conversation", due_at=clock())
            settling = asyncio.create_task(stores.timers.settle(timer, None, now=clock()))
            await until_waiting(watcher, 1)
            return settling

        settling, _ = await stores.records.write(scope, work)
        await settling
    assert await stores.timers.next_at() == clock()
    (again,) = await claim(stores, clock())
    assert again.subject == "conversation"


async def test_a_timer_is_due_at_the_earliest_time_that_it_was_set_for(
    stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    sooner, later = clock() + timedelta(hours=1), clock() + DAY
    for due_at in (later, sooner, later):
        await put(stores, scope, due_at=due_at)
    assert await stores.timers.next_at() == sooner
    await put(stores, scope, due_at=later, moved=True)
    assert await stores.timers.next_at() == later


async def test_a_slow_timer_does_not_delay_the_others(stores: Stores, clock: HandClock) -> None:
    scope = await make_log(stores)
    await put(stores, scope, due_at=clock())
    stuck, served = asyncio.Event(), Served(clock)

    async def wait(timer: Timer) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        await run(stack, stores, clock, serve=served, others={SEND: wait})
        await asyncio.wait_for(stuck.wait(), LIMIT_S)
        await served.until(2)


async def test_work_that_breaks_is_tried_again_in_an_hour(stores: Stores, clock: HandClock) -> None:
    await make_log(stores)
    served = Served(clock)
    served.broken = True
    async with AsyncExitStack() as stack:
        timers = await run(stack, stores, clock, serve=served)
        await served.until(2)
        clock.advance(timedelta(hours=1))
        timers.look()
        await served.until(4)


async def test_upkeep_removes_settled_deliveries_and_rotated_secrets_in_time(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser:
        for status, age in (("dead", 31), ("delivered", 31), ("pending", 31), ("dead", 29)):
            await add_delivery(superuser, scope, status, at=clock() - timedelta(days=age))
        await superuser.execute(
            "INSERT INTO ringline.webhook_endpoints (workspace_id, environment, id, url, secret,"
            " previous_secret, previous_expires_at) SELECT $1, $2, gen_random_uuid(), 'u', 's',"
            " 'p', t FROM unnest($3::timestamptz[]) AS t",
            scope.workspace_id,
            scope.environment.value,
            [clock(), clock() + timedelta(seconds=1)],
        )
        await superuser.execute(
            "UPDATE ringline.workspaces SET previous_signing_secret = 'p',"
            " previous_signing_secret_expires_at = $1",
            clock(),
        )
        timer = Timer(scope, UPKEEP, "", {}, clock())
        assert await WebhookUpkeep(stores.timers, clock).serve(timer) == clock() + DAY
        left = await superuser.fetch("SELECT status FROM ringline.webhook_deliveries")
        logged = await superuser.fetchval("SELECT count(*) FROM ringline.webhook_attempts")
        previous = await superuser.fetch("SELECT previous_secret FROM ringline.webhook_endpoints")
        (signing,) = await superuser.fetch("SELECT * FROM ringline.workspaces")
    assert sorted(row["status"] for row in left) == ["dead", "pending"]
    assert logged == 2
    assert {row["previous_secret"] for row in previous} == {None, b"p"}
    assert signing["signing_secret"] is not None
    assert signing["previous_signing_secret"] is None


async def test_a_workspace_says_how_long_its_deliveries_are_kept(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope, other = await make_log(stores), await make_log(stores)
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET retention_days = 7 WHERE id = $1", scope.workspace_id
        )
        for log in (scope, other):
            for age in (6, 8):
                await add_delivery(superuser, log, "dead", at=clock() - timedelta(days=age))
            await WebhookUpkeep(stores.timers, clock).serve(Timer(log, UPKEEP, "", {}, clock()))
        left = await superuser.fetch("SELECT workspace_id FROM ringline.webhook_deliveries")
    counted = Counter(row["workspace_id"] for row in left)
    assert counted == {scope.workspace_id: 1, other.workspace_id: 2}


@pytest.mark.parametrize(("days", "kept"), [(7, [6]), (30, [6, 8, 29]), (3650, [6, 8, 29])])
async def test_recordings_go_in_time(
    database: TestDatabase, stores: Stores, clock: HandClock, *, days: int, kept: list[int]
) -> None:
    scope, other = await make_log(stores), await make_log(stores)
    ages = {age: await add_recorded(stores, scope, at=clock() - age * DAY) for age in AGES}
    theirs = await add_recorded(stores, other, at=clock() - 40 * DAY)
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET retention_days = $2 WHERE id = $1",
            scope.workspace_id,
            days,
        )
    removed: list[UUID] = []

    async def remove(call_ids: Collection[UUID]) -> None:
        removed.extend(call_ids)

    timer = Timer(scope, TimerKind.RECORDING_UPKEEP, "", {}, clock())
    upkeep = RecordingUpkeep(stores.timers, remove, now=clock)
    assert await upkeep.serve(timer) == clock() + DAY
    assert removed == sorted(ages[age] for age in AGES if age not in kept)
    assert theirs not in removed


async def test_a_disk_that_refuses_is_tried_again(stores: Stores, clock: HandClock) -> None:
    scope = await make_log(stores)
    await add_recorded(stores, scope, at=clock() - 31 * DAY)

    async def refuse(_: Collection[UUID]) -> None:
        raise RecordingRefused(RecordingFailure.DISK_FAILED)

    timer = Timer(scope, TimerKind.RECORDING_UPKEEP, "", {}, clock())
    upkeep = RecordingUpkeep(stores.timers, refuse, now=clock)
    assert await upkeep.serve(timer) == clock() + timedelta(hours=1)


async def add_recorded(stores: Stores, scope: Scope, *, at: datetime) -> UUID:
    """Store a call of a time, with a recording."""
    call = replace(a_call(), id=uuid7(int(at.timestamp() * 1000), new_id().int & (1 << 74) - 1))
    await stores.log.commit([Entry(scope, (created(call),), (call,), call.id)])
    await stores.recordings.note({call.id: 1_000})
    return call.id


async def add_delivery(superuser: Any, scope: Scope, status: str, *, at: datetime) -> None:
    """Insert a delivery of a time, with an attempt."""
    await superuser.execute(
        "WITH new AS (SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send("
        "(extract(epoch FROM $4::timestamptz) * 1000)::bigint) FROM 3) FROM 1 FOR 6) AS id,"
        " gen_random_uuid() AS target), delivery AS ("
        "INSERT INTO ringline.webhook_deliveries (workspace_id, environment, id, event_id,"
        ' "offset", event_type, endpoint_id, target_id, status)'
        " SELECT $1, $2, encode(id, 'hex')::uuid, gen_random_uuid(), 1, 't', target, target, $3"
        " FROM new) INSERT INTO ringline.webhook_attempts (workspace_id, environment,"
        " delivery_id, attempt, started_at, duration_ms)"
        " SELECT $1, $2, encode(id, 'hex')::uuid, 1, now(), 1 FROM new",
        scope.workspace_id,
        scope.environment.value,
        status,
        at,
    )
