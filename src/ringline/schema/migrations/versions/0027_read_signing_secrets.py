"""A workspace's signing secret is read without a write to its row."""

from alembic import op

from ringline.schema.isolation import make_lookups

revision = "0027"
down_revision = "0026"

#: The row was updated with what it held already: for each delivery and each turn that is asked,
#: which wrote to the disk, and of one workspace waited for each other. If two make the first
#: secret at once, the later one waits for the row and gets what the earlier one has kept.
LOOKUP_FUNCTIONS = (
    (
        "keep_signing_secret(workspace uuid, sealed bytea)",
        "TABLE (secret bytea, previous_secret bytea, previous_expires_at timestamptz)",
        "VOLATILE",
        """
        WITH kept AS (
            SELECT w.signing_secret, w.previous_signing_secret,
                w.previous_signing_secret_expires_at
            FROM ringline.workspaces w WHERE w.id = workspace AND w.signing_secret IS NOT NULL
        ), made AS (
            UPDATE ringline.workspaces w SET signing_secret = coalesce(w.signing_secret, sealed),
                updated_at = CASE WHEN w.signing_secret IS NULL THEN now() ELSE w.updated_at END
            WHERE w.id = workspace AND NOT EXISTS (SELECT FROM kept)
            RETURNING w.signing_secret, w.previous_signing_secret,
                w.previous_signing_secret_expires_at
        )
        SELECT * FROM kept UNION ALL SELECT * FROM made
        """,
    ),
)


def upgrade() -> None:
    make_lookups(op.get_bind().exec_driver_sql, *LOOKUP_FUNCTIONS)
