"""The calls for benchmarks: their number and variety."""

from benchmarks.call_rows import AGENTS, CALLS_PER_TRANSCRIPT, TURNS, insert
from benchmarks.filling import NEIGHBOUR
from tests.database import TestDatabase, make_log

COUNT = 2_000


async def test_calls_are_made_where_they_are_kept(database: TestDatabase) -> None:
    async with database.stores() as stores:
        scope = await make_log(stores)
    async with database.connection() as connection:
        await insert(connection, scope.workspace_id, COUNT, 50)
        found = await connection.fetchrow(
            """
            SELECT count(*) AS calls, count(DISTINCT agent_id) AS agents,
                count(DISTINCT status) AS states, count(metadata) AS with_metadata,
                count(*) FILTER (WHERE id > before) AS rising,
                count(*) FILTER (WHERE turns > 0) AS with_turns, max(turns) AS most_turns,
                (array_agg(turns ORDER BY started_at DESC))[1] AS latest_turns
            FROM (
                SELECT *, lag(id) OVER (ORDER BY started_at) AS before, (
                    SELECT count(*) FROM ringline.call_transcripts AS turn
                    WHERE turn.workspace_id = call.workspace_id AND turn.call_id = call.id
                ) AS turns
                FROM ringline.calls AS call
                WHERE workspace_id = $1 AND call_source = 'realtime'
            ) AS own
            """,
            scope.workspace_id,
        )
        others = await connection.fetchval(
            "SELECT count(*) FROM ringline.calls WHERE workspace_id = $1", NEIGHBOUR
        )
        strays = await connection.fetchval(
            """
            SELECT count(*) FROM ringline.calls AS call WHERE workspace_id = $1
            AND agent_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM ringline.agents AS agent WHERE agent.id = call.agent_id
                AND agent.workspace_id = call.workspace_id
            )
            """,
            scope.workspace_id,
        )
    assert found is not None
    assert dict(found) == {
        "calls": COUNT,
        "agents": AGENTS,
        "states": 2,
        "with_metadata": COUNT // 4,
        "rising": COUNT - 1,
        "with_turns": COUNT // CALLS_PER_TRANSCRIPT,
        "most_turns": TURNS,
        "latest_turns": TURNS,
    }
    assert (others, strays) == (50, 0)
