"""What an agent does on the phone, and the settings of a workspace."""

from alembic import op

from ringline.schema.isolation import grant_app

revision = "0017"
down_revision = "0016"

COLUMNS = (
    "ALTER TABLE ringline.agents ADD language text DEFAULT 'en' NOT NULL",
    "ALTER TABLE ringline.agents ADD pre_call_announcement text DEFAULT '' NOT NULL",
    "ALTER TABLE ringline.agents ADD shareable boolean DEFAULT false NOT NULL",
    "ALTER TABLE ringline.agents ADD call_window_start text",
    "ALTER TABLE ringline.agents ADD call_window_end text",
    "ALTER TABLE ringline.agents ADD idle_timeout_seconds integer",
    "ALTER TABLE ringline.agents ADD builtin_tools text[] DEFAULT '{}' NOT NULL",
    """
    ALTER TABLE ringline.agents ADD CONSTRAINT agents_language_check
        CHECK (language IN ('en', 'ha', 'yo', 'ig', 'pcm', 'fr', 'ar', 'pt', 'auto'))
    """,
    "ALTER TABLE ringline.workspaces ADD tier text DEFAULT 'scale' NOT NULL",
    "ALTER TABLE ringline.workspaces ADD webhook_url text",
    "ALTER TABLE ringline.workspaces ADD retention_days integer DEFAULT '30' NOT NULL",
    "ALTER TABLE ringline.workspaces ADD recording_enabled boolean DEFAULT false NOT NULL",
    """
    ALTER TABLE ringline.workspaces ADD CONSTRAINT workspaces_tier_check
        CHECK (tier IN ('starter', 'builder', 'scale', 'payg'))
    """,
)

#: Where an agent records, it goes on recording. Forced, the policies hide all rows from the owner.
SWITCH_RECORDING_ON = (
    "ALTER TABLE ringline.workspaces NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE ringline.agents NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE ringline.workspaces w SET recording_enabled = true
    WHERE EXISTS (SELECT FROM ringline.agents a
        WHERE a.workspace_id = w.id AND a.recording_enabled)
    """,
    "ALTER TABLE ringline.agents FORCE ROW LEVEL SECURITY",
    "ALTER TABLE ringline.workspaces FORCE ROW LEVEL SECURITY",
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in (*COLUMNS, *SWITCH_RECORDING_ON):
        run(statement)
    grant_app(
        run, "SELECT (tier, webhook_url, retention_days, recording_enabled)", table="workspaces"
    )
