"""A mint is one statement, and so is the sweep of old tickets that some mints do."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0008"
down_revision = "0007"

LOOKUP_FUNCTIONS = (
    # The row's place is the key's: no ticket is stored where its key does not belong.
    (
        "put_ticket(workspace uuid, env text, hash bytea, call uuid, minter uuid, bound bytea,"
        " ends_at timestamptz, at timestamptz)",
        "SETOF uuid",
        "VOLATILE",
        """
        INSERT INTO ringline.tickets
            (workspace_id, environment, ticket_hash, call_id, key_id, binding, expires_at)
        SELECT k.workspace_id, k.environment, hash, call, k.id, bound, ends_at
        FROM ringline.keys k
        WHERE k.id = minter AND k.workspace_id = workspace AND k.environment = env
            AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > at)
        RETURNING call_id
        """,
    ),
    (
        "sweep_tickets(workspace uuid, env text)",
        "void",
        "VOLATILE",
        """
        DELETE FROM ringline.tickets t USING (
            SELECT o.ticket_hash FROM ringline.tickets o
            WHERE o.workspace_id = workspace AND o.environment = env
                AND o.inserted_at < now() - interval '1 hour'
            ORDER BY o.inserted_at LIMIT 200
        ) old
        WHERE t.ticket_hash = old.ticket_hash
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup = roles().app, roles().lookup
    run(f"GRANT INSERT ON ringline.tickets TO {lookup}")
    run(f"CREATE POLICY lookup_insert ON ringline.tickets FOR INSERT TO {lookup} WITH CHECK (true)")
    make_lookups(run, *LOOKUP_FUNCTIONS)
    run(f"REVOKE INSERT ON ringline.tickets FROM {app}")  # the function is the only way
