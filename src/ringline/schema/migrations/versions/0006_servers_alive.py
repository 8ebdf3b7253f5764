"""When each server was last alive: a call that its crash ended counts until then."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0006"
down_revision = "0005"

#: Belongs to no workspace; only the lookup functions may use it.
SERVERS = """
    CREATE TABLE ringline.servers (
        id uuid NOT NULL,
        alive_at timestamptz NOT NULL,
        CONSTRAINT servers_pkey PRIMARY KEY (id)
    )
"""

LOOKUP_FUNCTIONS = (
    (
        "stay_alive(server uuid)",
        "void",
        "VOLATILE",
        """
        INSERT INTO ringline.servers (id, alive_at) VALUES (server, now())
        ON CONFLICT (id) DO UPDATE SET alive_at = excluded.alive_at
        """,
    ),
    # Written to by its process, a call was alive, also where the last beat was before that.
    (
        "adopt_calls(adopter uuid, alive uuid[])",
        "TABLE (workspace_id uuid, environment text, id uuid)",
        "VOLATILE",
        """
        WITH adopted AS (
            UPDATE ringline.calls c SET server_id = adopter, updated_at = now(),
                lost_at = coalesce(c.lost_at, greatest(c.updated_at, (
                    SELECT s.alive_at FROM ringline.servers s WHERE s.id = c.server_id
                )))
            WHERE c.ended_at IS NULL AND c.server_id IS NOT NULL AND c.server_id <> ALL (alive)
                AND (c.server_id <> adopter OR c.lost_at IS NOT NULL)
            RETURNING c.workspace_id, c.environment, c.id
        ), forgotten AS (
            DELETE FROM ringline.servers
            WHERE id <> adopter AND alive_at < now() - interval '1 day'
        )
        SELECT * FROM adopted
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    lookup = roles().lookup
    run("ALTER TABLE ringline.calls RENAME adopted_at TO lost_at")
    run(f"GRANT SELECT (updated_at) ON ringline.calls TO {lookup}")
    run(SERVERS)
    for behaviour in ("ENABLE", "FORCE"):
        run(f"ALTER TABLE ringline.servers {behaviour} ROW LEVEL SECURITY")
    run(f"CREATE POLICY lookup ON ringline.servers TO {lookup} USING (true) WITH CHECK (true)")
    run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ringline.servers TO {lookup}")
    make_lookups(run, *LOOKUP_FUNCTIONS)
