"""Find a call by the identifier that a client gave.

A call has an id, which can be written in two ways, and a `callUuid`: the integrator's own
text, or the id if they gave none (contract, 1). Surfaces look a client's text up here and use
the id from then on; storage only knows ids.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.call_vocabulary import CallStatus, CallTransport
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.log import Scope
from ringline.ports import Rows
from ringline.schema.call_tables import calls
from ringline.schema.sql import Prepared
from ringline.services.repo import Repo

#: A `callUuid` has 1 to 255 characters (contract, 1).
_LONGEST = 255

_FOUND = sa.select(
    calls.c.id,
    calls.c.call_uuid,
    calls.c.status,
    calls.c.ended_at,
    calls.c.server_id,
    calls.c.transport,
)
_BY_UUID = Prepared(_FOUND.where(calls.c.call_uuid == sa.bindparam("wanted", type_=sa.Text)))
_BY_ID = Prepared(_FOUND.where(calls.c.id == sa.bindparam("wanted", type_=sa.Uuid)))


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call's state, and the process that runs it (None if it lives elsewhere)."""

    id: UUID
    uuid: str
    status: CallStatus
    ended_at: datetime | None
    server_id: UUID | None
    transport: CallTransport

    @property
    def runs(self) -> bool:
        """Return whether one of our processes runs the call."""
        return self.server_id is not None


async def find_call(rows: Rows, call: str | UUID) -> FoundCall | None:
    """Find a call by its id, or by a text: its `callUuid`, or else its id in either form."""
    if isinstance(call, UUID):
        return await _fetch(rows, _BY_ID, wanted=call)
    found = await _fetch(rows, _BY_UUID, wanted=call)
    if found is None and (call_id := parse_id(Prefix.CALL, call)) is not None:
        found = await _fetch(rows, _BY_ID, wanted=call_id)
    return found


class CallFinder:
    """Finds calls for watchers."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    async def find(self, scope: Scope, name: str) -> FoundCall | None:
        """Find a log's call by its `callUuid`, or else by its id. Raises Unavailable."""
        if not 0 < len(name) <= _LONGEST:
            return None
        async with self._repo.read(scope) as rows:
            return await find_call(rows, name)


async def _fetch(rows: Rows, statement: Prepared, *, wanted: UUID | str) -> FoundCall | None:
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
        transport=CallTransport(row["transport"]),
    )
