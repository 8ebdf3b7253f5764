"""The contacts for benchmarks: their number and variety."""

from benchmarks.contacts import NULLS_PERCENT, insert
from benchmarks.filling import NEIGHBOUR
from tests.database import TestDatabase, make_log


async def test_contacts_are_made_where_they_are_kept(database: TestDatabase) -> None:
    async with database.stores() as stores:
        scope = await make_log(stores)
    async with database.connection() as connection:
        before = await connection.fetch("SELECT indexname FROM pg_indexes ORDER BY 1")
        await insert(connection, scope.workspace_id, 2_000, 50)
        after = await connection.fetch("SELECT indexname FROM pg_indexes ORDER BY 1")
        counts = await connection.fetchrow(
            """
            SELECT count(*) AS contacts,
                count(DISTINCT full_name) AS names,
                count(*) - count(email) AS no_email,
                count(*) - count(phone_e164) AS no_number,
                count(*) FILTER (WHERE email IS NULL AND phone_e164 IS NULL) AS neither,
                bool_and(id < next) AS rising
            FROM (SELECT *, lead(id) OVER (ORDER BY inserted_at) AS next FROM ringline.contacts
                WHERE workspace_id = $1 AND environment = 'live') AS own
            """,
            scope.workspace_id,
        )
        others = await connection.fetchval(
            "SELECT count(*) FROM ringline.contacts WHERE workspace_id = $1", NEIGHBOUR
        )
    assert counts is not None
    assert [row[0] for row in before] == [row[0] for row in after]
    assert (counts["contacts"], others, counts["rising"]) == (2_000, 50, True)
    assert 1_500 < counts["names"] < 2_000
    nulls = 2_000 * NULLS_PERCENT / 100
    for lacking in (counts["no_email"], counts["no_number"]):
        assert 0.8 * nulls < lacking < 1.2 * nulls
    assert 0 < counts["neither"] < 0.5 * nulls
