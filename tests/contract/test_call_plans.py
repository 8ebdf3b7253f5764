"""How the database finds the calls that the console asks for, among many."""

from benchmarks.call_reads import RARE_NUMBER, make_rare, reads
from benchmarks.call_rows import insert
from benchmarks.plans import indexes_of, plan_of
from ringline.rpc.lists import read_list
from ringline.rpc.pages import Cursors, kinds_of, purpose_of
from ringline.rpc.reader import Reader
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import select
from ringline.rpc.sorting import read_sort
from ringline.storage.stores import Stores
from tests.database import NOW, TestDatabase, make_log, new_id

COUNT = 20_000


def a_cursor() -> str:
    """Return a cursor of the list of calls."""
    call = RESOURCES["Call"]
    keys = read_sort(call, "-startedAt")
    kinds = kinds_of(call, keys)
    assert len(kinds) == 2
    return Cursors(["secret"]).make(purpose_of(call, keys), [NOW, new_id()])


async def test_no_page_of_the_console_reads_every_call(
    stores: Stores, database: TestDatabase
) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser:
        await insert(superuser, scope.workspace_id, COUNT, COUNT // 20)
        await make_rare(superuser, scope.workspace_id)
        newest = await superuser.fetchrow(
            "SELECT call_uuid, agent_id FROM ringline.calls WHERE workspace_id = $1"
            " ORDER BY started_at DESC LIMIT 1",
            scope.workspace_id,
        )
        assert newest is not None
        found = await superuser.fetchval(
            "SELECT count(*) FROM ringline.calls WHERE from_number = $1", RARE_NUMBER
        )
    assert found == 1
    call = {
        "callUuid": newest["call_uuid"],
        "startedAt": "2026-01-03T07:00:00Z",
        "aiAgentId": str(newest["agent_id"]),
    }
    reader = Reader(["secret"])
    for read in reads(call, a_cursor()):
        plan = await plan_of(stores, scope, reader=reader, resource=read.resource, asked=read.asked)
        assert "Seq Scan on calls" not in plan, (read.what, plan)
        assert read.index in ("", *indexes_of(plan)), (read.what, plan)


async def test_a_filter_is_planned_for_its_values(stores: Stores) -> None:
    """PostgreSQL would soon use one plan for all numbers, those that hardly occur too."""
    scope, call, times = await make_log(stores), RESOURCES["Call"], 8
    rare = {"filter": {"fromNumber": {"eq": RARE_NUMBER}}, "page": {"limit": 5}}
    request = read_list(call, select(call, ["id"]), body=rare)
    async with stores.records.read(scope) as rows:
        for _ in range(times):
            await Reader(["secret"]).list(rows, request)
        plans = await rows.fetch(
            "SELECT custom_plans, generic_plans FROM pg_catalog.pg_prepared_statements"
            " WHERE statement LIKE $1",
            ("%calls.from_number = $%",),
        )
    assert [tuple(row) for row in plans] == [(times, 0)]
