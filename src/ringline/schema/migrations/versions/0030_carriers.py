"""What a provider of messages says is found without a workspace: our number, the message it has."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0030"
down_revision = "0029"

INDEXES = (
    """
    CREATE INDEX phone_numbers_of_owners_idx ON ringline.phone_numbers (phone_e164)
        WHERE environment = 'live'
    """,
    """
    CREATE INDEX conversation_items_of_carriers_idx ON ringline.conversation_items
        (provider, provider_message_id)
        WHERE environment = 'live' AND direction = 'outbound' AND provider_message_id IS NOT NULL
    """,
)
#: What the lookup functions may see of the live rows, in every workspace.
SEEN = (
    ("phone_numbers", "workspace_id, environment, phone_e164, channels", "environment = 'live'"),
    (
        "conversation_items",
        "workspace_id, environment, id, direction, channel, provider, provider_message_id",
        "environment = 'live' AND direction = 'outbound' AND provider_message_id IS NOT NULL",
    ),
)
#: Two rows tell that there are several.
LOOKUP_FUNCTIONS = (
    (
        "find_number_owners(number text, channel text)",
        "TABLE (workspace_id uuid)",
        "STABLE",
        """
        SELECT n.workspace_id FROM ringline.phone_numbers n
        JOIN ringline.workspaces w ON w.id = n.workspace_id AND w.deleted_at IS NULL
        WHERE n.environment = 'live' AND n.phone_e164 = number AND channel = ANY (n.channels)
        LIMIT 2
        """,
    ),
    (
        "find_carried_messages(carrier text, message text)",
        "TABLE (workspace_id uuid, id uuid, channel text)",
        "STABLE",
        """
        SELECT i.workspace_id, i.id, i.channel FROM ringline.conversation_items i
        JOIN ringline.workspaces w ON w.id = i.workspace_id AND w.deleted_at IS NULL
        WHERE i.environment = 'live' AND i.direction = 'outbound' AND i.provider = carrier
            AND i.provider_message_id = message
        LIMIT 2
        """,
    ),
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    lookup = roles().lookup
    for statement in INDEXES:
        run(statement)
    for table, columns, rows in SEEN:
        run(f"GRANT SELECT ({columns}) ON ringline.{table} TO {lookup}")
        run(
            f"CREATE POLICY lookup_select ON ringline.{table} FOR SELECT TO {lookup} USING ({rows})"
        )
    make_lookups(run, *LOOKUP_FUNCTIONS)
