"""Who is recorded, whether the caller agreed, and how long the recording is."""

from alembic import op

from ringline.schema.isolation import make_lookups, roles

revision = "0010"
down_revision = "0009"

LOOKUP_FUNCTIONS = (
    (
        "note_recordings(calls uuid[], durations integer[])",
        "void",
        "VOLATILE",
        """
        UPDATE ringline.calls c SET recording_ms = noted.duration, updated_at = now()
        FROM unnest(calls, durations) AS noted (call, duration)
        WHERE c.id = noted.call AND c.recording_ms IS DISTINCT FROM noted.duration
        """,
    ),
    (
        "keep_recordings(kept uuid[])",
        "void",
        "VOLATILE",
        """
        UPDATE ringline.calls c SET recording_ms = NULL, updated_at = now()
        WHERE c.recording_ms IS NOT NULL AND c.id <> ALL (kept)
        """,
    ),
    (
        "find_recorded_call(wanted uuid)",
        "TABLE (answered boolean, ended boolean)",
        "STABLE",
        """
        SELECT c.answered_at IS NOT NULL, c.ended_at IS NOT NULL
        FROM ringline.calls c WHERE c.id = wanted
        """,
    ),
)

INDEXES = (
    "CREATE INDEX calls_by_id_idx ON ringline.calls (id)",
    "CREATE INDEX calls_recorded_idx ON ringline.calls (id) WHERE recording_ms IS NOT NULL",
)


def upgrade() -> None:
    run = op.get_bind().exec_driver_sql
    lookup = roles().lookup
    run("ALTER TABLE ringline.agents ADD recording_enabled boolean DEFAULT false NOT NULL")
    run("ALTER TABLE ringline.agents ADD consent_required boolean DEFAULT true NOT NULL")
    run("ALTER TABLE ringline.calls ADD recording_consent boolean")
    run("ALTER TABLE ringline.calls ADD recording_ms integer")
    for statement in INDEXES:
        run(statement)
    run(f"GRANT SELECT (answered_at, recording_ms) ON ringline.calls TO {lookup}")
    run(f"GRANT UPDATE (recording_ms) ON ringline.calls TO {lookup}")
    make_lookups(run, *LOOKUP_FUNCTIONS)
