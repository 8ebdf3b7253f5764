"""The port `DeliveryStore`: who may attempt what, in which order, and what follows."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ringline.domain.events import TurnCompleted
from ringline.domain.log import Position, Scope
from ringline.domain.records import CallRow, Entry
from ringline.domain.webhooks import (
    AttemptError,
    Claimed,
    DeliveryStatus,
    SealedSecrets,
    SendResult,
    Settled,
)
from ringline.storage.stores import Stores
from tests.callers import LIMIT_S
from tests.clock import HandClock
from tests.database import (
    NOW,
    OTHER,
    TestDatabase,
    a_call,
    a_turn,
    first_entry,
    make_log,
    said,
)
from tests.webhook_rows import a_contact, add_endpoint, first_agent

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
OK = SendResult(200, None, "fine", 12)
BAD = SendResult(500, None, "oh\0no", 15)
LATE = SendResult(None, AttemptError.TIMEOUT, "", 10_000)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def stores(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    async with database.stores(now=clock) as stores:
        yield stores


@pytest.fixture
async def others(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    """Provide the adapters of another process on the same database."""
    async with database.stores(OTHER, claim=False, now=clock) as stores:
        yield stores


async def owe(stores: Stores, scope: Scope, count: int = 1) -> None:
    """Append events without a call."""
    await stores.log.commit([Entry(scope, tuple(a_contact() for _ in range(count)))])


async def talk(stores: Stores, scope: Scope, call: CallRow, *, turns: int) -> None:
    """Append turns of a call."""
    events = tuple(said(call, a_turn(call)) for _ in range(turns))
    await stores.log.commit([Entry(scope, events, (), call.id)])


async def claim(
    stores: Stores, clock: HandClock, *targets: UUID, room: int = 32
) -> Sequence[Claimed]:
    due = await stores.deliveries.claim(dict.fromkeys(targets, room), clock(), lease=LEASE)
    return due.claimed


async def next_at(stores: Stores, clock: HandClock, target: UUID) -> datetime | None:
    return (await stores.deliveries.claim({target: 0}, clock(), lease=LEASE)).next_at[target]


def offsets(claimed: Sequence[Claimed]) -> list[int]:
    return [delivery.position.offset for delivery in claimed]


def settled(
    delivery: Claimed,
    result: SendResult | None,
    status: DeliveryStatus = DeliveryStatus.PENDING,
    *,
    wait: timedelta = 10 * SECOND,
    started_at: datetime = NOW,
) -> Settled:
    pending = status is DeliveryStatus.PENDING
    return Settled(
        delivery,
        started_at,
        result,
        status,
        step=delivery.step + pending,
        next_attempt_at=started_at + wait if pending else None,
    )


async def rows(database: TestDatabase, table: str = "webhook_deliveries") -> Sequence[Any]:
    order = '"offset"' if table == "webhook_deliveries" else "delivery_id, attempt"
    async with database.connection() as superuser:
        return await superuser.fetch(f"SELECT * FROM ringline.{table} ORDER BY {order}")


async def change(stores: Stores, scope: Scope, statement: str, *values: object) -> None:
    async with stores.database.transaction(scope) as connection:
        await connection.execute(statement, *values)


async def test_a_claim_has_all_that_an_attempt_needs(stores: Stores, clock: HandClock) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "call.*")
    agent = await first_agent(stores, scope, "https://example.com/agent")
    call = a_call(agent_id=agent)
    await stores.log.commit([first_entry(scope, call)])
    await talk(stores, scope, call, turns=1)
    (new, turn) = await claim(stores, clock, endpoint)
    assert (new.scope, new.position) == (scope, Position("aaaaaaaa", 1))
    assert new.event is not None
    assert new.event.type == "call.created"
    assert turn.event is not None
    assert isinstance(turn.event.data, TurnCompleted)
    assert turn.event.call is not None
    assert turn.event.call.agent_id == agent
    target = turn.target
    assert (target.id, target.is_agent, target.failing) == (endpoint, False, False)
    assert (target.url, target.secrets) == ("https://example.com", SealedSecrets(b"s"))
    assert (turn.attempts, turn.step, turn.schedule_from) == (0, 0, NOW)

    (owed,) = await claim(stores, clock, agent)
    assert (owed.target.is_agent, owed.target.url) == (True, "https://example.com/agent")
    assert owed.target.secrets == SealedSecrets(b"sealed")
    assert owed.event == turn.event


async def test_what_is_claimed_is_nobody_elses_until_its_lease_ends(
    stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    await owe(stores, scope, 3)
    assert offsets(await claim(stores, clock, endpoint, room=2)) == [1, 2]
    assert offsets(await claim(others, clock, endpoint)) == [3]
    assert await claim(stores, clock, endpoint) == []
    clock.advance(LEASE)
    again = await claim(others, clock, endpoint)
    assert offsets(again) == [1, 2, 3]
    assert {delivery.schedule_from for delivery in again} == {NOW}


async def test_targets_are_found_by_when_something_is_due(stores: Stores, clock: HandClock) -> None:
    scope = await make_log(stores)
    first, second = [await add_endpoint(stores, scope, "*") for _ in range(2)]
    waiting = await add_endpoint(stores, scope, "*", paused=True)
    find = stores.deliveries.due_targets
    assert await find(NOW, most=9) == {}
    await owe(stores, scope, 3)
    assert await find(NOW, most=9) == {first: NOW, second: NOW}
    assert await find(NOW - SECOND, most=9) == {}
    for delivery in await claim(stores, clock, first):
        await stores.deliveries.settle([settled(delivery, BAD, wait=5 * SECOND)])
    assert await find(NOW + 5 * SECOND, most=9) == {second: NOW, first: NOW + 5 * SECOND}
    assert await find(NOW + 5 * SECOND, most=1) == {second: NOW}
    assert await next_at(stores, clock, first) == NOW + 5 * SECOND
    assert await claim(stores, clock, waiting) == []
    assert await next_at(stores, clock, waiting) is None


async def test_the_earliest_come_first_and_room_is_kept(stores: Stores, clock: HandClock) -> None:
    scope = await make_log(stores)
    one, two = [await add_endpoint(stores, scope, "*") for _ in range(2)]
    await owe(stores, scope, 5)
    clock.advance(SECOND)
    await owe(stores, scope, 2)
    due = await stores.deliveries.claim({one: 6, two: 1}, clock(), lease=LEASE)
    by_target: dict[UUID, list[int]] = {one: [], two: []}
    for delivery in due.claimed:
        by_target[delivery.target.id].append(delivery.position.offset)
    assert by_target == {one: [1, 2, 3, 4, 5, 6], two: [1]}


async def test_attempts_are_kept_and_the_schedule_goes_on(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    await owe(stores, scope, 3)
    good, bad, late = await claim(stores, clock, endpoint)
    await stores.deliveries.settle(
        [
            settled(good, OK, DeliveryStatus.DELIVERED),
            settled(bad, BAD),
            settled(late, LATE, DeliveryStatus.DEAD),
        ]
    )
    shown = [
        (row["status"], row["attempts"], row["step"], row["last_response_code"])
        for row in await rows(database)
    ]
    assert shown == [("delivered", 1, 0, 200), ("pending", 1, 1, 500), ("dead", 1, 0, None)]
    assert [row["next_attempt_at"] for row in await rows(database)] == [
        None,
        NOW + 10 * SECOND,
        None,
    ]
    clock.advance(10 * SECOND)
    (again,) = await claim(stores, clock, endpoint)
    assert (again.id, again.attempts, again.step) == (bad.id, 1, 1)
    assert again.schedule_from == NOW
    await stores.deliveries.settle([settled(again, OK, DeliveryStatus.DELIVERED)])
    log = {
        (row["delivery_id"], row["attempt"]): (
            *(row[name] for name in ("duration_ms", "response_code", "error", "response_body")),
        )
        for row in await rows(database, "webhook_attempts")
    }
    assert log == {
        (good.id, 1): (12, 200, None, "fine"),
        (bad.id, 1): (15, 500, None, "oh�no"),
        (late.id, 1): (10_000, None, "timeout", ""),
        (bad.id, 2): (12, 200, None, "fine"),
    }
    assert await stores.deliveries.due_targets(NOW + timedelta(days=9), most=9) == {}


async def test_a_late_report_counts_but_leaves_another_processs_claim(
    database: TestDatabase, stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    await owe(stores, scope, 2)
    mine = await claim(stores, clock, endpoint)
    clock.advance(LEASE)
    theirs = await claim(others, clock, endpoint)
    await stores.deliveries.settle(
        [settled(mine[0], BAD), settled(mine[1], OK, DeliveryStatus.DELIVERED)]
    )
    first, second = await rows(database)
    assert (first["status"], first["claimed_by"], first["step"]) == ("pending", OTHER, 0)
    assert first["next_attempt_at"] == NOW + 2 * LEASE
    assert (second["status"], second["claimed_by"]) == ("delivered", None)
    await others.deliveries.settle([settled(delivery, BAD) for delivery in theirs])
    first, second = await rows(database)
    assert (first["status"], first["attempts"], first["step"]) == ("pending", 2, 1)
    assert (second["status"], second["attempts"]) == ("delivered", 2)
    assert len(await rows(database, "webhook_attempts")) == 4


async def test_a_delivery_waits_for_an_earlier_first_attempt_of_its_call_elsewhere(
    stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    call, second = a_call(), a_call()
    await stores.log.commit([first_entry(scope, call), first_entry(scope, second)])
    await talk(stores, scope, call, turns=1)
    await talk(stores, scope, second, turns=1)
    (first,) = await claim(stores, clock, endpoint, room=1)
    assert offsets([first]) == [1]
    taken = await claim(others, clock, endpoint)
    assert offsets(taken) == [2, 4]  # not the turn of the first call
    assert await next_at(others, clock, endpoint) == clock() + SECOND
    assert offsets(await claim(stores, clock, endpoint)) == [3]  # ours: we start them in order
    await stores.deliveries.release(await claim(stores, clock, endpoint), clock())

    clock.advance(LEASE)
    (again,) = await claim(stores, clock, endpoint, room=1)
    await stores.deliveries.settle([settled(again, BAD, wait=timedelta(hours=1))])
    assert 3 in offsets(await claim(others, clock, endpoint))  # its success is not waited for


async def test_racing_processes_claim_everything_once_and_in_order(
    stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    call = a_call()
    await stores.log.commit([first_entry(scope, call)])
    for _ in range(10):
        await talk(stores, scope, call, turns=5)
    taken: list[tuple[Stores, int]] = []

    async def work(process: Stores) -> None:
        while len(taken) < 51:
            got = await claim(process, clock, endpoint, room=3)
            taken.extend((process, offset) for offset in offsets(got))
            await process.deliveries.settle(
                [settled(one, OK, DeliveryStatus.DELIVERED) for one in got]
            )

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(work(stores), work(others))
    assert sorted(offset for _, offset in taken) == list(range(1, 52))
    for process in (stores, others):
        own = [offset for taker, offset in taken if taker is process]
        assert own == sorted(own)


async def test_what_is_released_is_due_at_once_and_its_schedule_has_not_begun(
    stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    await owe(stores, scope, 2)
    kept, released = await claim(stores, clock, endpoint)
    clock.advance(5 * SECOND)
    await stores.deliveries.release([released], clock())
    (taken,) = await claim(others, clock, endpoint)
    assert (taken.id, taken.schedule_from) == (released.id, clock())
    await stores.deliveries.release([released], clock())  # not ours any more
    assert await claim(stores, clock, endpoint) == []
    assert kept.schedule_from == NOW


@pytest.mark.parametrize("is_agent", [False, True])
async def test_a_webhook_is_failing_after_a_day_of_failures_until_one_succeeds(
    database: TestDatabase, stores: Stores, clock: HandClock, is_agent: bool
) -> None:
    scope = await make_log(stores)
    if is_agent:
        target = await first_agent(stores, scope, "https://example.com")
        call = a_call(agent_id=target)
        await stores.log.commit([first_entry(scope, call)])
    else:
        target = await add_endpoint(stores, scope, "call.turn_completed")
        call = a_call()
        await stores.log.commit([first_entry(scope, call)])

    async def fail(count: int, *, after: timedelta) -> bool:
        """Let attempts fail after a time; return whether the target is failing then."""
        clock.now = NOW + after
        await talk(stores, scope, call, turns=count)
        claimed = await claim(stores, clock, target)
        assert len(claimed) == count
        await stores.deliveries.settle(
            [settled(one, BAD, DeliveryStatus.DEAD, started_at=clock()) for one in claimed]
        )
        return await failing()

    async def failing() -> bool:
        await talk(stores, scope, call, turns=1)
        (probe,) = await claim(stores, clock, target)
        await stores.deliveries.settle([settled(probe, None, DeliveryStatus.DEAD)])
        return probe.target.failing

    day = timedelta(days=1)
    assert not await fail(25, after=timedelta(0))
    assert not await fail(1, after=day - SECOND)
    assert await fail(1, after=day)
    await talk(stores, scope, call, turns=1)
    (good,) = await claim(stores, clock, target)
    await stores.deliveries.settle([settled(good, OK, DeliveryStatus.DELIVERED)])
    assert not await failing()
    assert not await fail(19, after=2 * day)
    assert not await fail(0, after=4 * day)
    assert await fail(1, after=4 * day)
    url = "https://example.com/elsewhere"
    table, column = ("agents", "webhook_url") if is_agent else ("webhook_endpoints", "url")
    await change(
        stores, scope, f"UPDATE ringline.{table} SET {column} = $1 WHERE id = $2", url, target
    )
    assert not await failing()


ENDINGS: Mapping[str, str] = {
    "deleted": "DELETE FROM ringline.webhook_endpoints WHERE id = $1",
    "disabled": "UPDATE ringline.webhook_endpoints SET enabled = false WHERE id = $1",
    "cleared": "UPDATE ringline.agents SET webhook_url = NULL WHERE id = $1",
    "agent deleted": "DELETE FROM ringline.agents WHERE id = $1",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_is_owed_to_a_target_that_goes_ends_at_once(
    database: TestDatabase, stores: Stores, clock: HandClock, ending: str
) -> None:
    scope = await make_log(stores)
    agent = await first_agent(stores, scope, "https://example.com/agent")
    endpoint = await add_endpoint(stores, scope, "*")
    stays = await add_endpoint(stores, scope, "*")
    call = a_call(agent_id=None if ending == "agent deleted" else agent)
    await stores.log.commit([first_entry(scope, call)])
    turns = tuple(
        replace(event, call=replace_agent(event.call, agent))
        for event in (said(call, a_turn(call)) for _ in range(3))
    )
    await stores.log.commit([Entry(scope, turns, (), call.id)])
    target = endpoint if ending in ("deleted", "disabled") else agent
    (claimed,) = await claim(stores, clock, target, room=1)
    await change(stores, scope, ENDINGS[ending], target)
    ended = {row["target_id"] for row in await rows(database) if row["status"] == "dead"}
    left = {row["target_id"] for row in await rows(database) if row["status"] == "pending"}
    assert ended == {target}
    assert stays in left
    assert target not in left
    await stores.deliveries.settle([settled(claimed, BAD)])
    assert await claim(stores, clock, target) == []


def replace_agent(call: Any, agent: UUID) -> Any:
    return msgspec.structs.replace(call, agent_id=agent)


async def test_more_than_a_transaction_ends_is_buried_afterwards(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    assert await stores.deliveries.bury(endpoint, most=9) == 0
    async with database.connection() as superuser:
        await superuser.execute(
            "INSERT INTO ringline.webhook_deliveries (workspace_id, environment, id, event_id,"
            ' "offset", event_type, endpoint_id, target_id, next_attempt_at)'
            " SELECT $1, $2, gen_random_uuid(), gen_random_uuid(), n, 't', $3, $3, $4"
            " FROM generate_series(1, 12000) n",
            scope.workspace_id,
            scope.environment.value,
            endpoint,
            NOW,
        )
    await owe(stores, scope)
    assert await stores.deliveries.bury(endpoint, most=9) == 0
    await change(stores, scope, ENDINGS["deleted"], endpoint)
    (left,) = await claim(stores, clock, endpoint, room=1)
    assert left.target.url is None
    await stores.deliveries.release([left], clock())
    assert await stores.deliveries.bury(endpoint, most=1500) == 1500
    assert await stores.deliveries.bury(endpoint, most=1500) == 501
    assert await stores.deliveries.bury(endpoint, most=1500) == 0


async def test_an_event_that_the_log_lost_is_claimed_without_it(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    await owe(stores, scope)
    async with database.connection() as superuser:
        await superuser.execute("DELETE FROM ringline.events")
    (claimed,) = await claim(stores, clock, endpoint)
    assert claimed.event is None


class Told:
    """What a process was told, and a wait for it."""

    def __init__(self) -> None:
        self.targets: list[UUID | None] = []
        self._came = asyncio.Event()

    def __call__(self, target: UUID | None) -> None:
        self.targets.append(target)
        self._came.set()

    async def next(self) -> UUID | None:
        async with asyncio.timeout(LIMIT_S):
            while not self.targets:
                self._came.clear()
                await self._came.wait()
        return self.targets.pop(0)


async def test_workers_are_told_what_has_become_due(
    database: TestDatabase, stores: Stores, others: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "*")
    told = Told()
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(stores.deliveries.watch_due(told))
        stack.callback(task.cancel)
        assert await told.next() is None
        await owe(stores, scope, 3)
        assert await told.next() == endpoint
        claimed = await claim(others, clock, endpoint)
        await others.deliveries.settle([settled(claimed[0], BAD)])
        await others.deliveries.release(claimed[1:2], clock())
        assert await told.next() == endpoint
        await change(stores, scope, "UPDATE ringline.webhook_endpoints SET paused = NOT paused")
        await change(stores, scope, "UPDATE ringline.webhook_endpoints SET paused = NOT paused")
        assert await told.next() == endpoint
        await owe(stores, scope)
        assert await told.next() == endpoint
        assert told.targets == []
