"""What voices use: a ledger of deltas, and its sums by month, agent and model."""

from alembic import op

from ringline.schema.isolation import grant_app, isolate

revision = "0013"
down_revision = "0012"

USAGE = """
    CREATE TABLE ringline.usage (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        call_id uuid NOT NULL,
        agent_id uuid,
        model text NOT NULL,
        kind text NOT NULL,
        audio_in_tokens bigint NOT NULL,
        audio_cached_tokens bigint NOT NULL,
        audio_out_tokens bigint NOT NULL,
        text_in_tokens bigint NOT NULL,
        text_cached_tokens bigint NOT NULL,
        text_out_tokens bigint NOT NULL,
        seconds double precision NOT NULL,
        text_items bigint NOT NULL,
        usd double precision NOT NULL,
        prices_date date NOT NULL,
        occurred_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT usage_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT usage_calls_fkey FOREIGN KEY (workspace_id, environment, call_id)
            REFERENCES ringline.calls (workspace_id, environment, id),
        CONSTRAINT usage_agents_fkey FOREIGN KEY (workspace_id, environment, agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id),
        CONSTRAINT usage_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT usage_kind_check
            CHECK (kind IN ('response', 'transcription', 'speech', 'session'))
    )
"""

MONTHS = """
    CREATE TABLE ringline.usage_months (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        month date NOT NULL,
        agent_id uuid,
        model text NOT NULL,
        audio_in_tokens bigint NOT NULL,
        audio_cached_tokens bigint NOT NULL,
        audio_out_tokens bigint NOT NULL,
        text_in_tokens bigint NOT NULL,
        text_cached_tokens bigint NOT NULL,
        text_out_tokens bigint NOT NULL,
        seconds double precision NOT NULL,
        text_items bigint NOT NULL,
        usd double precision NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT usage_months_key
            UNIQUE NULLS NOT DISTINCT (workspace_id, environment, month, agent_id, model),
        CONSTRAINT usage_months_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT usage_months_environment_check CHECK (environment IN ('live', 'test'))
    )
"""

INDEXES = (
    """
    CREATE INDEX usage_workspace_id_environment_call_id_idx
        ON ringline.usage (workspace_id, environment, call_id)
    """,
    """
    CREATE INDEX usage_workspace_id_environment_agent_id_idx
        ON ringline.usage (workspace_id, environment, agent_id)
    """,
    """
    CREATE INDEX usage_by_occurred_at_idx
        ON ringline.usage (workspace_id, environment, occurred_at, id)
    """,
    """
    CREATE INDEX usage_by_occurred_at_desc_idx
        ON ringline.usage (workspace_id, environment, occurred_at DESC, id)
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(USAGE)
    run(MONTHS)
    for statement in INDEXES:
        run(statement)
    for table in ("usage", "usage_months"):
        isolate(run, table, purged=False)
    grant_app(run, "SELECT, INSERT", table="usage")
    grant_app(run, "SELECT, INSERT, UPDATE", table="usage_months")
