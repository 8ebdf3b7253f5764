"""What was heard of a turn that was cut off."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE ringline.call_transcripts ADD spoken_text text")
