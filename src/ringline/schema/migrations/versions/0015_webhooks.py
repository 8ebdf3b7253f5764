"""Webhooks: endpoints, deliveries and their attempts; signing secrets; timers."""

from alembic import op

from ringline.schema.isolation import OF_ENVIRONMENT as HERE
from ringline.schema.isolation import grant_app, isolate, make_lookups, roles

revision = "0015"
down_revision = "0014"

COLUMNS = (
    "ALTER TABLE ringline.workspaces ADD signing_secret bytea",
    "ALTER TABLE ringline.workspaces ADD previous_signing_secret bytea",
    "ALTER TABLE ringline.workspaces ADD previous_signing_secret_expires_at timestamptz",
    "ALTER TABLE ringline.agents ADD webhook_url text",
    "ALTER TABLE ringline.agents ADD webhook_failing boolean DEFAULT false NOT NULL",
    "ALTER TABLE ringline.agents ADD webhook_failures integer DEFAULT '0' NOT NULL",
    "ALTER TABLE ringline.agents ADD webhook_first_failure_at timestamptz",
)

TABLES = (
    """
    CREATE TABLE ringline.webhook_endpoints (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        url text NOT NULL,
        events text[] DEFAULT '{*}' NOT NULL,
        enabled boolean DEFAULT true NOT NULL,
        paused boolean DEFAULT false NOT NULL,
        description text,
        secret bytea NOT NULL,
        previous_secret bytea,
        previous_expires_at timestamptz,
        failing boolean DEFAULT false NOT NULL,
        failures integer DEFAULT '0' NOT NULL,
        first_failure_at timestamptz,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT webhook_endpoints_id_key UNIQUE (id),
        CONSTRAINT webhook_endpoints_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT webhook_endpoints_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
    """
    CREATE TABLE ringline.webhook_deliveries (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        event_id uuid NOT NULL,
        "offset" bigint NOT NULL,
        event_type text NOT NULL,
        call_id uuid,
        agent_id uuid,
        endpoint_id uuid,
        target_id uuid NOT NULL,
        status text DEFAULT 'pending' NOT NULL,
        attempts integer DEFAULT '0' NOT NULL,
        step integer DEFAULT '0' NOT NULL,
        schedule_from timestamptz,
        next_attempt_at timestamptz,
        claimed_by uuid,
        last_response_code integer,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT webhook_deliveries_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT webhook_deliveries_status_check
            CHECK (status IN ('pending', 'delivered', 'dead')),
        CONSTRAINT webhook_deliveries_target_check
            CHECK (target_id = COALESCE(agent_id, endpoint_id)
                AND (agent_id IS NULL OR endpoint_id IS NULL))
    ) WITH (autovacuum_analyze_threshold = 5000, autovacuum_vacuum_threshold = 5000)
    """,
    """
    CREATE TABLE ringline.webhook_attempts (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        delivery_id uuid NOT NULL,
        attempt integer NOT NULL,
        started_at timestamptz NOT NULL,
        duration_ms integer NOT NULL,
        response_code integer,
        error text,
        response_body text,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT webhook_attempts_pkey
            PRIMARY KEY (workspace_id, environment, delivery_id, attempt),
        CONSTRAINT webhook_attempts_environment_check CHECK (environment IN ('live', 'test')),
        CONSTRAINT webhook_attempts_error_check CHECK (error IN ('timeout', 'dns', 'refused',
            'reset', 'tls', 'address_not_allowed', 'redirect', 'closed'))
    )
    """,
    """
    CREATE TABLE ringline.timers (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        kind text NOT NULL,
        subject text DEFAULT '' NOT NULL,
        due_at timestamptz NOT NULL,
        payload jsonb DEFAULT '{}'::jsonb NOT NULL,
        claimed_by uuid,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT timers_pkey PRIMARY KEY (workspace_id, environment, kind, subject),
        CONSTRAINT timers_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT timers_environment_check CHECK (environment IN ('live', 'test'))
    )
    """,
)

INDEXES = (
    """
    CREATE INDEX agents_with_webhook_idx ON ringline.agents (workspace_id, environment, id)
        WHERE webhook_url IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX webhook_deliveries_of_event_idx
        ON ringline.webhook_deliveries (workspace_id, environment, event_id, target_id)
    """,
    """
    CREATE INDEX webhook_deliveries_of_target_idx
        ON ringline.webhook_deliveries (workspace_id, environment, target_id, id)
    """,
    """
    CREATE INDEX webhook_deliveries_dead_idx
        ON ringline.webhook_deliveries (workspace_id, environment, id) WHERE status = 'dead'
    """,
    """
    CREATE INDEX webhook_deliveries_due_idx
        ON ringline.webhook_deliveries (target_id, next_attempt_at, "offset")
        WHERE status = 'pending'
    """,
    """
    CREATE INDEX webhook_deliveries_claimed_idx ON ringline.webhook_deliveries (target_id)
        WHERE claimed_by IS NOT NULL
    """,
    "CREATE INDEX timers_due_at_idx ON ringline.timers (due_at)",
)

#: What the application may do. The sealed secrets it only writes.
APP_GRANTS = (
    (
        "SELECT (id, name, created_at, previous_signing_secret_expires_at, inserted_at,"
        " updated_at), INSERT, UPDATE",
        "workspaces",
    ),
    (
        "SELECT (workspace_id, environment, id, url, events, enabled, paused, description,"
        " previous_expires_at, failing, failures, first_failure_at, inserted_at, updated_at),"
        " INSERT, UPDATE, DELETE",
        "webhook_endpoints",
    ),
    ("SELECT, INSERT, UPDATE, DELETE", "webhook_deliveries"),
    ("SELECT, INSERT, DELETE", "webhook_attempts"),
    ("SELECT, INSERT, UPDATE, DELETE", "timers"),
)

#: What the lookup functions may touch, in every workspace.
LOOKUP_GRANTS = (
    (
        "SELECT (signing_secret, previous_signing_secret, previous_signing_secret_expires_at,"
        " updated_at),"
        " UPDATE (signing_secret, previous_signing_secret, previous_signing_secret_expires_at,"
        " updated_at)",
        "workspaces",
    ),
    (
        "SELECT (workspace_id, environment, id, webhook_url, webhook_failing, webhook_failures,"
        " webhook_first_failure_at),"
        " UPDATE (webhook_failing, webhook_failures, webhook_first_failure_at)",
        "agents",
    ),
    (
        "SELECT, UPDATE (secret, previous_secret, previous_expires_at, failing, failures,"
        " first_failure_at, updated_at)",
        "webhook_endpoints",
    ),
    (
        'SELECT (workspace_id, environment, "offset", event_id, type, call_id, call, data,'
        " occurred_at)",
        "events",
    ),
    ("SELECT, UPDATE", "webhook_deliveries"),
    ("INSERT", "webhook_attempts"),
    ("SELECT, INSERT, UPDATE, DELETE", "timers"),
)

LOOKUP_POLICIES = (
    ("UPDATE", "workspaces"),
    ("SELECT", "agents"),
    ("UPDATE", "agents"),
    ("SELECT", "webhook_endpoints"),
    ("UPDATE", "webhook_endpoints"),
    ("SELECT", "events"),
    ("SELECT", "webhook_deliveries"),
    ("UPDATE", "webhook_deliveries"),
    ("INSERT", "webhook_attempts"),
    ("ALL", "timers"),
)

#: The secrets, for whoever signs and rotates them: in the transaction's own workspace and
#: environment alone. `rotate_…` returns whether there is such a row.
LOOKUP_FUNCTIONS = (
    (
        "find_webhook_secret(endpoint uuid)",
        "TABLE (secret bytea, previous_secret bytea, previous_expires_at timestamptz)",
        "STABLE",
        f"""
        SELECT e.secret, e.previous_secret, e.previous_expires_at
        FROM ringline.webhook_endpoints e WHERE e.id = endpoint AND {HERE}
        """,
    ),
    (
        "rotate_webhook_secret(endpoint uuid, sealed bytea, expires timestamptz)",
        "SETOF uuid",
        "VOLATILE",
        f"""
        UPDATE ringline.webhook_endpoints e SET previous_secret = e.secret, secret = sealed,
            previous_expires_at = expires, updated_at = now()
        WHERE e.id = endpoint AND {HERE} RETURNING e.id
        """,
    ),
    # Keeps the first secret that it is given, and returns the one in force.
    (
        "keep_signing_secret(workspace uuid, sealed bytea)",
        "TABLE (secret bytea, previous_secret bytea, previous_expires_at timestamptz)",
        "VOLATILE",
        """
        UPDATE ringline.workspaces w SET signing_secret = coalesce(w.signing_secret, sealed),
            updated_at = CASE WHEN w.signing_secret IS NULL THEN now() ELSE w.updated_at END
        WHERE w.id = workspace
        RETURNING w.signing_secret, w.previous_signing_secret,
            w.previous_signing_secret_expires_at
        """,
    ),
    (
        "rotate_signing_secret(workspace uuid, sealed bytea, expires timestamptz)",
        "SETOF uuid",
        "VOLATILE",
        """
        UPDATE ringline.workspaces w SET previous_signing_secret = w.signing_secret,
            signing_secret = sealed, updated_at = now(),
            previous_signing_secret_expires_at = CASE WHEN w.signing_secret IS NOT NULL
                THEN expires END
        WHERE w.id = workspace RETURNING w.id
        """,
    ),
)

#: What is owed to a target that is gone ends at once: the first 10,000 here, the rest by the
#: workers, who are told.
TRIGGERS = (
    """
    CREATE FUNCTION ringline.tell_webhook_due() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_webhooks', NEW.target_id::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER webhook_deliveries_due AFTER UPDATE ON ringline.webhook_deliveries
    FOR EACH ROW WHEN (NEW.status = 'pending' AND NEW.claimed_by IS NULL
        AND NEW.schedule_from IS NULL)
    EXECUTE FUNCTION ringline.tell_webhook_due()
    """,
    # Once for all that a statement writes: a call per row costs as much as a row.
    """
    CREATE FUNCTION ringline.tell_webhooks_owed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_webhooks', o.target_id::text)
        FROM (SELECT DISTINCT n.workspace_id, n.environment, n.target_id FROM owed n
            WHERE n.status = 'pending' AND n.claimed_by IS NULL) o
        WHERE NOT EXISTS (SELECT FROM ringline.webhook_endpoints e
            WHERE e.workspace_id = o.workspace_id AND e.environment = o.environment
                AND e.id = o.target_id AND e.paused);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER webhook_deliveries_owed AFTER INSERT ON ringline.webhook_deliveries
    REFERENCING NEW TABLE AS owed FOR EACH STATEMENT
    EXECUTE FUNCTION ringline.tell_webhooks_owed()
    """,
    """
    CREATE FUNCTION ringline.tell_webhook_target() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_webhooks', NEW.id::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER webhook_endpoints_resumed AFTER UPDATE OF paused
    ON ringline.webhook_endpoints FOR EACH ROW WHEN (OLD.paused AND NOT NEW.paused)
    EXECUTE FUNCTION ringline.tell_webhook_target()
    """,
    """
    CREATE FUNCTION ringline.end_webhooks() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    DECLARE ended bigint;
    BEGIN
        UPDATE ringline.webhook_deliveries d
        SET status = 'dead', next_attempt_at = NULL, claimed_by = NULL, updated_at = now()
        WHERE d.workspace_id = OLD.workspace_id AND d.environment = OLD.environment
            AND d.id = ANY (ARRAY(
                SELECT p.id FROM ringline.webhook_deliveries p
                WHERE p.target_id = OLD.id AND p.status = 'pending' LIMIT 10000
            ));
        GET DIAGNOSTICS ended = ROW_COUNT;
        IF ended = 10000 THEN
            PERFORM pg_notify('ringline_webhooks', OLD.id::text);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER webhook_endpoints_deleted AFTER DELETE ON ringline.webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION ringline.end_webhooks()
    """,
    """
    CREATE TRIGGER webhook_endpoints_disabled AFTER UPDATE OF enabled
    ON ringline.webhook_endpoints FOR EACH ROW WHEN (OLD.enabled AND NOT NEW.enabled)
    EXECUTE FUNCTION ringline.end_webhooks()
    """,
    """
    CREATE TRIGGER agents_deleted AFTER DELETE ON ringline.agents
    FOR EACH ROW WHEN (OLD.webhook_url IS NOT NULL) EXECUTE FUNCTION ringline.end_webhooks()
    """,
    """
    CREATE TRIGGER agents_without_webhook AFTER UPDATE OF webhook_url ON ringline.agents
    FOR EACH ROW WHEN (OLD.webhook_url IS NOT NULL AND NEW.webhook_url IS NULL)
    EXECUTE FUNCTION ringline.end_webhooks()
    """,
    # Another URL has not failed yet.
    """
    CREATE FUNCTION ringline.clear_endpoint_failures() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        NEW.failing := false; NEW.failures := 0; NEW.first_failure_at := NULL;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER webhook_endpoints_moved BEFORE UPDATE OF url ON ringline.webhook_endpoints
    FOR EACH ROW WHEN (OLD.url <> NEW.url) EXECUTE FUNCTION ringline.clear_endpoint_failures()
    """,
    """
    CREATE FUNCTION ringline.clear_agent_failures() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        NEW.webhook_failing := false; NEW.webhook_failures := 0;
        NEW.webhook_first_failure_at := NULL;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER agents_webhook_moved BEFORE UPDATE OF webhook_url ON ringline.agents
    FOR EACH ROW WHEN (OLD.webhook_url IS DISTINCT FROM NEW.webhook_url)
    EXECUTE FUNCTION ringline.clear_agent_failures()
    """,
    """
    CREATE FUNCTION ringline.tell_timer_set() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_timers', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER timers_set AFTER INSERT OR UPDATE ON ringline.timers
    FOR EACH ROW WHEN (NEW.claimed_by IS NULL) EXECUTE FUNCTION ringline.tell_timer_set()
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup = roles().app, roles().lookup
    for statement in (*COLUMNS, *TABLES, *INDEXES):
        run(statement)
    for table in ("webhook_endpoints", "webhook_deliveries", "webhook_attempts", "timers"):
        isolate(run, table, purged=False)
    run(f"REVOKE ALL ON ringline.workspaces FROM {app}")
    for rights, table in APP_GRANTS:
        grant_app(run, rights, table=table)
    for rights, table in LOOKUP_GRANTS:
        run(f"GRANT {rights} ON ringline.{table} TO {lookup}")
    for verb, table in LOOKUP_POLICIES:
        rows = "WITH CHECK (true)" if verb == "INSERT" else "USING (true)"
        run(
            f"CREATE POLICY lookup_{verb.lower()} ON ringline.{table} FOR {verb} TO {lookup} {rows}"
        )
    make_lookups(run, *LOOKUP_FUNCTIONS)
    for statement in TRIGGERS:
        run(statement)
