"""The secrets that sign webhooks to agents, one per workspace (live streams, 3.4).

A workspace gets its secret when it is created. One from before webhooks has none, and gets it
here, when it is first needed.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ringline.domain.credentials import SECRET_BYTES
from ringline.domain.webhooks import SealedSecrets
from ringline.ports import SigningSecretStore
from ringline.wire.webhook_signature import SigningSecrets, new_workspace_secret


class WorkspaceSecrets:
    """Reads the signing secrets of workspaces, and makes those that are missing."""

    def __init__(
        self,
        store: SigningSecretStore,
        seal: Callable[[str], bytes],
        *,
        open_sealed: Callable[[bytes], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._seal = seal
        self._open_sealed = open_sealed
        self._random = random_bytes

    async def current(self, workspace_id: UUID) -> str | None:
        """Return a workspace's secret in force, as its owner sees it; None without a workspace.

        Raises StoreUnavailable, and Unsealable if another encryption key sealed it.
        """
        kept = await self.keep(workspace_id)
        return None if kept is None else self._open_sealed(kept.current)

    async def keep(self, workspace_id: UUID) -> SealedSecrets | None:
        """Return a workspace's secrets, sealed; make the first one. Raises StoreUnavailable."""
        made = self._seal(new_workspace_secret(self._random(SECRET_BYTES)))
        return await self._store.keep_signing_secret(workspace_id, made)


def open_secrets(
    sealed: SealedSecrets, open_sealed: Callable[[bytes], str], *, now: datetime
) -> SigningSecrets:
    """Return the secrets that sign now. Raises Unsealable."""
    previous, expires_at = sealed.previous, sealed.previous_expires_at
    if previous is None or expires_at is None or expires_at <= now:
        return SigningSecrets(open_sealed(sealed.current))
    return SigningSecrets(open_sealed(sealed.current), open_sealed(previous))
