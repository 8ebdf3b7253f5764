"""The table of the audit log."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain.audit import ActorKind, AuditOutcome
from ringline.domain.log import Environment
from ringline.schema.columns import TIMESTAMP, in_workspace, one_of
from ringline.schema.metadata import metadata

#: Rows are added and never changed. One without an environment concerns both, and is seen in both.
#: It refers to nobody: what a member did outlasts their membership.
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("workspace_id", sa.Uuid, nullable=False),
    sa.Column("environment", sa.Text),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Uuid),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target_kind", sa.Text),
    sa.Column("target_id", sa.Uuid),
    sa.Column("target_name", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("fields", ARRAY(sa.Text), nullable=False),
    sa.Column("call_uuid", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "id"),
    in_workspace(),
    one_of("environment", Environment),
    one_of("actor_kind", ActorKind),
    one_of("outcome", AuditOutcome),
    sa.Index("audit_entries_of_actor_idx", "workspace_id", "actor_id", "occurred_at", "id"),
    sa.Index(
        "audit_entries_of_call_idx",
        "workspace_id",
        "call_uuid",
        "occurred_at",
        postgresql_where=sa.text("call_uuid IS NOT NULL"),
    ),
)
