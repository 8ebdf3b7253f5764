"""What is used outside of any call, by a turn in the playground, is in the ledger too."""

from alembic import op

revision = "0025"
down_revision = "0024"

STATEMENTS = (
    "ALTER TABLE ringline.usage ALTER call_id DROP NOT NULL",
    # The rows that are there have a call, which is in a workspace: nothing to validate.
    """
    ALTER TABLE ringline.usage ADD CONSTRAINT usage_workspaces_fkey
        FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id) NOT VALID
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in STATEMENTS:
        run(statement)
