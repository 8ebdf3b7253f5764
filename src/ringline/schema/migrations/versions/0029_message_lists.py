"""Lists of messages, threads and opt-outs: an index for each of their filters."""

from alembic import op

revision = "0029"
down_revision = "0028"

COLUMNS = """
    ALTER TABLE ringline.conversation_items
        ADD agent_id uuid,
        ADD channel text CONSTRAINT conversation_items_channel_check
            CHECK (channel IN ('sms', 'whatsapp'))
"""

#: Messages that are there already. Forced, the policies hide all rows from the owner.
FILL = (
    "ALTER TABLE ringline.conversation_items NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE ringline.conversations NO FORCE ROW LEVEL SECURITY",
    """
    UPDATE ringline.conversation_items i SET agent_id = c.agent_id, channel = c.channel
    FROM ringline.conversations c
    WHERE i.direction IS NOT NULL AND c.workspace_id = i.workspace_id
        AND c.environment = i.environment AND c.id = i.conversation_id
    """,
    "ALTER TABLE ringline.conversations FORCE ROW LEVEL SECURITY",
    "ALTER TABLE ringline.conversation_items FORCE ROW LEVEL SECURITY",
)

#: The filters of the list of messages, each with the index's name.
MESSAGES = {
    "thread": "conversation_id",
    "agent": "agent_id",
    "channel": "channel",
    "direction": "direction",
    "status": "message_status",
}

#: The same of the list of threads.
THREADS = {"listed": "", "of_agent": "agent_id, ", "of_channel": "channel, "}


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    for statement in (COLUMNS, *FILL):
        run(statement)
    for name, what in MESSAGES.items():
        run(
            f"CREATE INDEX conversation_items_of_{name}_idx ON ringline.conversation_items"
            f" (workspace_id, environment, {what}, inserted_at, id) WHERE direction IS NOT NULL"
        )
    for name, what in THREADS.items():
        run(
            f"CREATE INDEX conversations_{name}_idx ON ringline.conversations"
            f" (workspace_id, environment, {what}inserted_at, id) WHERE ai_mode IS NOT NULL"
        )
    run(
        "CREATE INDEX opt_outs_of_agent_idx ON ringline.opt_outs"
        " (workspace_id, environment, agent_id, opted_out_at)"
    )
