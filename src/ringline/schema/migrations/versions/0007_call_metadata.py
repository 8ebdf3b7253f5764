"""The integrator's own data of a call, as its ticket had it."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.calls ADD metadata jsonb")
