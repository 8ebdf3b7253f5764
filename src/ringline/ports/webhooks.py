"""What webhooks need of the world: their secrets, and what is owed to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """A sealed secret that signs webhooks, and the one before it until that expires."""

    current: bytes
    previous: bytes | None
    previous_expires_at: datetime | None


class SigningSecretStore(Protocol):
    """The sealed signing secrets of workspaces."""

    async def keep_signing_secret(self, workspace_id: UUID, sealed: bytes) -> SealedSecrets | None:
        """Store a workspace's first secret, unless it has one; return what it has then.

        None for an unknown workspace. Raises StoreUnavailable.
        """
        ...
