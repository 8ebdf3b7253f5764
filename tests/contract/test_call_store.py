"""Calls over PostgreSQL: lookup by id or UUID, turns, adoption of orphans."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ringline.domain.call_vocabulary import CallStatus, TurnRole
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment
from ringline.domain.records import AbandonedCall, Entry
from ringline.services.found_calls import FoundCall, find_call
from ringline.storage.stores import Stores
from tests.database import (
    NOW,
    OTHER,
    TestDatabase,
    a_call,
    a_participant,
    a_turn,
    created,
    first_entry,
    last_entry,
    make_log,
    new_id,
    said,
)

LIMIT_S = 10.0


async def test_a_call_is_read_in_its_own_log_alone(stores: Stores) -> None:
    scope = await make_log(stores)
    call = a_call(uuid="the integrator's")
    await stores.log.commit([first_entry(scope, call)])
    assert await stores.calls.get_call(scope, call.id) == call
    assert await stores.calls.get_call(scope, new_id()) is None
    test = replace(scope, environment=Environment.TEST)
    assert await stores.calls.get_call(test, call.id) is None


async def test_a_call_is_found_by_its_id_and_by_its_call_uuid(stores: Stores) -> None:
    scope = await make_log(stores)
    call = a_call(uuid="the integrator's")
    await stores.log.commit([first_entry(scope, call)])
    found = FoundCall(
        call.id, call.uuid, call.status, None, stores.database.server_id, call.transport
    )
    assert found.runs
    async with stores.records.read(scope) as rows:
        for name in (call.id, call.uuid, str(call.id), format_id(Prefix.CALL, call.id)):
            assert await find_call(rows, name) == found
        for name in (new_id(), "another", "The Integrator's", format_id(Prefix.SESSION, call.id)):
            assert await find_call(rows, name) is None
    async with stores.records.read(replace(scope, environment=Environment.TEST)) as rows:
        for name in (call.id, call.uuid):
            assert await find_call(rows, name) is None


async def test_a_call_uuid_wins_over_another_call_s_id(stores: Stores) -> None:
    scope = await make_log(stores)
    first = a_call()
    second = a_call(uuid=format_id(Prefix.CALL, first.id))
    await stores.log.commit([first_entry(scope, first), first_entry(scope, second)])
    async with stores.records.read(scope) as rows:
        by_text = await find_call(rows, second.uuid)
        by_id = await find_call(rows, first.id)
    assert by_text is not None
    assert by_id is not None
    assert (by_text.id, by_id.id) == (second.id, first.id)


async def test_a_call_that_ended_or_lives_elsewhere_is_found_as_it_is(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    call = a_call()
    await stores.log.commit([first_entry(scope, call), last_entry(scope, call)])
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.calls SET server_id = NULL")
    row = await stores.calls.get_call(scope, call.id)
    assert row is not None
    async with stores.records.read(scope) as rows:
        found = await find_call(rows, call.uuid)
    assert row.ended_at is not None
    assert found is not None
    assert found == FoundCall(call.id, call.uuid, row.status, row.ended_at, None, row.transport)
    assert not found.runs


async def test_the_duration_counts_from_the_answer(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    answered = a_call(
        status=CallStatus.ANSWERED, answered_at=NOW - timedelta(seconds=90, milliseconds=700)
    )
    missed = a_call()
    for call in (answered, missed):
        await stores.log.commit([first_entry(scope, call), last_entry(scope, call)])
    async with database.connection() as superuser:
        for call, expected in ((answered, 90), (missed, 0)):
            found = await superuser.fetchval(
                "SELECT duration_seconds FROM ringline.calls WHERE id = $1", call.id
            )
            assert found == expected


async def test_turns_come_in_the_order_they_were_said(stores: Stores) -> None:
    scope = await make_log(stores)
    call = a_call()
    late = a_turn(call, "late", occurred_at=NOW + timedelta(seconds=2))
    early = a_turn(call, "early", role=TurnRole.AGENT, interrupted=True)
    await stores.log.commit([first_entry(scope, call)])
    await stores.log.commit([Entry(scope, (said(call, late),), (late, early), call.id)])
    assert await stores.calls.turns(scope, call.id) == [early, late]


async def test_the_open_calls_of_a_dead_process_are_taken_over(
    database: TestDatabase, stores: Stores
) -> None:
    scope, other = await make_log(stores), await make_log(stores)
    call = a_call()
    who, turn = a_participant(call), a_turn(call)
    over, mine, elsewhere = a_call(), a_call(), a_call()
    async with database.stores(OTHER, claim=False) as dead:
        await dead.log.commit(
            [
                Entry(scope, (created(call),), (call, who, turn), call.id),
                first_entry(scope, over),
                last_entry(scope, over),
                first_entry(other),
            ]
        )
    await stores.log.commit([first_entry(scope, mine), first_entry(scope, elsewhere)])
    async with database.connection() as superuser:  # recorded: no process runs it
        await superuser.execute(
            "UPDATE ringline.calls SET server_id = NULL WHERE id = $1", elsewhere.id
        )
    found = await stores.calls.abandoned()
    assert {abandoned.scope for abandoned in found} == {scope, other}
    assert len(found) == 2
    (one,) = [abandoned for abandoned in found if abandoned.scope == scope]
    assert one == AbandonedCall(scope, call, (who,), (turn,), one.lost_at)


@pytest.mark.parametrize("beat_s", [-3, 5], ids=["written to after it", "idle until it"])
async def test_a_dead_process_was_last_alive_at_its_last_beat_or_write(
    database: TestDatabase, stores: Stores, beat_s: float
) -> None:
    scope = await make_log(stores)
    call = a_call()
    async with database.stores(OTHER, claim=False) as dead:
        await dead.log.commit([first_entry(scope, call)])
    beat = NOW + timedelta(seconds=beat_s)
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.calls SET updated_at = $1", NOW)
        await superuser.execute("INSERT INTO ringline.servers VALUES ($1, $2)", OTHER, beat)
    for _ in range(2):  # also when it is found again
        (found,) = await stores.calls.abandoned()
        assert found.lost_at == max(beat, NOW)


async def test_a_server_tells_the_database_that_it_lives(
    database: TestDatabase, stores: Stores
) -> None:
    beats = "SELECT alive_at FROM ringline.servers WHERE id = $1"
    seen: set[datetime] = set()
    async with database.connection() as superuser, asyncio.timeout(LIMIT_S):
        while len(seen) < 2:
            row = await superuser.fetchrow(
                f"{beats} AND pg_sleep(0.05) IS NOT NULL", stores.database.server_id
            )
            seen |= {row["alive_at"]} if row else set()


async def test_calls_taken_over_are_found_until_they_have_ended(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    call = a_call()
    async with database.stores(OTHER, claim=False) as dead:
        await dead.log.commit([first_entry(scope, call)])
    for _ in range(2):
        assert [abandoned.call for abandoned in await stores.calls.abandoned()] == [call]
    await stores.log.commit([last_entry(scope, call)])
    assert await stores.calls.abandoned() == []
