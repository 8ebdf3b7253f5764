"""What rows of the table of resources share (events socket, 5.1)."""

from typing import Any

import sqlalchemy as sa

from ringline.domain.ids import Prefix
from ringline.rpc.kinds import Choice, Id, Timestamp
from ringline.rpc.resource import Field, Relationship

ORGANISATION = Relationship("organisation", "Organisation", "workspace_id", null=False)


def stamps() -> tuple[Field, ...]:
    """Return the fields for when a record was created and last changed."""
    return Field("insertedAt", Timestamp()), Field("updatedAt", Timestamp())


def words(of: Any) -> Choice:
    """Return the kind of an enumeration's values."""
    return Choice(tuple(str(word) for word in of))


def organisation_id(table: sa.Table) -> Field:
    """Return the field that names a record's workspace."""
    return Field("organisationId", Id(Prefix.WORKSPACE), column=table.c.workspace_id)
