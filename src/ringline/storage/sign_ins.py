"""Who may sign in, in PostgreSQL: looked up before the workspace is known.

Links go by the SHA-256 of 32 random bytes, in an index: their timing reveals nothing about
secrets that the client does not have.
"""

from datetime import datetime

from ringline.ports import FoundLink
from ringline.storage.database import Database
from ringline.storage.pool import CREDENTIALS, INTERNAL

_LINK = "SELECT * FROM ringline.find_console_link($1)"
_SWEEP = "SELECT ringline.sweep_sign_ins($1, $2)"
#: How many rows one statement removes.
_SWEPT = 500


class PostgresSignIns:
    """The port `SignInStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_link(self, link_hash: bytes) -> FoundLink | None:
        """Return whose a link is, expired or not. Raises StoreUnavailable."""
        rows = await self._database.look_up(CREDENTIALS, _LINK, link_hash)
        return FoundLink(rows[0]["workspace_id"], rows[0]["user_id"]) if rows else None

    async def sweep(self, ended_before: datetime) -> None:
        """Remove sign-ins that have ended before a time. Raises StoreUnavailable."""
        while await self._database.look_up(INTERNAL, _SWEEP, ended_before, _SWEPT, owned=True):
            pass
