"""Finding a call by what its users call it: the one place that knows how that is.

A call has an id, in two spellings, and a `callUuid`: the integrator's own text, or the id
where none was given (contract, 1). Whoever gets a text from a client looks it up here and
goes on with the id; storage knows ids alone.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.call_vocabulary import CallStatus
from ringline.domain.ids import Prefix, parse_id
from ringline.ports import Rows
from ringline.schema.sql import Prepared
from ringline.schema.tables import calls

_FOUND = sa.select(
    calls.c.id, calls.c.call_uuid, calls.c.status, calls.c.ended_at, calls.c.server_id
)
_BY_UUID = Prepared(_FOUND.where(calls.c.call_uuid == sa.bindparam("wanted", type_=sa.Text)))
_BY_ID = Prepared(_FOUND.where(calls.c.id == sa.bindparam("wanted", type_=sa.Uuid)))


@dataclass(frozen=True, slots=True)
class FoundCall:
    """How a call is, and where: in the process `server_id`, or elsewhere (None)."""

    id: UUID
    uuid: str
    status: CallStatus
    ended_at: datetime | None
    server_id: UUID | None

    @property
    def runs(self) -> bool:
        """Return whether a process of ours runs it."""
        return self.server_id is not None


async def find_call(rows: Rows, call: str | UUID) -> FoundCall | None:
    """Find a call by its id, or by a text: its `callUuid`, else its id in either spelling."""
    if isinstance(call, UUID):
        return await _fetch(rows, _BY_ID, call)
    found = await _fetch(rows, _BY_UUID, call)
    if found is None and (call_id := parse_id(Prefix.CALL, call)) is not None:
        found = await _fetch(rows, _BY_ID, call_id)
    return found


async def _fetch(rows: Rows, statement: Prepared, wanted: UUID | str) -> FoundCall | None:
    found = await rows.fetch(statement.text, statement.arguments(wanted=wanted))
    if not found:
        return None
    row = found[0]
    return FoundCall(
        id=row["id"],
        uuid=row["call_uuid"],
        status=CallStatus(row["status"]),
        ended_at=row["ended_at"],
        server_id=row["server_id"],
    )
