"""The origins that a workspace's sockets and streams may be opened from."""

from alembic import op

from ringline.schema.isolation import grant_app, make_lookups, roles

revision = "0031"
down_revision = "0030"

COLUMN = "ALTER TABLE ringline.workspaces ADD allowed_origins text[] DEFAULT '{}' NOT NULL"

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean, first_id uuid, tier text,"
    " allowed_origins text[]"
)
KEY_SELECT = (
    "SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four,"
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.end_calls, k.first_id, w.tier,"
    " w.allowed_origins"
    " FROM ringline.keys k JOIN ringline.workspaces w ON w.id = k.workspace_id"
)
TICKET = "t.workspace_id, t.environment, t.call_id, t.key_id, t.binding, t.expires_at"

LOOKUP_FUNCTIONS = (
    # Of a workspace that is deleted, no key is known.
    (
        "find_key(wanted bytea)",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.key_hash = wanted AND w.deleted_at IS NULL",
    ),
    (
        "get_keys(wanted uuid[])",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.id = ANY (wanted)",
    ),
    # A ticket that a page of another origin offers stays, and is returned as not allowed.
    (
        "take_ticket(wanted bytea, at timestamptz, origins text[])",
        "TABLE (workspace_id uuid, environment text, call_id uuid, key_id uuid,"
        " binding bytea, expires_at timestamptz, allowed boolean)",
        "VOLATILE",
        f"""
        WITH found AS MATERIALIZED (
            SELECT t.*, w.allowed_origins = '{{}}' OR origins <@ w.allowed_origins AS allowed
            FROM ringline.tickets t
            JOIN ringline.keys k ON k.workspace_id = t.workspace_id
                AND k.environment = t.environment AND k.id = t.key_id
            JOIN ringline.workspaces w ON w.id = t.workspace_id
            WHERE t.ticket_hash = wanted AND t.expires_at > at AND k.revoked_at IS NULL
                AND (k.expires_at IS NULL OR k.expires_at > at)
        ), taken AS (
            DELETE FROM ringline.tickets t USING found f
            WHERE t.ticket_hash = f.ticket_hash AND f.allowed RETURNING {TICKET}
        )
        SELECT t.*, true FROM taken t
        UNION ALL
        SELECT {TICKET}, false FROM found t WHERE NOT t.allowed
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(COLUMN)
    grant_app(run, "SELECT (allowed_origins)", table="workspaces")
    run(f"GRANT SELECT (allowed_origins) ON ringline.workspaces TO {roles().lookup}")
    make_lookups(run, *LOOKUP_FUNCTIONS)
