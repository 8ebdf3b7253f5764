"""The signing secrets of workspaces in PostgreSQL: only lookup functions read them."""

from uuid import UUID

from ringline.domain.webhooks import SealedSecrets
from ringline.storage.database import Database
from ringline.storage.pool import INTERNAL

_KEEP = "SELECT * FROM ringline.keep_signing_secret($1, $2)"


class PostgresSigningSecrets:
    """The port `SigningSecretStore` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_signing_secret(self, workspace_id: UUID, sealed: bytes) -> SealedSecrets | None:
        """Store a workspace's first secret, unless it has one; return what it has then.

        None for an unknown workspace. Raises StoreUnavailable.
        """
        rows = await self._database.look_up(INTERNAL, _KEEP, workspace_id, sealed)
        if not rows:
            return None
        row = rows[0]
        return SealedSecrets(row["secret"], row["previous_secret"], row["previous_expires_at"])
