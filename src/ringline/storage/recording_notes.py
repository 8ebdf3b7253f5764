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


class PostgresRecordingNotes:
    """The port `RecordingNotes` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, durations: Mapping[UUID, int | None]) -> None:
        """Store how long recordings are (ms). Raises StoreUnavailable."""
        await self._database.look_up(
            INTERNAL,
            "SELECT ringline.note_recordings($1, $2)",
            list(durations),
            list(durations.values()),
            owned=True,
        )

    async def keep_only(self, kept: Collection[UUID]) -> None:
        """Note that no other recordings are there. Raises StoreUnavailable."""
        await self._database.look_up(
            INTERNAL, "SELECT ringline.keep_recordings($1)", list(kept), owned=True
        )

    async def find_call(self, call_id: UUID) -> CallFound | None:
        """Find a call of any workspace. Raises StoreUnavailable."""
        rows = await self._database.look_up(
            INTERNAL, "SELECT * FROM ringline.find_recorded_call($1)", call_id
        )
        return CallFound(**dict(rows[0])) if rows else None
