"""What calls' rows say of their recordings, in PostgreSQL.

Files are named by their call alone, so these statements find calls of any workspace.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL


@dataclass(frozen=True, slots=True)
class CallFound:
    """What an operator may know of a call by its id alone."""

    answered: bool
    ended: bool


# Arrays go as text: asyncpg asks for every other type of array first, once a connection, and
# these are the first statements of a server that starts.
_NOTE = "SELECT ringline.note_recordings($1::text[]::uuid[], $2::text[]::integer[])"
_KEEP_ONLY = "SELECT ringline.keep_recordings($1::text[]::uuid[])"


class PostgresRecordingNotes:
    """The port `RecordingNotes` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, durations: Mapping[UUID, int | None]) -> None:
        """Store how long recordings are (ms). Raises StoreUnavailable."""
        await self._database.look_up(
            INTERNAL,
            _NOTE,
            [str(call_id) for call_id in durations],
            [None if ms is None else str(ms) for ms in durations.values()],
            owned=True,
        )

    async def keep_only(self, kept: Collection[UUID]) -> None:
        """Note that no other recordings are there. Raises StoreUnavailable."""
        call_ids = [str(call_id) for call_id in kept]
        await self._database.look_up(INTERNAL, _KEEP_ONLY, call_ids, owned=True)

    async def find_call(self, call_id: UUID) -> CallFound | None:
        """Find a call of any workspace. Raises StoreUnavailable."""
        rows = await self._database.look_up(
            INTERNAL, "SELECT * FROM ringline.find_recorded_call($1)", call_id
        )
        return CallFound(**dict(rows[0])) if rows else None
