"""The functions of the workers: they claim and settle deliveries and timers of all workspaces."""

from alembic import op

from ringline.schema.isolation import make_lookups

revision = "0016"
down_revision = "0015"

#: A UUIDv7 of this millisecond, for statements that make as many rows as they find. From
#: version 18 on PostgreSQL has its own, which takes a tenth of the time.
NEW_ID = """
    CREATE FUNCTION ringline.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(overlay(
            pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            PLACING substring(pg_catalog.int8send(
                (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
    $$
"""

#: Each target's earliest delivery is the first of its part of an index: jump from one target to
#: the next, however much is owed to it.
DUE_TARGETS = """
    WITH RECURSIVE target AS (
        (
            SELECT d.target_id, d.next_attempt_at FROM ringline.webhook_deliveries d
            WHERE d.status = 'pending' ORDER BY d.target_id, d.next_attempt_at LIMIT 1
        )
        UNION ALL
        SELECT n.target_id, n.next_attempt_at FROM target t CROSS JOIN LATERAL (
            SELECT d.target_id, d.next_attempt_at FROM ringline.webhook_deliveries d
            WHERE d.status = 'pending' AND d.target_id > t.target_id
            ORDER BY d.target_id, d.next_attempt_at LIMIT 1
        ) n
    )
    SELECT t.target_id, t.next_attempt_at FROM target t
    LEFT JOIN ringline.webhook_endpoints e ON e.id = t.target_id
    WHERE t.next_attempt_at <= until AND e.paused IS NOT TRUE
    ORDER BY t.next_attempt_at LIMIT most
"""

CLAIM_COLUMNS = (
    "target_id uuid, next_at timestamptz, workspace_id uuid, environment text, id uuid,"
    ' "offset" bigint, event_id uuid, is_agent boolean, attempts integer, step integer,'
    " schedule_from timestamptz, url text, secret bytea, previous_secret bytea,"
    " previous_expires_at timestamptz, failing boolean, epoch text, type text, call jsonb,"
    " data jsonb, occurred_at timestamptz"
)

#: Planning these statements costs ten times as much as their work, and the plan is always the
#: same: through the indexes. But for a table that is small all indexes cost the same, and a plan
#: that is kept from then reads all of it when it has grown. So plans are kept only once the
#: table is known to be large, and it is not counted (`autovacuum_analyze_threshold`) before.
BY_INDEX = """
    SELECT set_config('plan_cache_mode', CASE WHEN c.reltuples < 1000
            THEN 'force_custom_plan' ELSE 'force_generic_plan' END, true),
        set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
    FROM pg_class c WHERE c.oid = 'ringline.webhook_deliveries'::regclass;
"""

#: Claims of one target wait for each other, and the last statement sees what the other
#: process has claimed: so no delivery starts before an earlier one of its call.
CLAIM = f"""{BY_INDEX}
    SELECT count(pg_advisory_xact_lock(t.key)) FROM (
        SELECT hashtextextended(w.id::text, 0) AS key FROM unnest(targets) AS w (id)
        ORDER BY 1 OFFSET 0
    ) t;
    WITH wanted AS (
        SELECT w.target_id, w.room, e.paused IS TRUE AS paused, EXISTS (
            SELECT FROM ringline.webhook_deliveries o WHERE o.target_id = w.target_id
                AND o.claimed_by IS NOT NULL AND o.claimed_by <> server
                AND o.next_attempt_at > at
        ) AS shared
        FROM unnest(targets, rooms) AS w (target_id, room)
        LEFT JOIN ringline.webhook_endpoints e ON e.id = w.target_id
    ), picked AS (
        SELECT p.workspace_id, p.environment, p.id FROM wanted w CROSS JOIN LATERAL (
            SELECT d.workspace_id, d.environment, d.id FROM ringline.webhook_deliveries d
            WHERE d.target_id = w.target_id AND d.status = 'pending'
                AND d.next_attempt_at <= at
                AND (NOT w.shared OR d.call_id IS NULL OR NOT EXISTS (
                    SELECT FROM ringline.webhook_deliveries o WHERE o.target_id = w.target_id
                        AND o.claimed_by IS NOT NULL AND o.claimed_by <> server
                        AND o.next_attempt_at > at AND o.attempts = 0
                        AND o.call_id = d.call_id AND o."offset" < d."offset"
                ))
            ORDER BY d.next_attempt_at, d."offset" LIMIT w.room FOR UPDATE SKIP LOCKED
        ) p
        WHERE NOT w.paused
    ), claimed AS (
        UPDATE ringline.webhook_deliveries d SET next_attempt_at = lease, claimed_by = server,
            schedule_from = coalesce(d.schedule_from, at), updated_at = now()
        FROM picked p
        WHERE d.workspace_id = p.workspace_id AND d.environment = p.environment AND d.id = p.id
        RETURNING d.*
    )
    SELECT w.target_id, least(
            CASE WHEN w.shared THEN at + interval '1 second' END,
            CASE WHEN NOT w.paused THEN (
                SELECT d.next_attempt_at FROM ringline.webhook_deliveries d
                WHERE d.target_id = w.target_id AND d.status = 'pending'
                    AND d.next_attempt_at > at
                ORDER BY d.next_attempt_at LIMIT 1
            ) END),
        c.workspace_id, c.environment, c.id, c."offset", c.event_id, c.agent_id IS NOT NULL,
        c.attempts, c.step, c.schedule_from,
        CASE WHEN e.id IS NULL THEN a.webhook_url WHEN e.enabled THEN e.url END,
        CASE WHEN e.id IS NULL THEN s.signing_secret ELSE e.secret END,
        CASE WHEN e.id IS NULL THEN s.previous_signing_secret ELSE e.previous_secret END,
        CASE WHEN e.id IS NULL THEN s.previous_signing_secret_expires_at
            ELSE e.previous_expires_at END,
        coalesce(e.failing, a.webhook_failing, false),
        l.epoch, v.type, v.call, v.data, v.occurred_at
    FROM wanted w
    LEFT JOIN claimed c ON c.target_id = w.target_id
    LEFT JOIN ringline.agents a ON a.workspace_id = c.workspace_id
        AND a.environment = c.environment AND a.id = c.agent_id
    LEFT JOIN ringline.webhook_endpoints e ON e.workspace_id = c.workspace_id
        AND e.environment = c.environment AND e.id = c.endpoint_id
    LEFT JOIN ringline.workspaces s ON s.id = c.workspace_id
    LEFT JOIN ringline.logs l ON l.workspace_id = c.workspace_id
        AND l.environment = c.environment
    LEFT JOIN ringline.events v ON v.workspace_id = c.workspace_id
        AND v.environment = c.environment AND v."offset" = c."offset"
    ORDER BY c."offset"
"""

#: What a claim that is not ours any more may change: its attempt is counted and kept, and it
#: settles the delivery if it was the one that got through.
_APPLIES = (
    "d.status = 'pending'"
    " AND (d.claimed_by = server OR d.claimed_by IS NOT NULL AND n.status = 'delivered')"
)
#: The failures since a target's last success, and whether they make it `failing`.
_COUNTED = """
    {failures} = CASE WHEN h.succeeded THEN 0 ELSE t.{failures} + h.attempts END,
    {first} = CASE WHEN NOT h.succeeded THEN coalesce(t.{first}, h.first) END,
    {failing} = NOT h.succeeded AND (t.{failing} OR (
        t.{failures} + h.attempts >= failures
        AND h.last - coalesce(t.{first}, h.first) >= during
    ))
    FROM health h WHERE t.workspace_id = h.workspace_id AND t.environment = h.environment
        AND t.id = h.target_id AND (NOT h.succeeded OR t.{failures} > 0)
"""
SETTLE = f"""{BY_INDEX}
    WITH new AS (
        SELECT * FROM unnest(workspaces, environments, ids, started, durations, codes, errors,
            bodies, statuses, steps, nexts) AS n (workspace_id, environment, id, started_at,
            duration_ms, response_code, error, response_body, status, step, next_attempt_at)
    ), settled AS (
        UPDATE ringline.webhook_deliveries d SET
            attempts = d.attempts + CASE WHEN n.duration_ms IS NULL THEN 0 ELSE 1 END,
            last_response_code = CASE WHEN n.duration_ms IS NULL THEN d.last_response_code
                ELSE n.response_code END,
            status = CASE WHEN {_APPLIES} THEN n.status ELSE d.status END,
            step = CASE WHEN {_APPLIES} THEN n.step ELSE d.step END,
            next_attempt_at = CASE WHEN {_APPLIES} THEN n.next_attempt_at
                ELSE d.next_attempt_at END,
            claimed_by = CASE WHEN {_APPLIES} THEN NULL ELSE d.claimed_by END,
            updated_at = now()
        FROM new n
        WHERE d.workspace_id = n.workspace_id AND d.environment = n.environment AND d.id = n.id
        RETURNING d.workspace_id, d.environment, d.id, d.target_id, d.attempts,
            n.status = 'delivered' AS succeeded, n.started_at, n.duration_ms, n.response_code,
            n.error, n.response_body
    ), logged AS (
        INSERT INTO ringline.webhook_attempts (workspace_id, environment, delivery_id, attempt,
            started_at, duration_ms, response_code, error, response_body)
        SELECT s.workspace_id, s.environment, s.id, s.attempts, s.started_at, s.duration_ms,
            s.response_code, s.error, s.response_body
        FROM settled s WHERE s.duration_ms IS NOT NULL
    ), health AS (
        SELECT s.workspace_id, s.environment, s.target_id, bool_or(s.succeeded) AS succeeded,
            count(*)::integer AS attempts, min(s.started_at) AS first, max(s.started_at) AS last
        FROM settled s WHERE s.duration_ms IS NOT NULL GROUP BY 1, 2, 3
    ), endpoints AS (
        UPDATE ringline.webhook_endpoints t SET
        {_COUNTED.format(failures="failures", first="first_failure_at", failing="failing")}
    )
    UPDATE ringline.agents t SET
    {
    _COUNTED.format(
        failures="webhook_failures", first="webhook_first_failure_at", failing="webhook_failing"
    )
}
"""

#: Schedules that have not begun count from the next claim.
RELEASE = f"""{BY_INDEX}
    WITH released AS (
        UPDATE ringline.webhook_deliveries d SET claimed_by = NULL, next_attempt_at = at,
            schedule_from = CASE WHEN d.step > 0 THEN d.schedule_from END, updated_at = now()
        FROM unnest(workspaces, environments, ids) AS n (workspace_id, environment, id)
        WHERE d.workspace_id = n.workspace_id AND d.environment = n.environment AND d.id = n.id
            AND d.claimed_by = server AND d.status = 'pending'
        RETURNING d.target_id
    )
    SELECT count(pg_notify('ringline_webhooks', r.target_id::text))
    FROM (SELECT DISTINCT target_id FROM released) r
"""

#: What processes that are gone had claimed is due at once.
ADOPT = f"""{BY_INDEX}
    UPDATE ringline.webhook_deliveries d SET claimed_by = NULL, next_attempt_at = at,
        schedule_from = CASE WHEN d.step > 0 THEN d.schedule_from END, updated_at = now()
    WHERE d.claimed_by IS NOT NULL AND d.claimed_by <> ALL (alive) AND d.status = 'pending'
"""

BURY = f"""{BY_INDEX}
    WITH gone AS (
        SELECT d.workspace_id, d.environment, d.id FROM ringline.webhook_deliveries d
        WHERE d.target_id = target AND d.status = 'pending'
            AND NOT EXISTS (SELECT FROM ringline.agents a WHERE a.workspace_id = d.workspace_id
                AND a.environment = d.environment AND a.id = d.target_id
                AND a.webhook_url IS NOT NULL)
            AND NOT EXISTS (SELECT FROM ringline.webhook_endpoints e
                WHERE e.id = d.target_id AND e.enabled)
        LIMIT most FOR UPDATE SKIP LOCKED
    ), buried AS (
        UPDATE ringline.webhook_deliveries d SET status = 'dead', next_attempt_at = NULL,
            claimed_by = NULL, updated_at = now()
        FROM gone g
        WHERE d.workspace_id = g.workspace_id AND d.environment = g.environment AND d.id = g.id
        RETURNING d.id
    )
    SELECT count(*)::integer FROM buried
"""

TIMER_COLUMNS = (
    "workspace_id uuid, environment text, kind text, subject text, payload jsonb,"
    " due_at timestamptz"
)
CLAIM_TIMERS = """
    WITH due AS (
        SELECT t.* FROM ringline.timers t WHERE t.due_at <= at AND t.kind = ANY (kinds)
        ORDER BY t.due_at LIMIT most FOR UPDATE SKIP LOCKED
    )
    UPDATE ringline.timers t SET due_at = lease, claimed_by = server, updated_at = now()
    FROM due d WHERE t.workspace_id = d.workspace_id AND t.environment = d.environment
        AND t.kind = d.kind AND t.subject = d.subject
    RETURNING t.workspace_id, t.environment, t.kind, t.subject, t.payload, d.due_at
"""
#: One that was set anew while it was claimed is as it was set.
SETTLE_TIMER = """
    WITH over AS (
        DELETE FROM ringline.timers t WHERE next IS NULL AND t.workspace_id = workspace
            AND t.environment = place AND t.kind = what AND t.subject = whom
            AND t.claimed_by = server
    )
    UPDATE ringline.timers t SET due_at = next, claimed_by = NULL, updated_at = now()
    WHERE next IS NOT NULL AND t.workspace_id = workspace AND t.environment = place
        AND t.kind = what AND t.subject = whom AND t.claimed_by = server
"""
#: A timer of every log that has none of the kind.
KEEP_TIMERS = """
    INSERT INTO ringline.timers (workspace_id, environment, kind, due_at)
    SELECT l.workspace_id, l.environment, what, at FROM ringline.logs l
    ON CONFLICT DO NOTHING
"""

LOOKUP_FUNCTIONS = (
    (
        "due_webhook_targets(until timestamptz, most integer)",
        "TABLE (target_id uuid, due_at timestamptz)",
        "STABLE",
        DUE_TARGETS,
    ),
    (
        "claim_webhooks(server uuid, at timestamptz, lease timestamptz, targets uuid[],"
        " rooms integer[])",
        f"TABLE ({CLAIM_COLUMNS})",
        "VOLATILE",
        CLAIM,
    ),
    (
        "settle_webhooks(server uuid, failures integer, during interval, workspaces uuid[],"
        " environments text[], ids uuid[], started timestamptz[], durations integer[],"
        " codes integer[], errors text[], bodies text[], statuses text[], steps integer[],"
        " nexts timestamptz[])",
        "void",
        "VOLATILE",
        SETTLE,
    ),
    (
        "release_webhooks(server uuid, at timestamptz, workspaces uuid[], environments text[],"
        " ids uuid[])",
        "bigint",
        "VOLATILE",
        RELEASE,
    ),
    ("adopt_webhooks(alive uuid[], at timestamptz)", "void", "VOLATILE", ADOPT),
    ("bury_webhooks(target uuid, most integer)", "integer", "VOLATILE", BURY),
    (
        "claim_timers(server uuid, at timestamptz, lease timestamptz, kinds text[], most integer)",
        f"TABLE ({TIMER_COLUMNS})",
        "VOLATILE",
        CLAIM_TIMERS,
    ),
    (
        "settle_timer(server uuid, workspace uuid, place text, what text, whom text,"
        " next timestamptz)",
        "void",
        "VOLATILE",
        SETTLE_TIMER,
    ),
    (
        "next_timer(kinds text[])",
        "timestamptz",
        "STABLE",
        "SELECT min(t.due_at) FROM ringline.timers t WHERE t.kind = ANY (kinds)",
    ),
    ("keep_timers(what text, at timestamptz)", "void", "VOLATILE", KEEP_TIMERS),
)


NEW_ID_18 = """
    CREATE FUNCTION ringline.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT pg_catalog.uuidv7()
    $$
"""


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    version = run("SELECT current_setting('server_version_num')::integer").scalar_one()
    run(NEW_ID_18 if version >= 180_000 else NEW_ID)
    make_lookups(run, *LOOKUP_FUNCTIONS)
