"""The rows of the table of resources about keys and the audit log (console, 5.3 and 5.4)."""

import sqlalchemy as sa

from ringline.domain.audit import ActorKind, AuditOutcome
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix
from ringline.domain.log import Environment
from ringline.rpc.fields import words
from ringline.rpc.kinds import Choice, Id, Text, TextList, Timestamp
from ringline.rpc.resource import Field, Resource
from ringline.schema.audit_tables import audit_entries
from ringline.schema.tables import keys

#: The kinds of keys that people see: a sign-in is none.
KINDS = Choice(tuple(kind.value for kind in KeyKind if kind is not KeyKind.CONSOLE))

#: One record per key, whatever secrets it has had: its latest row.
KEY = Resource(
    "Key",
    "keys",
    keys,
    Prefix.KEY,
    (
        Field("id", Id(Prefix.KEY), column=sa.func.coalesce(keys.c.first_id, keys.c.id)),
        Field("label", Text()),
        Field("kind", KINDS),
        Field("environment", words(Environment)),
        Field("lastFour", Text()),
        Field("insertedAt", Timestamp(), column=keys.c.created_at),
        Field("expiresAt", Timestamp(), null=True),
        Field("lastUsedAt", Timestamp(), null=True),
    ),
    default_sort=("created_at", "id"),
    only=sa.and_(keys.c.kind != KeyKind.CONSOLE.value, keys.c.revoked_at.is_(None)),
)

AUDIT_ENTRY = Resource(
    "AuditEntry",
    "auditEntries",
    audit_entries,
    Prefix.AUDIT_ENTRY,
    (
        Field("id", Id(Prefix.AUDIT_ENTRY)),
        Field("occurredAt", Timestamp()),
        Field("actorKind", words(ActorKind)),
        Field("actorId", Id(Prefix.USER), null=True),
        Field("actorName", Text()),
        Field("action", Text()),
        Field("targetKind", Text(), null=True),
        # Of a record of any kind.
        Field("targetId", Text(), null=True, column=sa.cast(audit_entries.c.target_id, sa.Text)),
        Field("targetName", Text(), null=True),
        Field("environment", words(Environment), null=True),
        Field("outcome", words(AuditOutcome)),
        Field("fields", TextList()),
        Field("callUuid", Text(trim=False), null=True),
        Field("requestId", Text(), null=True),
        Field("address", Text(), null=True),
    ),
    default_sort=("occurred_at", "id"),
)
