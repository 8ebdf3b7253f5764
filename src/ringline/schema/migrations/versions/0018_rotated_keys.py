"""Keys that are rotated: each secret is a row, and the rows of one key share an id."""

from alembic import op

from ringline.schema.isolation import WORKSPACE, grant_app, make_lookups

revision = "0018"
down_revision = "0017"

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean, first_id uuid"
)
KEY_SELECT = (
    "SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four,"
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.end_calls, k.first_id"
    " FROM ringline.keys k"
)

LOOKUP_FUNCTIONS = (
    (
        "find_key(wanted bytea)",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.key_hash = wanted",
    ),
    (
        "get_keys(wanted uuid[])",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.id = ANY (wanted)",
    ),
    # It waits for a rotation that is under way, and then sees the row that this has made.
    (
        "revoke_key(wanted uuid, at timestamptz, with_calls boolean)",
        "SETOF uuid",
        "VOLATILE",
        """
        SELECT w.id FROM ringline.workspaces w WHERE w.id =
            (SELECT k.workspace_id FROM ringline.keys k WHERE k.id = wanted)
        FOR NO KEY UPDATE;
        UPDATE ringline.keys k SET revoked_at = coalesce(k.revoked_at, at),
            end_calls = k.end_calls OR with_calls, updated_at = now()
        WHERE k.id = wanted OR k.first_id = wanted RETURNING k.id
        """,
    ),
    # Of both environments: a label is unique in its workspace.
    (
        "count_secret_keys(wanted text)",
        "TABLE (total bigint, labelled bigint)",
        "STABLE",
        f"""
        SELECT count(*), count(*) FILTER (WHERE k.label = wanted) FROM ringline.keys k
        WHERE k.workspace_id = {WORKSPACE} AND k.kind = 'secret' AND k.revoked_at IS NULL
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.keys ADD first_id uuid")
    run("CREATE INDEX keys_first_id_idx ON ringline.keys (first_id) WHERE first_id IS NOT NULL")
    grant_app(run, "SELECT (first_id)", table="keys")
    make_lookups(run, *LOOKUP_FUNCTIONS)
