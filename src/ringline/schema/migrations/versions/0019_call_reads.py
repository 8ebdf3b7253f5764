"""What the reads of `/v1` need: whether a call is resolved, indexes, keys of a workspace."""

from alembic import op

revision = "0019"
down_revision = "0018"

#: A call's state as `/v1` spells it.
STATE = """
CASE
    WHEN status = 'queued' THEN 'ringing'
    WHEN status = 'answered' THEN 'in_progress'
    WHEN status = 'cancelled' THEN 'canceled'
    WHEN status = 'completed' AND answered_at IS NULL THEN 'canceled'
    ELSE status
END"""

#: The filters of a list of calls, each with the index's name.
FILTERS = {
    "agent": "agent_id",
    "direction": "direction",
    "from_number": "from_number",
    "to_number": "to_number",
    "state": f"({STATE})",
}


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.calls ADD resolved boolean")
    for name, what in FILTERS.items():
        run(
            f"CREATE INDEX calls_of_{name}_idx ON ringline.calls"
            f" (workspace_id, environment, {what}, started_at, id)"
        )
    run("DROP INDEX ringline.calls_by_started_at_idx")
    run(
        "CREATE INDEX calls_by_started_at_idx ON ringline.calls"
        " (workspace_id, environment, started_at, id)"
        " INCLUDE (answered_at, duration_seconds, resolved)"
    )
