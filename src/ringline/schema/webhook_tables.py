"""The tables of webhooks: endpoints, what is owed to whom, and how it was attempted.

A row of `webhook_deliveries` is an obligation and the one truth about it: the statement that
appends an event writes it, workers claim it where it stands, and it is kept once it has been
settled. Which events are owed to whom: contract, 3; when they are attempted: live streams,
3.5.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain.log import Environment
from ringline.domain.webhooks import AttemptError, DeliveryStatus
from ringline.schema.columns import (
    TIMESTAMP,
    in_workspace,
    one_of,
    scope_columns,
    secret,
    stamps,
)
from ringline.schema.metadata import metadata

#: A new row's id where a statement makes as many as it finds: a UUIDv7, like `new_id`.
NEW_ID: sa.ColumnElement[UUID] = sa.func.ringline.new_id(type_=sa.Uuid)

#: A workspace's endpoints. `events` lists types, families (`call.*`) and `*`, as they are sent.
#: `failures` counts since the last success, from `first_failure_at` on; a trigger clears the
#: three when the URL changes. A trigger ends what is owed to an endpoint that is disabled or
#: deleted, and tells the workers of one that is no longer paused.
webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{*}'")),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("description", sa.Text),
    secret("secret"),
    secret("previous_secret", nullable=True),
    sa.Column("previous_expires_at", TIMESTAMP),
    sa.Column("failing", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_failure_at", TIMESTAMP),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("id"),
    in_workspace(),
    one_of("environment", Environment),
)

#: `event_type` is the type as it is sent, `offset` the event's place in its log. `target_id` is
#: the agent or the endpoint. No foreign keys: the history outlives both, and a check per row
#: would cost more than the row, as with events.
#: `attempts` counts every attempt; `step` is the next one's place in the schedule, which counts
#: from `schedule_from` and starts anew when the delivery is sent again. `next_attempt_at` is
#: when a worker may take it next: a claim moves it to the end of its lease. A row whose
#: `claimed_by` is null, and that is due, notifies the workers when it is written.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("call_id", sa.Uuid),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("endpoint_id", sa.Uuid),
    sa.Column("target_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default=DeliveryStatus.PENDING.value),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("schedule_from", TIMESTAMP),
    sa.Column("next_attempt_at", TIMESTAMP),
    sa.Column("claimed_by", sa.Uuid),
    sa.Column("last_response_code", sa.Integer),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    one_of("environment", Environment),
    one_of("status", DeliveryStatus),
    sa.CheckConstraint(
        "target_id = COALESCE(agent_id, endpoint_id) AND (agent_id IS NULL OR endpoint_id IS NULL)",
        name="target",
    ),
    sa.Index(
        "webhook_deliveries_of_event_idx",
        "workspace_id",
        "environment",
        "event_id",
        "target_id",
        unique=True,
    ),
    sa.Index("webhook_deliveries_of_target_idx", "workspace_id", "environment", "target_id", "id"),
    sa.Index(
        "webhook_deliveries_dead_idx",
        "workspace_id",
        "environment",
        "id",
        postgresql_where=sa.text("status = 'dead'"),
    ),
    sa.Index(
        "webhook_deliveries_due_idx",
        "target_id",
        "next_attempt_at",
        "offset",
        postgresql_where=sa.text("status = 'pending'"),
    ),
    sa.Index(
        "webhook_deliveries_claimed_idx",
        "target_id",
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
    ),
    postgresql_with={"autovacuum_analyze_threshold": 5000, "autovacuum_vacuum_threshold": 5000},
)

#: `error` is null where the receiver answered in full; `response_body` is its beginning. No
#: foreign key here either: a delivery and its attempts are deleted together.
webhook_attempts = sa.Table(
    "webhook_attempts",
    metadata,
    *scope_columns(),
    sa.Column("delivery_id", sa.Uuid, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_at", TIMESTAMP, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("response_code", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("response_body", sa.Text),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "delivery_id", "attempt"),
    one_of("environment", Environment),
    one_of("error", AttemptError),
)
