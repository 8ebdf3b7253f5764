"""Whether a turn could be read: a turn that no recogniser understood has no words."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.call_transcripts ADD recognized boolean DEFAULT true NOT NULL")
