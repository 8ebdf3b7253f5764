"""The statement that adds to the audit log."""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ringline.domain.audit import AuditEntry
from ringline.schema.audit_tables import audit_entries
from ringline.schema.sql import Prepared
from ringline.storage.database import Connection

_WRITTEN = tuple(column for column in audit_entries.c if column.name != "inserted_at")
#: A transaction whose answer was lost may be written again, its entry only once.
_INSERT = Prepared(
    insert(audit_entries)
    .values({column.name: sa.bindparam(column.name, type_=column.type) for column in _WRITTEN})
    .on_conflict_do_nothing(constraint="audit_entries_pkey")
)


async def write_audit(
    connection: Connection, workspace_id: UUID, *, entries: Iterable[AuditEntry]
) -> None:
    """Add entries to a workspace's audit log, in its transaction."""
    for entry in entries:
        target = entry.target
        values = _INSERT.arguments(
            workspace_id=workspace_id,
            environment=None if entry.environment is None else entry.environment.value,
            id=entry.id,
            occurred_at=entry.occurred_at,
            actor_kind=entry.actor.kind.value,
            actor_id=entry.actor.id,
            actor_name=entry.actor.name,
            action=entry.action,
            target_kind=None if target is None else target.kind,
            target_id=None if target is None else target.id,
            target_name=None if target is None else target.name or None,
            outcome=entry.outcome.value,
            fields=list(entry.fields),
            call_uuid=entry.call_uuid,
            request_id=entry.origin.request_id or None,
            address=entry.origin.address or None,
        )
        await connection.execute(_INSERT.text, *values)
