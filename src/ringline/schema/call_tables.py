"""The tables of calls: who took part, what was said, and how long they waited."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ringline.domain.call_vocabulary import (
    CallDirection,
    CallStatus,
    HangupCause,
    ParticipantRole,
    TurnRole,
)
from ringline.domain.log import Environment
from ringline.domain.operators import QueueEntryStatus
from ringline.schema.columns import (
    TIMESTAMP,
    in_scope,
    in_workspace,
    one_of,
    scope_columns,
    stamps,
)
from ringline.schema.metadata import metadata

#: A call's state as `/v1` spells it (`wire/call_status.py`), for an index and its queries; in
#: PostgreSQL's own layout, by which a test compares it with the migrations' index.
CALL_STATE = """
CASE
    WHEN status = 'queued' THEN 'ringing'
    WHEN status = 'answered' THEN 'in_progress'
    WHEN status = 'cancelled' THEN 'canceled'
    WHEN status = 'completed' AND answered_at IS NULL THEN 'canceled'
    ELSE status
END"""

#: A call's status as RPC spells it (`RPC_STATUS`), in the same layout.
CALL_STATUS = """
CASE status
    WHEN 'held' THEN 'answered'
    ELSE status
END"""

#: `server_id` is the process that runs a call; null for an external call. When another
#: process adopts the call of a dead one in order to end its record, `lost_at` becomes the
#: time at which the dead process was last known to be alive. `recording_ms` is set once the
#: file of the call's recording is complete, and null if there is none (any more). `agent_id`
#: refers to nothing: a call names its agent even when that is deleted.
calls = sa.Table(
    "calls",
    metadata,
    *scope_columns(),
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
    sa.Column("lost_at", TIMESTAMP),
    sa.Column("metadata", JSONB),
    sa.Column("recording_consent", sa.Boolean),
    sa.Column("recording_ms", sa.Integer),
    sa.Column("resolved", sa.Boolean),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    sa.UniqueConstraint("workspace_id", "environment", "call_uuid"),
    in_workspace(),
    in_scope("conversation_id", "conversations"),
    one_of("environment", Environment),
    one_of("direction", CallDirection),
    one_of("status", CallStatus),
    one_of("hangup_cause", HangupCause),
    sa.Index(
        "calls_of_conversation_idx", "workspace_id", "environment", "conversation_id", "started_at"
    ),
    sa.Index(
        "calls_open_idx",
        "server_id",
        postgresql_where=sa.text("ended_at IS NULL AND server_id IS NOT NULL"),
    ),
    sa.Index("calls_by_id_idx", "id"),
    # The filters of `GET /v1/calls` and of `list_calls`, each in the order of the list.
    *(
        sa.Index(f"calls_of_{name}_idx", "workspace_id", "environment", what, "started_at", "id")
        for name, what in (
            ("agent", "agent_id"),
            ("direction", "direction"),
            ("from_number", "from_number"),
            ("to_number", "to_number"),
            ("state", sa.text(f"({CALL_STATE})")),
            ("status", sa.text(f"({CALL_STATUS})")),
        )
    ),
    # What is rare among ended calls; a call that goes on costs nothing here.
    sa.Index(
        "calls_of_cause_idx",
        "workspace_id",
        "environment",
        "hangup_cause",
        "started_at",
        "id",
        postgresql_where=sa.text("hangup_cause IS NOT NULL"),
    ),
    sa.Index(
        "calls_of_length_idx",
        "workspace_id",
        "environment",
        "duration_seconds",
        postgresql_where=sa.text("duration_seconds IS NOT NULL"),
    ),
    sa.Index("calls_recorded_idx", "id", postgresql_where=sa.text("recording_ms IS NOT NULL")),
)

call_participants = sa.Table(
    "call_participants",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("member_uuid", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("joined_at", TIMESTAMP),
    sa.Column("left_at", TIMESTAMP),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_scope("call_id", "calls"),
    one_of("environment", Environment),
    one_of("role", ParticipantRole),
    sa.Index(None, "workspace_id", "environment", "call_id"),
)

#: One row per finished turn. `role` is canonical; each surface has its own spelling.
call_transcripts = sa.Table(
    "call_transcripts",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("content_index", sa.Integer, nullable=False, server_default="0"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("interrupted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("spoken_text", sa.Text),
    sa.Column("recognized", sa.Boolean, nullable=False, server_default=sa.true()),
    # How long an answer took to begin, and the gateway's share of it; the voice's is the rest.
    sa.Column("latency_ms", sa.Integer),
    sa.Column("gateway_ms", sa.Integer),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_scope("call_id", "calls"),
    one_of("environment", Environment),
    one_of("role", TurnRole),
    sa.Index(
        "call_transcripts_call_id_occurred_at_idx",
        "workspace_id",
        "environment",
        "call_id",
        "occurred_at",
    ),
)

#: One row per wait of a call. `expires_at` is when its queue gives up: from then on a waiting
#: row counts as timed out, whatever its status says.
call_queue_entries = sa.Table(
    "call_queue_entries",
    metadata,
    *scope_columns(),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("queue_id", sa.Uuid, nullable=False),
    sa.Column("call_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("entered_at", TIMESTAMP, nullable=False),
    sa.Column("expires_at", TIMESTAMP),
    sa.Column("offered_at", TIMESTAMP),
    sa.Column("accepted_at", TIMESTAMP),
    sa.Column("left_at", TIMESTAMP),
    sa.Column("accepted_by_sip_user_id", sa.Uuid),
    sa.Column("accepted_by_agent_name", sa.Text),
    *stamps(),
    sa.PrimaryKeyConstraint("workspace_id", "environment", "id"),
    in_scope("queue_id", "queues"),
    in_scope("call_id", "calls"),
    in_scope("accepted_by_sip_user_id", "sip_users", ondelete="SET NULL (accepted_by_sip_user_id)"),
    one_of("environment", Environment),
    one_of("status", QueueEntryStatus),
    sa.Index(None, "workspace_id", "environment", "call_id"),
    sa.Index(
        "call_queue_entries_waiting_idx",
        "workspace_id",
        "environment",
        "queue_id",
        "entered_at",
        postgresql_where=sa.text("status = 'waiting'"),
    ),
    sa.Index(None, "workspace_id", "environment", "accepted_by_sip_user_id"),
)
