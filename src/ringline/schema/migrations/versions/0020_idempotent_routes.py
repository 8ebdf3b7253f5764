"""An idempotency key of a route under `/v1` is good for the workspace, not for one API key."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.idempotency_keys DROP CONSTRAINT idempotency_keys_keys_fkey")
    run(
        "ALTER TABLE ringline.idempotency_keys ADD CONSTRAINT idempotency_keys_workspaces_fkey"
        " FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id)"
    )
