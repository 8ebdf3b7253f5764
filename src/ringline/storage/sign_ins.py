"""Who may sign in, in PostgreSQL: looked up before the workspace is known.

Links and invitations go by the SHA-256 of 32 random bytes, in an index: their timing reveals
nothing about secrets that the client does not have.
"""

from collections.abc import Sequence
from datetime import datetime

from ringline.ports import FoundInvitation, FoundLink, FoundPassword
from ringline.storage.database import Database
from ringline.storage.pool import CREDENTIALS, INTERNAL

_LINK = "SELECT * FROM ringline.find_console_link($1)"
_PASSWORDS = "SELECT * FROM ringline.find_passwords($1, $2)"
_INVITATION = "SELECT * FROM ringline.find_invitation($1, $2)"
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

    async def find_passwords(self, email: str, most: int) -> Sequence[FoundPassword]:
        """Return who has an address and a password. Raises StoreUnavailable."""
        rows = await self._database.look_up(CREDENTIALS, _PASSWORDS, email, most)
        return [
            FoundPassword(
                row["workspace_id"], row["workspace_name"], row["user_id"], row["password_hash"]
            )
            for row in rows
        ]

    async def find_invitation(self, token_hash: bytes, now: datetime) -> FoundInvitation | None:
        """Return what an invitation offers, while it lasts. Raises StoreUnavailable."""
        rows = await self._database.look_up(CREDENTIALS, _INVITATION, token_hash, now)
        if not rows:
            return None
        return FoundInvitation(rows[0]["workspace_id"], rows[0]["workspace_name"], rows[0]["email"])

    async def sweep(self, ended_before: datetime) -> None:
        """Remove sign-ins that have ended before a time. Raises StoreUnavailable."""
        while await self._database.look_up(INTERNAL, _SWEEP, ended_before, _SWEPT, owned=True):
            pass
