"""The ledger of usage in PostgreSQL: rows are written once, and the months' sums agree."""

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.log import Scope
from ringline.domain.records import CallRow, Entry, UsageRow
from ringline.domain.usage import MOST, UNITS
from ringline.domain.voice import Usage, UsageKind
from ringline.ports import Violation
from ringline.schema.usage_tables import usage_months
from ringline.storage.stores import Stores
from tests.database import a_call, created, make_log, new_id, used
from tests.expecting import refused_for


async def begun(stores: Stores) -> tuple[Scope, CallRow]:
    """Make a log with a call in it."""
    scope, call = await make_log(stores), a_call()
    await stores.log.commit([Entry(scope, (created(call),), (call,), call.id)])
    return scope, call


async def write(stores: Stores, scope: Scope, *rows: UsageRow) -> None:
    assert await stores.log.commit([Entry(scope, (), (row,)) for row in rows]) == [()] * len(rows)


async def rows_of(stores: Stores, scope: Scope, table: str) -> list[dict[str, Any]]:
    async with stores.database.transaction(scope) as connection:
        return [dict(row) for row in await connection.fetch(f"SELECT * FROM ringline.{table}")]


async def sums_of(stores: Stores, scope: Scope) -> dict[tuple[date, UUID | None, str], int]:
    """Return the sums of the months, in millionths and in all units together."""
    sums = {
        (row["month"], row["agent_id"], row["model"]): round(
            1e6 * sum(row[unit] for unit in (*UNITS, "usd"))
        )
        for row in await rows_of(stores, scope, "usage_months")
    }
    ledger: Counter[tuple[date, UUID | None, str]] = Counter()
    for row in await rows_of(stores, scope, "usage"):
        month = row["occurred_at"].astimezone(UTC).date().replace(day=1)
        ledger[month, row["agent_id"], row["model"]] += round(
            1e6 * sum(row[unit] for unit in (*UNITS, "usd"))
        )
    assert sums == ledger
    return sums


async def test_a_row_is_read_back_as_it_was_written(stores: Stores) -> None:
    scope, call = await begun(stores)
    row = used(call, usage=Usage(1, 2, 3, 4, 5, 6, 7.5, 8), usd=1.25, kind=UsageKind.SESSION)
    await write(stores, scope, row)
    (stored,) = await rows_of(stores, scope, "usage")
    assert Usage(**{unit: stored[unit] for unit in UNITS}) == row.usage
    assert (stored["usd"], stored["kind"], stored["model"]) == (1.25, "session", "mock/echo")
    assert (stored["prices_date"], stored["occurred_at"]) == (row.prices_date, row.occurred_at)
    assert (stored["call_id"], stored["agent_id"]) == (call.id, None)


async def test_a_row_that_is_written_again_changes_nothing(stores: Stores) -> None:
    scope, call = await begun(stores)
    row, other = used(call), used(call)
    await write(stores, scope, row)
    await write(stores, scope, row)
    await write(stores, scope, row, other)
    assert len(await rows_of(stores, scope, "usage")) == 2
    assert list((await sums_of(stores, scope)).values()) == [2 * 8_750_000]


async def test_a_month_ends_at_midnight_utc(stores: Stores) -> None:
    scope, call = await begun(stores)
    times = [
        datetime.fromisoformat(text)
        for text in (
            "2026-01-31T23:59:59.999999Z",
            "2026-02-01T00:00:00Z",
            "2026-02-01T00:30:00+01:00",  # January by UTC
            "2026-02-28T23:59:59-00:01",  # March by UTC
            "2026-12-31T23:59:59Z",
            "2027-01-01T00:00:00Z",
        )
    ]
    await write(stores, scope, *(used(call, occurred_at=at) for at in times))
    months = sorted(month for month, _, _ in await sums_of(stores, scope))
    assert months == [
        date.fromisoformat(f"{m}-01")
        for m in ("2026-01", "2026-02", "2026-03", "2026-12", "2027-01")
    ]


async def test_agents_and_models_are_summed_apart(stores: Stores) -> None:
    scope, call = await begun(stores)
    async with stores.database.transaction(scope) as connection:
        agent = await connection.fetchval("SELECT id FROM ringline.agents")
    rows = [
        used(call, agent_id=agent_id, model=model)
        for agent_id in (None, agent)
        for model in ("mock/echo", "xai/grok-voice-latest")
    ]
    await write(stores, scope, *rows, *(used(call) for _ in range(3)))
    await write(stores, scope, *(used(call, agent_id=agent) for _ in range(2)))
    sums = await sums_of(stores, scope)
    assert sorted(sums.values()) == [8_750_000 * times for times in (1, 1, 3, 4)]


async def test_writers_at_once_neither_lose_nor_block_each_other(stores: Stores) -> None:
    places = [await begun(stores) for _ in range(2)]
    models = [f"mock/{name}" for name in "abcdef"]
    chance = random.Random(5)

    async def write_some() -> None:
        for _ in range(5):
            entries = [
                Entry(scope, (), (used(call, model=chance.choice(models)),))
                for scope, call in chance.sample(places, 2)
                for _ in range(6)
            ]
            await stores.log.commit(entries)

    await asyncio.gather(*(write_some() for _ in range(4)))
    for scope, _ in places:
        assert len(await rows_of(stores, scope, "usage")) == 4 * 5 * 6
        assert sum((await sums_of(stores, scope)).values()) == 4 * 5 * 6 * 8_750_000


async def test_the_largest_numbers_fit(stores: Stores) -> None:
    scope, call = await begun(stores)
    most = Usage(**dict.fromkeys(UNITS, MOST))
    await write(stores, scope, *(used(call, usage=most, usd=1e12) for _ in range(5)))
    (month,) = await rows_of(stores, scope, "usage_months")
    assert month["text_out_tokens"] == 5 * MOST


async def test_a_row_needs_its_call(stores: Stores) -> None:
    scope, _ = await begun(stores)
    with refused_for(Violation.REFERENCE):
        await write(stores, scope, used(a_call(id=new_id())))
    assert await rows_of(stores, scope, "usage") == []
    assert await rows_of(stores, scope, "usage_months") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ringline.usage SET usd = 0",
        "DELETE FROM ringline.usage",
        "DELETE FROM ringline.usage_months",
    ],
)
async def test_the_application_cannot_change_the_ledger(stores: Stores, statement: str) -> None:
    scope, call = await begun(stores)
    await write(stores, scope, used(call))
    with refused_for(Violation.OTHER, "42501"):
        async with stores.database.transaction(scope) as connection:
            await connection.execute(statement)


def test_the_sums_have_every_unit_of_the_rows() -> None:
    assert {*UNITS, "usd"} <= set(usage_months.c.keys())
