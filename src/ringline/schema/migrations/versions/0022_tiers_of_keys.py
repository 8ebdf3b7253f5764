"""Keys are looked up with their workspace's tier."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0022"
down_revision = "0021"

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean, first_id uuid, tier text"
)
KEY_SELECT = (
    "SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four,"
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.end_calls, k.first_id, w.tier"
    " FROM ringline.keys k JOIN ringline.workspaces w ON w.id = k.workspace_id"
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
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(f"GRANT SELECT (tier) ON ringline.workspaces TO {roles().lookup}")
    make_lookups(run, *LOOKUP_FUNCTIONS)
