"""A timer that is set in the moment in which it is settled is due at once."""

from alembic import op

from ringline.schema.isolation import make_lookups

revision = "0034"
down_revision = "0033"

#: A transaction that sets the timer holds its row. The first statement waits for it, so the second
#: sees what it wrote. A single statement would look before it waits, find nothing to change, and
#: leave the timer claimed until its lease ends: an agent's answer came a minute late.
LOOKUP_FUNCTIONS = (
    (
        "settle_timer(server uuid, workspace uuid, place text, what text, whom text,"
        " next timestamptz, at timestamptz)",
        "void",
        "VOLATILE",
        """
        SELECT FROM ringline.timers t
        WHERE t.workspace_id = workspace AND t.environment = place AND t.kind = what
            AND t.subject = whom AND t.claimed_by = server
        FOR UPDATE;
        WITH over AS (
            DELETE FROM ringline.timers t WHERE next IS NULL AND NOT t.again
                AND t.workspace_id = workspace AND t.environment = place AND t.kind = what
                AND t.subject = whom AND t.claimed_by = server
        )
        UPDATE ringline.timers t SET due_at = CASE WHEN t.again THEN at ELSE next END,
            claimed_by = NULL, again = false, updated_at = now()
        WHERE (next IS NOT NULL OR t.again) AND t.workspace_id = workspace
            AND t.environment = place AND t.kind = what AND t.subject = whom
            AND t.claimed_by = server
        """,
    ),
)


def upgrade() -> None:
    make_lookups(op.get_bind().exec_driver_sql, *LOOKUP_FUNCTIONS)
