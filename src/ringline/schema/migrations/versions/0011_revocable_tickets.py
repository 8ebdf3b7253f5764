"""A ticket is found by the id of its session too, to be revoked."""

from alembic import op

from ringline.schema.isolation import make_lookups

revision = "0011"
down_revision = "0010"

LOOKUP_FUNCTIONS = (
    # A ticket that could be redeemed no more, for its own end or its key's, is none.
    (
        "drop_ticket(workspace uuid, env text, call uuid, at timestamptz)",
        "SETOF uuid",
        "VOLATILE",
        """
        DELETE FROM ringline.tickets t USING ringline.keys k
        WHERE t.workspace_id = workspace AND t.environment = env AND t.call_id = call
            AND t.expires_at > at AND k.id = t.key_id AND k.revoked_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > at)
        RETURNING t.call_id
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.tickets DROP CONSTRAINT tickets_pkey")
    # The hash keeps an index of its own: it is unique in all workspaces.
    run(
        "ALTER TABLE ringline.tickets ADD CONSTRAINT tickets_pkey"
        " PRIMARY KEY (workspace_id, environment, call_id)"
    )
    make_lookups(run, *LOOKUP_FUNCTIONS)
