"""The rules by which what comes in for a number finds its agent (live streams, 6.7)."""

import sqlalchemy as sa

from ringline.domain.log import Environment
from ringline.domain.routing import MatchType
from ringline.schema.columns import in_scope, in_workspace, one_of, scope_columns, stamps
from ringline.schema.metadata import metadata

#: A rule goes with its number, and stays without its agent.
routing_rules = sa.Table(
    "routing_rules",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("number_id", sa.Uuid, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("match_type", sa.Text, nullable=False),
    sa.Column("match_value", sa.Text),
    sa.Column("target_agent_id", sa.Uuid),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "number_id", "priority"),
    in_workspace(),
    in_scope("number_id", "phone_numbers", ondelete="CASCADE"),
    in_scope("target_agent_id", "agents", ondelete="SET NULL (target_agent_id)"),
    one_of("environment", Environment),
    one_of("match_type", MatchType),
    sa.Index(None, "workspace_id", "environment", "target_agent_id"),
)
