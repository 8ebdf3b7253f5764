"""Threads of messages: their columns, who has opted out, and the thread of an event."""

from alembic import op

from ringline.schema.isolation import grant_app, isolate, make_lookups

revision = "0024"
down_revision = "0023"

CHANNELS = "'chat', 'call', 'email', 'sms', 'whatsapp', 'discord'"

COLUMNS = (
    "ALTER TABLE ringline.conversations DROP CONSTRAINT conversations_channel_check",
    f"""
    ALTER TABLE ringline.conversations
        ADD CONSTRAINT conversations_channel_check CHECK (channel IN ({CHANNELS})),
        ADD ai_mode text
            CONSTRAINT conversations_ai_mode_check CHECK (ai_mode IN ('ai', 'human', 'closed')),
        ADD our_number text,
        ADD remote_number text,
        ADD window_expires_at timestamptz,
        ADD last_message_at timestamptz,
        ADD answered_id uuid
    """,
    """
    ALTER TABLE ringline.conversation_items
        ADD direction text CONSTRAINT conversation_items_direction_check
            CHECK (direction IN ('inbound', 'outbound')),
        ADD message_type text CONSTRAINT conversation_items_message_type_check
            CHECK (message_type IN
                ('text', 'image', 'audio', 'document', 'video', 'interactive', 'template')),
        ADD message_status text CONSTRAINT conversation_items_message_status_check
            CHECK (message_status IN
                ('received', 'queued', 'sent', 'delivered', 'read', 'failed', 'rejected',
                'expired')),
        ADD our_number text,
        ADD details jsonb,
        ADD provider text,
        ADD provider_message_id text,
        ADD error_code text
    """,
    "ALTER TABLE ringline.events ADD conversation_id uuid",
    "ALTER TABLE ringline.timers ADD again boolean DEFAULT false NOT NULL",
)

TABLE = """
    CREATE TABLE ringline.opt_outs (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        agent_id uuid NOT NULL,
        number text NOT NULL,
        channel text NOT NULL,
        opted_out_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT opt_outs_pkey
            PRIMARY KEY (workspace_id, environment, agent_id, number, channel),
        CONSTRAINT opt_outs_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT opt_outs_agents_fkey
            FOREIGN KEY (workspace_id, environment, agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id) ON DELETE CASCADE,
        CONSTRAINT opt_outs_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT opt_outs_channel_check CHECK (channel IN ('sms', 'whatsapp'))
    )
"""

INDEXES = (
    """
    CREATE UNIQUE INDEX conversations_threads_idx ON ringline.conversations
        (workspace_id, environment, agent_id, remote_number, channel) WHERE ai_mode IS NOT NULL
    """,
    """
    CREATE INDEX conversations_of_numbers_idx ON ringline.conversations
        (workspace_id, environment, our_number, remote_number, channel)
        WHERE ai_mode IS NOT NULL
    """,
    """
    CREATE INDEX conversation_items_queued_idx ON ringline.conversation_items
        (workspace_id, environment, conversation_id, occurred_at, id)
        WHERE message_status = 'queued'
    """,
    """
    CREATE INDEX conversation_items_messages_idx ON ringline.conversation_items
        (workspace_id, environment, inserted_at, id) WHERE direction IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX conversation_items_provider_idx ON ringline.conversation_items
        (workspace_id, environment, provider, provider_message_id)
        WHERE provider_message_id IS NOT NULL
    """,
    """
    CREATE INDEX events_of_conversation_idx ON ringline.events
        (workspace_id, environment, conversation_id, "offset")
        WHERE conversation_id IS NOT NULL
    """,
    """
    CREATE INDEX opt_outs_workspace_id_environment_opted_out_at_idx ON ringline.opt_outs
        (workspace_id, environment, opted_out_at)
    """,
)

TIMER_COLUMNS = (
    "workspace_id uuid, environment text, kind text, subject text, payload jsonb,"
    " due_at timestamptz"
)
CLAIM_TIMERS = """
    WITH due AS (
        SELECT t.* FROM ringline.timers t WHERE t.due_at <= at AND t.kind = ANY (kinds)
        ORDER BY t.due_at LIMIT most FOR UPDATE SKIP LOCKED
    )
    UPDATE ringline.timers t SET due_at = lease, claimed_by = server, again = false,
        updated_at = now()
    FROM due d WHERE t.workspace_id = d.workspace_id AND t.environment = d.environment
        AND t.kind = d.kind AND t.subject = d.subject
    RETURNING t.workspace_id, t.environment, t.kind, t.subject, t.payload, d.due_at
"""
#: One that was set while it was claimed is due at once.
SETTLE_TIMER = """
    WITH over AS (
        DELETE FROM ringline.timers t WHERE next IS NULL AND NOT t.again
            AND t.workspace_id = workspace AND t.environment = place AND t.kind = what
            AND t.subject = whom AND t.claimed_by = server
    )
    UPDATE ringline.timers t SET due_at = CASE WHEN t.again THEN at ELSE next END,
        claimed_by = NULL, again = false, updated_at = now()
    WHERE (next IS NOT NULL OR t.again) AND t.workspace_id = workspace AND t.environment = place
        AND t.kind = what AND t.subject = whom AND t.claimed_by = server
"""

LOOKUP_FUNCTIONS = (
    (
        "claim_timers(server uuid, at timestamptz, lease timestamptz, kinds text[], most integer)",
        f"TABLE ({TIMER_COLUMNS})",
        "VOLATILE",
        CLAIM_TIMERS,
    ),
    (
        "settle_timer(server uuid, workspace uuid, place text, what text, whom text,"
        " next timestamptz, at timestamptz)",
        "void",
        "VOLATILE",
        SETTLE_TIMER,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in (*COLUMNS, TABLE, *INDEXES):
        run(statement)
    isolate(run, "opt_outs")
    grant_app(run, "SELECT, INSERT, UPDATE, DELETE", table="opt_outs")
    make_lookups(run, *LOOKUP_FUNCTIONS)
