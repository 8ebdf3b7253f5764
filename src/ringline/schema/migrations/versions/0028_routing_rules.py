"""The rules by which what comes in for a number finds its agent."""

from alembic import op

from ringline.schema.isolation import grant_app, isolate

revision = "0028"
down_revision = "0027"

TABLE = """
    CREATE TABLE ringline.routing_rules (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        number_id uuid NOT NULL,
        priority integer NOT NULL,
        match_type text NOT NULL,
        match_value text,
        target_agent_id uuid,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT routing_rules_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT routing_rules_workspace_id_environment_number_id_priority_key
            UNIQUE (workspace_id, environment, number_id, priority),
        CONSTRAINT routing_rules_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT routing_rules_phone_numbers_fkey
            FOREIGN KEY (workspace_id, environment, number_id)
            REFERENCES ringline.phone_numbers (workspace_id, environment, id) ON DELETE CASCADE,
        CONSTRAINT routing_rules_agents_fkey
            FOREIGN KEY (workspace_id, environment, target_agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id)
            ON DELETE SET NULL (target_agent_id),
        CONSTRAINT routing_rules_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT routing_rules_match_type_check
            CHECK (match_type IN ('keyword', 'regex', 'default'))
    )
"""
INDEX = """
    CREATE INDEX routing_rules_workspace_id_environment_target_agent_id_idx
        ON ringline.routing_rules (workspace_id, environment, target_agent_id)
"""


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(TABLE)
    run(INDEX)
    isolate(run, "routing_rules")
    grant_app(run, "SELECT, INSERT, UPDATE, DELETE", table="routing_rules")
