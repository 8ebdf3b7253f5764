"""Agents can be deleted while something is left of them; templates, and who speaks what."""

from alembic import op

revision = "0021"
down_revision = "0020"

#: Calls and what they used name their agent for ever. What a client points at it lets go of it.
REFERENCES = (
    "ALTER TABLE ringline.agents ADD template_id uuid",
    "ALTER TABLE ringline.calls DROP CONSTRAINT calls_agents_fkey",
    "ALTER TABLE ringline.usage DROP CONSTRAINT usage_agents_fkey",
    *(
        statement
        for table in ("conversations", "phone_numbers")
        for statement in (
            f"ALTER TABLE ringline.{table} DROP CONSTRAINT {table}_agents_fkey",
            f"""
            ALTER TABLE ringline.{table} ADD CONSTRAINT {table}_agents_fkey
                FOREIGN KEY (workspace_id, environment, agent_id)
                REFERENCES ringline.agents (workspace_id, environment, id)
                ON DELETE SET NULL (agent_id)
            """,
        )
    ),
)

#: No agent of before has said what it speaks. Forced, the policy hides all rows from the owner.
LANGUAGES = (
    "ALTER TABLE ringline.agents ALTER language SET DEFAULT 'auto'",
    "ALTER TABLE ringline.agents NO FORCE ROW LEVEL SECURITY",
    "UPDATE ringline.agents SET language = 'auto'",
    "ALTER TABLE ringline.agents FORCE ROW LEVEL SECURITY",
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in (*REFERENCES, *LANGUAGES):
        run(statement)
