"""Row-level security, as the migrations set it up: each workspace sees its own rows.

The rows are those of the workspace and environment that the transaction has set. The
settings are read once per statement (a sub-select, so that the planner takes them as a
value that an index can look for); without them the comparison is with null: no row at all.
"""

from collections.abc import Callable
from typing import Any

from ringline.schema.names import APP_ROLE, ENVIRONMENT_SETTING, SCHEMA, WORKSPACE_SETTING

WORKSPACE = f"(SELECT nullif(current_setting('{WORKSPACE_SETTING}', true), '')::uuid)"
ENVIRONMENT = f"(SELECT nullif(current_setting('{ENVIRONMENT_SETTING}', true), ''))"

#: What tells whose a row is, by what the row is of.
OF_ENVIRONMENT = f"workspace_id = {WORKSPACE} AND environment = {ENVIRONMENT}"
OF_WORKSPACE = f"workspace_id = {WORKSPACE}"
WORKSPACE_ITSELF = f"id = {WORKSPACE}"


def isolate(run: Callable[[str], Any], table: str, here: str = OF_ENVIRONMENT) -> None:
    """Show the application the rows of a table that are `here`, and nobody else any."""
    run(f"ALTER TABLE {SCHEMA}.{table} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE {SCHEMA}.{table} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY app ON {SCHEMA}.{table} TO {APP_ROLE} USING ({here}) WITH CHECK ({here})")
