"""The tables of conversations: their items, which messages are among, and who wants no more."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ringline.domain.conversations import (
    MESSAGE_CHANNELS,
    AiMode,
    ConversationChannel,
    ConversationMode,
    ConversationStatus,
    ItemModality,
    ItemRole,
    MessageDirection,
    MessageStatus,
    MessageType,
)
from ringline.domain.log import Environment
from ringline.schema.columns import TIMESTAMP, in_scope, in_workspace, one_of, scope_columns, stamps
from ringline.schema.metadata import metadata

#: A conversation that is a thread of messages has an `ai_mode` and the two numbers; it is the only
#: one of its agent, its remote number and its channel (live streams, 6.5). `our_number` is the one
#: that was used last. `answered_id` is the contact's last message that has an answer. The others
#: have nulls there.
conversations = sa.Table(
    "conversations",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("public_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("metadata", JSONB),
    sa.Column("ai_mode", sa.Text),
    sa.Column("our_number", sa.Text),
    sa.Column("remote_number", sa.Text),
    sa.Column("window_expires_at", TIMESTAMP),
    sa.Column("last_message_at", TIMESTAMP),
    sa.Column("answered_id", sa.Uuid),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "public_id"),
    in_workspace(),
    in_scope("agent_id", "agents", ondelete="SET NULL (agent_id)"),
    one_of("environment", Environment),
    one_of("channel", ConversationChannel),
    one_of("mode", ConversationMode),
    one_of("status", ConversationStatus),
    one_of("ai_mode", AiMode),
    sa.Index(None, "workspace_id", "environment", "agent_id"),
    sa.Index(
        "conversations_threads_idx",
        "workspace_id",
        "environment",
        "agent_id",
        "remote_number",
        "channel",
        unique=True,
        postgresql_where=sa.text("ai_mode IS NOT NULL"),
    ),
    sa.Index(
        "conversations_of_numbers_idx",
        "workspace_id",
        "environment",
        "our_number",
        "remote_number",
        "channel",
        postgresql_where=sa.text("ai_mode IS NOT NULL"),
    ),
    # `GET /v1/conversations` and its filters, each in the order of the list.
    *(
        sa.Index(
            f"conversations_{name}_idx",
            "workspace_id",
            "environment",
            *what,
            "inserted_at",
            "id",
            postgresql_where=sa.text("ai_mode IS NOT NULL"),
        )
        for name, what in (
            ("listed", ()),
            ("of_agent", ("agent_id",)),
            ("of_channel", ("channel",)),
        )
    ),
)

#: An item that is a message has a direction, a type and a state; its text is `content`. `details`
#: holds the rest of what it was sent with: media, a template, an interactive object.
#: `provider_message_id` is what its provider calls it, unique within the provider. `agent_id` and
#: `channel` are those of its thread when it was written, for the filters of lists; so there is no
#: foreign key: a message stays that of its agent.
conversation_items = sa.Table(
    "conversation_items",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("conversation_id", sa.Uuid, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("modality", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("item_id", sa.Text),
    sa.Column("content_index", sa.Integer),
    sa.Column("metadata", JSONB),
    sa.Column("occurred_at", TIMESTAMP),
    sa.Column("direction", sa.Text),
    sa.Column("message_type", sa.Text),
    sa.Column("message_status", sa.Text),
    sa.Column("our_number", sa.Text),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("channel", sa.Text),
    sa.Column("details", JSONB),
    sa.Column("provider", sa.Text),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("error_code", sa.Text),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_scope("conversation_id", "conversations"),
    one_of("environment", Environment),
    one_of("role", ItemRole),
    one_of("modality", ItemModality),
    one_of("direction", MessageDirection),
    one_of("message_type", MessageType),
    one_of("message_status", MessageStatus),
    one_of("channel", MESSAGE_CHANNELS),
    sa.Index(
        "conversation_items_of_conversation_idx",
        "workspace_id",
        "environment",
        "conversation_id",
        "occurred_at",
    ),
    sa.Index(
        "conversation_items_queued_idx",
        "workspace_id",
        "environment",
        "conversation_id",
        "occurred_at",
        "id",
        postgresql_where=sa.text("message_status = 'queued'"),
    ),
    sa.Index(
        "conversation_items_messages_idx",
        "workspace_id",
        "environment",
        "inserted_at",
        "id",
        postgresql_where=sa.text("direction IS NOT NULL"),
    ),
    # The filters of `GET /v1/messages`, each in the order of the list.
    *(
        sa.Index(
            f"conversation_items_of_{name}_idx",
            "workspace_id",
            "environment",
            what,
            "inserted_at",
            "id",
            postgresql_where=sa.text("direction IS NOT NULL"),
        )
        for name, what in (
            ("thread", "conversation_id"),
            ("agent", "agent_id"),
            ("channel", "channel"),
            ("direction", "direction"),
            ("status", "message_status"),
        )
    ),
    sa.Index(
        "conversation_items_provider_idx",
        "workspace_id",
        "environment",
        "provider",
        "provider_message_id",
        unique=True,
        postgresql_where=sa.text("provider_message_id IS NOT NULL"),
    ),
    # For receipts, whose workspace is not known.
    sa.Index(
        "conversation_items_of_carriers_idx",
        "provider",
        "provider_message_id",
        postgresql_where=sa.text(
            "environment = 'live' AND direction = 'outbound' AND provider_message_id IS NOT NULL"
        ),
    ),
)

#: Who wants no more messages of an agent (live streams, 6.4).
opt_outs = sa.Table(
    "opt_outs",
    metadata,
    *scope_columns(),
    sa.Column("agent_id", sa.Uuid, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("opted_out_at", TIMESTAMP, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "agent_id", "number", "channel"),
    in_workspace(),
    in_scope("agent_id", "agents", ondelete="CASCADE"),
    one_of("environment", Environment),
    one_of("channel", MESSAGE_CHANNELS),
    sa.Index(None, "workspace_id", "environment", "opted_out_at"),
    sa.Index("opt_outs_of_agent_idx", "workspace_id", "environment", "agent_id", "opted_out_at"),
)
