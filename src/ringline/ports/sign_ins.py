"""Who may sign in to the console, before the workspace is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FoundLink:
    """Whose a one-time link is."""

    workspace_id: UUID
    user_id: UUID


class SignInStore(Protocol):
    """What strangers present, and whose it is. Every method raises StoreUnavailable."""

    async def find_link(self, link_hash: bytes) -> FoundLink | None:
        """Return whose a link is, expired or not; None if it is unknown or was followed."""
        ...

    async def sweep(self, ended_before: datetime) -> None:
        """Remove the sign-ins of all workspaces that have ended before a time."""
        ...
