"""The audit log, and a revocation that says which secrets it ended."""

from alembic import op

from ringline.schema.isolation import (
    ENVIRONMENT,
    OF_WORKSPACE,
    WORKSPACE,
    grant_app,
    isolate,
    make_lookups,
)

revision = "0033"
down_revision = "0032"

AUDIT_ENTRIES = """
    CREATE TABLE ringline.audit_entries (
        workspace_id uuid NOT NULL,
        environment text,
        id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        actor_kind text NOT NULL,
        actor_id uuid,
        actor_name text NOT NULL,
        action text NOT NULL,
        target_kind text,
        target_id uuid,
        target_name text,
        outcome text NOT NULL,
        fields text[] NOT NULL,
        call_uuid text,
        request_id text,
        address text,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT audit_entries_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT audit_entries_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT audit_entries_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT audit_entries_actor_kind_check
            CHECK (actor_kind IN ('user', 'key', 'cli', 'system')),
        CONSTRAINT audit_entries_outcome_check CHECK (outcome IN ('done', 'refused'))
    )
"""

INDEXES = (
    """
    CREATE INDEX audit_entries_by_occurred_at_idx
        ON ringline.audit_entries (workspace_id, occurred_at, id)
    """,
    """
    CREATE INDEX audit_entries_by_occurred_at_desc_idx
        ON ringline.audit_entries (workspace_id, occurred_at DESC, id)
    """,
    """
    CREATE INDEX audit_entries_of_actor_idx
        ON ringline.audit_entries (workspace_id, actor_id, occurred_at, id)
    """,
    """
    CREATE INDEX audit_entries_of_call_idx
        ON ringline.audit_entries (workspace_id, call_uuid, occurred_at)
        WHERE call_uuid IS NOT NULL
    """,
)

#: What concerns both environments is seen in both.
HERE = f"{OF_WORKSPACE} AND (environment IS NULL OR environment = {ENVIRONMENT})"

LOOKUP_FUNCTIONS = (
    # It waits for a rotation that is under way, and then sees the row that this has made.
    (
        "revoke_key(wanted uuid, at timestamptz, with_calls boolean)",
        "TABLE (id uuid, ended boolean)",
        "VOLATILE",
        """
        SELECT w.id FROM ringline.workspaces w WHERE w.id =
            (SELECT k.workspace_id FROM ringline.keys k WHERE k.id = wanted)
        FOR NO KEY UPDATE;
        WITH found AS MATERIALIZED (
            SELECT k.id, k.revoked_at IS NULL AS ended FROM ringline.keys k
            WHERE k.id = wanted OR k.first_id = wanted
        )
        UPDATE ringline.keys k SET revoked_at = coalesce(k.revoked_at, at),
            end_calls = k.end_calls OR with_calls, updated_at = now()
        FROM found f WHERE k.id = f.id RETURNING f.id, f.ended
        """,
    ),
    # Of both environments: a label is unique among the secret keys of its workspace.
    (
        "count_keys(of_kind text, wanted text)",
        "TABLE (total bigint, labelled bigint)",
        "STABLE",
        f"""
        SELECT count(*), count(*) FILTER (WHERE k.label = wanted) FROM ringline.keys k
        WHERE k.workspace_id = {WORKSPACE} AND k.kind = of_kind AND k.revoked_at IS NULL
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(AUDIT_ENTRIES)
    for statement in INDEXES:
        run(statement)
    isolate(run, "audit_entries", here=HERE)
    grant_app(run, "SELECT, INSERT", table="audit_entries")
    run("DROP FUNCTION ringline.count_secret_keys")
    make_lookups(run, *LOOKUP_FUNCTIONS)
