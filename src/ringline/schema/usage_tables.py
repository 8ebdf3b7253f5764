"""The tables of the usage ledger: its rows, and their sums by month (voices, 4)."""

from typing import Any

import sqlalchemy as sa

from ringline.domain.log import Environment
from ringline.domain.voice import UsageKind
from ringline.schema.columns import (
    TIMESTAMP,
    in_scope,
    in_workspace,
    one_of,
    scope_columns,
    stamps,
)
from ringline.schema.metadata import metadata

_COUNTED = (
    "audio_in_tokens",
    "audio_cached_tokens",
    "audio_out_tokens",
    "text_in_tokens",
    "text_cached_tokens",
    "text_out_tokens",
)


def _used() -> list[sa.Column[Any]]:
    """Return the columns of what was used: tokens, seconds, items, and US dollars."""
    counts = (sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTED)
    return [
        *counts,
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("text_items", sa.BigInteger, nullable=False),
        sa.Column("usd", sa.Double, nullable=False),
    ]


#: One row for each report of a voice: what was used since the one before, and what it costs
#: by the prices of `prices_date`. A turn in the playground has no call. Rows are never changed.
usage = sa.Table(
    "usage",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    *_used(),
    sa.Column("prices_date", sa.Date, nullable=False),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_workspace(),
    in_scope("call_id", "calls"),
    one_of("environment", Environment),
    one_of("kind", UsageKind),
    sa.Index(None, "workspace_id", "environment", "call_id"),
    sa.Index(None, "workspace_id", "environment", "agent_id"),
)

#: The sums of the rows of `usage` by calendar month (UTC), agent and model, which the statement
#: that inserts them keeps up: a month may have millions.
usage_months = sa.Table(
    "usage_months",
    metadata,
    *scope_columns(),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("model", sa.Text, nullable=False),
    *_used(),
    *stamps(),
    sa.UniqueConstraint(
        "workspace_id",
        "environment",
        "month",
        "agent_id",
        "model",
        name="usage_months_key",
        postgresql_nulls_not_distinct=True,
    ),
    in_workspace(),
    one_of("environment", Environment),
)
