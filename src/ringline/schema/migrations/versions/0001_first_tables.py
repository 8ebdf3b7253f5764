"""First tables: workspaces, logs, events, credentials, agents, calls."""

from alembic import op

from ringline.schema.isolation import (
    OF_ENVIRONMENT,
    WORKSPACE_ITSELF,
    grant_app,
    isolate,
    make_lookups,
    roles,
)

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE ringline.workspaces (
        id uuid NOT NULL,
        name text NOT NULL,
        created_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT workspaces_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ringline.logs (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        epoch text NOT NULL,
        newest bigint DEFAULT '0' NOT NULL,
        oldest bigint DEFAULT '1' NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT logs_pkey PRIMARY KEY (workspace_id, environment),
        CONSTRAINT logs_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT logs_environment_check CHECK (environment IN ('live', 'test'))
    ) WITH (fillfactor = 10)
    """,
    """
    CREATE TABLE ringline.events (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        "offset" bigint NOT NULL,
        event_id uuid NOT NULL,
        type text NOT NULL,
        call_id uuid,
        call jsonb,
        data jsonb NOT NULL,
        occurred_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT events_pkey PRIMARY KEY (workspace_id, environment, "offset"),
        CONSTRAINT events_workspace_id_environment_event_id_key
            UNIQUE (workspace_id, environment, event_id),
        CONSTRAINT events_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX events_workspace_id_environment_call_id_offset_idx
        ON ringline.events (workspace_id, environment, call_id, "offset")
    """,
    """
    CREATE TABLE ringline.keys (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL,
        label text NOT NULL,
        last_four text NOT NULL,
        key_hash bytea NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz,
        end_calls boolean DEFAULT false NOT NULL,
        last_used_at timestamptz,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT keys_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT keys_id_key UNIQUE (id),
        CONSTRAINT keys_key_hash_key UNIQUE (key_hash),
        CONSTRAINT keys_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT keys_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT keys_kind_check CHECK (kind IN ('secret', 'publishable', 'management'))
    )
    """,
    """
    CREATE TABLE ringline.tickets (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        ticket_hash bytea NOT NULL,
        call_id uuid NOT NULL,
        key_id uuid NOT NULL,
        binding bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT tickets_pkey PRIMARY KEY (workspace_id, environment, ticket_hash),
        CONSTRAINT tickets_ticket_hash_key UNIQUE (ticket_hash),
        CONSTRAINT tickets_keys_fkey
            FOREIGN KEY (workspace_id, environment, key_id)
            REFERENCES ringline.keys (workspace_id, environment, id),
        CONSTRAINT tickets_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE INDEX tickets_workspace_id_environment_inserted_at_idx
        ON ringline.tickets (workspace_id, environment, inserted_at)
    """,
    """
    CREATE TABLE ringline.agents (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        display_name text NOT NULL,
        model text NOT NULL,
        instructions text DEFAULT '' NOT NULL,
        voice text DEFAULT '' NOT NULL,
        greeting text DEFAULT '' NOT NULL,
        tools jsonb DEFAULT '[]'::jsonb NOT NULL,
        local jsonb,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT agents_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT agents_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT agents_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE TABLE ringline.calls (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        call_uuid text NOT NULL,
        call_source text NOT NULL,
        direction text NOT NULL,
        from_number text NOT NULL,
        to_number text NOT NULL,
        transport text NOT NULL,
        status text NOT NULL,
        sip_username text,
        conversation_id uuid,
        agent_id uuid,
        model text,
        started_at timestamptz NOT NULL,
        answered_at timestamptz,
        ended_at timestamptz,
        duration_seconds integer,
        hangup_cause text,
        server_id uuid,
        adopted_at timestamptz,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT calls_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT calls_workspace_id_environment_call_uuid_key
            UNIQUE (workspace_id, environment, call_uuid),
        CONSTRAINT calls_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT calls_agents_fkey
            FOREIGN KEY (workspace_id, environment, agent_id)
            REFERENCES ringline.agents (workspace_id, environment, id),
        CONSTRAINT calls_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT calls_direction_check CHECK (direction IN ('inbound', 'outbound')),
        CONSTRAINT calls_status_check
            CHECK (status IN ('initiated', 'ringing', 'queued', 'answered', 'held',
                'completed', 'failed', 'busy', 'no_answer', 'cancelled')),
        CONSTRAINT calls_hangup_cause_check
            CHECK (hangup_cause IN ('caller_hangup', 'agent_hangup', 'api_hangup',
                'transferred', 'no_answer', 'busy', 'failed', 'idle_timeout', 'max_duration',
                'budget_exhausted', 'agent_error', 'upstream_lost', 'storage_lost',
                'server_lost', 'server_shutdown', 'revoked', 'internal_error'))
    )
    """,
    """
    CREATE INDEX calls_open_idx
        ON ringline.calls (server_id)
        WHERE ended_at IS NULL AND server_id IS NOT NULL
    """,
    """
    CREATE TABLE ringline.call_participants (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        call_id uuid NOT NULL,
        member_uuid text NOT NULL,
        role text NOT NULL,
        joined_at timestamptz,
        left_at timestamptz,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT call_participants_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT call_participants_calls_fkey
            FOREIGN KEY (workspace_id, environment, call_id)
            REFERENCES ringline.calls (workspace_id, environment, id),
        CONSTRAINT call_participants_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT call_participants_role_check
            CHECK (role IN ('caller', 'callee', 'operator', 'ai_agent', 'supervisor'))
    )
    """,
    """
    CREATE INDEX call_participants_workspace_id_environment_call_id_idx
        ON ringline.call_participants (workspace_id, environment, call_id)
    """,
    """
    CREATE TABLE ringline.call_transcripts (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        call_id uuid NOT NULL,
        turn_id uuid NOT NULL,
        item_id text NOT NULL,
        content_index integer DEFAULT '0' NOT NULL,
        role text NOT NULL,
        text text NOT NULL,
        interrupted boolean DEFAULT false NOT NULL,
        occurred_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT call_transcripts_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT call_transcripts_calls_fkey
            FOREIGN KEY (workspace_id, environment, call_id)
            REFERENCES ringline.calls (workspace_id, environment, id),
        CONSTRAINT call_transcripts_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT call_transcripts_role_check CHECK (role IN ('caller', 'agent'))
    )
    """,
    """
    CREATE INDEX call_transcripts_call_id_occurred_at_idx
        ON ringline.call_transcripts (workspace_id, environment, call_id, occurred_at)
    """,
)

NAMES = (
    "workspaces",
    "logs",
    "events",
    "keys",
    "tickets",
    "agents",
    "calls",
    "call_participants",
    "call_transcripts",
)

#: What the application may do with the rows that it sees. Nobody reads a hash back.
APP_GRANTS = (
    ("SELECT, INSERT, UPDATE", "workspaces"),
    ("SELECT, INSERT, UPDATE", "logs"),
    ("SELECT, INSERT", "events"),
    (
        "SELECT (workspace_id, environment, id, kind, label, last_four, created_at, expires_at,"
        " revoked_at, end_calls, last_used_at, inserted_at, updated_at), INSERT,"
        " UPDATE (label, expires_at, revoked_at, end_calls, updated_at)",
        "keys",
    ),
    (
        "SELECT (workspace_id, environment, call_id, key_id, expires_at, inserted_at),"
        " INSERT, DELETE",
        "tickets",
    ),
    ("SELECT, INSERT, UPDATE, DELETE", "agents"),
    ("SELECT, INSERT, UPDATE", "calls"),
    ("SELECT, INSERT, UPDATE", "call_participants"),
    ("SELECT, INSERT", "call_transcripts"),
)

#: What the lookup functions may touch, in every workspace.
LOOKUP_GRANTS = (
    ("SELECT (id, created_at)", "workspaces"),
    ("SELECT (workspace_id, environment, epoch, newest, oldest)", "logs"),
    ("SELECT, UPDATE (revoked_at, end_calls, last_used_at, updated_at)", "keys"),
    ("SELECT, DELETE", "tickets"),
    ("SELECT, UPDATE (server_id, adopted_at, updated_at)", "calls"),
)

LOOKUP_POLICIES = (
    ("SELECT", "workspaces"),
    ("SELECT", "logs"),
    ("SELECT", "keys"),
    ("UPDATE", "keys"),
    ("SELECT", "tickets"),
    ("DELETE", "tickets"),
    ("SELECT", "calls"),
    ("UPDATE", "calls"),
)

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean"
)
KEY_SELECT = (
    "SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four,"
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.end_calls"
    " FROM ringline.keys k"
)

#: Signature, result, kind and body of each lookup function.
LOOKUP_FUNCTIONS = (
    (
        "find_key(wanted bytea)",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.key_hash = wanted",
    ),
    (
        "get_keys(wanted uuid[])",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} WHERE k.id = ANY (wanted)",
    ),
    (
        "touch_keys(used uuid[], times timestamptz[])",
        "void",
        "VOLATILE",
        # In the order of ids, so that two servers never wait for each other.
        """
        WITH new AS (
            SELECT u.id, u.at FROM unnest(used, times) AS u (id, at)
        ), locked AS (
            SELECT k.id, new.at FROM ringline.keys k JOIN new ON new.id = k.id
            WHERE k.last_used_at IS NULL OR k.last_used_at < new.at
            ORDER BY k.id FOR NO KEY UPDATE OF k
        )
        UPDATE ringline.keys k SET last_used_at = locked.at, updated_at = now()
        FROM locked WHERE k.id = locked.id
        """,
    ),
    (
        "revoke_key(wanted uuid, at timestamptz, with_calls boolean)",
        "SETOF uuid",
        "VOLATILE",
        """
        UPDATE ringline.keys k SET revoked_at = coalesce(k.revoked_at, at),
            end_calls = k.end_calls OR with_calls, updated_at = now()
        WHERE k.id = wanted RETURNING k.id
        """,
    ),
    (
        "find_ticket(wanted bytea)",
        "TABLE (workspace_id uuid, environment text, call_id uuid, key_id uuid,"
        " binding bytea, expires_at timestamptz)",
        "STABLE",
        """
        SELECT t.workspace_id, t.environment, t.call_id, t.key_id, t.binding, t.expires_at
        FROM ringline.tickets t WHERE t.ticket_hash = wanted
        """,
    ),
    (
        "take_ticket(wanted bytea, at timestamptz)",
        "TABLE (workspace_id uuid, environment text, call_id uuid, key_id uuid,"
        " binding bytea, expires_at timestamptz)",
        "VOLATILE",
        """
        DELETE FROM ringline.tickets t USING ringline.keys k
        WHERE t.ticket_hash = wanted AND t.expires_at > at
            AND k.workspace_id = t.workspace_id AND k.environment = t.environment
            AND k.id = t.key_id AND k.revoked_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > at)
        RETURNING t.workspace_id, t.environment, t.call_id, t.key_id, t.binding, t.expires_at
        """,
    ),
    (
        "adopt_calls(adopter uuid, alive uuid[])",
        "SETOF ringline.calls",
        "VOLATILE",
        """
        UPDATE ringline.calls c SET server_id = adopter, updated_at = now(),
            adopted_at = coalesce(c.adopted_at, now())
        WHERE c.ended_at IS NULL AND c.server_id IS NOT NULL AND c.server_id <> ALL (alive)
            AND (c.server_id <> adopter OR c.adopted_at IS NOT NULL)
        RETURNING c.*
        """,
    ),
    (
        "log_heads(workspaces uuid[], environments text[])",
        "TABLE (workspace_id uuid, environment text, epoch text, newest bigint, oldest bigint)",
        "STABLE",
        """
        SELECT l.workspace_id, l.environment, l.epoch, l.newest, l.oldest
        FROM unnest(workspaces, environments) AS w (workspace_id, environment)
        JOIN ringline.logs l USING (workspace_id, environment)
        """,
    ),
    (
        "first_workspace()",
        "SETOF uuid",
        "STABLE",
        "SELECT w.id FROM ringline.workspaces w ORDER BY w.created_at, w.id LIMIT 1",
    ),
)

KEY_TRIGGERS = (
    """
    CREATE FUNCTION ringline.tell_key_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_keys', OLD.id::text || CASE
            WHEN TG_OP = 'UPDATE' AND NEW.revoked_at IS NOT NULL AND NEW.end_calls
            THEN ' 1' ELSE ' 0' END);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER keys_changed AFTER UPDATE ON ringline.keys FOR EACH ROW
    WHEN ((OLD.revoked_at, OLD.expires_at, OLD.end_calls)
        IS DISTINCT FROM (NEW.revoked_at, NEW.expires_at, NEW.end_calls))
    EXECUTE FUNCTION ringline.tell_key_changed()
    """,
    """
    CREATE TRIGGER keys_deleted AFTER DELETE ON ringline.keys FOR EACH ROW
    EXECUTE FUNCTION ringline.tell_key_changed()
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup = roles().app, roles().lookup
    for statement in TABLES:
        run(statement)
    for name in NAMES:
        here = WORKSPACE_ITSELF if name == "workspaces" else OF_ENVIRONMENT
        isolate(run, name, here=here, purged=False)
    for verb, table in LOOKUP_POLICIES:
        run(
            f"CREATE POLICY lookup_{verb.lower()} ON ringline.{table} FOR {verb} TO {lookup}"
            " USING (true)"
        )
    run(f"GRANT USAGE ON SCHEMA ringline TO {app}, {lookup}")
    run(f"GRANT SELECT ON ringline.alembic_version TO {app}")
    for rights, table in APP_GRANTS:
        grant_app(run, rights, table=table)
    for rights, table in LOOKUP_GRANTS:
        run(f"GRANT {rights} ON ringline.{table} TO {lookup}")
    for statement in KEY_TRIGGERS:
        run(statement)
    make_lookups(run, *LOOKUP_FUNCTIONS)
