"""The few calls of a rare status, hang-up cause or length, among a million others."""

from alembic import op

revision = "0035"
down_revision = "0034"

INDEXES = (
    """
    CREATE INDEX calls_of_status_idx ON ringline.calls (
        workspace_id, environment,
        (CASE status WHEN 'held' THEN 'answered' ELSE status END),
        started_at, id
    )
    """,
    """
    CREATE INDEX calls_of_cause_idx
        ON ringline.calls (workspace_id, environment, hangup_cause, started_at, id)
        WHERE hangup_cause IS NOT NULL
    """,
    """
    CREATE INDEX calls_of_length_idx
        ON ringline.calls (workspace_id, environment, duration_seconds)
        WHERE duration_seconds IS NOT NULL
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in INDEXES:
        run(statement)
    # Until it knows how rare a status is, the planner walks all calls for it.
    run("ANALYZE ringline.calls")
