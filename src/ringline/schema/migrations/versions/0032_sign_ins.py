"""People sign in: sign-ins as keys of their own kind, passwords, and one-time links.

A sign-in is two rows of `keys`, one per environment, so its revocation reaches every surface as
that of any key does. A function opens and ends both at once, whichever environment its
transaction has set. A member who is removed takes their sign-ins along.
"""

from alembic import op

from ringline.schema.isolation import (
    OF_WORKSPACE,
    WORKSPACE,
    grant_app,
    isolate,
    make_lookups,
    roles,
)

revision = "0032"
down_revision = "0031"

KEYS = (
    "ALTER TABLE ringline.keys ADD user_id uuid, ADD sign_in_id uuid",
    "ALTER TABLE ringline.keys DROP CONSTRAINT keys_kind_check",
    """
    ALTER TABLE ringline.keys
        ADD CONSTRAINT keys_kind_check
            CHECK (kind IN ('secret', 'publishable', 'management', 'console')),
        ADD CONSTRAINT keys_sign_in_check CHECK
            (num_nulls(user_id, sign_in_id) = CASE kind WHEN 'console' THEN 0 ELSE 2 END)
    """,
    "CREATE INDEX keys_user_id_idx ON ringline.keys (user_id) WHERE user_id IS NOT NULL",
    """
    CREATE INDEX keys_sign_ins_ended_idx ON ringline.keys (expires_at)
        WHERE user_id IS NOT NULL
    """,
    "CREATE INDEX users_by_email_idx ON ringline.users (lower(email))",
)

TABLES = (
    """
    CREATE TABLE ringline.passwords (
        workspace_id uuid NOT NULL,
        user_id uuid NOT NULL,
        password_hash bytea NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT passwords_pkey PRIMARY KEY (workspace_id, user_id),
        CONSTRAINT passwords_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT passwords_users_fkey
            FOREIGN KEY (workspace_id, user_id)
            REFERENCES ringline.users (workspace_id, id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE ringline.console_links (
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        link_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT console_links_pkey PRIMARY KEY (workspace_id, id),
        CONSTRAINT console_links_link_hash_key UNIQUE (link_hash),
        CONSTRAINT console_links_workspaces_fkey
            FOREIGN KEY (workspace_id)
            REFERENCES ringline.workspaces (id),
        CONSTRAINT console_links_users_fkey
            FOREIGN KEY (workspace_id, user_id)
            REFERENCES ringline.users (workspace_id, id) ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX console_links_workspace_id_user_id_idx
        ON ringline.console_links (workspace_id, user_id)
    """,
)

#: Nobody reads a hash back.
APP_GRANTS = (
    ("SELECT (user_id, sign_in_id)", "keys"),
    (
        "SELECT (workspace_id, user_id, inserted_at, updated_at), INSERT,"
        " UPDATE (password_hash, updated_at), DELETE",
        "passwords",
    ),
    (
        "SELECT (workspace_id, id, user_id, expires_at, inserted_at), INSERT, DELETE",
        "console_links",
    ),
)

LOOKUP_GRANTS = (
    ("INSERT, UPDATE (expires_at), DELETE", "keys"),
    ("SELECT (email, full_name, role)", "users"),
    ("SELECT (name)", "workspaces"),
    ("SELECT (workspace_id, user_id, password_hash)", "passwords"),
    ("SELECT (workspace_id, user_id, link_hash, expires_at), DELETE", "console_links"),
)

#: Which rows of all workspaces the lookup functions see, and which they write.
LOOKUP_POLICIES = (
    f"lookup_sign_in ON ringline.keys FOR INSERT TO {{lookup}}"
    f" WITH CHECK (kind = 'console' AND workspace_id = {WORKSPACE})",
    "lookup_sweep ON ringline.keys FOR DELETE TO {lookup} USING (kind = 'console')",
    "lookup_select ON ringline.passwords FOR SELECT TO {lookup} USING (true)",
    "lookup_select ON ringline.console_links FOR SELECT TO {lookup} USING (true)",
    f"lookup_delete ON ringline.console_links FOR DELETE TO {{lookup}} USING ({OF_WORKSPACE})",
    # Whoever accepts an invitation does not know its workspace; it is taken there alone.
    "lookup_find ON ringline.invitations FOR SELECT TO {lookup} USING (true)",
)

KEY_COLUMNS = (
    "workspace_id uuid, environment text, id uuid, kind text, label text, last_four text,"
    " created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,"
    " last_used_at timestamptz, end_calls boolean, first_id uuid, tier text,"
    " allowed_origins text[], user_id uuid, sign_in_id uuid, email text, full_name text, role text"
)
#: A sign-in without its member is no key.
KEY_SELECT = (
    "SELECT k.workspace_id, k.environment, k.id, k.kind, k.label, k.last_four,"
    " k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.end_calls, k.first_id, w.tier,"
    " w.allowed_origins, k.user_id, k.sign_in_id, u.email, u.full_name, u.role"
    " FROM ringline.keys k JOIN ringline.workspaces w ON w.id = k.workspace_id"
    " LEFT JOIN ringline.users u ON u.workspace_id = k.workspace_id AND u.id = k.user_id"
    " WHERE (k.user_id IS NULL OR u.id IS NOT NULL)"
)

LOOKUP_FUNCTIONS = (
    (
        "find_key(wanted bytea)",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} AND k.key_hash = wanted AND w.deleted_at IS NULL",
    ),
    (
        "get_keys(wanted uuid[])",
        f"TABLE ({KEY_COLUMNS})",
        "STABLE",
        f"{KEY_SELECT} AND k.id = ANY (wanted)",
    ),
    # In the transaction's workspace, and of a member of it.
    (
        "open_sign_in(who uuid, sign_in uuid, device text, at timestamptz, until timestamptz,"
        " environments text[], ids uuid[], hashes bytea[])",
        "SETOF uuid",
        "VOLATILE",
        f"""
        INSERT INTO ringline.keys (workspace_id, environment, id, kind, label, last_four,
            key_hash, created_at, expires_at, user_id, sign_in_id)
        SELECT u.workspace_id, n.environment, n.id, 'console', device, '', n.hash, at, until,
            u.id, sign_in
        FROM ringline.users u, unnest(environments, ids, hashes) AS n (environment, id, hash)
        WHERE u.workspace_id = {WORKSPACE} AND u.id = who
        RETURNING id
        """,
    ),
    # Both rows of each: one of them, all but one, or all. What has ended keeps its end.
    (
        "end_sign_ins(who uuid, one uuid, all_but uuid, at timestamptz)",
        "SETOF uuid",
        "VOLATILE",
        f"""
        UPDATE ringline.keys k SET revoked_at = at, expires_at = at, updated_at = now()
        WHERE k.workspace_id = {WORKSPACE} AND k.user_id = who AND k.revoked_at IS NULL
            AND k.expires_at > at AND (one IS NULL OR k.sign_in_id = one)
            AND (all_but IS NULL OR k.sign_in_id <> all_but)
        RETURNING k.sign_in_id
        """,
    ),
    (
        "extend_sign_in(wanted uuid, at timestamptz, until timestamptz)",
        "void",
        "VOLATILE",
        f"""
        UPDATE ringline.keys k SET expires_at = until, updated_at = now()
        WHERE k.workspace_id = {WORKSPACE} AND k.sign_in_id = wanted AND k.revoked_at IS NULL
            AND k.user_id IS NOT NULL AND k.expires_at > at AND k.expires_at < until
        """,
    ),
    # Of all workspaces; their tickets have expired long ago.
    (
        "sweep_sign_ins(ended_before timestamptz, most bigint)",
        "SETOF uuid",
        "VOLATILE",
        """
        DELETE FROM ringline.tickets t USING ringline.keys k
        WHERE k.user_id IS NOT NULL AND k.expires_at < ended_before AND k.id = t.key_id;
        DELETE FROM ringline.keys k WHERE k.id IN (
            SELECT e.id FROM ringline.keys e
            WHERE e.user_id IS NOT NULL AND e.expires_at < ended_before LIMIT most
        ) RETURNING k.id
        """,
    ),
    (
        "find_passwords(address text, most bigint)",
        "TABLE (workspace_id uuid, workspace_name text, user_id uuid, password_hash bytea)",
        "STABLE",
        """
        SELECT w.id, w.name, u.id, p.password_hash FROM ringline.users u
        JOIN ringline.passwords p ON p.workspace_id = u.workspace_id AND p.user_id = u.id
        JOIN ringline.workspaces w ON w.id = u.workspace_id
        WHERE lower(u.email) = lower(address) AND w.deleted_at IS NULL
        ORDER BY w.created_at, w.id LIMIT most
        """,
    ),
    (
        "find_console_link(wanted bytea)",
        "TABLE (workspace_id uuid, user_id uuid, expires_at timestamptz)",
        "STABLE",
        """
        SELECT l.workspace_id, l.user_id, l.expires_at FROM ringline.console_links l
        JOIN ringline.workspaces w ON w.id = l.workspace_id
        WHERE l.link_hash = wanted AND w.deleted_at IS NULL
        """,
    ),
    # Only within the workspace that the transaction has set: the policies see to it.
    (
        "take_console_link(wanted bytea, at timestamptz)",
        "TABLE (user_id uuid)",
        "VOLATILE",
        """
        DELETE FROM ringline.console_links l WHERE l.link_hash = wanted AND l.expires_at > at
        RETURNING l.user_id
        """,
    ),
    (
        "find_invitation(wanted bytea, at timestamptz)",
        "TABLE (workspace_id uuid, workspace_name text, email text, role text)",
        "STABLE",
        """
        SELECT w.id, w.name, i.email, i.role FROM ringline.invitations i
        JOIN ringline.workspaces w ON w.id = i.workspace_id
        WHERE i.token_hash = wanted AND i.expires_at > at AND w.deleted_at IS NULL
        """,
    ),
)

END_OF_MEMBERS = """
    CREATE FUNCTION ringline.end_sign_ins_of_member() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        UPDATE ringline.keys k SET revoked_at = now(), expires_at = least(k.expires_at, now()),
            updated_at = now()
        WHERE k.workspace_id = OLD.workspace_id AND k.user_id = OLD.id AND k.revoked_at IS NULL;
        RETURN NULL;
    END $$
"""

USER_TRIGGERS = (
    """
    CREATE TRIGGER users_sign_ins_end AFTER DELETE ON ringline.users FOR EACH ROW
    EXECUTE FUNCTION ringline.end_sign_ins_of_member()
    """,
    # Whatever a role allows is looked up again.
    """
    CREATE TRIGGER users_role_changed AFTER UPDATE ON ringline.users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role)
    EXECUTE FUNCTION ringline.tell_user_gone()
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup, owner = roles().app, roles().lookup, roles().owner
    for statement in (*KEYS, *TABLES):
        run(statement)
    for table in ("passwords", "console_links"):
        isolate(run, table, here=OF_WORKSPACE)
    for rights, table in APP_GRANTS:
        grant_app(run, rights, table=table)
    for rights, table in LOOKUP_GRANTS:
        run(f"GRANT {rights} ON ringline.{table} TO {lookup}")
    for policy in LOOKUP_POLICIES:
        run(f"CREATE POLICY {policy.format(lookup=lookup)}")
    make_lookups(run, *LOOKUP_FUNCTIONS)
    run(f"GRANT CREATE ON SCHEMA ringline TO {lookup}")
    run(f"SET LOCAL ROLE {lookup}")
    run(END_OF_MEMBERS)
    run("REVOKE ALL ON FUNCTION ringline.end_sign_ins_of_member FROM PUBLIC")
    run(f"GRANT EXECUTE ON FUNCTION ringline.end_sign_ins_of_member TO {app}, {owner}")
    run(f"SET LOCAL ROLE {owner}")
    for statement in USER_TRIGGERS:
        run(statement)
    run(f"REVOKE CREATE ON SCHEMA ringline FROM {lookup}")
    run(f"SET LOCAL ROLE {lookup}")  # only who makes the trigger needs the right
    run(f"REVOKE EXECUTE ON FUNCTION ringline.end_sign_ins_of_member FROM {owner}")
    run(f"SET LOCAL ROLE {owner}")
