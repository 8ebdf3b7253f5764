"""Row-level security for migrations: each workspace sees its own rows only.

A transaction sets a workspace and an environment, and sees their rows. The settings are read
once per statement (in a sub-select, so that the planner treats them as a constant that an
index can look up); without them the policy compares with null, which matches no row.
"""

from collections.abc import Callable
from typing import Any, cast

from alembic import context

from ringline.schema.names import ENVIRONMENT_SETTING, SCHEMA, WORKSPACE_SETTING, Roles

WORKSPACE = f"(SELECT nullif(current_setting('{WORKSPACE_SETTING}', true), '')::uuid)"
ENVIRONMENT = f"(SELECT nullif(current_setting('{ENVIRONMENT_SETTING}', true), ''))"

#: The conditions of the policies: for rows of an environment, of a workspace, of `workspaces`.
OF_ENVIRONMENT = f"workspace_id = {WORKSPACE} AND environment = {ENVIRONMENT}"
OF_WORKSPACE = f"workspace_id = {WORKSPACE}"
WORKSPACE_ITSELF = f"id = {WORKSPACE}"


def roles() -> Roles:
    """Return the roles of the installation that is being migrated."""
    return cast(Roles, context.config.attributes["roles"])


def isolate(
    run: Callable[[str], Any], table: str, *, here: str = OF_ENVIRONMENT, purged: bool = True
) -> None:
    """Let the application, and no other role, see a table's rows that are `here`.

    With `purged`, they are removed with their workspace (`let_purge`).
    """
    app = roles().app
    run(f"ALTER TABLE {SCHEMA}.{table} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE {SCHEMA}.{table} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY app ON {SCHEMA}.{table} TO {app} USING ({here}) WITH CHECK ({here})")
    if purged:
        let_purge(run, table)


def let_purge(run: Callable[[str], Any], table: str) -> None:
    """Let `purge_rows` remove a table's rows of workspaces that are deleted."""
    lookup = roles().lookup
    deleted = f"(SELECT w.id FROM {SCHEMA}.workspaces w WHERE w.deleted_at IS NOT NULL)"
    for verb in ("SELECT", "DELETE"):
        run(
            f"CREATE POLICY purge_{verb.lower()} ON {SCHEMA}.{table} FOR {verb} TO {lookup}"
            f" USING (workspace_id IN {deleted})"
        )
    run(f"GRANT SELECT (workspace_id, ctid), DELETE ON {SCHEMA}.{table} TO {lookup}")


def grant_app(run: Callable[[str], Any], rights: str, *, table: str) -> None:
    """Grant the application privileges on a table, within its policies."""
    run(f"GRANT {rights} ON {SCHEMA}.{table} TO {roles().app}")


def make_lookups(run: Callable[[str], Any], *functions: tuple[str, str, str, str]) -> None:
    """Create functions that see all workspaces, callable by the application only.

    Each is a signature, a result type, a volatility (`STABLE`, `VOLATILE`) and a body in
    SQL. It replaces an existing function of the same name, whatever its result type.
    """
    app, lookup, owner = roles().app, roles().lookup, roles().owner
    run(f"GRANT CREATE ON SCHEMA {SCHEMA} TO {lookup}")
    run(f"SET LOCAL ROLE {lookup}")
    for signature, result, kind, body in functions:
        name = signature.split("(")[0]  # no function is overloaded
        run(f"DROP FUNCTION IF EXISTS {SCHEMA}.{name}")
        run(
            f"CREATE FUNCTION {SCHEMA}.{signature} RETURNS {result} LANGUAGE sql {kind}"
            f" SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $${body}$$"
        )
        run(f"REVOKE ALL ON FUNCTION {SCHEMA}.{name} FROM PUBLIC")
        run(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{name} TO {app}")
    run(f"SET LOCAL ROLE {owner}")
    run(f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM {lookup}")
