"""The tables, as SQLAlchemy Core sees them; the migrations make them.

Everything but the workspace itself exists per environment, so keys are composite:
(workspace_id, environment, id). References are composite foreign keys too, because
PostgreSQL's own key check ignores row-level security: with the workspace in the key, a
foreign id is simply missing. Enumerations are text with a CHECK (the operators of
PostgreSQL's enums are not leakproof and cost the index under row-level security).

Policies, grants and functions are in the migrations alone.
"""

from collections.abc import Iterable
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment
from ringline.domain.records import CallStatus, HangupCause, ParticipantRole
from ringline.schema.names import SCHEMA

metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(referred_table_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

TIMESTAMP = sa.DateTime(timezone=True)


def _one_of(column: str, words: type[StrEnum] | Iterable[str]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("workspace_id", sa.Uuid, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
    ]


def _stamps() -> list[sa.Column[object]]:
    return [
        sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    ]


def _in_workspace() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["workspace_id"], [f"{SCHEMA}.workspaces.id"])


def _in_place(column: str, table: str) -> sa.ForeignKeyConstraint:
    target = f"{SCHEMA}.{table}"
    return sa.ForeignKeyConstraint(
        ["workspace_id", "environment", column],
        [f"{target}.workspace_id", f"{target}.environment", f"{target}.id"],
    )


workspaces = sa.Table(
    "workspaces",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", TIMESTAMP, nullable=False),
    *_stamps(),
)

#: One row per log: its counter. `newest` is the offset given last, `oldest` the first
#: one still kept. Pages are left mostly empty so that counting stays in place.
logs = sa.Table(
    "logs",
    metadata,
    *_place(),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("oldest", sa.BigInteger, nullable=False, server_default="1"),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment"),
    _in_workspace(),
    _one_of("environment", Environment),
    postgresql_with={"fillfactor": 10},
)

#: Append-only. No foreign key to `logs`: the statement that inserts takes its offsets
#: from there, and a check per event would cost more than the event. `type` has no CHECK:
#: its words are those of `domain.events.EVENT_TYPES`, which grow with every surface.
events = sa.Table(
    "events",
    metadata,
    *_place(),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("call_id", sa.Uuid),
    sa.Column("call", JSONB),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "offset"),
    sa.UniqueConstraint("workspace_id", "environment", "event_id"),
    _one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "call_id", "offset"),
)

keys = sa.Table(
    "keys",
    metadata,
    *_place(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("last_four", sa.Text, nullable=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False),
    sa.Column("created_at", TIMESTAMP, nullable=False),
    sa.Column("expires_at", TIMESTAMP),
    sa.Column("revoked_at", TIMESTAMP),
    sa.Column("end_calls", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("last_used_at", TIMESTAMP),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("key_hash"),
    _in_workspace(),
    _one_of("environment", Environment),
    _one_of("kind", KeyKind),
)

tickets = sa.Table(
    "tickets",
    metadata,
    *_place(),
    sa.Column("ticket_hash", sa.LargeBinary, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("key_id", sa.Uuid, nullable=False),
    sa.Column("binding", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", TIMESTAMP, nullable=False),
    sa.Column("inserted_at", TIMESTAMP, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "ticket_hash"),
    sa.UniqueConstraint("ticket_hash"),
    _in_place("key_id", "keys"),
    _one_of("environment", Environment),
    sa.Index(None, "workspace_id", "environment", "inserted_at"),
)

agents = sa.Table(
    "agents",
    metadata,
    *_place(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("instructions", sa.Text, nullable=False, server_default=""),
    sa.Column("voice", sa.Text, nullable=False, server_default=""),
    sa.Column("greeting", sa.Text, nullable=False, server_default=""),
    sa.Column("tools", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    sa.Column("local", JSONB),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    _in_workspace(),
    _one_of("environment", Environment),
)

#: `server_id` is the process that runs a call; null for a call that lives elsewhere and
#: is only recorded. `adopted_at` is set when that process was found dead and another one
#: took the call over in order to end its record.
calls = sa.Table(
    "calls",
    metadata,
    *_place(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_uuid", sa.Text, nullable=False),
    sa.Column("call_source", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("from_number", sa.Text, nullable=False),
    sa.Column("to_number", sa.Text, nullable=False),
    sa.Column("transport", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("sip_username", sa.Text),
    sa.Column("conversation_id", sa.Uuid),
    sa.Column("agent_id", sa.Uuid),
    sa.Column("model", sa.Text),
    sa.Column("started_at", TIMESTAMP, nullable=False),
    sa.Column("answered_at", TIMESTAMP),
    sa.Column("ended_at", TIMESTAMP),
    sa.Column("duration_seconds", sa.Integer),
    sa.Column("hangup_cause", sa.Text),
    sa.Column("server_id", sa.Uuid),
    sa.Column("adopted_at", TIMESTAMP),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "call_uuid"),
    _in_workspace(),
    _in_place("agent_id", "agents"),
    _one_of("environment", Environment),
    _one_of("direction", ("inbound", "outbound")),
    _one_of("status", CallStatus),
    _one_of("hangup_cause", HangupCause),
    sa.Index(
        "calls_open_idx",
        "server_id",
        postgresql_where=sa.text("ended_at IS NULL AND server_id IS NOT NULL"),
    ),
)

call_participants = sa.Table(
    "call_participants",
    metadata,
    *_place(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("member_uuid", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("joined_at", TIMESTAMP),
    sa.Column("left_at", TIMESTAMP),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    _in_place("call_id", "calls"),
    _one_of("environment", Environment),
    _one_of("role", ParticipantRole),
    sa.Index(None, "workspace_id", "environment", "call_id"),
)

#: One row per finished turn. `role` is canonical; each surface spells it its own way.
call_transcripts = sa.Table(
    "call_transcripts",
    metadata,
    *_place(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("content_index", sa.Integer, nullable=False, server_default="0"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("interrupted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    *_stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    _in_place("call_id", "calls"),
    _one_of("environment", Environment),
    _one_of("role", ("caller", "agent")),
    sa.Index(
        "call_transcripts_call_id_occurred_at_idx",
        "workspace_id",
        "environment",
        "call_id",
        "occurred_at",
    ),
)
