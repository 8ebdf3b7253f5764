"""What the application need not read, it may not: sealed passwords, hashes, others' calls."""

from alembic import op

from ringline.schema.isolation import OF_WORKSPACE, grant_app, make_lookups, roles

revision = "0003"
down_revision = "0002"

#: What the application may read of tables that hold secrets, and what else it may do there.
#: Nothing changes an invitation.
APP_GRANTS = (
    (
        "SELECT (workspace_id, id, email, role, expires_at, inserted_at, updated_at),"
        " INSERT, DELETE",
        "invitations",
    ),
    (
        "SELECT (workspace_id, environment, id, name, username, realm, inbound_acl, provider,"
        " proxy, from_domain, from_user, register, inserted_at, updated_at),"
        " INSERT, UPDATE, DELETE",
        "gateways",
    ),
    (
        "SELECT (workspace_id, environment, id, sip_username, user_id, inserted_at, updated_at),"
        " INSERT, UPDATE, DELETE",
        "sip_users",
    ),
)

#: What the lookup functions need of calls and invitations.
LOOKUP_GRANTS = (
    (
        "SELECT (workspace_id, environment, id, ended_at, server_id, adopted_at),"
        " UPDATE (server_id, adopted_at, updated_at)",
        "calls",
    ),
    (
        "SELECT (workspace_id, email, role, token_hash, expires_at), DELETE",
        "invitations",
    ),
)

LOOKUP_FUNCTIONS = (
    (
        "adopt_calls(adopter uuid, alive uuid[])",
        "TABLE (workspace_id uuid, environment text, id uuid)",
        "VOLATILE",
        """
        UPDATE ringline.calls c SET server_id = adopter, updated_at = now(),
            adopted_at = coalesce(c.adopted_at, now())
        WHERE c.ended_at IS NULL AND c.server_id IS NOT NULL AND c.server_id <> ALL (alive)
            AND (c.server_id <> adopter OR c.adopted_at IS NOT NULL)
        RETURNING c.workspace_id, c.environment, c.id
        """,
    ),
    # Only within the workspace that the transaction has set: the policies see to it.
    (
        "take_invitation(wanted bytea, at timestamptz)",
        "TABLE (email text, role text)",
        "VOLATILE",
        """
        DELETE FROM ringline.invitations i WHERE i.token_hash = wanted AND i.expires_at > at
        RETURNING i.email, i.role
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    app, lookup = roles().app, roles().lookup
    for rights, table in APP_GRANTS:
        run(f"REVOKE ALL ON ringline.{table} FROM {app}")
        grant_app(run, rights, table=table)
    for rights, table in LOOKUP_GRANTS:
        run(f"REVOKE ALL ON ringline.{table} FROM {lookup}")
        run(f"GRANT {rights} ON ringline.{table} TO {lookup}")
    for verb in ("SELECT", "DELETE"):
        run(
            f"CREATE POLICY lookup_{verb.lower()} ON ringline.invitations FOR {verb}"
            f" TO {lookup} USING ({OF_WORKSPACE})"
        )
    make_lookups(run, *LOOKUP_FUNCTIONS)
