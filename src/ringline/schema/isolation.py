"""Row-level security, as the migrations set it up: each workspace sees its own rows.

The rows are those of the workspace and environment that the transaction has set. The
settings are read once per statement (a sub-select, so that the planner takes them as a
value that an index can look for); without them the comparison is with null: no row at all.
"""

from collections.abc import Callable
from typing import Any, cast

from alembic import context

from ringline.schema.names import ENVIRONMENT_SETTING, SCHEMA, WORKSPACE_SETTING, Roles

WORKSPACE = f"(SELECT nullif(current_setting('{WORKSPACE_SETTING}', true), '')::uuid)"
ENVIRONMENT = f"(SELECT nullif(current_setting('{ENVIRONMENT_SETTING}', true), ''))"

#: What tells whose a row is, by what the row is of.
OF_ENVIRONMENT = f"workspace_id = {WORKSPACE} AND environment = {ENVIRONMENT}"
OF_WORKSPACE = f"workspace_id = {WORKSPACE}"
WORKSPACE_ITSELF = f"id = {WORKSPACE}"


def roles() -> Roles:
    """Return the roles of the installation that is being migrated."""
    return cast(Roles, context.config.attributes["roles"])


def isolate(run: Callable[[str], Any], table: str, here: str = OF_ENVIRONMENT) -> None:
    """Show the application the rows of a table that are `here`, and nobody else any."""
    app = roles().app
    run(f"ALTER TABLE {SCHEMA}.{table} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE {SCHEMA}.{table} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY app ON {SCHEMA}.{table} TO {app} USING ({here}) WITH CHECK ({here})")


def grant_app(run: Callable[[str], Any], rights: str, table: str) -> None:
    """Grant the application rights on a table, within its policies."""
    run(f"GRANT {rights} ON {SCHEMA}.{table} TO {roles().app}")


def make_lookups(run: Callable[[str], Any], *functions: tuple[str, str, str, str]) -> None:
    """Create functions that see all workspaces; only the application may call them.

    Each is a signature, a result, a kind (`STABLE`, `VOLATILE`) and a body in SQL. One of
    the same signature that is there already is replaced, whatever its result.
    """
    app, lookup, owner = roles().app, roles().lookup, roles().owner
    run(f"GRANT CREATE ON SCHEMA {SCHEMA} TO {lookup}")
    run(f"SET LOCAL ROLE {lookup}")
    for signature, result, kind, body in functions:
        name = signature.split("(")[0]  # none is overloaded
        run(f"DROP FUNCTION IF EXISTS {SCHEMA}.{name}")
        run(
            f"CREATE FUNCTION {SCHEMA}.{signature} RETURNS {result} LANGUAGE sql {kind}"
            f" SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $${body}$$"
        )
        run(f"REVOKE ALL ON FUNCTION {SCHEMA}.{name} FROM PUBLIC")
        run(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{name} TO {app}")
    run(f"SET LOCAL ROLE {owner}")
    run(f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM {lookup}")
