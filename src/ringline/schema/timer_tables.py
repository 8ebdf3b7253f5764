"""The table of durable timers: what is due when, whichever process is alive then."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ringline.domain.log import Environment
from ringline.schema.columns import TIMESTAMP, in_workspace, one_of, scope_columns, stamps
from ringline.schema.metadata import metadata

#: One timer per kind and subject ("" where a kind needs none). A claim moves `due_at` to the end
#: of its lease. One that is set while it is claimed is due `again` once it has been served, so
#: that a subject is never served twice at once. `kind` has no CHECK: its values are those of
#: `domain.timers.TimerKind`, which grow.
timers = sa.Table(
    "timers",
    metadata,
    *scope_columns(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("due_at", TIMESTAMP, nullable=False),
    sa.Column("payload", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    sa.Column("claimed_by", sa.Uuid),
    sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "kind", "subject"),
    in_workspace(),
    one_of("environment", Environment),
    sa.Index(None, "due_at"),
)
