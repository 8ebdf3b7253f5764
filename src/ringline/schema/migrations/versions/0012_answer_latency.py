"""How long an answer took to begin, and how much of that the gateway took."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.call_transcripts ADD latency_ms integer, ADD gateway_ms integer")
