"""The ledger for benchmarks: its number, its variety, and its sums."""

from benchmarks.filling import NEIGHBOUR
from benchmarks.usage_rows import AGENTS, MODELS, MONTH, ROWS_PER_CALL, insert
from tests.database import TestDatabase, make_log

COUNT = 5_000


async def test_a_month_is_made_where_it_is_kept(database: TestDatabase) -> None:
    async with database.stores() as stores:
        scope = await make_log(stores)
    async with database.connection() as connection:
        await insert(connection, scope.workspace_id, COUNT, 250)
        counts = await connection.fetchrow(
            """
            SELECT count(*) AS rows, count(DISTINCT call_id) AS calls,
                count(DISTINCT agent_id) AS agents, count(DISTINCT model) AS models,
                count(*) FILTER (WHERE agent_id IS NULL) AS of_none,
                bool_and(id < next) AS rising, sum(usd) AS usd, sum(text_items) AS items,
                min(occurred_at AT TIME ZONE 'UTC')::text AS first,
                max(occurred_at AT TIME ZONE 'UTC')::text AS last
            FROM (SELECT *, lead(id) OVER (ORDER BY occurred_at) AS next FROM ringline.usage
                WHERE workspace_id = $1 AND environment = 'live') AS own
            """,
            scope.workspace_id,
        )
        sums = await connection.fetch(
            "SELECT usd, text_items FROM ringline.usage_months WHERE workspace_id = $1",
            scope.workspace_id,
        )
        strays = await connection.fetchval(
            """
            SELECT count(*) FROM ringline.usage AS row WHERE NOT EXISTS (
                SELECT FROM ringline.calls AS call WHERE call.workspace_id = row.workspace_id
                AND call.id = row.call_id AND call.agent_id IS NOT DISTINCT FROM row.agent_id
                AND call.model = row.model
            ) OR row.agent_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM ringline.agents AS agent WHERE agent.id = row.agent_id
                AND agent.workspace_id = row.workspace_id
            )
            """
        )
        others = await connection.fetchval(
            "SELECT count(*) FROM ringline.usage WHERE workspace_id = $1", NEIGHBOUR
        )
    assert counts is not None
    assert (counts["rows"], counts["calls"]) == (COUNT, COUNT // ROWS_PER_CALL)
    assert counts["models"] == len(MODELS)
    assert AGENTS // 2 < counts["agents"] <= AGENTS
    assert 0 < counts["of_none"] < COUNT // 2
    assert counts["rising"]
    assert counts["first"].startswith(MONTH)
    assert counts["last"].startswith(MONTH)
    assert abs(sum(row["usd"] for row in sums) - counts["usd"]) < 1e-6
    assert sum(row["text_items"] for row in sums) == counts["items"] == COUNT // 2
    assert (strays, others) == (0, 250)
