"""The command line lists workspaces: all of them, and `ringline dev` the first alone."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0004"
down_revision = "0003"

#: Ids alone; their names are read in each workspace. A null is no limit.
LIST_WORKSPACES = (
    "list_workspaces(most bigint)",
    "SETOF uuid",
    "STABLE",
    "SELECT w.id FROM ringline.workspaces w ORDER BY w.created_at, w.id LIMIT most",
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    run(f"SET LOCAL ROLE {roles().lookup}")
    run("DROP FUNCTION ringline.first_workspace()")
    run(f"SET LOCAL ROLE {roles().owner}")
    make_lookups(run, LIST_WORKSPACES)
