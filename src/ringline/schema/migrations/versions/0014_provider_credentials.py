"""The keys of providers of voices that workspaces bring, sealed."""

from alembic import op

from ringline.schema.isolation import OF_ENVIRONMENT, grant_app, isolate, make_lookups, roles

revision = "0014"
down_revision = "0013"

CREDENTIALS = """
    CREATE TABLE ringline.provider_credentials (
        workspace_id uuid NOT NULL,
        environment text NOT NULL,
        id uuid NOT NULL,
        provider text NOT NULL,
        api_key bytea NOT NULL,
        last_four text NOT NULL,
        inserted_at timestamptz DEFAULT now() NOT NULL,
        updated_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT provider_credentials_pkey PRIMARY KEY (workspace_id, environment, id),
        CONSTRAINT provider_credentials_workspace_id_environment_provider_key
            UNIQUE (workspace_id, environment, provider),
        CONSTRAINT provider_credentials_workspaces_fkey
            FOREIGN KEY (workspace_id) REFERENCES ringline.workspaces (id),
        CONSTRAINT provider_credentials_environment_check CHECK (environment IN ('live', 'test'))
    )
"""

APP_GRANTS = (
    "SELECT (workspace_id, environment, id, provider, last_four, inserted_at, updated_at),"
    " INSERT, UPDATE, DELETE"
)

#: The sealed keys are read within the transaction's own workspace and environment: the
#: policy sees to it.
LOOKUP_RIGHTS = (
    """
    GRANT SELECT (workspace_id, environment, provider, api_key, last_four)
        ON ringline.provider_credentials TO {lookup}
    """,
    """
    CREATE POLICY lookup_select ON ringline.provider_credentials FOR SELECT TO {lookup}
        USING ({here})
    """,
)

LOOKUP_FUNCTION = (
    "find_provider_keys()",
    "TABLE (provider text, api_key bytea, last_four text)",
    "STABLE",
    "SELECT c.provider, c.api_key, c.last_four FROM ringline.provider_credentials c",
)

#: Every process learns whose keys changed, whichever process changed them.
TRIGGERS = (
    """
    CREATE FUNCTION ringline.tell_provider_key_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_notify('ringline_provider_keys',
            coalesce(NEW.workspace_id, OLD.workspace_id)::text || ' '
                || coalesce(NEW.environment, OLD.environment));
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER provider_credentials_changed
    AFTER INSERT OR UPDATE OR DELETE ON ringline.provider_credentials FOR EACH ROW
    EXECUTE FUNCTION ringline.tell_provider_key_changed()
    """,
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(CREDENTIALS)
    isolate(run, "provider_credentials", purged=False)
    grant_app(run, APP_GRANTS, table="provider_credentials")
    for statement in LOOKUP_RIGHTS:
        run(statement.format(lookup=roles().lookup, here=OF_ENVIRONMENT))
    make_lookups(run, LOOKUP_FUNCTION)
    for statement in TRIGGERS:
        run(statement)
