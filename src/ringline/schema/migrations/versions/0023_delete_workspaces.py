"""Workspaces that are deleted: marked at once, and their rows removed in batches.

The functions touch rows of workspaces that are marked, and of no others: the policies say so.
"""

from alembic import op

from ringline.schema.isolation import WORKSPACE, grant_app, let_purge, make_lookups, roles

revision = "0023"
down_revision = "0022"

#: The tables so far; a later one is let in by `isolate`.
TABLES = (
    "agents",
    "call_participants",
    "call_queue_entries",
    "call_transcripts",
    "calls",
    "contacts",
    "conversation_items",
    "conversations",
    "events",
    "gateways",
    "idempotency_keys",
    "invitations",
    "keys",
    "logs",
    "operator_statuses",
    "phone_numbers",
    "provider_credentials",
    "queues",
    "sip_users",
    "tickets",
    "timers",
    "usage",
    "usage_months",
    "users",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
)

COLUMN = "ALTER TABLE ringline.workspaces ADD deleted_at timestamptz"
INDEX = """
    CREATE INDEX workspaces_deleted_idx ON ringline.workspaces (id) WHERE deleted_at IS NOT NULL
"""
POLICY = """
    CREATE POLICY lookup_delete ON ringline.workspaces FOR DELETE TO {lookup}
    USING (deleted_at IS NOT NULL)
"""

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean, first_id uuid, tier text"
)

LOOKUP_FUNCTIONS = (
    # Of a workspace that is deleted, no key is known.
    (
        "find_key(wanted bytea)",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        """
        SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four, k.created_at,
            k.expires_at, k.revoked_at, k.last_used_at, k.end_calls, k.first_id, w.tier
        FROM ringline.keys k JOIN ringline.workspaces w ON w.id = k.workspace_id
        WHERE k.key_hash = wanted AND w.deleted_at IS NULL
        """,
    ),
    (
        "list_workspaces(most bigint)",
        "SETOF uuid",
        "STABLE",
        """
        SELECT w.id FROM ringline.workspaces w WHERE w.deleted_at IS NULL
        ORDER BY w.created_at, w.id LIMIT most
        """,
    ),
    # The transaction's own workspace. Each key is told of, with its calls; what a ticket or an
    # expired key let in ends as well.
    (
        "delete_workspace(at timestamptz, what text)",
        "void",
        "VOLATILE",
        f"""
        UPDATE ringline.workspaces w SET deleted_at = at
        WHERE w.id = {WORKSPACE} AND w.deleted_at IS NULL;
        UPDATE ringline.keys k SET revoked_at = coalesce(k.revoked_at, at), end_calls = true,
            updated_at = now()
        WHERE k.workspace_id = {WORKSPACE};
        DELETE FROM ringline.tickets t WHERE t.workspace_id = {WORKSPACE};
        INSERT INTO ringline.timers (workspace_id, environment, kind, due_at)
        SELECT w.id, 'live', what, at FROM ringline.workspaces w WHERE w.id = {WORKSPACE}
        ON CONFLICT DO NOTHING;
        """,
    ),
    (
        "workspace_deleted_at(wanted uuid)",
        "timestamptz",
        "STABLE",
        "SELECT w.deleted_at FROM ringline.workspaces w WHERE w.id = wanted",
    ),
    # The rest, once nothing else is left.
    (
        "drop_workspace(wanted uuid)",
        "SETOF uuid",
        "VOLATILE",
        """
        DELETE FROM ringline.timers t USING ringline.workspaces w
        WHERE t.workspace_id = wanted AND w.id = wanted AND w.deleted_at IS NOT NULL;
        DELETE FROM ringline.logs l WHERE l.workspace_id = wanted;
        DELETE FROM ringline.workspaces w WHERE w.id = wanted RETURNING w.id;
        """,
    ),
)

#: The name of the table is quoted, and only rows of the workspace are looked at.
PURGE = """
    CREATE FUNCTION ringline.purge_rows(place text, workspace uuid, most integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE gone bigint;
    BEGIN
        IF NOT EXISTS (
            SELECT FROM ringline.workspaces w WHERE w.id = workspace AND w.deleted_at IS NOT NULL
        ) THEN
            RETURN 0;
        END IF;
        EXECUTE format('DELETE FROM ringline.%1$I WHERE workspace_id = $1 AND ctid = ANY (ARRAY('
            'SELECT p.ctid FROM ringline.%1$I p WHERE p.workspace_id = $1 LIMIT $2))', place)
        USING workspace, most;
        GET DIAGNOSTICS gone = ROW_COUNT;
        RETURN gone;
    END $$
"""


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup, owner = roles().app, roles().lookup, roles().owner
    run(COLUMN)
    run(INDEX)
    run(POLICY.format(lookup=lookup))
    grant_app(run, "SELECT (deleted_at)", table="workspaces")
    run(
        f"GRANT SELECT (deleted_at), UPDATE (deleted_at), DELETE ON ringline.workspaces TO {lookup}"
    )
    for table in TABLES:
        let_purge(run, table)
    make_lookups(run, *LOOKUP_FUNCTIONS)
    run(f"GRANT CREATE ON SCHEMA ringline TO {lookup}")
    run(f"SET LOCAL ROLE {lookup}")
    run(PURGE)
    run("REVOKE ALL ON FUNCTION ringline.purge_rows FROM PUBLIC")
    run(f"GRANT EXECUTE ON FUNCTION ringline.purge_rows TO {app}")
    run(f"SET LOCAL ROLE {owner}")
    run(f"REVOKE CREATE ON SCHEMA ringline FROM {lookup}")
