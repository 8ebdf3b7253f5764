"""The secrets that sign webhooks: a workspace's, and each endpoint's (live streams, 3.4).

They are stored sealed, and our role cannot read them: functions of the database return those of
the transaction's own workspace and environment. A workspace from before webhooks gets its secret
when it is first needed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from ringline.domain.credentials import SECRET_BYTES
from ringline.domain.log import Scope
from ringline.ports import Clock, Row, Rows, Transaction
from ringline.services.repo import Repo
from ringline.services.workspaces import RandomBytes
from ringline.wire.webhook_signature import ROTATION_HOURS, SigningSecrets, new_workspace_secret

_KEEP = "SELECT * FROM ringline.keep_signing_secret($1, $2)"
_ROTATE = "SELECT * FROM ringline.rotate_signing_secret($1, $2, $3)"
_OF_ENDPOINT = "SELECT * FROM ringline.find_webhook_secret($1)"


class WebhookSecrets:
    """Reads and rotates the secrets of the workspace that a call names."""

    def __init__(
        self,
        repo: Repo,
        *,
        seal: Callable[[str], bytes],
        open_sealed: Callable[[bytes], str],
        now: Clock,
        random_bytes: RandomBytes,
    ) -> None:
        self._repo = repo
        self._seal = seal
        self._open = open_sealed
        self._now = now
        self._random = random_bytes

    def with_repo(self, repo: Repo) -> "WebhookSecrets":
        """Return the service over another repo, such as a caller's."""
        return WebhookSecrets(
            repo,
            seal=self._seal,
            open_sealed=self._open,
            now=self._now,
            random_bytes=self._random,
        )

    async def of_workspace(self, scope: Scope) -> SigningSecrets:
        """Return what an agent's webhooks are signed with. Raises Unavailable, Unsealable."""
        sealed = self._seal(self._new())

        async def keep(transaction: Transaction) -> Row:
            return await _row(transaction, _KEEP, scope.workspace_id, sealed)

        return self._secrets(await self._repo.write(scope, keep))

    async def of_endpoint(self, scope: Scope, endpoint_id: UUID) -> SigningSecrets:
        """Return what an existing endpoint's webhooks are signed with.

        Raises Unavailable, Unsealable.
        """
        async with self._repo.read(scope) as rows:
            return self._secrets(await _row(rows, _OF_ENDPOINT, endpoint_id))

    async def rotate_workspace(self, scope: Scope) -> tuple[str, datetime]:
        """Give the workspace another secret; the one before signs for 24 hours too.

        Returns the new one, and when the one before expires. Raises Unavailable.
        """
        secret, first = self._new(), self._new()
        expires_at = self._now() + timedelta(hours=ROTATION_HOURS)

        async def rotate(transaction: Transaction) -> None:
            # There is one before it, even if nothing was ever signed with it.
            await _row(transaction, _KEEP, scope.workspace_id, self._seal(first))
            await _row(transaction, _ROTATE, scope.workspace_id, self._seal(secret), expires_at)

        await self._repo.write(scope, rotate)
        return secret, expires_at

    def _new(self) -> str:
        return new_workspace_secret(self._random(SECRET_BYTES))

    def _secrets(self, row: Row) -> SigningSecrets:
        previous, expires_at = row["previous_secret"], row["previous_expires_at"]
        if previous is None or expires_at is None or expires_at <= self._now():
            return SigningSecrets(self._open(row["secret"]))
        return SigningSecrets(self._open(row["secret"]), self._open(previous))


async def _row(rows: Rows, text: str, *values: object) -> Row:
    (row,) = await rows.fetch(text, values)
    return row
