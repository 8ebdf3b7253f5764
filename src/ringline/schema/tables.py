"""The tables, as SQLAlchemy Core sees them; the migrations create them.

Everything but the workspace itself exists per environment, so keys are composite:
(workspace_id, environment, id). References are composite foreign keys too, because
PostgreSQL's own key check ignores row-level security: with the workspace in the key, a
foreign id is simply missing. Enumerations are text with a CHECK (the operators of
PostgreSQL's enums are not leakproof and cost the index under row-level security).

Policies, grants and functions are in the migrations alone; which columns the application
writes and may not read is marked here (`secret`).
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ringline.domain import delivery_limits
from ringline.domain.agent import Language
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment
from ringline.domain.numbers import NumberChannel
from ringline.domain.operators import (
    GatewayProvider,
    OperatorAvailability,
    QueueStrategy,
    StatusSource,
    TeamRole,
)
from ringline.domain.tiers import Tier
from ringline.schema.audit_tables import audit_entries
from ringline.schema.call_tables import (
    call_participants,
    call_queue_entries,
    call_transcripts,
    calls,
)
from ringline.schema.columns import (
    SORTED_TEXT,
    TIMESTAMP,
    in_scope,
    in_workspace,
    index_sorts,
    one_of,
    scope_columns,
    secret,
    stamps,
    user,
)
from ringline.schema.conversation_tables import conversation_items, conversations, opt_outs
from ringline.schema.metadata import metadata
from ringline.schema.routing_tables import routing_rules
from ringline.schema.timer_tables import timers
from ringline.schema.usage_tables import usage
from ringline.schema.webhook_tables import (
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
)

#: The signing secrets are sealed; one is made with the workspace, or when it is first needed.
workspaces = sa.Table(
    "workspaces",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", TIMESTAMP, nullable=False),
    secret("signing_secret", nullable=True),
    secret("previous_signing_secret", nullable=True),
    sa.Column("previous_signing_secret_expires_at", TIMESTAMP),
    sa.Column("tier", sa.Text, nullable=False, server_default=Tier.SCALE.value),
    sa.Column("webhook_url", sa.Text),
    sa.Column(
        "retention_days",
        sa.Integer,
        nullable=False,
        server_default=str(delivery_limits.RETENTION_DAYS.most),
    ),
    # The switch above those of all agents.
    sa.Column("recording_enabled", sa.Boolean, nullable=False, server_default=sa.false()),
    # Of the pages that may open its sockets and streams; none means all.
    sa.Column("allowed_origins", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    #: When it was deleted; its rows are being removed.
    sa.Column("deleted_at", TIMESTAMP),
    *stamps(),
    one_of("tier", Tier),
    sa.Index("workspaces_deleted_idx", "id", postgresql_where=sa.text("deleted_at IS NOT NULL")),
)

#: When each server was last alive. The rows belong to no workspace, and only the lookup
#: functions write and read them.
servers = sa.Table(
    "servers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("alive_at", TIMESTAMP, nullable=False),
)

#: One row per log: its counter. `newest` is the offset assigned last, `oldest` the first one
#: still retained. Pages are mostly empty, so that updates of a counter stay in its page.
logs = sa.Table(
    "logs",
    metadata,
    *scope_columns(),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("oldest", sa.BigInteger, nullable=False, server_default="1"),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment"),
    in_workspace(),
    one_of("environment", Environment),
    postgresql_with={"fillfactor": 10},
)

#: Append-only. No foreign key to `logs`: the inserting statement takes its offsets from
#: there, and a check per event would cost more than the event. `type` has no CHECK: its
#: values are those of `domain.events.EVENT_TYPES`, which grow with every surface.
events = sa.Table(
    "events",
    metadata,
    *scope_columns(),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("call_id", sa.Uuid),
    sa.Column("conversation_id", sa.Uuid),
    sa.Column("call", JSONB),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "offset"),
    sa.UniqueConstraint("workspace_id", "environment", "event_id"),
    one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "call_id", "offset"),
    sa.Index(
        "events_of_conversation_idx",
        "workspace_id",
        "environment",
        "conversation_id",
        "offset",
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    ),
)

#: A secret is a row. A rotation revokes one and makes another; `first_id` is the id of the key's
#: first row, which is what clients call the key, and null in that row itself. A sign-in to the
#: console is a row per environment. Its `user_id` is no reference: the row outlasts its member.
keys = sa.Table(
    "keys",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("last_four", sa.Text, nullable=False),
    secret("key_hash"),
    sa.Column("created_at", TIMESTAMP, nullable=False),
    sa.Column("expires_at", TIMESTAMP),
    sa.Column("revoked_at", TIMESTAMP),
    sa.Column("end_calls", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("last_used_at", TIMESTAMP),
    sa.Column("first_id", sa.Uuid),
    sa.Column("user_id", sa.Uuid),
    sa.Column("sign_in_id", sa.Uuid),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("key_hash"),
    in_workspace(),
    one_of("environment", Environment),
    one_of("kind", KeyKind),
    sa.CheckConstraint(
        "num_nulls(user_id, sign_in_id) = CASE kind WHEN 'console' THEN 0 ELSE 2 END",
        name="sign_in",
    ),
    sa.Index("keys_user_id_idx", "user_id", postgresql_where=sa.text("user_id IS NOT NULL")),
    sa.Index(
        "keys_sign_ins_ended_idx", "expires_at", postgresql_where=sa.text("user_id IS NOT NULL")
    ),
    sa.Index("keys_first_id_idx", "first_id", postgresql_where=sa.text("first_id IS NOT NULL")),
)

tickets = sa.Table(
    "tickets",
    metadata,
    *scope_columns(),
    secret("ticket_hash"),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("key_id", sa.Uuid, nullable=False),
    secret("binding"),
    sa.Column("expires_at", TIMESTAMP, nullable=False),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "call_id"),
    sa.UniqueConstraint("ticket_hash"),
    in_scope("key_id", "keys"),
    one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "inserted_at"),
)

agents = sa.Table(
    "agents",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("instructions", sa.Text, nullable=False, server_default=""),
    sa.Column("voice", sa.Text, nullable=False, server_default=""),
    sa.Column("greeting", sa.Text, nullable=False, server_default=""),
    sa.Column("tools", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    sa.Column("local", JSONB),
    sa.Column("recording_enabled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("consent_required", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("language", sa.Text, nullable=False, server_default=Language.AUTO.value),
    sa.Column("pre_call_announcement", sa.Text, nullable=False, server_default=""),
    sa.Column("shareable", sa.Boolean, nullable=False, server_default=sa.false()),
    # `HH:MM`; both or neither.
    sa.Column("call_window_start", sa.Text),
    sa.Column("call_window_end", sa.Text),
    sa.Column("idle_timeout_seconds", sa.Integer),
    sa.Column("builtin_tools", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("webhook_url", sa.Text),
    # As those of `webhook_endpoints`.
    sa.Column("webhook_failing", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("webhook_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("webhook_first_failure_at", TIMESTAMP),
    sa.Column("template_id", sa.Uuid),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_workspace(),
    one_of("environment", Environment),
    one_of("language", Language),
    sa.Index(
        "agents_with_webhook_idx",
        "workspace_id",
        "environment",
        "id",
        postgresql_where=sa.text("webhook_url IS NOT NULL"),
    ),
)

#: The members of a workspace's team; they span its environments.
users = sa.Table(
    "users",
    metadata,
    sa.Column("workspace_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("full_name", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "id"),
    sa.UniqueConstraint("id"),
    in_workspace(),
    one_of("role", TeamRole),
    sa.Index("users_email_key", "workspace_id", sa.text("lower(email)"), unique=True),
    # For a sign-in, which does not know its workspace.
    sa.Index("users_by_email_idx", sa.text("lower(email)")),
)

#: A member's password; members who sign in by links alone have none.
passwords = sa.Table(
    "passwords",
    metadata,
    sa.Column("workspace_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    secret("password_hash"),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "user_id"),
    in_workspace(),
    user("user_id", "CASCADE"),
)

#: A one-time link to the console; following it deletes the row.
console_links = sa.Table(
    "console_links",
    metadata,
    sa.Column("workspace_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    secret("link_hash"),
    sa.Column("expires_at", TIMESTAMP, nullable=False),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "id"),
    sa.UniqueConstraint("link_hash"),
    in_workspace(),
    user("user_id", "CASCADE"),
    sa.Index(None, "workspace_id", "user_id"),
)

#: An invitation's token is stored as its hash; accepting the invitation deletes the row.
invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("workspace_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    secret("token_hash"),
    sa.Column("expires_at", TIMESTAMP, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "id"),
    sa.UniqueConstraint("token_hash"),
    in_workspace(),
    one_of("role", TeamRole),
)

contacts = sa.Table(
    "contacts",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("full_name", SORTED_TEXT, nullable=False),
    sa.Column("email", SORTED_TEXT),
    sa.Column("phone_e164", SORTED_TEXT),
    sa.Column("notes", sa.Text),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "phone_e164"),
    in_workspace(),
    one_of("environment", Environment),
)

queues = sa.Table(
    "queues",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("moh_sound", sa.Text),
    sa.Column("max_wait_time", sa.Integer),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "queue_name"),
    in_workspace(),
    one_of("environment", Environment),
    one_of("strategy", QueueStrategy),
)

#: Passwords are encrypted with `ENCRYPTION_KEY`.
gateways = sa.Table(
    "gateways",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("realm", sa.Text, nullable=False),
    sa.Column("inbound_acl", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("provider", sa.Text),
    sa.Column("proxy", sa.Text),
    sa.Column("from_domain", sa.Text),
    sa.Column("from_user", sa.Text),
    sa.Column("register", sa.Boolean),
    secret("password", nullable=True),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "name"),
    in_workspace(),
    one_of("environment", Environment),
    one_of("provider", GatewayProvider),
)

#: The keys of voices' providers that a workspace brings. `last_four` are the last characters.
#: `provider` has no CHECK: its values are those of `domain.providers.VoiceProvider`, which grow.
provider_credentials = sa.Table(
    "provider_credentials",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    secret("api_key"),
    sa.Column("last_four", sa.Text, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "provider"),
    in_workspace(),
    one_of("environment", Environment),
)

sip_users = sa.Table(
    "sip_users",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("sip_username", sa.Text, nullable=False),
    secret("sip_password"),
    sa.Column("user_id", sa.Uuid, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "sip_username"),
    user("user_id"),
    one_of("environment", Environment),
    sa.Index(None, "workspace_id", "user_id"),
)

#: One row per SIP user, deleted with them.
operator_statuses = sa.Table(
    "operator_statuses",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("sip_user_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("changed_by_user_id", sa.Uuid),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "sip_user_id"),
    in_scope("sip_user_id", "sip_users", ondelete="CASCADE"),
    user("changed_by_user_id", "SET NULL (changed_by_user_id)"),
    one_of("environment", Environment),
    one_of("status", OperatorAvailability),
    one_of("source", StatusSource),
    sa.Index(None, "workspace_id", "changed_by_user_id"),
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("phone_e164", sa.Text, nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("gateway_id", sa.Uuid),
    sa.Column("queue_id", sa.Uuid),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("inbound_enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("outbound_enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column(
        "channels",
        ARRAY(sa.Text),
        nullable=False,
        server_default=sa.text("'{" + ",".join(NumberChannel) + "}'"),
    ),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "phone_e164"),
    in_workspace(),
    in_scope("gateway_id", "gateways"),
    in_scope("queue_id", "queues"),
    in_scope("agent_id", "agents", ondelete="SET NULL (agent_id)"),
    one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "gateway_id"),
    sa.Index(None, "workspace_id", "environment", "queue_id"),
    sa.Index(None, "workspace_id", "environment", "agent_id"),
    # For inbound messages, whose workspace is not known.
    sa.Index(
        "phone_numbers_of_owners_idx",
        "phone_e164",
        postgresql_where=sa.text("environment = 'live'"),
    ),
)

#: The answer to a request with an idempotency key (contract, 9; live streams, 1.8). Until
#: `leased_until` a request with the key is in progress. `answer` is null if it must not be
#: stored. The application reads the hash, to compare a repeated request with the first one.
#: `key_id` is the API key that the idempotency key belongs to; of a route under `/v1`, it is
#: the workspace, and the idempotency key begins with the route.
idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    *scope_columns(),
    sa.Column("key_id", sa.Uuid, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("claim", sa.Uuid, nullable=False),
    sa.Column("leased_until", TIMESTAMP, nullable=False),
    sa.Column("done_at", TIMESTAMP),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "key_id", "idempotency_key"),
    in_workspace(),
    one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "inserted_at"),
)

#: Tables of modules of their own; named here, so that the metadata is complete.
ELSEWHERE = (
    opt_outs,
    routing_rules,
    timers,
    usage,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
)

#: The sorts that cost no more deep in a table than at its start.
INDEXED_SORTS = {
    audit_entries: ("occurred_at",),
    contacts: ("full_name", "email", "phone_e164", "inserted_at"),
    calls: ("started_at", "ended_at"),
    call_participants: ("joined_at",),
    call_transcripts: ("occurred_at",),
    call_queue_entries: ("entered_at",),
    usage: ("occurred_at",),
    conversations: ("inserted_at", "updated_at"),
    conversation_items: ("occurred_at",),
}
#: What `GET /v1/analytics` adds up stands in the index that it reads, which spares it the rows.
SUMMED = {calls: {"started_at": ("answered_at", "duration_seconds", "resolved")}}
for _table, _columns in INDEXED_SORTS.items():
    index_sorts(_table, *_columns, include=SUMMED.get(_table))
